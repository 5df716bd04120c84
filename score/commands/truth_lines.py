"""What a truth was understood as, in lines to print before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from data_lists import Video
from data_lists.truths.annotation import FoundTruth
from data_lists.truths.truth_videos import TruthVideos
from extract.runtime.text import counted, listed

SHOWN = 5  # videos whose spans are printed


def understood(truths: Sequence[FoundTruth], made: TruthVideos) -> Iterator[str]:
    """Forms, numbers of videos and frames, classes, and the first spans as frames and times."""
    for truth in truths:
        person = f" [{truth.annotator}]" if truth.annotator else ""
        yield f"{truth.path}{person}: {truth.form}"
    yield from (f"note: {note}" for note in made.notes)
    videos = made.videos
    classes = Counter(video.event_class for video in videos if video.is_anomalous)
    named = (
        f" ({listed([f'{name} {count}' for name, count in classes.most_common()], shown=15)})"
        if classes
        else ""
    )
    yield f"{counted(len(videos), 'video')}, {classes.total()} anomalous{named}"
    yield _frames(videos)
    marked = [video for video in videos if video.anomaly_spans]
    if marked:
        yield "first spans, as frames [start, stop) from 0:"
    for video in marked[:SHOWN]:
        fps = made.fps.get(video.video_id)
        spans = [_span(span, fps) for span in video.anomaly_spans]
        of = "" if video.num_frames is None else f" of {video.num_frames}"
        yield f"  {video.video_id}: {listed(spans, shown=3)}{of}"
    if marked and not made.fps:
        yield "times are not shown, because no rate is known; give --fps or --store to see them"


def _frames(videos: Sequence[Video]) -> str:
    anomalous = sum(stop - start for video in videos for start, stop in video.anomaly_spans)
    unknown = [video.video_id for video in videos if video.num_frames is None]
    if unknown:
        which = f": {listed(unknown)}" if len(unknown) < len(videos) else ""
        return (
            f"{anomalous:,} anomalous frames; num_frames of {counted(unknown, 'video')} is not known and "
            f"stays empty, --store or --list would give it{which}"
        )
    total = sum(video.num_frames or 0 for video in videos)
    return f"{total:,} frames, {anomalous:,} anomalous ({anomalous / max(total, 1):.1%})"


def _span(span: tuple[int, int], fps: float | None) -> str:
    text = f"{span[0]}-{span[1]}"
    return text if not fps else f"{text} ({_clock(span[0] / fps)}-{_clock(span[1] / fps)})"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 100), 6000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest / 100:05.2f}"
