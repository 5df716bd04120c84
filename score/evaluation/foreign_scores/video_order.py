"""The order of videos in one long array: that of --order, of the convention, or of the user's own list."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_lists import CONVENTIONS, ListError, Video, legacy_truth, load_split, resolve_lists
from data_lists.name_matching import match_names
from data_lists.tsv import looks_like_list
from extract.runtime.foreign.text_files import read_text
from extract.runtime.text import listed
from score.evaluation.frame_truth import NATIVE

LIST_SUFFIXES = (".tsv", ".json")  # lists of our own; other files hold a name a line, or begin as a list does
HEADINGS = ("path", "video", "video_id", "name")
WITH_FRAMES = re.compile(r"(.*\S)[\s,;]+\d+")
CROP = re.compile(r"(__\d+)(\.\w+)?$")  # of a feature file: Abuse028_x264__4.npy


@dataclass(frozen=True)
class VideoOrder:
    """Videos as they stand in a long array. source: who says so."""

    videos: tuple[Video, ...]
    source: str


@dataclass(frozen=True)
class VideoOrders:
    """possible: the orders that a long array may have, most likely first.

    rivals: conventions whose public arrays hold the same videos in another order; a function, because it
    takes a while and few sources are long arrays.
    """

    possible: tuple[VideoOrder, ...]
    rivals: Callable[[], Sequence[str]] = tuple

    @property
    def refusal(self) -> str:
        """Why a long array cannot be cut; "" if it can."""
        if not (rivals := self.rivals()):
            return ""
        return (
            "holds the videos one after another, and public arrays of this data set lie in several orders: "
            f"that of the list and that of {' and '.join(rivals)}; say which with --order LIST (the --list "
            "itself for its own)"
        )


def orders_of(videos: Sequence[Video], convention: str, given: Sequence[Video] = ()) -> VideoOrders:
    """The orders in which an array of these videos may lie; the truth beside it lies in the same."""
    if given:
        return VideoOrders((VideoOrder(tuple(given), "the order of --order"),))
    if convention != NATIVE:
        known = {video.video_id: video for video in load_split(CONVENTIONS[convention].dataset, "test")}
        whole = tuple(known[name] for name, _ in legacy_truth(convention))
        ids = {video.video_id for video in videos}
        part = tuple(video for video in whole if video.video_id in ids)
        source = f"the order of {convention}"
        return VideoOrders(tuple(VideoOrder(each, source) for each in dict.fromkeys((part, whole))))
    own = VideoOrder(tuple(videos), "the order of the list")
    return VideoOrders((own,), lambda: _other_orders(videos))


def read_order(source: str, videos: Sequence[Video]) -> list[Video]:
    """The videos in the order of a published list, one name per line, or of a list of our own.

    Names belong to videos as everywhere (data_lists.name_matching); lines of one video one after another (its
    crops) count once, and the label that some lists write after a name is left out. Raises ListError.
    """
    path = Path(source)
    if not path.is_file() or path.suffix.lower() in LIST_SUFFIXES:
        return resolve_lists([source])
    text = read_text(path)
    if looks_like_list(text):
        return resolve_lists([source])
    ids = [video.video_id for video in videos]
    written = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if written and written[0][1].split(",")[0].strip().casefold() in HEADINGS:
        written = written[1:]
    names = [_name(line) for _, line in written]
    counted = [WITH_FRAMES.fullmatch(line.strip()) for _, line in written]
    # A number after every line is that of its frames, unless the names themselves end like this.
    if all(counted) and match_names(ids, set(names)).unmatched:
        names = [_name(each[1]) for each in counted if each]
    lines: dict[str, int] = {}
    twice: list[str] = []
    for place, ((number, _), name) in enumerate(zip(written, names, strict=True)):
        if name in lines and names[place - 1] != name:
            twice.append(name)
        lines.setdefault(name, number)
    matches = match_names(ids, list(lines))
    by_name = {name: video_id for video_id, name in matches.matched.items()}
    by_id = {video.video_id: video for video in videos}
    problems = [f"{path}:{lines[name]}: {name} is not a video of the list" for name in matches.unused]
    if twice:
        problems.append(f"{path}: named twice: {listed(sorted(set(twice)))}")
    lacking = [*matches.ambiguous, *matches.unmatched]
    if lacking:
        reasons = [f"{each} ({matches.reason(each)})" for each in sorted(lacking)]
        problems.append(f"{path} lacks {len(lacking)} of {len(videos)} videos: {listed(reasons, shown=3)}")
    if problems:
        raise ListError(problems)
    return [by_id[by_name[name]] for name in lines]


def _name(line: str) -> str:
    """The name in a line: before a tab or a label, without the number of a crop."""
    text = line.strip().split("\t")[0].strip().strip('"')
    # Some lists write a label after the name: "a/b.npy 1" or "a/b.npy,Abuse". Names may hold spaces, too.
    text = re.sub(r"^(.*\.\w+)(?:\s+-?\d+|,[^/\\]*)$", r"\1", text)
    return CROP.sub(r"\2", text)


def _other_orders(videos: Sequence[Video]) -> list[str]:
    """Conventions whose arrays hold these published videos in another order than the list."""
    ids = [video.video_id for video in videos]
    if any(video.split != "test" for video in videos):
        return []
    found = []
    for name, convention in CONVENTIONS.items():
        order = [video_id for video_id, _ in legacy_truth(name)] if _covers(convention.dataset, ids) else ids
        if [each for each in order if each in set(ids)] != ids:
            found.append(name)
    return found


def _covers(dataset: str, ids: Sequence[str]) -> bool:
    return set(ids) <= {video.video_id for video in load_split(dataset, "test")}
