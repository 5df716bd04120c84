"""Trials of one network: few rows, in full or from few of their frames, are computed again and compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from extract.matching.networks.candidate_network import CandidateNetwork
from extract.matching.networks.crop_views import ALL_VIEWS, CENTRE, view_names
from extract.matching.networks.pixel_variants import Pixels
from extract.matching.recipes import Recipe, Timing
from extract.matching.sampled_videos import SampledVideos
from extract.matching.trial import MEANS, Theirs, Trial

# Of the effort for a network a single trial takes about this part, which decides how many rows it compares.
PART_OF_EFFORT = 0.01
MOST_FRAMES = 192
# Rows of a trial, together: at least this many of single frames, and of clips; and at most for each video.
LEAST_FRAMES, LEAST_CLIPS = 6, 3
MOST_ROWS_PER_VIDEO = 8
# The search for pixels and views compares this many rows of each video.
FEW_ROWS = 2

Recipes = Mapping[str, Mapping[int, Recipe]]  # video id -> number of a row -> its recipe


class NetworkTrials:
    """Compares hypotheses about one network. effort: billions of multiplications, after which it is over.

    That is no time, so that what is found does not depend on how busy a machine is. tried: hypotheses so far.
    problems: why some could not be compared.
    """

    def __init__(self, network: CandidateNetwork, videos: SampledVideos, theirs: Theirs, *, effort: float):
        self.network, self.videos, self.theirs, self.effort = network, videos, theirs, effort
        self.tried = 0
        self.problems: list[str] = []

    @property
    def over(self) -> bool:
        return self.network.computed >= self.effort

    @property
    def frames_of_trial(self) -> int:
        """How many frames a trial may take; 0 where a single one is larger than its part of the effort."""
        return min(int(self.effort * PART_OF_EFFORT / self.network.cost), MOST_FRAMES)

    @property
    def large(self) -> bool:
        """Whether few frames of the network take its part of the effort."""
        return self.frames_of_trial < MOST_FRAMES

    def at_own_rate(self, fps: float | None) -> bool:
        """Whether resampling to a rate leaves all frames of all videos where they are."""
        own, resampled = self.videos.frames(), self.videos.frames(fps)
        return own.keys() == resampled.keys() and all(
            np.array_equal(own[id].pts_seconds, resampled[id].pts_seconds) for id in own
        )

    def full(self, timing: Timing, pixels: Pixels, view: str = CENTRE) -> Trial | None:
        """With all frames of the rows; None where no row can be compared: frames that are too small, videos
        that are too short.
        """
        size = timing.span if self.network.frames_alone else self._frames_of_clip(timing)
        rows = self._rows_per_video(self.frames_of_trial // size, most=MOST_ROWS_PER_VIDEO)
        if timing.fixed is not None:
            rows = MOST_ROWS_PER_VIDEO  # ways to a fixed number differ in some of its rows only
        return self._trial(timing, pixels, view, self.recipes(timing, rows))

    def few(self, timing: Timing, pixels: Pixels, view: str = CENTRE) -> Trial | None:
        """With few rows, and of large networks with few of their frames: to compare pixels and views."""
        return self._trial(timing, pixels, view, self._thin(timing))

    def recipes(self, timing: Timing, most: int) -> dict[str, dict[int, Recipe]]:
        """Those of up to `most` rows of each video."""
        found = {}
        for video_id, video in self.videos.frames(timing.rule.fps).items():
            rows = timing.rule.fixed or self.theirs.most_rows(video_id, timing.rule.rows(video.length))
            recipes = timing.recipes(len(video.frames), whole=video.whole, most=most, rows=rows)
            if recipes:
                found[video_id] = recipes
        return found

    def rows(self, timing: Timing, chosen: Recipes, pixels: Pixels, views: Sequence[str]):
        """Video id -> [rows, V, D]. Raises ValueError for frames that are smaller than the crop."""
        recipes = {video_id: list(each.values()) for video_id, each in chosen.items()}
        return self.network.rows(self.videos.frames(timing.rule.fps), recipes, pixels, views)

    def _thin(self, timing: Timing) -> dict[str, dict[int, Recipe]]:
        """Few rows, with at least a frame or a clip of each."""
        chosen = self.recipes(timing, self._rows_per_video(0, most=FEW_ROWS))
        count = sum(len(each) for each in chosen.values())
        clips = max(self.frames_of_trial // max(count * self._frames_of_clip(timing), 1), 1)
        return {
            video_id: {row: recipe.thinned(clips) for row, recipe in each.items()}
            for video_id, each in chosen.items()
        }

    def _trial(self, timing: Timing, pixels: Pixels, view: str, chosen: Recipes) -> Trial | None:
        if not chosen:
            return None
        self.tried += 1
        decoded = self.videos.frames(timing.rule.fps)
        try:
            rows = self.rows(timing, chosen, pixels, views_of(view))
        except ValueError as error:
            self.problems.append(str(error))
            return None
        ours = {
            video_id: (timing.rule.rows(decoded[video_id].length), list(each), rows[video_id].mean(axis=1))
            for video_id, each in chosen.items()
        }
        found = self.theirs.agreement(ours)
        return None if found is None else Trial(timing, pixels, view, found[0], found[1])

    def _rows_per_video(self, affordable: int, *, most: int) -> int:
        """affordable: rows of all videos."""
        videos = max(len(self.videos.frames()), 1)
        least = math.ceil((LEAST_FRAMES if self.network.frames_alone else LEAST_CLIPS) / videos)
        return max(min(affordable // videos, most), least)

    def _frames_of_clip(self, timing: Timing) -> int:
        return len(timing.choice.clips[0])


def views_of(view: str) -> tuple[str, ...]:
    """The views whose mean a view is."""
    return view_names(ALL_VIEWS)[: MEANS[view]] if view in MEANS else (view,)
