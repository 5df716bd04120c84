"""A truth and what else is known of the videos, as videos with anomaly spans; contradictions are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_lists.list_error import ListError
from data_lists.name_matching import difference, match_names, nearest_names
from data_lists.truth import spans_of_labels
from data_lists.truths.annotation import ANOMALY, Annotation, FoundTruth, class_of
from data_lists.truths.truth_frames import FrameRule, Spans, joined, span_of
from data_lists.video import NORMAL, Video
from data_lists.video_checks import means_normal, video_problems
from extract.runtime.foreign.printable import printable
from extract.runtime.text import counted, listed, unknown

MOST_COMPARED = 100  # names whose near misses are looked for
EARLY = 0.1  # part of its video; numbers that all end before it are more likely seconds than frames
RATE_SLACK = 0.01  # two rates of one video that differ by more contradict each other


@dataclass(frozen=True)
class KnownVideo:
    """What a list or a store says about a video; None for what it does not say."""

    video_id: str
    num_frames: int | None = None
    fps: float | None = None
    event_class: str | None = None
    group: str | None = None
    split: str | None = None

    @classmethod
    def of(cls, video: Video) -> KnownVideo:
        return cls(video.video_id, video.num_frames, None, video.event_class, video.group, video.split)


@dataclass(frozen=True)
class TruthRule(FrameRule):
    """event_class: of all anomalous videos, in place of the truth's labels; "" for those.

    anomalous: the only labels that count, if there are any. normal: labels that do not count, beside those
    that everybody uses.
    """

    event_class: str = ""
    anomalous: tuple[str, ...] = ()
    normal: tuple[str, ...] = ()


@dataclass(frozen=True)
class TruthVideos:
    """silent: ids of videos that are anomalous by the list, but have no anomalous frame in the truth."""

    videos: tuple[Video, ...]
    fps: dict[str, float]
    silent: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def truth_videos(
    found: FoundTruth,
    known: Sequence[KnownVideo] = (),
    rule: TruthRule = TruthRule(),
    *,
    known_by: str = "the list",
) -> TruthVideos:
    """The videos of a truth.

    known: of which videos it should be the truth, in the order of one long array; without any, the truth's
    own names are the ids. known_by: where they come from, for messages.

    Raises ListError with all contradictions: names that fit no video, lengths that differ, events outside
    their video, and anomalous frames of a video that is listed as Normal.
    """
    if found.long_labels is not None or found.parts:
        found = _cut(found, known, known_by)
    if found.unit_assumed and rule.fps is not None:
        raise ListError(
            [
                f"{printable(str(found.path))}: does not say whether its whole numbers are frames or "
                "seconds, and --fps is given; say it by make-list --unit, or call the columns start_frame "
                "and end_frame or start_seconds and end_seconds"
            ]
        )
    problems: list[str] = []
    notes = list(found.notes)
    pairs = _paired(found, known, known_by, problems, notes)
    if found.unit_assumed and _all_early(pairs):
        raise ListError(
            [
                f"{printable(str(found.path))}: its whole numbers state no unit, and as frames every event "
                f"would end in the first {1 / EARLY:g}th of its video; say it by make-list --unit, or call "
                "the columns start_frame and end_frame or start_seconds and end_seconds"
            ]
        )
    if rule.anomalous:
        labels = {event.label for each in found.annotations for event in each.events}
        problems += [unknown(each, labels, kind="label") for each in rule.anomalous if each not in labels]
    left_out: Counter[str] = Counter()
    videos, silent = [], []
    rates: dict[str, float] = {}
    cut = 0
    for video, annotation in pairs:
        if annotation is None:
            videos.append(_video(video, (), video.event_class or NORMAL))
            continue
        made = _made(found, video, annotation, rule, left_out, problems)
        if made is None:
            continue
        spans, event_class, fps, shortened = made
        cut += shortened
        if fps is not None:
            rates[video.video_id] = fps
        length = annotation.num_frames if video.num_frames is None else video.num_frames
        record = _video(replace(video, num_frames=length), spans, event_class)
        where = _place(found, annotation.where, video)
        if spans and video.event_class == NORMAL:
            problems.append(
                f"{where}is {NORMAL} in {known_by}, but the truth marks frames {spans[0][0]}-{spans[0][1]}"
            )
            continue
        if video.event_class not in (None, NORMAL) and not spans:
            silent.append(video.video_id)
        problems += [f"{where}{each}" for each in video_problems(record)]
        videos.append(record)
    if problems:
        raise ListError(problems)
    if left_out:
        labels = listed([f"{printable(label)} {count}" for label, count in left_out.most_common()])
        notes.append(f"events that count as normal, by label: {labels}")
    if cut:
        notes.append(f"{counted(cut, 'event')} ended after the last frame and were cut there")
    if silent:
        notes.append(
            f"{counted(silent, 'video')} anomalous in {known_by} without an anomalous frame in the truth: "
            f"{listed(silent)}"
        )
    return TruthVideos(tuple(videos), rates, frozenset(silent), tuple(notes))


def _all_early(pairs: Iterable[tuple[KnownVideo, Annotation | None]]) -> bool:
    """Whether every event of several videos of known length ends early in its video."""
    ends = [
        (max(event.end for event in each.events), video.num_frames or each.num_frames)
        for video, each in pairs
        if each is not None and each.events
    ]
    return len(ends) > 1 and all(length and end <= EARLY * length for end, length in ends)


def _place(found: FoundTruth, where: str, video: KnownVideo) -> str:
    """How a message about a video begins: file, place in it and video."""
    name = "" if video.video_id in where else f"{video.video_id}: "
    return f"{printable(str(found.path))}: {where + ': ' if where else ''}{name}"


def _video(known: KnownVideo, spans: Spans, event_class: str) -> Video:
    return Video(known.video_id, event_class, known.num_frames, spans, known.group, known.split)


def _made(
    found: FoundTruth,
    video: KnownVideo,
    annotation: Annotation,
    rule: TruthRule,
    left_out: Counter[str],
    problems: list[str],
) -> tuple[Spans, str, float | None, int] | None:
    """Spans, class, rate and how many events were cut; None after adding to `problems`."""
    prefix = _place(found, annotation.where, video)
    if None not in (video.num_frames, annotation.num_frames) and video.num_frames != annotation.num_frames:
        problems.append(
            f"{prefix}the truth has {annotation.num_frames} frames, but the video has {video.num_frames}"
        )
        return None
    if annotation.labels is not None:
        marked = spans_of_labels(annotation.labels)
        event_class = video.event_class or ((rule.event_class or ANOMALY) if marked else NORMAL)
        return marked, event_class, video.fps or rule.fps, 0
    fps = _rate(prefix, video, annotation, rule, problems)
    num_frames = annotation.num_frames if video.num_frames is None else video.num_frames
    spans: list[tuple[int, int]] = []
    weights: Counter[str] = Counter()
    count, before = 0, len(problems)
    for event in annotation.events:
        if _is_normal(event.label, rule):
            left_out[event.label] += 1
            continue
        try:
            limits = {"fps": fps, "clip": rule.clip}
            counting = rule.counting(found.counting)
            start, stop = span_of(event, counting, num_frames=num_frames, **limits)
            count += stop != span_of(event, counting, num_frames=None, **limits)[1]
        except ValueError as error:
            problems.append(f"{_place(found, event.where, video)}{error}")
            continue
        spans.append((start, stop))
        weights[class_of(event.label)] += stop - start
    if len(problems) > before:
        return None
    return joined(spans), _class(video, annotation, weights, rule), fps, count


def _class(video: KnownVideo, annotation: Annotation, weights: Counter[str], rule: TruthRule) -> str:
    """The list's, else the one given, else the label of the video, else the label of most frames."""
    if video.event_class is not None:
        return video.event_class
    own = class_of(annotation.event_class) if annotation.event_class else NORMAL
    if not weights and (own == NORMAL or _is_normal(own, rule)):
        return NORMAL
    if rule.event_class:
        return rule.event_class
    return own if own != NORMAL else weights.most_common(1)[0][0]


