"""Anomaly maps of one video: where its frames are anomalous, and what the score looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extract.store import VideoFeatures
from score.bags.bags import Bags
from score.heads import HEADS
from score.heads.reclass_parts.clip_inputs import Clips, clips_of, places_of
from score.heads.reclass_parts.error_maps import NOBODY, boxed, error_maps
from score.heads.reclass_parts.grad_cam import grad_cam
from score.heads.reclass_parts.score_terms import NAMES, flow_error, frame_error, pair_error, worst
from score.metrics.regions import regions_of_maps
from score.scoring.scorer import Scorer

# Left, top, right, bottom as shares of the frame, and the highest value inside.
Box = tuple[float, float, float, float, float]


@dataclass(frozen=True)
class AnomalyMaps:
    """The maps of M frames of one video. H, W: of the stored frames, or of cells.

    frame: int64 [M], native frame numbers, ascending, each once. maps: name -> float32 [M, H, W]; 0 is the
    highest pixel of a median frame of normal clips, 1 the 99th percentile of those frames. A frame of several
    clips has the mean of their maps.
    """

    frame: np.ndarray
    maps: dict[str, np.ndarray]

    @property
    def highest(self) -> np.ndarray:
        """The highest of all maps, [M, H, W]."""
        return np.maximum.reduce(list(self.maps.values()))

    def map_of_frame(self, num_frames: int) -> np.ndarray:
        """The map of each native frame, int64 [num_frames]: the last up to the frame, else the first."""
        place = np.searchsorted(self.frame, np.arange(num_frames), side="right") - 1
        return np.maximum(place, 0)

    def boxes(self, threshold: float) -> list[list[Box]]:
        """Per map the boxes around connected pixels of at least the threshold, the highest first."""
        maps = self.highest
        height, width = maps.shape[1:]
        found = regions_of_maps(maps >= threshold)
        boxes: list[list[Box]] = [[] for _ in maps]
        for frame, box in zip(found.frame.tolist(), found.box.astype(int).tolist(), strict=True):
            left, top, right, bottom = box
            value = float(maps[frame, top:bottom, left:right].max())
            boxes[frame].append((left / width, top / height, right / width, bottom / height, value))
        return [sorted(each, key=lambda box: -box[4]) for each in boxes]


@dataclass(frozen=True)
class Explanation(AnomalyMaps):
    """attention: float32 [M, H, W] in [0, 1]; HiResCAM, or what the head itself looked at."""

    attention: np.ndarray


def anomaly_maps(scorer: Scorer, video: VideoFeatures, *, frames: int | None = None) -> AnomalyMaps:
    """Look at this many frames of each clip; None = all but the last. Raises ValueError for other heads."""
    check_maps(scorer)
    if segments_are_frames(scorer):
        return AnomalyMaps(*_maps_of_frames(scorer, video, scorer.head.frame_maps))

    def maps(head, clips: Clips) -> dict[str, Tensor]:
        with torch.no_grad():
            return error_maps(clips, head.generate(clips), head.statistics)

    return AnomalyMaps(*_maps_of_clips(scorer, video, maps, frames=frames))


def explain(scorer: Scorer, video: VideoFeatures, *, frames: int | None = None) -> Explanation:
    """Like anomaly_maps, with HiResCAM, which takes several times as long."""
    check_maps(scorer)
    if segments_are_frames(scorer):
        frame, found = _maps_of_frames(scorer, video, scorer.head.frame_maps)
        (attended,) = _maps_of_frames(scorer, video, lambda bags: {"": scorer.head.frame_attention(bags)})[
            1
        ].values()
        return Explanation(frame, found, attended)

    def maps(head, clips: Clips) -> dict[str, Tensor]:
        with torch.no_grad():
            found = error_maps(clips, head.generate(clips), head.statistics)
        return found | {"attention": attention(head, clips)}

    frame, found = _maps_of_clips(scorer, video, maps, frames=frames)
    attended = found.pop("attention")
    return Explanation(frame, found, attended)


class NothingToCompare(ValueError):
    """A video without two consecutive frames."""


def empty_maps(size: tuple[int, int]) -> AnomalyMaps:
    """For a video with nothing to compare. size: height and width."""
    return AnomalyMaps(np.zeros(1, np.int64), {"appearance": np.full((1, *size), NOBODY, np.float32)})


def check_maps(scorer: Scorer) -> None:
    """Raise ValueError for a head that has no anomaly maps."""
    if not scorer.head.with_maps:
        known = " or ".join(name for name, head in HEADS.items() if head.with_maps)
        raise ValueError(f"the head {scorer.checkpoint.config.name} does not look at pixels; train {known}")


def segments_are_frames(scorer: Scorer) -> bool:
    """Whether a segment stands for one frame, not for a clip of several."""
    return scorer.head.scores_frames


def _maps_of_frames(
    scorer: Scorer, video: VideoFeatures, maps: Callable[[Bags], dict[str, Tensor]]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """As _maps_of_clips, for heads whose segments are frames."""
    found = {name: rows[0].float().cpu().numpy() for name, rows in maps(scorer.bags(video)).items()}
    return _frame_of_segment(video.frame_span), found


def _frame_of_segment(span: np.ndarray) -> np.ndarray:
    """The frame that each segment stands for, int64 [N]: its first, or the middle one where they overlap."""
    following = np.append(span[1:, 0], span[-1:, 1])
    if len(span) > 1:  # the last segment starts as far from the next as the one before
        following[-1] = 2 * span[-1, 0] - span[-2, 0]
    step = following - span[:, 0]
    return span[:, 0] + np.maximum(0, span[:, 1] - span[:, 0] - step) // 2


def _maps_of_clips(
    scorer: Scorer,
    video: VideoFeatures,
    maps: Callable[..., dict[str, Tensor]],
    *,
    frames: int | None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Native frame numbers, ascending, and the maps of these frames, [M, H, W] by name."""
    head = scorer.head
    arrays = {name: rows[0] for name, rows in scorer.bags(video).arrays.items()}
    length = arrays["rgb"].shape[1]
    frames = length - 1 if frames is None else frames
    places = places_of(length, frames)
    parts: dict[str, list[Tensor]] = {}
    looked_at = []  # per clip, which of its frames have a map
    for first in range(0, video.num_segments, head.config.clips_at_once):
        chunk = {name: rows[first : first + head.config.clips_at_once] for name, rows in arrays.items()}
        clips = clips_of(chunk, frames=frames, flow=bool(head.with_flow), graph=head.config.graph)
        looked_at.append(clips.shown > 0)
        for name, rows in maps(head, clips).items():
            parts.setdefault(name, []).append(rows[clips.shown > 0].cpu())
    frame = torch.from_numpy(video.arrays["clip_frame"])[:, places][torch.cat(looked_at).cpu()].numpy()
    if not len(frame):
        raise NothingToCompare(f"{video.video_id}: has fewer than two frames to compare; leave it out")
    # The frames of overlapping clips interleave, and some are in several.
    order = np.argsort(frame, kind="stable")
    number, first, count = np.unique(frame[order], return_index=True, return_counts=True)
    found = {name: torch.cat(rows).float().numpy()[order] for name, rows in parts.items()}
    if len(number) == len(frame):
        return number, found
    shares = count[:, None, None].astype(np.float32)
    return number, {name: np.add.reduceat(rows, first) / shares for name, rows in found.items()}


