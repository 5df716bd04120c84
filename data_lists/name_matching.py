"""Which file belongs to which video: one rule for feature files, score files and lines of lists.

A found name belongs to a wanted id by the first of these that fits, and only where exactly one id and exactly
one name fit each other:

1. the whole name: first to the letter, then in the same Unicode form (NFC) with / between folders, then
   without known suffixes;
2. the last components, as many as possible, down to the last one alone: first as they are, then without known
   suffixes.

Known suffixes are those of files (`.mp4`, `.npy`, ...) and the endings that programs add (`_x264`, `_i3d`,
`_rgb`, ...), as many as there are: Abuse001_x264.mp4, Abuse001_i3d and Abuse001 are one name. Case is never
ignored. Nothing is guessed: what fits twice is ambiguous, and what fits nothing has its nearest names and
what sets them apart.
"""

from __future__ import annotations

import bisect
import difflib
import functools
import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from data_lists.file_names import VIDEO_SUFFIXES
from extract.runtime.text import listed

FILE_SUFFIXES = VIDEO_SUFFIXES | set(".npy .npz .mat .txt .csv .tsv .json .pt .pth .h5 .hdf5".split())
ENDING = re.compile(
    r"[_-]+(x264|x265|h264|i3d|c3d|s3d|rgb|flow|audio|vggish|feats?|features?|scores?|preds?|predictions?)$",
    re.IGNORECASE,
)
NEAREST = 3
# Comparing spellings takes about 50 us a name; of more names, only those next in the alphabet are compared.
COMPARED = 500
DEEPEST = 64  # folders that are compared


@dataclass(frozen=True)
class NameMatches:
    """What match_names found."""

    # Wanted id -> found name, in the order of the ids.
    matched: dict[str, str]
    # Wanted id -> the names left that it could be.
    ambiguous: dict[str, list[str]]
    # Wanted ids that no name fits, in their order.
    unmatched: list[str]
    # Found names that belong to no id, in their order, each once.
    unused: list[str]

    def reason(self, wanted: str) -> str:
        """Why an id has no name: a sentence without the id, for one in `ambiguous` or `unmatched`."""
        if wanted in self.ambiguous:
            if len(set(self.ambiguous[wanted])) < len(self.ambiguous[wanted]):
                return f"{self.ambiguous[wanted][0]} is there twice; which one is meant?"
            among = listed(self.ambiguous[wanted], shown=NEAREST)
            return f"{plain_name(wanted)} is not unique (it could be {among}); name the files by full id"
        near = nearest_names(wanted, self.unused or list(self.matched.values()))
        return f"no such name; nearest: {', '.join(near)}" if near else "nothing is there"


def match_names(wanted: Iterable[str], found: Iterable[str]) -> NameMatches:
    """Wanted video ids and found names, matched by the rule above.

    found: paths below a folder, with or without suffixes, / or \\ between folders; a name that is there twice
    is ambiguous.
    """
    ids, names = list(dict.fromkeys(wanted)), list(found)
    parts = {each: _parts(each) for each in (*ids, *names)}
    plain = {each: _plain(parts[each]) for each in parts}
    matched: dict[str, str] = {}
    taken: set[str] = set()
    for key in _rules(parts, plain, _depth(parts, ids, names)):
        if len(matched) == len(ids):
            break
        by_id, by_name = _unique(ids, key), _unique(names, key)
        for each, video_id in by_id.items():
            if each in by_name and video_id not in matched and by_name[each] not in taken:
                matched[video_id] = by_name[each]
                taken.add(by_name[each])
    by_plain: dict[tuple[str, ...], list[str]] = {}
    unused = [name for name in dict.fromkeys(names) if name not in taken]
    for name in names:
        if name not in taken:
            by_plain.setdefault(plain[name][-1:], []).append(name)
    left = [video_id for video_id in ids if video_id not in matched]
    ambiguous = {each: by_plain[plain[each][-1:]] for each in left if plain[each][-1:] in by_plain}
    return NameMatches(
        {each: matched[each] for each in ids if each in matched},
        ambiguous,
        [each for each in left if each not in ambiguous],
        unused,
    )


def plain_name(name: str) -> str:
    """The last component in NFC without known suffixes: Abuse/Abuse001_x264.mp4 -> Abuse001."""
    parts = _plain(_parts(name))
    return parts[-1] if parts else ""


