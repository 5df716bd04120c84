"""The search for how a descriptor's rows were made: only their place in time can differ."""

from __future__ import annotations

from collections.abc import Sequence

from extract.matching.recipes import Timing
from extract.matching.sampled_videos import SampledVideos
from extract.matching.trial import CENTRE, Theirs, Trial

# The first rows of a video that are compared; a fixed number of rows would need all.
MOST_ROWS = 64


def best_of_descriptor(
    descriptor: str, videos: SampledVideos, theirs: Theirs, timings: Sequence[Timing]
) -> Trial | None:
    """The timing that agrees best; None where nothing can be compared."""
    best = None
    for timing in timings:
        rule = timing.rule
        described = videos.described(descriptor, fps=rule.fps, length=rule.length, stride=rule.stride)
        ours = {}
        for video_id, video in described.items():
            expected = rule.rows(video.length)
            count = min(len(video.rows), theirs.most_rows(video_id, expected), MOST_ROWS)
            # The last row may be cut off at the end of the video in other ways.
            numbers = list(range(max(count - 1, min(count, 1))))
            if numbers:
                ours[video_id] = (expected, numbers, video.rows[numbers])
        found = theirs.agreement(ours)
        if found is not None:
            trial = Trial(timing, None, CENTRE, found[0], found[1])
            if best is None or trial.agreement.rank > best.agreement.rank:
                best = trial
        if best is not None and best.agreement.exact:
            break
    return best