def _is_normal(label: str, rule: TruthRule) -> bool:
    if rule.anomalous:
        return label not in rule.anomalous
    return label in rule.normal or means_normal(label)


def _rate(
    prefix: str, video: KnownVideo, annotation: Annotation, rule: TruthRule, problems: list[str]
) -> float | None:
    rates = {
        source: fps
        for source, fps in (("--fps", rule.fps), ("the truth", annotation.fps), ("the store", video.fps))
        if fps
    }
    if rates and max(rates.values()) > min(rates.values()) * (1 + RATE_SLACK):
        said = ", ".join(f"{source} says {fps:g}" for source, fps in rates.items())
        problems.append(f"{prefix}frames a second contradict each other: {said}")
    # The store's was measured.
    return video.fps or annotation.fps or rule.fps


def _paired(
    found: FoundTruth, known: Sequence[KnownVideo], known_by: str, problems: list[str], notes: list[str]
) -> Iterable[tuple[KnownVideo, Annotation | None]]:
    """Each video with its annotation, None for a video that the truth leaves out because it is normal."""
    path = printable(str(found.path))
    by_name: dict[str, Annotation] = {}
    for each in found.annotations:
        if each.name in by_name:
            problems.append(
                f"{path}: {each.name} is there twice: {by_name[each.name].where} and {each.where}"
            )
        by_name[each.name] = each
    if not known:
        return [(KnownVideo(name), each) for name, each in by_name.items()]
    matches = match_names([video.video_id for video in known], list(by_name))
    if not matches.matched and by_name:
        first, name = known[0].video_id, next(iter(by_name))
        problems.append(
            f"{path}: none of its {counted(by_name, 'name')} is a video of {known_by}: "
            f"{printable(name)} against {first}"
        )
        return []
    labelled = any(each.labels is not None for each in found.annotations)
    lacking = []
    for video in known:
        if video.video_id in matches.matched or video.event_class == NORMAL:
            continue
        # What nobody lists as normal is normal only where nothing else can be meant.
        doubt = (
            video.event_class is not None or labelled or matches.unused or video.video_id in matches.ambiguous
        )
        if doubt:
            problems.append(f"{path}: no truth of {video.video_id}: {matches.reason(video.video_id)}")
        else:
            lacking.append(video.video_id)
    normal = [video.video_id for video in known if video.video_id not in matches.matched]
    if normal and not problems:
        notes.append(f"{NORMAL}, because not in the truth: {counted(normal, 'video')}: {listed(normal)}")
    if matches.unused and not problems:
        # A spelling that a known difference explains is most likely a mistake.
        near = [
            f"{each} is nearly {name}"
            for each in matches.unused[:MOST_COMPARED]
            for name in nearest_names(each, normal, count=1)
            if difference(each, name.partition(" (")[0])
        ]
        notes.append(
            f"{counted(matches.unused, 'name')} of the truth not in {known_by}: "
            f"{listed([*near, *(each for each in matches.unused if not near)])}"
        )
    return [(video, by_name.get(matches.matched.get(video.video_id, ""))) for video in known]


