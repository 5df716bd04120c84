"""Of one video of clips: where each frame that was looked at is unusual, and what the score looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extract.store import VideoFeatures
from score.heads.reclass_parts.clip_inputs import Clips, clips_of, places_of
from score.heads.reclass_parts.maps import NOBODY, boxed, grad_cam, unusual_maps
from score.heads.reclass_parts.terms import NAMES, flow_error, pair_error, picture_error, worst
from score.metrics.regions import regions_of_maps
from score.scoring.scorer import Scorer


@dataclass(frozen=True)
class Unusual:
    """frame: int64 [M], native, rising. unusual: name -> float32 [M, H, W]; 0 is the most unusual pixel of a usual
    frame of normal clips, 1 is what 99 % of them stay below. H, W: of the stored pictures."""

    frame: np.ndarray
    unusual: dict[str, np.ndarray]

    @property
    def highest(self) -> np.ndarray:
        """The most unusual of all kinds, [M, H, W]."""
        return np.maximum.reduce(list(self.unusual.values()))

    def shown(self, num_frames: int) -> np.ndarray:
        """Which map each native frame has, int64 [num_frames]: that of the last frame that was looked at, of the
        first ones the first."""
        place = np.searchsorted(self.frame, np.arange(num_frames), side="right") - 1
        return np.maximum(place, 0)

    def boxes(self, threshold: float) -> list[list[tuple[float, float, float, float, float]]]:
        """For each frame the boxes around what is at least so unusual: left, top, right, bottom as shares of
        the picture, and the highest value inside; the most unusual first."""
        maps = self.highest
        height, width = maps.shape[1:]
        found = regions_of_maps(maps >= threshold)
        boxes: list[list[tuple[float, float, float, float, float]]] = [[] for _ in maps]
        for frame, box in zip(found.frame.tolist(), found.box.astype(int).tolist(), strict=True):
            left, top, right, bottom = box
            value = float(maps[frame, top:bottom, left:right].max())
            boxes[frame].append((left / width, top / height, right / width, bottom / height, value))
        return [sorted(each, key=lambda box: -box[4]) for each in boxes]


@dataclass(frozen=True)
class Explanation(Unusual):
    """attention: float32 [M, H, W] in [0, 1], HiResCAM."""

    attention: np.ndarray


def unusual(scorer: Scorer, video: VideoFeatures, *, frames: int | None = None) -> Unusual:
    """Look at so many frames of each clip (None = at all but the last). Raises ValueError for other heads."""

    def maps(head, clips: Clips) -> dict[str, Tensor]:
        with torch.no_grad():
            return unusual_maps(clips, head.generate(clips), head.statistics)

    return Unusual(*_looked_over(scorer, video, maps, frames=frames))


def explain(scorer: Scorer, video: VideoFeatures, *, frames: int | None = None) -> Explanation:
    """As unusual, with HiResCAM, which takes several times as long."""

    def maps(head, clips: Clips) -> dict[str, Tensor]:
        with torch.no_grad():
            found = unusual_maps(clips, head.generate(clips), head.statistics)
        return found | {"attention": attention(head, clips)}

    frame, found = _looked_over(scorer, video, maps, frames=frames)
    attended = found.pop("attention")
    return Explanation(frame, found, attended)


class NothingToCompare(ValueError):
    """A video without two frames of its own, one after the other."""


def nothing_unusual(size: tuple[int, int]) -> Unusual:
    """Of a video that has nothing to compare. size: height and width."""
    return Unusual(np.zeros(1, np.int64), {"appearance": np.full((1, *size), NOBODY, np.float32)})


def check_maps(scorer: Scorer) -> None:
    """Raise ValueError for a head that does not say where in the picture."""
    if not scorer.head.with_maps:
        raise ValueError(f"the head {scorer.checkpoint.config.name} does not look at pixels; train reclass")


def _looked_over(
    scorer: Scorer,
    video: VideoFeatures,
    maps: Callable[..., dict[str, Tensor]],
    *,
    frames: int | None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The native frames that were looked at, rising, and the maps of each [M, H, W], by name."""
    check_maps(scorer)
    head = scorer.head
    arrays = {name: rows[0] for name, rows in scorer.bags(video).arrays.items()}
    length = arrays["rgb"].shape[1]
    frames = length - 1 if frames is None else frames
    places = places_of(length, frames)
    parts: dict[str, list[Tensor]] = {}
    looked_at = []
    for first in range(0, video.num_segments, head.config.clips_at_once):
        piece = {name: rows[first : first + head.config.clips_at_once] for name, rows in arrays.items()}
        clips = clips_of(piece, frames=frames, flow=head.with_flow, graph=head.config.graph)
        looked_at.append(clips.shown > 0)
        for name, rows in maps(head, clips).items():
            parts.setdefault(name, []).append(rows[clips.shown > 0].cpu())
    frame = torch.from_numpy(video.arrays["clip_frame"])[:, places][torch.cat(looked_at).cpu()].numpy()
    if not len(frame):
        raise NothingToCompare(f"{video.video_id}: has no two frames to compare; leave it out")
    order = np.argsort(frame, kind="stable")
    return frame[order], {name: torch.cat(rows).float().numpy()[order] for name, rows in parts.items()}


def attention(head, clips: Clips, *, averaged: bool = False) -> Tensor:
    """HiResCAM of what is missed of pictures, flow and people, each with its highest value 1 and as strong as
    it is unusual in the clip: [n, k, H, W] in [0, 1].

    averaged: see grad_cam.
    """
    shape, size = clips.frames.shape[:2], clips.frames.shape[-2:]
    with torch.no_grad():
        unusual = head.statistics.standardise(*head.terms(clips, head.generate(clips))).relu()
    unusual = unusual / unusual.amax(dim=1, keepdim=True).clamp(min=1e-9)
    total = torch.zeros(*shape, *size, device=clips.frames.device)
    for kind, (layer, missed) in _looked_at(head, clips).items():
        cam = grad_cam(layer, missed, averaged=averaged, channels=2 if kind == "people" else 1)
        cam = cam.unflatten(0, shape)
        cam = boxed(clips, cam) if kind == "people" else F.interpolate(cam, size=size, mode="bilinear")
        cam = cam / cam.amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-9)
        total = torch.maximum(total, cam * unusual[:, NAMES.index(kind), None, None, None])
    return total


def _looked_at(head, clips: Clips) -> dict[str, tuple[nn.Module, Callable[[], Tensor]]]:
    """term -> the layer to look at, and what computes the sum of the term through it."""
    network = head.generator["frames"]

    def missed_pictures() -> Tensor:
        made = head.generate(clips)
        error = picture_error(clips, made["now"], made["following"])
        return worst(error, head.statistics.picture_place, clips.shown).sum()

    def missed_flow() -> Tensor:
        error = flow_error(clips, head.generate(clips)["flow"])
        return worst(error, head.statistics.flow_place, clips.shown).sum()

    def missed_people() -> Tensor:
        return pair_error(clips, head.generate(clips)["adjacency"]).amax(dim=(2, 3)).sum()

    found = {"appearance": (network.decoder.stages[-1], missed_pictures)}
    if head.with_flow:
        found["motion"] = network.flow_decoder.stages[-1], missed_flow
    if head.config.graph:
        found["people"] = head.generator["people"].doing[0], missed_people
    return found
