"""Statistics of normal training clips that scores and maps are relative to: buffers of the head."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from score.heads.reclass_parts.score_terms import FLOOR, FLOW_PATCH, NAMES, decibels, smoothed

MAPS = ("appearance", "motion", "people")  # the terms that localise anomalies
FAR, PEAKS = 99.0, 1001
STEP, HIGHEST_DB = 0.5, 10.0  # bins of the error histogram; the squared error of a flow is at most 8
NEVER = 1e6  # median of a map without any value, so that it never shows an anomaly
LEAST_THRESHOLD = 1e-3  # above 0, the value of a normal frame


class PlaceErrors:
    """A histogram of errors per location in steps of STEP dB, because all errors would not fit in memory."""

    def __init__(self, size: tuple[int, int], *, device: torch.device):
        steps = round((HIGHEST_DB - 10 * math.log10(FLOOR)) / STEP)
        self.counts = torch.zeros(steps, *size, dtype=torch.int32, device=device)

    def add(self, error: Tensor) -> None:
        """Count squared errors [m, H, W]."""
        step = (decibels(error, error.new_zeros(())) / STEP).long().clamp(0, len(self.counts) - 1).flatten(1)
        self.counts.flatten(1).scatter_add_(0, step, torch.ones_like(step, dtype=torch.int32))

    def far(self) -> Tensor:
        """The FAR-th percentile of each location, rounded up to the next step: float [H, W]."""
        rising = self.counts.cumsum(dim=0)
        step = (rising < FAR / 100 * rising[-1]).sum(dim=0) + 1
        return FLOOR * (10 ** (step * STEP / 10) - 1)


class TermStatistics(nn.Module):
    """What terms and maps are like on normal training clips. Checkpoints know the buffers by these names."""

    # Background model: the FAR-th percentile of the error of frames [H, W] and of flow [h, w] at each
    # location; 0 without a background model.
    picture_place: Tensor
    flow_place: Tensor
    # Mean and standard deviation of each of the K terms.
    mean: Tensor
    deviation: Tensor
    # Per map, for the highest pixel of a frame: its median, and the distance from there to its FAR-th
    # percentile.
    usual: Tensor
    reach: Tensor
    # PEAKS quantiles, rising, of the highest pixel of all maps, on the scale of `of_map`.
    peaks: Tensor

    def __init__(self, size: tuple[int, int]):
        super().__init__()
        height, width = size
        self.register_buffer("picture_place", torch.zeros(size))
        self.register_buffer("flow_place", torch.zeros(-(-height // 2), -(-width // 2)))
        self.register_buffer("mean", torch.zeros(len(NAMES)))
        self.register_buffer("deviation", torch.ones(len(NAMES)))
        self.register_buffer("usual", torch.zeros(len(MAPS)))
        self.register_buffer("reach", torch.ones(len(MAPS)))
        self.register_buffer("peaks", torch.zeros(PEAKS))

    def of_map(self, name: str, values: Tensor) -> Tensor:
        """Scale values of a map, of any shape: 0 is the median highest pixel of a normal frame, 1 its
        FAR-th percentile.

        The tails of the maps differ too much to be compared in standard deviations.
        """
        place = MAPS.index(name)
        return (values - self.usual[place]) / self.reach[place]

    def standardise(self, terms: Tensor, known: Tensor) -> Tensor:
        """In deviations of normal clips, [n, K] -> [n, K]; 0, which is normal, if a term is unknown."""
        return ((terms - self.mean) / self.deviation).masked_fill(~known, 0.0)

    def fit_places(self, picture: PlaceErrors, flow: PlaceErrors | None) -> None:
        """Set the background model, smoothed once more because few normal clips leave gaps between people."""
        self.picture_place.copy_(smoothed(picture.far()[None])[0])
        if flow is not None:
            self.flow_place.copy_(smoothed(flow.far()[None], FLOW_PATCH)[0])

    def fit(self, terms: Tensor, known: Tensor) -> None:
        """Set mean and deviation from the terms [N, K] of normal clips. known: bool [N, K]."""
        rows, weight = terms.double(), known.double()
        count = weight.sum(dim=0)
        mean = (rows * weight).sum(dim=0) / count.clamp(min=1)
        spread = (((rows - mean) * weight).square().sum(dim=0) / count.clamp(min=1)).sqrt()
        self.mean.copy_(mean)
        # A term that is constant apart from rounding has no scale.
        self.deviation.copy_(torch.where(spread > 1e-6 * mean.abs().clamp(min=1e-3), spread, 1.0))

    def fit_maps(self, highest: dict[str, Tensor]) -> None:
        """Set the scale of maps. highest: name -> highest value of each normal frame [F]; -inf = unknown."""
        if not len(next(iter(highest.values()))):
            return
        for name, values in highest.items():
            place, ordered = MAPS.index(name), values[values.isfinite()].sort().values
            if not len(ordered):
                self.usual[place] = NEVER
                continue
            median, far, most = (
                ordered[math.ceil(share * (len(ordered) - 1))] for share in (0.5, FAR / 100, 1)
            )
            reach = far - median if far > median else most - median
            self.usual[place] = median
            self.reach[place] = torch.where(reach > 0, reach, 1.0)
        peak = torch.stack([self.of_map(name, values) for name, values in highest.items()]).amax(dim=0)
        places = torch.linspace(0, 1, PEAKS, dtype=torch.float64) * (len(peak) - 1)
        self.peaks.copy_(peak.sort().values[places.ceil().long()])

    def threshold(self, percentile: float) -> float:
        """The lowest value, on the scale of `of_map`, that at most 100 - percentile % of normal frames reach.

        percentile: 0 to 100, in tenths. The result is above 0.
        """
        peak = self.peaks[round(percentile / 100 * (PEAKS - 1))]
        return float(torch.nextafter(peak, peak.new_tensor(torch.inf)).clamp(min=LEAST_THRESHOLD))
