"""Walking through a folder of someone else: links to themselves and ten thousand levels do no harm."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from extract.runtime.foreign.foreign_error import ForeignFileError, one_line

DEEPEST = 64  # levels; a data set has three or four


def files_below(
    root: Path | str,
    *,
    wanted: Callable[[str], bool] = lambda _name: True,
    on_problem: Callable[[ForeignFileError], None] | None = None,
    links: bool = True,
    irregular: bool = False,
) -> Iterator[Path]:
    """Regular files below a folder in sorted order, a folder's own before those further down; no hidden ones.

    wanted: whether a file's own name is. links: follow symbolic links, each folder once. on_problem gets a
    folder that cannot be listed or is deeper than 64 levels; without it the error is raised. irregular: also
    pipes, devices, sockets and links to nothing that are wanted, for callers that refuse them by name.
    on_problem also gets each link that is not followed.
    """
    for folder, _, others in walk_below(root, on_problem=on_problem, links=links):
        for entry in others:
            if not links and entry.is_symlink():
                # Whatever it leads to, because looking there would follow it.
                if on_problem is not None:
                    on_problem(ForeignFileError(folder / entry.name, "is a link, which is not followed here"))
            elif wanted(entry.name) and (irregular or _is(entry.is_file, links)):
                yield folder / entry.name


def walk_below(
    root: Path | str,
    *,
    on_problem: Callable[[ForeignFileError], None] | None = None,
    links: bool = True,
    hidden: bool = False,
) -> Iterator[tuple[Path, list[str], list[os.DirEntry[str]]]]:
    """(folder, names of the folders in it, everything else in it), both sorted, as os.walk does.

    Names that the caller takes out of the second are not entered. on_problem and links: see files_below.
    hidden: also names that begin with a dot.
    """
    seen: set[tuple[int, int]] = set()
    # A list of what is left instead of recursion, whose depth a folder could choose.
    waiting: list[tuple[Path, int]] = [(Path(root), 0)]
    while waiting:
        folder, level = waiting.pop()
        try:
            if level > DEEPEST:
                raise ForeignFileError(folder, f"is more than {DEEPEST} folders deep; is it a loop?")
            entries = [entry for entry in _entries(folder, seen) if hidden or not entry.name.startswith(".")]
        except ForeignFileError as error:
            if on_problem is None:
                raise
            on_problem(error)
            continue
        inner, others = [], []
        for entry in entries:
            if _is(entry.is_dir, links):
                inner.append(entry.name)
            else:
                others.append(entry)
        yield folder, inner, others
        waiting += [(folder / name, level + 1) for name in reversed(inner)]


def _entries(folder: Path, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """The sorted entries of a folder; none if it was listed before, under whatever name."""
    try:
        found = os.stat(folder)
        if (key := (found.st_dev, found.st_ino)) in seen:
            return []
        seen.add(key)
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise ForeignFileError(folder, f"the folder cannot be listed ({one_line(error)})") from None


def _is(kind: Callable[..., bool], links: bool) -> bool:
    try:
        return kind(follow_symlinks=links)
    except OSError:  # a link to itself
        return False
