"""Rows of a network: clips wait in queues until a batch is full, and batches go to the device."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from extract.backbones import BACKBONES
from extract.clips.assembler import Clip
from extract.clips.streams import stream_maker
from extract.clips.transforms import crop, network_input
from extract.clips.video_clips import VideoClips
from extract.decode.decode_events import DecodeReport, FramesDecoded, SegmentsDescribed, VideoOpened
from extract.inference.batch_size import choose_batch_size
from extract.inference.known_batch_size import known_batch_size
from extract.inference.network import Network
from extract.inference.transfer import Answer
from extract.pipeline.row_makers import Run
from extract.pipeline.run_settings import RunSettings
from extract.pipeline.video_error import VideoError, is_out_of_memory
from extract.presets import Preset, Scaling
from extract.runtime.allocator import return_free_blocks
from extract.runtime.device import choose_device
from extract.runtime.profile import OFF, NoProfile, Profile
from extract.store import FeatureStore, StoreError
from extract.weights import load_weights

# Batches that a GPU has been given and not answered: one computes while the next is prepared.
BATCHES_UNDER_WAY = 2
# Of patches of the sound, which are scaled already.
UNSCALED = Scaling((0.0,), (1.0,))


class ViewQueue(deque):
    """Views that wait: (video, segment, crop, view [L, channels, S, S]).

    place: where in its batch the next view lies. A batch that does not wait until it is full leaves the
    places before it empty, because on a CPU the last bits of a row may follow its place (see Network).
    """

    place = 0


class NetworkRows:
    """The row maker of presets with a backbone.

    On a GPU a batch holds clips of any videos, which share one queue; on a CPU clips of one video, which has
    a queue of its own (see Network).
    """

    def __init__(self, preset: Preset, settings: RunSettings, *, store_root: Path | None = None):
        complete = preset.sound is not None or (preset.crop is not None and preset.scaling is not None)
        if preset.backbone is None or not complete:
            raise ValueError(f"the preset {preset.name} needs a backbone, a crop and a scaling")
        self.preset, self.scaling = preset, preset.scaling or UNSCALED
        self.precision = settings.precision
        self.device = choose_device(settings.device)
        backbone = BACKBONES[preset.backbone]()
        self.digest = load_weights(
            backbone, settings.weights or preset.weights, name=preset.backbone, seed=settings.seed
        )
        size = choose_batch_size(preset.batch_size, self.device)
        self.network = Network(backbone, device=self.device, batch_size=size, precision=settings.precision)
        clip_shape = (backbone.channels, *_view_shape(preset))
        probe = partial(known_batch_size, preset.backbone, self.network, clip_shape)
        # the network as published would lie beside the prepared one while batch sizes are tried
        del backbone
        return_free_blocks()
        self.network.batch_size = choose_batch_size(
            preset.batch_size,
            self.device,
            recorded=None if store_root is None else _recorded_shape(store_root),
            requested=settings.batch_size,
            probe=probe if settings.probe else None,
        )

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return (self.network.batch_size,)

    def start(self, run: Run) -> None:
        self._run = run
        # another run may have created the store since this network chose its batch size
        self.network.batch_size = choose_batch_size(
            self.preset.batch_size,
            self.device,
            recorded=run.store.batch_shape,
            requested=self.network.batch_size,
        )
        self.begin(run.progress.profile, store=str(run.store.root))

    def begin(self, profile: Profile = OFF, *, store: str = "") -> None:
        """As start, without a list of videos. store: where the rows go, "" for none."""
        self._store, self.profile = store, profile
        self._queue = ViewQueue()
        # (place of the first, [(video, segment, crop)], rows under way)
        self._answers: deque[tuple[int, list, Answer]] = deque()
        if self.device.type == "cuda" and not isinstance(self.profile, NoProfile):
            self.profile.settle = torch.cuda.synchronize
        self._make_stream = stream_maker(self.preset, self.device, self.profile)

    def open(self, _opened: VideoOpened) -> QueuedVideo:
        return self.open_clips()

    def open_clips(self) -> ClipsVideo:
        """Begin a video of whose source nothing needs to be known."""
        return ClipsVideo(self, VideoClips(self._make_stream(), self.preset))

    def queue(self) -> ViewQueue:
        """Where the inputs of a video wait."""
        return self._queue if self.network.mixes_videos else ViewQueue()

    def finish(self) -> None:
        self.flush(self._queue)
        if self.network.note:
            self.profile.remark(self.network.note)

    def provenance(self) -> dict:
        network = self.network
        record = {
            "device": str(network.device),
            "precision": network.precision,
            "precision_cosine": network.cosine,
        }
        if network.note:
            record["batches_started"] = network.note
        if not network.net.fast:
            record["fast_path"] = False
        return record

    def enqueue(self, video: QueuedVideo, segment: int, views: Sequence[Tensor]) -> None:
        """Put the views of a segment into its video's queue, and run the batches that become full."""
        for number, view in enumerate(views):
            video.queue.append((video, segment, number, view))
            video.pending += 1
            if len(video.queue) + video.queue.place >= self.network.batch_size:
                self._forward(video.queue)

    def flush(self, queue: ViewQueue) -> None:
        """Run what waits in a queue, the last batch short or filled up with zeros; collect all answers."""
        while queue:
            self._forward(queue)
        self._collect(under_way=0)

    def _forward(self, queue: ViewQueue) -> None:
        network, place = self.network, queue.place
        batch = [queue.popleft() for _ in range(min(network.batch_size - place, len(queue)))]
        if not network.mixes_videos:
            queue.place = (place + len(batch)) % network.batch_size
        views = [view for *_, view in batch]
        try:
            length, channels, *sides = views[0].shape
            size = network.size_of_batch(len(views), torch.Size((channels, length, *sides)))
            if size == len(views):
                place = 0
            views = [torch.zeros_like(views[0])] * place + views
            with self.profile.span("scale"):
                inputs = network_input(views, batch_size=size, mean=self.scaling.mean, std=self.scaling.std)
            with self.profile.span("forward"):
                answer = network.start(inputs)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise ValueError(self._too_large(views[0].shape)) from None
        self._answers.append((place, [owner for *owner, _ in batch], answer))
        self._collect(under_way=BATCHES_UNDER_WAY if network.mixes_videos else 0)

    def _collect(self, *, under_way: int) -> None:
        """Take rows of finished batches until at most `under_way` are left: a GPU keeps computing."""
        while len(self._answers) > under_way:
            place, owners, answer = self._answers.popleft()
            with self.profile.span("forward"):
                rows = answer.rows().numpy()[place:]
            # rows of the zeros that filled the batch up come last
            for (video, segment, number), row in zip(owners, rows, strict=False):
                video.add_row(segment, number, row)

    def _too_large(self, shape: torch.Size) -> str:
        """What to do when a batch does not fit; the batch size of a store never changes by itself."""
        size = self.network.batch_size
        line = (
            f"a batch of {size} inputs of shape {list(shape)} does not fit into the memory of {self.device}"
        )
        if size == 1:
            return f"{line}; a smaller preset, --precision bf16 or a larger device would"
        if not self._store:
            return f"{line}; a larger device would"
        return (
            f"{line}; the store {self._store} was created with batches of {size}, and rows of other "
            f"batch sizes differ in their last bits: extract into a new store with --batch-size {size // 2}, "
            "or continue on a larger device"
        )