def attention(head, clips: Clips, *, averaged: bool = False) -> Tensor:
    """HiResCAM of the prediction errors of frames, flow and people: [n, k, H, W] in [0, 1].

    Each is scaled to 1 and weighted by how anomalous its term is in the clip. averaged: see grad_cam.
    """
    shape, size = clips.frames.shape[:2], clips.frames.shape[-2:]
    with torch.no_grad():
        weight = head.statistics.standardise(*head.terms(clips, head.generate(clips))).relu()
    weight = weight / weight.amax(dim=1, keepdim=True).clamp(min=1e-9)
    total = torch.zeros(*shape, *size, device=clips.frames.device)
    for kind, (layer, error) in _error_layers(head, clips).items():
        cam = grad_cam(layer, error, averaged=averaged, channels=2 if kind == "people" else 1)
        cam = cam.unflatten(0, shape)
        cam = boxed(clips, cam) if kind == "people" else F.interpolate(cam, size=size, mode="bilinear")
        cam = cam / cam.amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-9)
        total = torch.maximum(total, cam * weight[:, NAMES.index(kind), None, None, None])
    return total


def _error_layers(head, clips: Clips) -> dict[str, tuple[nn.Module, Callable[[], Tensor]]]:
    """term -> the layer to look at, and a function that computes the sum of its errors through that layer."""
    network = head.generator["frames"]

    def frame_errors() -> Tensor:
        made = head.generate(clips)
        error = frame_error(clips, made["now"], made["following"])
        return worst(error, head.statistics.picture_place, clips.shown).sum()

    def flow_errors() -> Tensor:
        error = flow_error(clips, head.generate(clips)["flow"])
        return worst(error, head.statistics.flow_place, clips.shown).sum()

    def people_errors() -> Tensor:
        return pair_error(clips, head.generate(clips)["adjacency"]).amax(dim=(2, 3)).sum()

    found = {"appearance": (network.decoder.stages[-1], frame_errors)}
    if head.with_flow:
        found["motion"] = network.flow_decoder.stages[-1], flow_errors
    if head.config.graph:
        found["people"] = head.generator["people"].doing[0], people_errors
    return found
