"""A network whose features may be those of somebody else, ready to compute single rows in many ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from extract.backbones import BACKBONES
from extract.backbones.backbone import Backbone
from extract.clips.streams import FlowStream, RgbStream, stream_maker
from extract.clips.transforms import crop, network_input
from extract.inference.network import Network
from extract.matching.crop_views import ALL_VIEWS
from extract.matching.pixel_variants import Pixels
from extract.matching.recipes import Clip, Recipe
from extract.matching.sampled_videos import DecodedVideo
from extract.presets import Preset
from extract.runtime.device import choose_device
from extract.weights import WeightsError, load_weights
from extract.weights.files import locate
from extract.weights.known import known_weights

VIEWS = {"centre": "center", "all": ALL_VIEWS}
# Views that go through a network at once.
BATCH_OF_FRAMES, BATCH_OF_CLIPS = 32, 4


@dataclass
class CandidateNetwork:
    """Presets that share a backbone, with its weights. choice: what the weights were loaded from.

    frames_alone: whether the network sees single frames, so that a segment's vector is made from theirs.
    computed: how many frames, of every view, went through the network.
    """

    backbone: str
    presets: list[Preset]
    choice: str
    network: Network
    plain: Backbone
    computed: int = 0
    _rows: dict[tuple, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        self.frames_alone = self._is_mean_of_frames()

    def accepts(self, length: int) -> bool:
        """Whether a clip may have this many frames."""
        exact = self.plain.exact_length
        return length == exact if exact is not None else length >= self.plain.min_length

    def rows(
        self, videos: dict[str, DecodedVideo], recipes: dict[str, list[Recipe]], pixels: Pixels, views: str
    ) -> dict[str, np.ndarray]:
        """Video id -> [rows, V, D] for its recipes. views: key of VIEWS.

        Raises ValueError for a crop that does not fit into the frames.
        """
        found = {}
        for video_id, each in recipes.items():
            video = videos[video_id]
            clips = list(dict.fromkeys(clip for recipe in each for clip in recipe.clips))
            # Not the rate: frames of an uneven clock differ from those resampled to its mean.
            clock = video.pts_seconds.tobytes()
            keys = {clip: (video_id, clock, clip, pixels, views) for clip in clips}
            missing = [clip for clip in clips if keys[clip] not in self._rows]
            if missing:
                for clip, row in zip(missing, self._compute(video, missing, pixels, views), strict=True):
                    self._rows[keys[clip]] = row
            found[video_id] = np.stack(
                [
                    recipe.pooled(np.stack([self._rows[keys[clip]] for clip in recipe.clips]))
                    for recipe in each
                ]
            )
        return found

    @torch.inference_mode()
    def _is_mean_of_frames(self) -> bool:
        """Whether the vector of a clip is the mean of its frames' vectors."""
        if self.plain.min_length > 1 or self.plain.exact_length is not None:
            return False
        crop = self.presets[0].crop
        side = 224 if crop is None else crop.size
        noise = torch.Generator().manual_seed(0)
        clip = torch.randn(1, self.plain.channels, 2, side, side, generator=noise).to(self.network.device)
        whole = self.network.forward(clip)
        apart = (self.network.forward(clip[:, :, :1]) + self.network.forward(clip[:, :, 1:])) / 2
        return bool((whole - apart).norm() < 1e-2 * whole.norm())

    def _compute(self, video: DecodedVideo, clips: Sequence[Clip], pixels: Pixels, views: str) -> np.ndarray:
        """[clips, V, D]."""
        if self.frames_alone:
            frames = tuple(clip[0] for clip in clips)
            together = self._views(video, frames, pixels, views)  # [frames, channels, S, S] each
            flat = [view[place : place + 1] for place in range(len(frames)) for view in together]
        else:
            flat = [view for clip in clips for view in self._views(video, clip, pixels, views)]
        self.computed += sum(len(view) for view in flat)
        size = BATCH_OF_FRAMES if len(clips[0]) == 1 else BATCH_OF_CLIPS
        rows = []
        for start in range(0, len(flat), size):
            part = flat[start : start + size]
            batch = network_input(
                part, batch_size=len(part), mean=pixels.scaling.mean, std=pixels.scaling.std
            )
            rows.append(self.network.forward(batch).float().cpu().numpy())
        joined = np.concatenate(rows)
        return joined.reshape(len(clips), -1, joined.shape[-1])

    def _views(self, video: DecodedVideo, clip: Clip, pixels: Pixels, views: str) -> list[torch.Tensor]:
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
        return crop(planes, layout=VIEWS[views], size=pixels.crop_size)

    def _stream(self, pixels: Pixels) -> RgbStream | FlowStream:
        flow = self.presets[0].flow
        if flow is None:
            return RgbStream(pixels.resize, self.network.device)
        return stream_maker(replace(self.presets[0], resize=pixels.resize), self.network.device)()


def usable_weights(preset: Preset, given: dict[str, str]) -> str | None:
    """What to load for a preset: what the user gave for it, its backbone or every preset (key ""), or known
    weights that are on this machine; None where there are none.
    """
    for key in (preset.name, str(preset.backbone), ""):
        if key in given:
            return given[key]
    known = known_weights(preset.weights, preset.backbone)
    try:
        return preset.weights if known is not None and locate(known) is not None else None
    except WeightsError:
        return None


def candidate_networks(
    presets: Sequence[Preset], given: dict[str, str], *, seed: int, device: str
) -> tuple[list[CandidateNetwork], dict[str, str]]:
    """(networks that can be computed, preset -> why it cannot), of presets with a backbone."""
    groups: dict[tuple, list[Preset]] = {}
    refused: dict[str, str] = {}
    for preset in presets:
        choice = usable_weights(preset, given)
        if choice is None:
            refused[preset.name] = f"no weights on this machine (--weights {preset.name}=FILE)"
        else:
            groups.setdefault((preset.backbone, preset.flow, choice), []).append(preset)
    found = []
    for (backbone, _, choice), members in groups.items():
        plain = BACKBONES[backbone]()
        try:
            load_weights(plain, choice, name=backbone, seed=seed)
        except (WeightsError, ValueError) as error:
            refused |= {preset.name: str(error) for preset in members}
            continue
        network = Network(plain, device=choose_device(device), batch_size=BATCH_OF_CLIPS)
        found.append(CandidateNetwork(backbone, members, choice, network, plain))
    return found, refused