class QueuedVideo:
    """The rows of one video that the network has answered."""

    def __init__(self, maker: NetworkRows):
        self.maker, self.queue = maker, maker.queue()
        self.pending = 0
        self._rows: dict[int, dict[int, np.ndarray]] = {}  # segment -> crop -> [D]

    def take(self, event: FramesDecoded | SegmentsDescribed) -> None:
        raise NotImplementedError

    def end(self, report: DecodeReport) -> None:
        """After the last input. On a CPU, a video does not wait for others to fill its last batch."""
        if not self.maker.network.mixes_videos:
            self.maker.flush(self.queue)
        self._spans = self._ended(report)

    def _ended(self, report: DecodeReport) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    def add_row(self, segment: int, crop: int, row: np.ndarray) -> None:
        """One answer [D] of the network."""
        self.keep(segment, crop, row)
        self.pending -= 1

    def keep(self, segment: int, crop: int, row: np.ndarray) -> None:
        """A row [D], however it was made."""
        self._rows.setdefault(segment, {})[crop] = row

    def spans(self) -> tuple[np.ndarray, np.ndarray]:
        return self._spans

    def take_row(self, segment: int) -> np.ndarray | None:
        """The rows [C, D] of a segment, which are given away; None while one is not answered."""
        crops = self._rows.get(segment, {})
        if len(crops) < self.maker.preset.num_crops:
            return None
        del self._rows[segment]
        return _over_crops(crops)

    def content(self, num_segments: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        segments = (self._rows[segment] for segment in range(num_segments))
        return np.stack([_over_crops(crops) for crops in segments]), {}

    def provenance(self) -> dict:
        return {}

    def close(self) -> None:
        pass


class ClipsVideo(QueuedVideo):
    """Rows of clips of the picture."""

    def __init__(self, maker: NetworkRows, clips: VideoClips):
        super().__init__(maker)
        self.clips = clips

    def take(self, event: FramesDecoded | SegmentsDescribed) -> None:
        assert isinstance(event, FramesDecoded)
        self._enqueue(self.clips.add(event))

    def end_clips(self) -> None:
        """Queue the clips that are left after the last frame."""
        self._enqueue(self.clips.end())

    def end(self, report: DecodeReport) -> None:
        self.end_clips()
        super().end(report)
        del self.clips  # its frames lie on the device, where the answers may take a while yet

    def _ended(self, report: DecodeReport) -> tuple[np.ndarray, np.ndarray]:
        return self.clips.spans(report)

    def _enqueue(self, clips: list[Clip]) -> None:
        layout = self.maker.preset.crop
        assert layout is not None
        for clip in clips:
            try:
                views = crop(clip.frames, layout=layout.layout, size=layout.size)
            except ValueError as error:
                raise VideoError(str(error)) from None
            self.maker.enqueue(self, clip.segment, views)


def _over_crops(crops: dict[int, np.ndarray]) -> np.ndarray:
    return np.stack([crops[crop] for crop in sorted(crops)])


def _view_shape(preset: Preset) -> tuple[int, int, int]:
    """[L, H, W] of what the network sees at once."""
    if preset.sound is not None:
        return 1, preset.sound.frames, preset.sound.bands
    assert preset.crop is not None
    return preset.clip_length, preset.crop.size, preset.crop.size


def _recorded_shape(store_root: Path) -> tuple[int, ...] | None:
    """The batch shape of a store that exists already."""
    try:
        return FeatureStore(store_root).batch_shape
    except StoreError:
        return None
