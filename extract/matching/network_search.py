"""The search for how a network's rows were made: time first, then views, then pixels, each by its table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from extract.matching.candidate_network import CandidateNetwork
from extract.matching.crop_views import ALL_VIEWS, crop_order, view_names
from extract.matching.pixel_variants import (
    Pixels,
    other_filters,
    other_scalings,
    other_sizes,
    own_pixels,
)
from extract.matching.recipes import Recipe, Timing
from extract.matching.sampled_videos import SampledVideos
from extract.matching.trial import CENTRE, MEANS, Theirs, Trial

# Rows per video that are compared: of networks of single frames (in frames), and of clips.
FRAMES_PER_VIDEO, CLIPS_PER_VIDEO = 64, 3
MOST_ROWS_PER_VIDEO, LEAST_ROWS_PER_VIDEO = 8, 2
# In the search for pixels fewer rows are compared.
ROWS_FOR_PIXELS = 2
# Sizes and filters are searched where rows are at least this much alike; less is noise, which any may fit.
WORTH_SEARCHING = 0.3
# With pixels that reach this, other views are tried, and the times once more.
WORTH_TIMING = 0.5
# Pixels and times are searched in turn this often.
ROUNDS = 3
# Better pixels by this much make the times be compared once more.
CLEARLY_BETTER = 0.02
CROPS_FIT = 0.5


class NetworkSearch:
    """Searches one network. effort: frames that go through it; after them the best so far counts.

    ended_early: whether something was left out for that. It is no time, so that what is found does not
    depend on how busy a machine is.
    """

    def __init__(self, network: CandidateNetwork, videos: SampledVideos, theirs: Theirs, *, effort: int):
        self.network, self.videos, self.theirs, self.effort = network, videos, theirs, effort
        self.tried = 0
        self.ended_early = False
        self.problems: list[str] = []

    @property
    def over(self) -> bool:
        return self.network.computed >= self.effort

    def best(self, timings: Sequence[Timing]) -> Trial | None:
        """The trial that agrees best; None where nothing can be compared."""
        own = list(dict.fromkeys(own_pixels(preset) for preset in self.network.presets))
        best = self._best(self._try(timing, own[0]) for timing in timings)
        if best is None:
            return None
        if not best.agreement.settled:
            timing = best.timing
            best = self._better(best, self._best(self._try(timing, pixels) for pixels in own[1:]))
        best = self._views(best)
        for _ in range(ROUNDS):
            if best.agreement.exact:
                break
            if self.over:
                self.ended_early = not best.agreement.settled
                break
            if best.agreement.settled:
                best = best if best.agreement.pixels_fit else self._filters(best)
                break
            before, best = best, self._pixels(best, timings[0])
            if best.agreement.rank < WORTH_TIMING:
                break
            if best.agreement.rank > before.agreement.rank + CLEARLY_BETTER:
                again = self._best(self._try(timing, best.prepared, best.view) for timing in timings)
                best = self._views(self._better(best, again))
            if best.timing == before.timing:
                break
        return self._with_crops(best)

    def _try(
        self, timing: Timing, pixels: Pixels, view: str = CENTRE, most: int | None = None
    ) -> Trial | None:
        """None where no row can be compared: frames that are too small, videos that are too short."""
        decoded = self.videos.frames(timing.rule.fps)
        chosen = self._recipes(timing, most)
        if not chosen:
            return None
        self.tried += 1
        recipes = {video_id: list(each.values()) for video_id, each in chosen.items()}
        try:
            rows = self.network.rows(decoded, recipes, pixels, "centre" if view == CENTRE else "all")
        except ValueError as error:
            self.problems.append(str(error))
            return None
        ours = {
            video_id: (timing.rule.rows(decoded[video_id].length), list(numbers), seen(rows[video_id], view))
            for video_id, numbers in chosen.items()
        }
        found = self.theirs.agreement(ours)
        return None if found is None else Trial(timing, pixels, view, found[0], found[1])

    def _recipes(self, timing: Timing, most: int | None) -> dict[str, dict[int, Recipe]]:
        """Video id -> number of a row -> its recipe."""
        if most is None:
            frames = timing.span if self.network.frames_alone else 1
            most = FRAMES_PER_VIDEO // frames if self.network.frames_alone else CLIPS_PER_VIDEO
            most = min(max(most, LEAST_ROWS_PER_VIDEO), MOST_ROWS_PER_VIDEO)
        found = {}
        for video_id, video in self.videos.frames(timing.rule.fps).items():
            rows = timing.rule.fixed or self.theirs.most_rows(video_id, timing.rule.rows(video.length))
            recipes = timing.recipes(len(video.frames), whole=video.whole, most=most, rows=rows)
            if recipes:
                found[video_id] = recipes
        return found

    def _views(self, best: Trial) -> Trial:
        """For features with one crop: whether another view, or a mean of views, fits better."""
        if self.theirs.num_crops > 1 or best.agreement.settled or best.view != CENTRE:
            return best
        if best.agreement.rank < WORTH_TIMING:
            return best
        views = [*MEANS, *(name for name in view_names(ALL_VIEWS) if name != CENTRE)]
        most = None if self.network.frames_alone else ROWS_FOR_PIXELS
        same = self._try(best.timing, best.prepared, CENTRE, most)
        other = self._best(self._try(best.timing, best.prepared, view, most) for view in views)
        if same is None or other is None or other.agreement.rank <= same.agreement.rank:
            return best
        return other

    def _pixels(self, best: Trial, simplest: Timing) -> Trial:
        """The best of other scalings, sizes and filters, one after the other and scalings once more.

        simplest: another timing for the first step, because pixels that are far off hide the right one.
        """
        few = ROWS_FOR_PIXELS
        scalings = other_scalings(best.prepared, self.network.plain.channels)
        current = self._try(best.timing, best.prepared, best.view, few) or best
        for timing in dict.fromkeys([best.timing, simplest]):
            trials = (self._try(timing, pixels, best.view, few) for pixels in scalings)
            current = self._better(current, self._best(trials))
            if current.agreement.exact:
                break
        steps: tuple[Callable[[Pixels], list[Pixels]], ...] = (
            other_sizes,
            other_filters,
            lambda pixels: other_scalings(pixels, self.network.plain.channels),
        )
        for step in steps:
            if current.agreement.exact or current.agreement.rank < WORTH_SEARCHING:
                break
            timing = current.timing
            trials = (self._try(timing, each, best.view, few) for each in step(current.prepared))
            current = self._better(current, self._best(trials))
        return self._better(best, self._try(current.timing, current.prepared, current.view))

    def _filters(self, best: Trial) -> Trial:
        """Another filter or size for rows that agree but for the last digits, where it is clearly better."""
        current = same = self._try(best.timing, best.prepared, best.view, ROWS_FOR_PIXELS) or best
        for step in (other_filters, other_sizes):
            trials = (
                self._try(best.timing, each, best.view, ROWS_FOR_PIXELS) for each in step(best.prepared)
            )
            current = self._better(current, self._best(trials))
        if current is same:
            return best
        return self._better(best, self._try(best.timing, current.prepared, best.view))

    def _with_crops(self, best: Trial) -> Trial:
        """For features with several crops: which view each of them is."""
        if self.theirs.num_crops == 1 or best.agreement.verdict == "none":
            return best
        chosen = self._recipes(best.timing, ROWS_FOR_PIXELS)
        chosen = {video_id: each for video_id, each in chosen.items() if video_id in best.partners}
        recipes = {video_id: list(each.values()) for video_id, each in chosen.items()}
        rows = self.network.rows(self.videos.frames(best.timing.rule.fps), recipes, best.prepared, "all")
        ours = np.concatenate([rows[video_id] for video_id in chosen])
        theirs = np.concatenate(
            [self.theirs.rows(best.partners[video_id])[list(each)] for video_id, each in chosen.items()]
        )
        if theirs.shape[1] > ours.shape[1]:
            return best
        ours = ours[:, :5] if theirs.shape[1] == 5 else ours
        order, cosine = crop_order(ours, theirs)
        return replace(best, crops=order, crops_cosine=cosine) if cosine >= CROPS_FIT else best

    def _best(self, trials: Iterable[Trial | None]) -> Trial | None:
        """The best of the trials; the rest are left out once one agrees fully or time is over."""
        best = None
        for trial in trials:
            best = self._better(best, trial) if best is not None else trial
            if best is not None and best.agreement.exact:
                break
            if best is not None and self.over:
                self.ended_early = True
                break
        return best

    @staticmethod
    def _better(one: Trial, other: Trial | None) -> Trial:
        return other if other is not None and other.agreement.beats(one.agreement) else one


def seen(rows: np.ndarray, view: str) -> np.ndarray:
    """[R, V, D] -> [R, D]: the only view, the mean of several, or the one of a name."""
    if view == CENTRE:
        return rows[:, 0]
    if view in MEANS:
        return rows[:, : MEANS[view]].mean(axis=1)
    return rows[:, view_names(ALL_VIEWS).index(view)]
