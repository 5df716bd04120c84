"""A network whose features may be those of somebody else, ready to compute single rows in many ways."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from extract.backbones import BACKBONES
from extract.backbones.backbone import Backbone
from extract.clips.streams import FlowStream, RgbStream, stream_maker
from extract.clips.transforms import crop, network_input
from extract.inference.network import Network
from extract.matching.networks.crop_views import ALL_VIEWS, CENTRE, view_names
from extract.matching.networks.pixel_variants import Pixels
from extract.matching.recipes import Clip, Recipe
from extract.matching.sampled_videos import DecodedVideo
from extract.presets import Preset

# Views that go through a network at once.
BATCH_OF_FRAMES, BATCH_OF_CLIPS = 32, 4


@dataclass
class CandidateNetwork:
    """Presets that share a backbone, with its weights. choice: what the weights were loaded from.

    frames_alone: whether the network sees single frames, so that a segment's vector is made from theirs.
    cost: billions of multiplications for a frame. computed: those of all frames, of every view, that went
    through the network so far.
    """

    backbone: str
    presets: tuple[Preset, ...]
    choice: str
    network: Network
    plain: Backbone
    computed: float = 0.0
    _rows: dict[tuple, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        self.frames_alone = self._is_mean_of_frames()
        preset = self.presets[0]
        length = self.plain.exact_length or max(self.plain.min_length, preset.clip_length)
        self.cost = cost_of_frame(self.backbone, 1 if self.frames_alone else length, _side(preset))

    def accepts(self, length: int) -> bool:
        """Whether a clip may have this many frames."""
        exact = self.plain.exact_length
        return length == exact if exact is not None else length >= self.plain.min_length

    def rows(
        self,
        videos: Mapping[str, DecodedVideo],
        recipes: Mapping[str, Sequence[Recipe]],
        pixels: Pixels,
        views: Sequence[str],
    ) -> dict[str, np.ndarray]:
        """Video id -> [rows, V, D] for its recipes. views: names of views of ALL_VIEWS.

        Equal pictures go through the network once, at whatever rate, in whatever video and for whatever
        recipe they are needed. Raises ValueError for a crop that does not fit into the frames.
        """
        found = {}
        for video_id, each in recipes.items():
            video = videos[video_id]
            clips = list(dict.fromkeys(clip for recipe in each for clip in recipe.clips))
            pictures = {clip: self._pictures(video, clip) for clip in clips}
            lacking = {
                pictures[clip]: clip
                for clip in clips
                if any((pictures[clip], pixels, view) not in self._rows for view in views)
            }
            if lacking:
                self._compute(video, lacking, pixels, views)
            found[video_id] = np.stack([self._row(recipe, pictures, pixels, views) for recipe in each])
        return found

    def _row(
        self, recipe: Recipe, pictures: Mapping[Clip, bytes], pixels: Pixels, views: Sequence[str]
    ) -> np.ndarray:
        """[V, D]."""
        known = [
            np.stack([self._rows[pictures[clip], pixels, view] for view in views]) for clip in recipe.clips
        ]
        return recipe.pooled(np.stack(known))

    def _pictures(self, video: DecodedVideo, clip: Clip) -> bytes:
        """What a clip shows, as a digest: of its frames, with flow also of those that it is made from."""
        numbers: Sequence[int] = clip
        if self.presets[0].flow is not None:
            # The flow of a frame leads to the next one; that of the last frame is the one before it.
            last = len(video.frames) - 1
            numbers = [
                near if 0 <= near <= last else -1 for each in clip for near in (each - 1, each, each + 1)
            ]
        digests = (b"" if number < 0 else video.digest(number) for number in numbers)
        return hashlib.blake2b(b"|".join(digests), digest_size=16).digest()

    @torch.inference_mode()
    def _is_mean_of_frames(self) -> bool:
        """Whether the vector of a clip is the mean of its frames' vectors."""
        if self.plain.min_length > 1 or self.plain.exact_length is not None:
            return False
        side = _side(self.presets[0])
        noise = torch.Generator().manual_seed(0)
        clip = torch.randn(1, self.plain.channels, 2, side, side, generator=noise).to(self.network.device)
        whole = self.network.forward(clip)
        apart = (self.network.forward(clip[:, :, :1]) + self.network.forward(clip[:, :, 1:])) / 2
        return bool((whole - apart).norm() < 1e-2 * whole.norm())

    def _compute(
        self, video: DecodedVideo, clips: Mapping[bytes, Clip], pixels: Pixels, views: Sequence[str]
    ) -> None:
        """Keep the rows of clips, a batch after the other; clips: by what they show."""
        some = list(clips.items())
        step = max((BATCH_OF_FRAMES if self.frames_alone else BATCH_OF_CLIPS) // len(views), 1)
        for start in range(0, len(some), step):
            part = some[start : start + step]
            if self.frames_alone:
                frames = tuple(clip[0] for _, clip in part)
                together = self._views(video, frames, pixels, views)  # [frames, channels, S, S] each
                flat = [view[place : place + 1] for place in range(len(frames)) for view in together]
            else:
                flat = [view for _, clip in part for view in self._views(video, clip, pixels, views)]
            self.computed += sum(len(view) for view in flat) * self.cost
            batch = network_input(
                flat, batch_size=len(flat), mean=pixels.scaling.mean, std=pixels.scaling.std
            )
            rows = iter(self.network.forward(batch).float().cpu().numpy())
            for shown, _ in part:
                for view in views:
                    self._rows[shown, pixels, view] = next(rows)

    def _views(
        self, video: DecodedVideo, clip: Clip, pixels: Pixels, views: Sequence[str]
    ) -> list[torch.Tensor]:
        """[frames, channels, S, S] of each view."""
        frames = video.frames[..., ::-1] if pixels.bgr else video.frames
        stream = self._stream(pixels)
        if isinstance(stream, RgbStream):
            planes = stream.add(np.ascontiguousarray(frames[list(clip)]))
        else:
            # The flow of a frame needs the frame after it.
            first, stop = min(clip), min(max(clip) + 2, len(frames))
            given = stream.add(np.ascontiguousarray(frames[first:stop]), np.arange(first, stop))
            last = stream.end()
            planes = given if last is None else torch.cat([given, last])
            planes = planes[[frame - first for frame in clip]]
        if list(views) == [CENTRE]:
            return crop(planes, layout="center", size=pixels.crop_size)
        every = crop(planes, layout=ALL_VIEWS, size=pixels.crop_size)
        return [every[view_names(ALL_VIEWS).index(view)] for view in views]

    def _stream(self, pixels: Pixels) -> RgbStream | FlowStream:
        flow = self.presets[0].flow
        if flow is None:
            return RgbStream(pixels.resize, self.network.device)
        return stream_maker(replace(self.presets[0], resize=pixels.resize), self.network.device)()


@functools.cache
def cost_of_frame(backbone: str, length: int, side: int) -> float:
    """Billions of multiplications for each frame of a clip of `length` frames of side x side pixels."""
    with torch.device("meta"):
        network = BACKBONES[backbone]().eval()
        clip = torch.empty(1, network.channels, length, side, side)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(clip)
    return counter.get_total_flops() / 2e9 / length


def _side(preset: Preset) -> int:
    return 224 if preset.crop is None else preset.crop.size
