"""Several people's truth of the same videos as one, frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from data_lists.list_error import ListError
from data_lists.truths.truth_frames import Spans, joined
from data_lists.truths.truth_videos import TruthVideos
from data_lists.video import NORMAL, Video

# Name -> how many of n people must mark a frame.
RULES: dict[str, Callable[[int], int]] = {
    "majority": lambda people: people // 2 + 1,
    "union": lambda _people: 1,
    "intersection": lambda people: people,
}


def together(truths: Sequence[TruthVideos], rule: str) -> TruthVideos:
    """The videos of several truths, which hold the same ones in the same order.

    rule: of RULES. The class is the one that most people gave an anomalous video. Raises ListError for
    lengths that differ.
    """
    needed = RULES[rule](len(truths))
    videos, problems = [], []
    for own in zip(*(truth.videos for truth in truths), strict=True):
        lengths = {video.num_frames for video in own if video.num_frames is not None}
        if len(lengths) > 1:
            shown = " and ".join(map(str, sorted(lengths)))
            problems.append(f"{own[0].video_id}: the annotators have {shown} frames of it")
        spans = marked_by([video.anomaly_spans for video in own], needed)
        classes = Counter(video.event_class for video in own if video.is_anomalous)
        event_class = classes.most_common(1)[0][0] if spans else NORMAL
        first = own[0]
        videos.append(
            Video(first.video_id, event_class, next(iter(lengths), None), spans, first.group, first.split)
        )
    if problems:
        raise ListError(problems)
    notes = [f"{rule} of {len(truths)} annotators: a frame is anomalous where {needed} or more mark it"]
    notes += list(dict.fromkeys(note for truth in truths for note in truth.notes))
    fps = {name: rate for truth in truths for name, rate in truth.fps.items()}
    return TruthVideos(tuple(videos), fps, notes=tuple(notes))


def marked_by(people: Sequence[Spans], needed: int) -> Spans:
    """Frames that at least `needed` of the people mark. people: spans [start, stop) of each."""
    edges = sorted(
        (frame, change)
        for spans in people
        for start, stop in spans
        for frame, change in ((start, 1), (stop, -1))
    )
    found, marks, begin = [], 0, 0
    for frame, change in edges:
        before, marks = marks, marks + change
        if before < needed <= marks:
            begin = frame
        elif marks < needed <= before and frame > begin:
            found.append((begin, frame))
    return joined(found)
