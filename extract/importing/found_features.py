"""What is found in a folder or file: per video a name, and what loads its array or those of its crops."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from data_lists.name_matching import ENDING, match_names

Load = Callable[[], np.ndarray]
# What ends the names of a video's crops: __0 to __9, or _0 to _9 where all of them are there.
CROP = re.compile(r"(__?)(0|[1-9][0-9]{0,5})$")
# Modality -> what names of its files or folders end in.
MODALITIES = {"rgb": ("rgb",), "flow": ("flow",), "audio": ("audio", "vggish")}


@dataclass(frozen=True)
class Entry:
    """Features of one video as found: its name, and what loads its array, or one array per crop.

    crop: number of the only crop that it is, where a pattern says so. refusal: why it cannot be loaded, where
    that is known before.
    """

    name: str
    loads: tuple[Load, ...]
    crop: int | None = None
    refusal: str | None = None


@dataclass
class Found:
    """Entries, and lines about what was left out. other_modality: name -> the modality that it belongs to."""

    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    other_modality: dict[str, str] = field(default_factory=dict)

    def keep_modality(self, modality: str, wanted: Collection[str]) -> None:
        """Leave out X_flow and X__vggish where rgb is imported, and so on, unless a video is called so.

        Names without a modality belong to every one, but not to sound where other names say that they do.
        """
        ids, lasts = set(wanted), {video_id.rpartition("/")[2] for video_id in wanted}
        stated = [
            None if entry.name in ids else _stated_modality(entry.name, lasts) for entry in self.entries
        ]
        unstated = "rgb" if modality == "audio" and "audio" in stated else modality
        for entry, of in zip(self.entries, stated, strict=True):
            if (of or unstated) != modality:
                self.other_modality[entry.name] = of or unstated
        self.entries = [entry for entry in self.entries if entry.name not in self.other_modality]

    def join_crops(self, wanted: Sequence[str]) -> None:
        """Make one entry of the crops of a video. Names that belong to an id as they are, are no crops."""
        single = [each.name for each in self.entries if each.crop is None]
        named, names = set(match_names(wanted, single).matched.values()), set(single)
        numbers = _numbers(self.entries)
        joined: dict[str, dict[int, Entry]] = {}
        alone: list[Entry] = []
        for entry in self.entries:
            base, mark, number = _crop_of(entry)
            part_of_name = mark != "{crop}" and entry.name in named
            if mark == "_":
                count = len(numbers[base, mark])
                part_of_name |= base in names or numbers[base, mark] != set(range(count))
            if number is None or part_of_name:
                alone.append(entry)
            elif number in joined.setdefault(base, {}):
                joined[base][number] = failing(base, f"crop {number} is there twice")
            else:
                joined[base][number] = entry
        self.entries = []
        for entry in alone:
            if entry.name not in joined:
                self.entries.append(entry)
            elif 0 in joined[entry.name]:
                reason = f"{entry.name} and crop 0 are both there; which is the first crop?"
                joined[entry.name][0] = failing(entry.name, reason)
            else:
                joined[entry.name][0] = entry  # a name without a number beside numbered ones
        self.entries += [Entry(base, _in_order(crops)) for base, crops in joined.items()]


def failing(name: str, reason: str) -> Entry:
    """An entry that is there and cannot be loaded."""
    return Entry(name, (_refused(reason),), refusal=reason)


def _crop_of(entry: Entry) -> tuple[str, str, int | None]:
    """(name without the number, what separates it, number of the crop or None)."""
    if entry.crop is not None:
        return entry.name, "{crop}", entry.crop
    found = CROP.search(entry.name)
    if found is None or not found.start():
        return entry.name, "", None
    return entry.name[: found.start()], found[1], int(found[2])


def _numbers(entries: Sequence[Entry]) -> dict[tuple[str, str], set[int]]:
    found: dict[tuple[str, str], set[int]] = {}
    for base, mark, number in map(_crop_of, entries):
        if number is not None:
            found.setdefault((base, mark), set()).add(number)
    return found


def _in_order(crops: dict[int, Entry]) -> tuple[Load, ...]:
    if sorted(crops) != list(range(len(crops))):
        reason = f"crops {sorted(crops)} are there, expected 0 to {max(crops)} without a gap"
        return (_refused(reason),)
    return tuple(load for number in sorted(crops) for load in crops[number].loads)


def _stated_modality(name: str, lasts: Collection[str]) -> str | None:
    """The modality among the folders or the endings of a name, as in flow/X and X_flow_i3d; None without one.

    lasts: last components of video ids, which state none.
    """
    folder, _, last = name.rpartition("/")
    words = set(folder.casefold().split("/"))
    rest = "" if last in lasts else CROP.sub("", last.casefold())
    while found := ENDING.search(rest):
        words.add(found[1])
        rest = rest[: found.start()]
    # "rgb" last, because a folder rgb may hold files of another modality.
    return next((each for each in ("audio", "flow", "rgb") if words & set(MODALITIES[each])), None)


def _refused(reason: str) -> Load:
    def load() -> NoReturn:
        raise ValueError(reason)

    return load
