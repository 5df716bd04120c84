"""Lines of names and numbers, as XD-Violence and UCF-Crime publish them.

NAME start end start end ...               XD-Violence: frames from 0, the end is not part
NAME CODE start end CODE start end ...     the same with the class of each event
NAME Class first last first last [frames]  UCF-Crime: frames from 1, the last is part, -1 for no event
"""

from __future__ import annotations

import re
from pathlib import Path

from data_lists.truths.annotation import FRAMES, Annotation, Counting, Event, FoundTruth, video_name
from data_lists.xd_violence import CODES
from extract.runtime.foreign.foreign_error import ForeignFileError

XD, UCF = "lines as of XD-Violence", "lines as of UCF-Crime"
NUMBER = re.compile(r"-?\d+(\.0*)?")
CODE_IN_NAME = re.compile(r"_label_([A-Z0-9]+)(?:-[A-Z0-9]+)*(?:\.\w+)?")


def spans_in_lines(path: Path, text: str) -> FoundTruth | None:
    """None for a text of another form. Raises ForeignFileError for a line that does not fit the others."""
    lines = [
        (number, words)
        for number, line in enumerate(text.splitlines(), 1)
        if (
            words := [
                word
                for word in re.split(r"[\s,;]+" if len(line.split()) == 1 else r"\s+", line.strip())
                if word
            ]
        )
    ]
    if not lines or not all(_fits(words) for _, words in lines[:1]):
        return None
    # UCF-Crime has one class and no codes.
    is_ucf = all(
        len(words) > 1 and not NUMBER.fullmatch(words[1]) and words[1] not in CODES for _, words in lines
    )
    parse = _ucf if is_ucf else _xd
    annotations = []
    for number, words in lines:
        if not _fits(words):
            raise ForeignFileError(
                path, f"line {number}: expected a name, perhaps a class, and pairs of frames"
            )
        annotations.append(parse(path, number, words))
    counting = Counting(first=1, inclusive=True) if is_ucf else Counting()
    return FoundTruth(path, UCF if is_ucf else XD, tuple(annotations), counting=counting)


def _fits(words: list[str]) -> bool:
    numbers = [word for word in words[1:] if NUMBER.fullmatch(word)]
    others = [word for word in words[1:] if not NUMBER.fullmatch(word)]
    coded = all(each in CODES for each in others) or (len(others) == 1 and words[1] == others[0])
    return not NUMBER.fullmatch(words[0]) and coded and len(numbers) >= 2


def _ucf(path: Path, number: int, words: list[str]) -> Annotation:
    name, event_class, *numbers = words
    frames = [int(float(each)) for each in numbers]
    num_frames = frames.pop() if len(frames) % 2 else None
    events = _events(path, number, frames, event_class)
    return Annotation(
        video_name(name), events, num_frames=num_frames, event_class=event_class, where=f"line {number}"
    )


def _xd(path: Path, number: int, words: list[str]) -> Annotation:
    match = CODE_IN_NAME.search(words[0])
    own = CODES.get(match[1], "") if match else ""
    events: tuple[Event, ...] = ()
    label, frames = own, []
    for word in [*words[1:], ""]:
        if NUMBER.fullmatch(word):
            frames.append(int(float(word)))
            continue
        if len(frames) % 2:
            raise ForeignFileError(path, f"line {number}: {len(frames)} frame numbers, expected pairs")
        # The name decides the class of the video, so that an event of another code does not change it.
        events += _events(path, number, frames, label)
        label, frames = own or CODES.get(word, ""), []
    return Annotation(video_name(words[0]), events, event_class=own, where=f"line {number}")


def _events(path: Path, number: int, frames: list[int], label: str) -> tuple[Event, ...]:
    if len(frames) % 2:
        raise ForeignFileError(path, f"line {number}: {len(frames)} frame numbers, expected pairs")
    pairs = [pair for pair in zip(frames[::2], frames[1::2], strict=True) if pair != (-1, -1)]
    return tuple(Event(first, last, FRAMES, label, f"line {number}") for first, last in pairs)
