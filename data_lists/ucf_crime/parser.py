"""Parser of UCF-Crime's own files.

Anomaly_Train.txt, Anomaly_Test.txt         one path per line, "Abuse/Abuse001_x264.mp4"
Temporal_Anomaly_Annotation.txt             name, class, first and last frame of up to two events (-1: none)
Temporal_Anomaly_Annotation_with_frame_counts.txt, train_frame_counts.txt      last column: number of frames
"""

from __future__ import annotations

from pathlib import Path

from data_lists.list_error import ListError
from data_lists.official import OfficialLists, clip_spans, one_based_inclusive, read_lines, read_rows
from data_lists.video import NORMAL, Video


def parse(folder: Path) -> OfficialLists:
    """Both splits from the folder of official files."""
    train_counts = _frame_counts(folder / "train_frame_counts.txt")
    test_counts = _frame_counts(folder / "Temporal_Anomaly_Annotation_with_frame_counts.txt")
    # name, class, then four frame numbers: first and last of up to two events.
    annotations = dict(
        read_rows(
            folder / "Temporal_Anomaly_Annotation.txt",
            _annotation,
            expected="NAME CLASS and four frame numbers",
        )
    )
    train = [
        Video(_video_id(path), _event_class(path), train_counts.get(path), split="train")
        for path in read_lines(folder / "Anomaly_Train.txt")
    ]
    test, clipped = [], []
    for path in read_lines(folder / "Anomaly_Test.txt"):
        name = path.split("/")[-1]
        if name not in annotations or name not in test_counts:
            raise ListError([f"{folder}: {path} of Anomaly_Test.txt has no annotation or no frame count"])
        numbers = annotations[name]
        events = [event for event in zip(numbers[::2], numbers[1::2], strict=True) if event[0] != -1]
        spans = [one_based_inclusive(*event) for event in events]
        spans, cut = clip_spans(_video_id(path), spans, test_counts[name])
        clipped += cut
        test.append(Video(_video_id(path), _event_class(path), test_counts[name], spans, split="test"))
    return OfficialLists(train, test, tuple(clipped))


def _annotation(line: str) -> tuple[str, list[int]]:
    name, _, *numbers = line.split()
    first, last, second_first, second_last, *_ = map(int, numbers)
    return name, [first, last, second_first, second_last]


def _frame_counts(path: Path) -> dict[str, int]:
    return dict(
        read_rows(path, lambda line: (line.split()[0], int(line.split()[-1])), expected="NAME ... FRAMES")
    )


def _video_id(path: str) -> str:
    return path.removesuffix(".mp4")


def _event_class(path: str) -> str:
    folder = path.split("/")[0]
    return NORMAL if folder.endswith("_Normal_Videos_Anomaly") else folder
