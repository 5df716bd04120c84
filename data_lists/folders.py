"""Lists of the user's own data, read from the folder names.

    mydata/train/normal/a.mp4               -> "train/normal/a", Normal
    mydata/train/anomaly/b.mp4              -> "train/anomaly/b", Anomaly
    mydata/train/anomaly/Fighting/c.mp4     -> "train/anomaly/Fighting/c", Fighting

A video is a file with a known suffix or a folder of frames; more folders in between are allowed. Next to
"b.mp4", a file "b.json" may contain {"video_path", "label", "frame_annotations": [0, 1, ...]} with one number
per frame, 1 = anomalous.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from data_lists.file_names import ARCHIVES, IMAGE_SUFFIXES, VIDEO_SUFFIXES
from data_lists.list_error import ListError
from data_lists.truth import spans_of_labels
from data_lists.video import NORMAL, LocatedVideo, Video
from data_lists.video_checks import video_problems
from extract.runtime.foreign.folder_walk import walk_below
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import check_regular
from extract.runtime.foreign.text_files import read_json

UNLABELLED = "Unlabelled"  # class of videos that no list names
ANOMALY = "Anomaly"  # class of anomalous videos without a class of their own
NORMAL_LABELS = (0, "0", "normal")
ANOMALY_LABELS = (1, "1", "abnormal", "anomalous", "anomaly")


def read_folder(folder: str | Path) -> tuple[list[LocatedVideo], list[str]]:
    """Videos below normal/ and anomaly/ of a folder, sorted by id, each with its path, and all problems.

    Ids begin with the name of the folder itself, so train and test of one data set never share an id.
    """
    folder = Path(folder)
    root_name = Path(os.path.abspath(folder)).name
    branches = [branch for branch in ("normal", "anomaly") if (folder / branch).is_dir()]
    if not branches:
        return [], [_missing_branches(folder)]
    located, problems = [], []
    for branch in branches:
        for path in _videos(folder / branch, problems):
            event_class = _folder_class(path.relative_to(folder))
            # The suffix of a file is not part of the id; a dot in a folder's name is.
            name = path.relative_to(folder)
            video_id = "/".join((root_name, *(name if path.is_dir() else name.with_suffix("")).parts))
            if branch == "anomaly" and event_class == NORMAL:
                problems.append(f"{path}: a normal video below anomaly/; move it to normal/")
                continue
            video, annotation_problems = _annotated(Video(video_id, event_class), path)
            problems += [f"{path}: {problem}" for problem in video_problems(video)]
            problems += annotation_problems
            located.append((video, str(path)))
    if not located and not problems:
        searched = " or ".join(f"{branch}/" for branch in branches)
        problems.append(f"{folder}: no video below {searched}; expected video files or folders of frames")
    return sorted(located, key=lambda pair: pair[0].video_id), problems


def every_video(root: str | Path) -> tuple[list[Video], list[str]]:
    """Every video file, folder of frames and archive of frames below a folder, without class or length.

    The id is the path below the folder without suffix. Also returns a line for each video that cannot be one,
    for its name or for being no regular file, and for each folder that cannot be listed. Raises ListError if
    there is no video at all.
    """
    root = Path(root)
    problems: list[str] = []
    if not root.is_dir():
        raise ListError([f"{root}: no such folder"])
    found: dict[str, Video] = {}
    for path in _videos(root, problems):
        name = path.relative_to(root)
        video = Video((name if path.is_dir() else name.with_suffix("")).as_posix(), UNLABELLED)
        if mistakes := video_problems(video):
            problems += [f"{path}: {mistake}" for mistake in mistakes]
        else:
            found[video.video_id] = video
    if not found:
        raise ListError(problems or [f"{root}: no video file and no folder of frames below it"])
    return [found[video_id] for video_id in sorted(found)], problems


def _missing_branches(folder: Path) -> str:
    problem = f"{folder}: contains neither normal/ nor anomaly/"
    inner = [name for name in ("train", "test") if (folder / name).is_dir()]
    if inner:
        return problem + "; give " + " or ".join(str(folder / name) for name in inner)
    return problem + "; a list is a TSV file, DATASET/SPLIT, or a folder that contains them"


def _videos(branch: Path, problems: list[str]) -> Iterator[Path]:
    """Video files and folders of frames below a folder; hidden entries are skipped.

    problems: gets a line for what cannot be listed and for videos that are no regular files.
    """
    for folder, inner, others in walk_below(branch, on_problem=lambda error: problems.append(str(error))):
        files = [entry for entry in others if _suffix(entry.name) in VIDEO_SUFFIXES]
        # A folder with images is a video by itself, unless it holds videos, whose thumbnails they may be;
        # any other folder only groups videos.
        if folder != branch and not files and any(_suffix(entry.name) in IMAGE_SUFFIXES for entry in others):
            inner.clear()
            yield folder
            continue
        for entry in others:
            if _suffix(entry.name) in VIDEO_SUFFIXES | ARCHIVES:
                try:
                    check_regular(folder / entry.name, expected="a video")
                except ForeignFileError as error:
                    problems.append(str(error))
                else:
                    yield folder / entry.name


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _folder_class(name: Path) -> str:
    """The class of a video from its path below the data set: ("anomaly", CLASS, ..., video)."""
    if name.parts[0] == "normal":
        return NORMAL
    return name.parts[1] if len(name.parts) > 2 else ANOMALY


def _annotated(video: Video, path: Path) -> tuple[Video, list[str]]:
    """The video with the annotation of the JSON file next to it; an invalid file is reported and ignored."""
    name = path.name if path.is_dir() else path.stem
    annotation = path.with_name(f"{name}.json")
    if not os.path.lexists(annotation) or os.path.isdir(annotation):
        return video, []
    try:
        return _with_annotation(video, read_json(annotation)), []
    except ForeignFileError as error:
        return video, [str(error)]
    except ValueError as error:
        return video, [f"{annotation}: {error}"]


def _with_annotation(video: Video, content: object) -> Video:
    if not isinstance(content, dict):
        raise ValueError('expected an object like {"label": 1, "frame_annotations": [0, 1, 1]}')
    event_class = _event_class(video, content.get("label"))
    marks = content.get("frame_annotations")
    if marks is None or marks == []:  # the frames are not annotated
        return Video(video.video_id, event_class)
    if not isinstance(marks, list) or any(mark not in (0, 1) for mark in marks):
        raise ValueError("frame_annotations must be a list of 0 and 1, one per frame")
    spans = spans_of_labels(marks)
    if spans and event_class == NORMAL:
        raise ValueError("frame_annotations marks anomalous frames, but the video is below normal/")
    if not spans and event_class != NORMAL:
        raise ValueError("frame_annotations marks no frame, but the video is below anomaly/")
    return Video(video.video_id, event_class, num_frames=len(marks), anomaly_spans=spans)


def _event_class(video: Video, label: object) -> str:
    """The class from the folder, or the more specific one of the annotation; they must not contradict."""
    if label is None:
        return video.event_class
    if not isinstance(label, (int, str)) or label == "":
        raise ValueError(f"label {label!r} must be 0, 1 or the name of a class")
    plain = label.lower() if isinstance(label, str) else label
    says_normal = plain in NORMAL_LABELS
    if not says_normal and isinstance(plain, int) and plain != 1:
        raise ValueError(f"label {label!r} must be 0, 1 or the name of a class")
    # "Normal" below anomaly/, or an anomaly below normal/.
    if says_normal == video.is_anomalous:
        raise ValueError(f"label {label!r} contradicts the folder: the video counts as {video.event_class}")
    if says_normal or plain in ANOMALY_LABELS or plain == video.event_class.lower():
        return video.event_class
    if video.event_class != ANOMALY:
        raise ValueError(f"label {label!r} contradicts the folder: the video counts as {video.event_class}")
    return str(label)