def nearest_names(wanted: str, found: Sequence[str], *, count: int = NEAREST) -> list[str]:
    """The found names that are spelled most like the wanted one, nearest first, each with what sets it apart.

    Such as "abuse001 (other case)".
    """
    names = sorted(set(found))
    if len(names) > COMPARED:
        # Equal but for known differences, or neighbours in the alphabet.
        key = _loosest(wanted)
        equal = [name for name in names if _loosest(name) == key]
        names.sort(key=_loosest)
        start = max(bisect.bisect(names, key, key=_loosest) - COMPARED // 2, 0)
        names = list(dict.fromkeys(equal + names[start : start + COMPARED]))
    last = plain_name(wanted)

    def likeness(name: str) -> tuple[bool, float]:
        matcher = difflib.SequenceMatcher(None, last.casefold(), plain_name(name).casefold(), autojunk=False)
        return bool(difference(wanted, name)), matcher.ratio()

    nearest = sorted(names, key=likeness, reverse=True)[:count]
    return [f"{name} ({apart})" if (apart := difference(wanted, name)) else name for name in nearest]


def difference(wanted: str, name: str) -> str:
    """What sets two spellings of one name apart; "" if they are equal or no known difference explains it."""
    needed = [reason for reason, _ in DIFFERENCES]
    if wanted == name or _loosest(wanted) != _loosest(name):
        return ""
    # Backwards, because what stands later undoes more.
    for reason, _ in reversed(DIFFERENCES):
        fewer = [each for each in needed if each != reason]
        if _loosened(wanted, fewer) == _loosened(name, fewer):
            needed = fewer
    return ", ".join(needed)


def _loosened(name: str, reasons: Sequence[str]) -> str:
    for reason, change in DIFFERENCES:
        if reason in reasons:
            name = change(name)
    return name


@functools.lru_cache(1 << 17)
def _loosest(name: str) -> str:
    return _loosened(name, [reason for reason, _ in DIFFERENCES])


def _without(strip: Callable[[str], str]) -> Callable[[str], str]:
    """Strip the last component as long as something is left of it."""

    def stripped(name: str) -> str:
        before, slash, last = name.rpartition("/")
        while (shorter := strip(last)) and shorter != last:
            last = shorter
        return before + slash + last

    return stripped


def _file_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in FILE_SUFFIXES else name


def _known_suffix(name: str) -> str:
    stem = _file_suffix(name) or name
    return ENDING.sub("", stem) or stem


# What may set two spellings apart, and how a name looks without it, in the order in which they are undone.
DIFFERENCES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("backslashes", lambda name: name.replace("\\", "/")),
    ("other folder", lambda name: name.rpartition("/")[2]),
    ("other Unicode form, NFC or NFD", lambda name: unicodedata.normalize("NFC", name)),
    ("other case", str.casefold),
    ("other suffix", _without(_file_suffix)),
    ("other ending, such as _x264 or _i3d", _without(_known_suffix)),
    ("other spaces, hyphens or underscores", lambda name: re.sub(r"[\s_-]+", "_", name)),
    ("other leading zeros", lambda name: re.sub(r"(?<![0-9])0+(?=[0-9])", "", name)),
)


def _parts(name: str) -> tuple[str, ...]:
    """The components of a name in NFC; separators of Windows and "." are not part of them."""
    path = unicodedata.normalize("NFC", name).replace("\\", "/")
    return tuple(part for part in path.split("/") if part not in ("", "."))


def _plain(parts: tuple[str, ...]) -> tuple[str, ...]:
    return (*parts[:-1], _without(_known_suffix)(parts[-1])) if parts else ()


def _depth(parts: dict[str, tuple[str, ...]], *sides: Sequence[str]) -> int:
    """How many components can be compared."""
    return min(DEEPEST, *(max((len(parts[each]) for each in side), default=0) for side in sides))


def _rules(
    parts: dict[str, tuple[str, ...]], plain: dict[str, tuple[str, ...]], deepest: int
) -> Iterator[Callable[[str], Hashable]]:
    """What must be equal, by the rule above, one after the other."""
    yield lambda name: name
    yield from (parts.get, plain.get)
    for count in range(deepest, 0, -1):
        for components in (parts, plain):
            yield (
                lambda name, of=components, count=count: of[name][-count:] if len(of[name]) >= count else None
            )


def _unique(names: Sequence[str], key: Callable[[str], Hashable]) -> dict[Hashable, str]:
    """Key -> the name with this key, for keys of exactly one name."""
    found: dict[Hashable, list[str]] = {}
    for name in names:
        if (each := key(name)) not in (None, ()):
            found.setdefault(each, []).append(name)
    return {each: alike[0] for each, alike in found.items() if len(alike) == 1}
