"""The terms of the score: how far each clip is from what normal clips taught, and where.

    appearance      what the frames and the predicted frames miss, in the worst patch (dB, PSNR turned round)
    motion          what the flow expected from the frame misses, in the worst patch (dB)
                    (both over what normal clips miss at that place, where cameras stand still)
    realism         how little the judge of clips believes the predicted frames
    people          what the closeness expected from what two people do misses, for the worst pair
    people_realism  how little the judge of graphs believes what came back of the people

High is unusual. Terms about people are unknown where there is nobody.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from score.heads.reclass_parts.clip_inputs import Clips
from score.heads.reclass_parts.frame_generator import half_size

VISUAL, GRAPH = ("appearance", "motion", "realism"), ("people", "people_realism")
NAMES = (*VISUAL, *GRAPH)
PATCH, FLOW_PATCH = 6, 12  # parts of the height: single pixels miss everywhere, things do in patches
MAPS = ("appearance", "motion", "people")  # terms that say where
FAR, PEAKS = 99.0, 1001
STEP, HIGHEST_DB = 0.5, 10.0  # of counted errors; the squared length of a missed flow is 8 at most
NEVER = 1e6
LEAST_THRESHOLD = 1e-3  # what a usual frame has is not unusual
FLOOR = 1e-4  # squared error below which a picture is as good as the same


def smoothed(error: Tensor, patch: int = PATCH) -> Tensor:
    """Mean over a patch around each pixel, so many in the height: [n, H, W] -> the same."""
    side = _side(error, patch)
    return F.avg_pool2d(error[:, None], side, stride=1, padding=side // 2, count_include_pad=False)[:, 0]


def in_worst_patch(smooth: Tensor, patch: int = PATCH) -> Tensor:
    """The highest of all patches that a pixel lies in, of values of `smoothed`: [n, H, W] -> the same."""
    side = _side(smooth, patch)
    return F.max_pool2d(smooth[:, None], side, stride=1, padding=side // 2)[:, 0]


def _side(maps: Tensor, patch: int) -> int:
    return max(1, maps.shape[1] // patch) // 2 * 2 + 1


def picture_error(clips: Clips, now: Tensor, following: Tensor) -> Tensor:
    """Squared error of both pictures, smoothed: [n, k, H, W]. now, following: [n, k, 3, H, W]."""
    error = ((now - clips.frames).square() + (following - clips.following).square()).mean(dim=2) / 2
    return smoothed(error.flatten(0, 1)).unflatten(0, error.shape[:2])


def flow_error(clips: Clips, flow: Tensor) -> Tensor:
    """Squared length of what the expected flow misses, smoothed, at half size: [n, k, h, w]."""
    error = (flow - half_size(clips.motion.flatten(0, 1)).unflatten(0, flow.shape[:2])).square().sum(dim=2)
    return smoothed(error.flatten(0, 1), FLOW_PATCH).unflatten(0, error.shape[:2])


def pair_error(clips: Clips, adjacency: Tensor) -> Tensor:
    """What is missed of the closeness of each two people: [n, k, P, P]."""
    return (adjacency - clips.adjacency).square().sum(dim=2)


def decibels(error: Tensor, place: Tensor) -> Tensor:
    """Over what is usual at a place: [n, k, H, W], [H, W] -> [n, k, H, W]."""
    return 10 * ((error + FLOOR) / (place + FLOOR)).log10()


def worst(error: Tensor, place: Tensor, shown: Tensor) -> Tensor:
    """The worst patch in dB, mean over the frames that are shown: [n, k, H, W], [H, W], [n, k] -> [n]."""
    return mean_shown(decibels(error, place).amax(dim=(2, 3)), shown)


def mean_shown(values: Tensor, shown: Tensor) -> Tensor:
    """Mean over frames: [n, k], weights [n, k] -> [n]."""
    return (values * shown).sum(dim=1) / shown.sum(dim=1).clamp(min=1)


class PlaceErrors:
    """Counts of errors at each place, in steps of STEP dB: all errors of all normal clips would be large."""

    def __init__(self, size: tuple[int, int], *, device: torch.device):
        steps = round((HIGHEST_DB - 10 * math.log10(FLOOR)) / STEP)
        self.counts = torch.zeros(steps, *size, dtype=torch.int32, device=device)

    def add(self, error: Tensor) -> None:
        """[m, H, W]."""
        step = (decibels(error, error.new_zeros(())) / STEP).long().clamp(0, len(self.counts) - 1).flatten(1)
        self.counts.flatten(1).scatter_add_(0, step, torch.ones_like(step, dtype=torch.int32))

    def far(self) -> Tensor:
        """What FAR % of the errors of each place stay below, to the next step: float [H, W]."""
        rising = self.counts.cumsum(dim=0)
        step = (rising < FAR / 100 * rising[-1]).sum(dim=0) + 1
        return FLOOR * (10 ** (step * STEP / 10) - 1)


class TermStatistics(nn.Module):
    """Of normal training clips: mean and deviation of each of K terms, and of the most unusual pixel of every frame
    that was looked at, map by map, its median (usual) and how far above the percentile FAR lies (reach); on that
    scale the highest of all maps as PEAKS quantiles, from the lowest to the highest. places: what FAR % of the errors of
    pictures [H, W] and of flow [h, w] stay below at each place; zero where places mean nothing."""

    def __init__(self, size: tuple[int, int]):
        super().__init__()
        self.register_buffer("picture_place", torch.zeros(size))
        self.register_buffer("flow_place", torch.zeros(tuple(-(-side // 2) for side in size)))
        self.register_buffer("mean", torch.zeros(len(NAMES)))
        self.register_buffer("deviation", torch.ones(len(NAMES)))
        self.register_buffer("usual", torch.zeros(len(MAPS)))
        self.register_buffer("reach", torch.ones(len(MAPS)))
        self.register_buffer("peaks", torch.zeros(PEAKS))

    def of_map(self, name: str, values: Tensor) -> Tensor:
        """Values of one map, of any shape: 0 is the most unusual pixel of a usual frame, 1 that of the percentile
        FAR. Tails differ between maps, so deviations would not compare."""
        place = MAPS.index(name)
        return (values - self.usual[place]) / self.reach[place]

    def standardise(self, terms: Tensor, known: Tensor) -> Tensor:
        """[n, K] -> [n, K]; 0, which is usual, where a term is unknown."""
        return ((terms - self.mean) / self.deviation).masked_fill(~known, 0.0)

    def fit_places(self, picture: PlaceErrors, flow: PlaceErrors | None) -> None:
        """A patch more widely smoothed: few normal clips leave gaps between people."""
        self.picture_place.copy_(smoothed(picture.far()[None])[0])
        if flow is not None:
            self.flow_place.copy_(smoothed(flow.far()[None], FLOW_PATCH)[0])

    def fit(self, terms: Tensor, known: Tensor) -> None:
        """From all terms [N, K] of normal clips."""
        rows, weight = terms.double(), known.double()
        count = weight.sum(dim=0)
        mean = (rows * weight).sum(dim=0) / count.clamp(min=1)
        spread = (((rows - mean) * weight).square().sum(dim=0) / count.clamp(min=1)).sqrt()
        self.mean.copy_(mean)
        self.deviation.copy_(torch.where(spread > 1e-6 * mean.abs().clamp(min=1e-3), spread, 1.0))

    def fit_maps(self, highest: dict[str, Tensor]) -> None:
        """highest: map -> its highest value in each of F frames [F]; -inf where it says nothing."""
        if not len(next(iter(highest.values()))):
            return
        for name, values in highest.items():
            place, ordered = MAPS.index(name), values[values.isfinite()].sort().values
            if not len(ordered):
                self.usual[place] = NEVER  # nothing to judge by: the map says nothing
                continue
            usual, far, most = (
                ordered[math.ceil(share * (len(ordered) - 1))] for share in (0.5, FAR / 100, 1)
            )
            reach = far - usual if far > usual else most - usual
            self.usual[place] = usual
            self.reach[place] = torch.where(reach > 0, reach, 1.0)
        peak = torch.stack([self.of_map(name, values) for name, values in highest.items()]).amax(dim=0)
        places = torch.linspace(0, 1, PEAKS, dtype=torch.float64) * (len(peak) - 1)
        self.peaks.copy_(peak.sort().values[places.ceil().long()])

    def threshold(self, percentile: float) -> float:
        """What at most 100 - percentile % of the frames of normal training clips reach anywhere, on the scale of
        of_map; above 0. percentile: 0 to 100, in tenths."""
        peak = self.peaks[round(percentile / 100 * (PEAKS - 1))]
        return float(torch.nextafter(peak, peak.new_tensor(torch.inf)).clamp(min=LEAST_THRESHOLD))


def fused(standard: Tensor, weights: Tensor, alpha: float) -> Tensor:
    """alpha of what is seen and 1 - alpha of the people: [n, K], weights [K] -> [n]."""
    weighted = standard * weights
    cut = len(VISUAL)
    return alpha * weighted[:, :cut].sum(dim=1) + (1 - alpha) * weighted[:, cut:].sum(dim=1)


def averaged(values: Tensor, decay: float) -> Tensor:
    """Running average along time, from each bag's first value on: [B, T]."""
    if decay == 0 or values.shape[1] < 2:
        return values
    rows = [values[:, 0]]
    for value in values.unbind(dim=1)[1:]:
        rows.append(decay * rows[-1] + (1 - decay) * value)
    return torch.stack(rows, dim=1)


def squashed(values: Tensor) -> Tensor:
    """To [0, 1] without losing order far out, as a sigmoid in float32 would: 0.5 is what is usual."""
    return 0.5 * (1 + values / (1 + values.abs()))
