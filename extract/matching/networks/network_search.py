"""The search for how a network's rows were made: few frames first, then all of what they point to.

Few rows, of a large network with a single frame of each, show which pixels are worth it. Then follow the
frames of a segment, views, and other pixels, each by its table and the cheap ones first.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from extract.matching.networks.crop_search import with_crops
from extract.matching.networks.crop_views import ALL_VIEWS, CENTRE, view_names
from extract.matching.networks.network_trials import NetworkTrials
from extract.matching.networks.pixel_variants import (
    Pixels,
    other_filters,
    other_scalings,
    other_sizes,
    own_pixels,
)
from extract.matching.recipes import Timing
from extract.matching.trial import MEANS, Trial

# Frames, sizes and filters are searched where rows are at least this much alike; less is noise, which any may
# fit.
WORTH_SEARCHING = 0.3
# With pixels that reach this, other views are tried, and the times once more.
WORTH_TIMING = 0.5
# The first choices of the frames of a segment show whether pixels fit: mean, first, middle and last.
LOOKS = 4
# Pixels and times are searched in turn this often.
ROUNDS = 3
# Better pixels by this much make the times be compared once more.
CLEARLY_BETTER = 0.02
# Of the pixels that are best in few frames, this many are compared in all.
BEST_PIXELS = 3


class NetworkSearch:
    """Searches one network. ended_early: whether something was left out to stay below the effort."""

    def __init__(self, trials: NetworkTrials):
        self.trials = trials
        self.ended_early = False

    def best(self, timings: Sequence[Timing]) -> Trial | None:
        """The trial that agrees best; None where nothing can be compared."""
        own = list(dict.fromkeys(own_pixels(preset) for preset in self.trials.network.presets))
        pixels = self._own_pixels(timings, own)
        best = None if pixels is None else self._times(timings, pixels)
        if best is None:
            return None
        if not best.agreement.settled:
            others = [each for each in own if each != best.prepared]
            best = self._better(best, self._best(self.trials.full(best.timing, each) for each in others))
        best = self._views(best, timings)
        for _ in range(ROUNDS):
            if best.agreement.exact:
                break
            if self.trials.over:
                self.ended_early = not best.agreement.settled
                break
            if best.agreement.settled:
                best = best if best.agreement.pixels_fit else self._filters(best)
                break
            before, best = best, self._pixels(best, timings[0])
            if best.agreement.rank < WORTH_TIMING:
                break
            if best.agreement.rank > before.agreement.rank + CLEARLY_BETTER:
                best = self._better(best, self._times(timings, best.prepared, best.view))
                best = self._views(best, timings)
            if best.timing == before.timing:
                break
        several = self.trials.theirs.num_crops > 1 and best.agreement.verdict != "none"
        return with_crops(self.trials, best) if several else best

    def _own_pixels(self, timings: Sequence[Timing], own: Sequence[Pixels]) -> Pixels | None:
        """The pixels of a preset that fit few frames best; None where nothing can be compared."""
        for family in self._families(timings):
            looks = (self.trials.few(timing, pixels) for pixels in own for timing in family[:LOOKS])
            found = self._best(looks)
            if found is not None:
                return found.prepared
        return None

    def _times(self, timings: Sequence[Timing], pixels: Pixels, view: str = CENTRE) -> Trial | None:
        """The best frames of a segment: of the first family, and until rows agree of those that look best."""
        first, *others = self._families(timings)
        best = self._frames(first, pixels, view)
        if best is not None and best.agreement.pixels_fit:
            return best
        looks = [(self.trials.few(family[0], pixels, view), family) for family in others]
        looks = [(look.agreement.rank, family) for look, family in looks if look is not None]
        for rank, family in sorted(looks, key=lambda each: -each[0]):
            if best is not None and (best.agreement.pixels_fit or self.trials.over):
                self.ended_early = self.ended_early or not best.agreement.settled
                break
            if best is None or not self.trials.large or rank >= WORTH_SEARCHING:
                found = self._frames(family, pixels, view)
                best = found if best is None else self._better(best, found)
        return best

    def _frames(self, family: Sequence[Timing], pixels: Pixels, view: str) -> Trial | None:
        """The best timing of a family: cheap ones come first, plain ones win."""
        found: dict[int, Trial] = {}
        cheap = sorted(
            range(len(family)),
            key=lambda place: (family[place].choice.odd, len(family[place].choice.clips)),
        )
        plainest = len(family)  # of those that agree fully; pictures that stand still allow several
        for place in cheap:
            if place > plainest:
                continue
            trial = self.trials.full(family[place], pixels, view)
            if trial is not None:
                found[place] = trial
                if trial.agreement.exact:
                    plainest = place
                    if len(family[place].choice.clips) == 1:
                        break
            if found and self.trials.over:
                self.ended_early = True
                break
        best = None
        for place in sorted(found):
            best = found[place] if best is None else self._better(best, found[place])
        return best

    def _views(self, best: Trial, timings: Sequence[Timing]) -> Trial:
        """For features with one crop: whether another view, or a mean of views, fits better.

        With the centre alone, the mean of ten crops is nearly as much like the rows of a wrong time as like
        those of the right one, so a better view that does not agree at this time is compared at every time.
        """
        if self.trials.theirs.num_crops > 1 or best.agreement.settled or best.view != CENTRE:
            return best
        if best.agreement.rank < WORTH_TIMING:
            return best
        views = [*MEANS, *(name for name in view_names(ALL_VIEWS) if name != CENTRE)]
        same = self.trials.few(best.timing, best.prepared)
        other = self._best(self.trials.few(best.timing, best.prepared, view) for view in views)
        if same is None or other is None or other.agreement.rank <= same.agreement.rank:
            return best
        found = self.trials.full(best.timing, best.prepared, other.view)
        if found is None or not found.agreement.pixels_fit:
            found = self._times(timings, best.prepared, other.view)
        return self._better(best, found)

    def _pixels(self, best: Trial, simplest: Timing) -> Trial:
        """The best of other scalings, sizes and filters, one after the other and scalings once more.

        simplest: another timing for the first step, because pixels that are far off hide the right one.
        """
        channels = self.trials.network.plain.channels
        steps: tuple[Callable[[Pixels], list[Pixels]], ...] = (
            lambda pixels: other_scalings(pixels, channels),
            other_sizes,
            other_filters,
            lambda pixels: other_scalings(pixels, channels),
        )
        current = self.trials.few(best.timing, best.prepared, best.view) or best
        seen = [current]
        for number, step in enumerate(steps):
            if current.agreement.exact or (number and current.agreement.rank < WORTH_SEARCHING):
                break
            timings = [current.timing] if number else dict.fromkeys([best.timing, simplest])
            for timing, pixels in itertools.product(timings, step(current.prepared)):
                if self.trials.over:
                    self.ended_early = True
                    break
                trial = self.trials.few(timing, pixels, best.view)
                if trial is not None:
                    seen.append(trial)
                    current = self._better(current, trial)
        seen.sort(key=lambda trial: (trial is not current, -trial.agreement.rank))
        chosen = list({(trial.timing, trial.prepared): None for trial in seen})[:BEST_PIXELS]
        full = (self.trials.full(timing, pixels, best.view) for timing, pixels in chosen)
        return self._better(best, self._best(full))

    def _filters(self, best: Trial) -> Trial:
        """Another filter or size for rows that agree but for the last digits, where it is clearly better."""
        current = same = self.trials.few(best.timing, best.prepared, best.view) or best
        for step in (other_filters, other_sizes):
            trials = (self.trials.few(best.timing, each, best.view) for each in step(best.prepared))
            current = self._better(current, self._best(trials))
        if current is same:
            return best
        return self._better(best, self.trials.full(best.timing, current.prepared, best.view))

    def _families(self, timings: Sequence[Timing]) -> list[list[Timing]]:
        """Timings whose rows begin at the same frames, in order; of rates that agree only the first."""
        found: dict[tuple, list[Timing]] = {}
        for timing in timings:
            rate = None if self.trials.at_own_rate(timing.rule.fps) else timing.rule.fps
            found.setdefault((timing.rule.stride, rate, timing.fixed), []).append(timing)
        first = {key: members[0].rule.fps for key, members in found.items()}
        return [
            [timing for timing in members if timing.rule.fps == first[key]] for key, members in found.items()
        ]

    def _best(self, trials: Iterable[Trial | None]) -> Trial | None:
        """The best of the trials; the rest are left out once one agrees fully or the effort is spent."""
        best = None
        for trial in trials:
            best = self._better(best, trial) if best is not None else trial
            if best is not None and best.agreement.exact:
                break
            if best is not None and self.trials.over:
                self.ended_early = True
                break
        return best

    @staticmethod
    def _better(one: Trial, other: Trial | None) -> Trial:
        return other if other is not None and other.agreement.beats(one.agreement) else one