def _cut(found: FoundTruth, known: Sequence[KnownVideo], known_by: str) -> FoundTruth:
    """One long array, or arrays without names, as the truth of each video in the order of `known`."""
    path = printable(str(found.path))
    if not known:
        raise ListError(
            [f"{path}: holds all videos one after another, without names; give --order, --list or --store"]
        )
    parts = found.parts
    if found.long_labels is not None:
        if unknown_length := [video.video_id for video in known if video.num_frames is None]:
            raise ListError(
                [
                    f"{path}: holds all videos one after another, but {known_by} has no number of frames of "
                    f"{counted(unknown_length, 'video')}: {listed(unknown_length)}"
                ]
            )
        lengths = [video.num_frames or 0 for video in known]
        if sum(lengths) != len(found.long_labels):
            raise ListError(
                [
                    f"{path}: has {len(found.long_labels):,} labels, but the {counted(known, 'video')} of "
                    f"{known_by} have {sum(lengths):,} frames"
                ]
            )
        cut = np.split(found.long_labels, np.cumsum(lengths)[:-1])
        parts = tuple(Annotation("", labels=part, num_frames=len(part)) for part in cut)
    if len(parts) != len(known):
        raise ListError([f"{path}: has {len(parts)} parts, but {known_by} has {counted(known, 'video')}"])
    return replace(
        found,
        long_labels=None,
        parts=(),
        annotations=tuple(
            replace(part, name=video.video_id, where=f"part {place}")
            for place, (video, part) in enumerate(zip(known, parts, strict=True), start=1)
        ),
    )
