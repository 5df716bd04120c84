"""What lists, stores, folders of videos and orders say about the videos of a truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_lists import ListError, resolve_lists
from data_lists.file_names import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from data_lists.name_matching import match_names
from data_lists.truths.annotation import FoundTruth
from data_lists.truths.order_file import read_order_file
from data_lists.truths.truth_videos import KnownVideo
from extract.runtime.foreign.folder_walk import files_below
from extract.runtime.text import counted, listed
from extract.store import FeatureStore


@dataclass(frozen=True)
class Known:
    """videos: of which a truth is wanted, in the order of one long array. by: where they come from."""

    videos: tuple[KnownVideo, ...]
    by: str


def known_videos(
    truths: Sequence[FoundTruth],
    *,
    lists: Sequence[str] = (),
    order: str | None = None,
    folder: Path | None = None,
    stores: Sequence[FeatureStore] = (),
) -> Known:
    """Lists and folders say which videos there are, an order in what order; stores add frames and rates.

    Without a list, a folder and an order there are the videos that the truths name. Raises ListError and
    ForeignFileError.
    """
    if lists:
        videos, by = [KnownVideo.of(video) for video in resolve_lists(lists)], "the list"
    elif folder is not None:
        videos, by = [KnownVideo(name) for name in video_names(folder)], str(folder)
    else:
        videos, by = [], "the truth"
    if order is not None:
        ordered = read_order_file(order)
        videos = in_order(order, ordered, videos, by) if videos else ordered
        by = by if lists or folder else order
    if not videos:
        # Several truths complete one another; a single one says itself which videos it has.
        videos = [KnownVideo(name) for name in names_of(truths)] if len(truths) > 1 or stores else []
    return Known(tuple(with_stores(videos, stores)), by)


def names_of(truths: Sequence[FoundTruth]) -> list[str]:
    """The videos that truths name; two spellings of one name (a.mp4, cam/a_x264) are one, as written first.

    Raises ListError for a name that could be several of the others.
    """
    names: list[str] = []
    problems = []
    for truth in truths:
        own = list(dict.fromkeys(each.name for each in truth.annotations))
        matches = match_names(own, names)
        problems += [
            f"{truth.path}: {name}: {matches.reason(name)}; give --list with all videos"
            for name in matches.ambiguous
        ]
        names += [name for name in own if name not in matches.matched]
    if problems:
        raise ListError(problems)
    return names


def in_order(
    order: str, ordered: Sequence[KnownVideo], videos: Sequence[KnownVideo], by: str
) -> list[KnownVideo]:
    """The videos in the order of a file, with its frames. Raises ListError unless both name the same ones."""
    by_id = {video.video_id: video for video in videos}
    matches = match_names([each.video_id for each in ordered], list(by_id))
    problems = [
        f"{order}: {each.video_id} is not a video of {by}: {matches.reason(each.video_id)}"
        for each in ordered
        if each.video_id not in matches.matched
    ]
    if matches.unused and not problems:
        problems.append(
            f"{order}: lacks {counted(matches.unused, 'video')} of {by}: {listed(matches.unused)}"
        )
    found = []
    for each in ordered if not problems else ():
        video = by_id[matches.matched[each.video_id]]
        if None not in (video.num_frames, each.num_frames) and video.num_frames != each.num_frames:
            problems.append(
                f"{order}: {video.video_id} has {each.num_frames} frames, in {by} {video.num_frames}"
            )
        found.append(replace(video, num_frames=video.num_frames or each.num_frames))
    if problems:
        raise ListError(problems)
    return found


def with_stores(videos: Iterable[KnownVideo], stores: Sequence[FeatureStore]) -> list[KnownVideo]:
    """With frames and rates of the stores; a name that a store has under a longer id takes that id.

    Raises ListError where a store and the rest have different numbers of frames.
    """
    videos, problems = list(videos), []
    for store in stores:
        matches = match_names([video.video_id for video in videos], store.ids())
        for place, video in enumerate(videos):
            if (name := matches.matched.get(video.video_id)) is None:
                continue
            header = store.header(name)
            if video.num_frames not in (None, header.num_frames):
                problems.append(
                    f"{video.video_id}: {store.root} has {header.num_frames} frames of it, the list or order "
                    f"{video.num_frames}"
                )
            # A list keeps its ids; names of a truth become those of the store.
            own = video.video_id if video.event_class is not None else name
            videos[place] = replace(
                video, video_id=own, num_frames=header.num_frames, fps=header.fps or video.fps
            )
    if problems:
        raise ListError(problems)
    return videos


def video_names(folder: Path) -> list[str]:
    """Ids of the videos below a folder: files with a known suffix, and folders of frames."""
    names = []
    for path in files_below(folder):
        below = path.relative_to(folder)
        if path.suffix.lower() in VIDEO_SUFFIXES:
            names.append(below.with_suffix("").as_posix())
        elif path.suffix.lower() in IMAGE_SUFFIXES and below.parent.name:
            names.append(below.parent.as_posix())
    if not names:
        raise ListError([f"{folder}: holds no video, expected video files or folders of frames"])
    return list(dict.fromkeys(names))
