"""The cameras' table: camera ids or file names -> places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from data_lists.delimited import cells_of, delimiter_of
from extract.runtime.foreign.text_files import read_text

COLUMNS = ("camera", "place")


@dataclass(frozen=True)
class Camera:
    """camera: its id in the table. place: its location in words."""

    camera: str
    place: str


@dataclass(frozen=True)
class Cameras:
    """places: camera id or file name -> place."""

    places: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> Camera | None:
        """The camera of a video, None if it is unknown.

        Found by file name, by file name without suffix, or by an id that is a separate word of the path; the
        longest id wins. Case is ignored.
        """
        path = PurePath(name)
        known = {camera.casefold(): camera for camera in self.places}
        for exact in (path.name, path.stem, path.with_suffix("").as_posix()):
            if exact.casefold() in known:
                return self._camera(known[exact.casefold()])
        found = [camera for folded, camera in known.items() if _has_word(folded, name.casefold())]
        return self._camera(max(found, key=len)) if found else None

    def _camera(self, camera: str) -> Camera:
        return Camera(camera, self.places[camera])


def read_cameras(path: Path | str) -> Cameras:
    """Read a table with the columns camera and place, separated as in lists of videos; others are ignored.

    Raises ValueError with one line per mistake.
    """
    # Not splitlines, which would also split at separators that a name may contain by mistake.
    first, *lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
    delimiter = delimiter_of(first)
    header = [name.strip().lower() for name in cells_of(first, delimiter)]
    if missing := [name for name in COLUMNS if name not in header]:
        raise ValueError(
            f"{path}:1: the column {' and '.join(missing)} is missing; expected a table with the columns "
            "camera and place, separated by tabs, commas or semicolons"
        )
    columns = [header.index(name) for name in COLUMNS]
    places: dict[str, str] = {}
    problems = []
    for number, line in enumerate(lines, start=2):
        row = cells_of(line, delimiter)
        if not any(cell.strip() for cell in row):
            continue
        camera, place = (row[column].strip() if column < len(row) else "" for column in columns)
        if not camera or not place:
            problems.append(f"{path}:{number}: {'place' if camera else 'camera'} is empty")
        elif camera in places:
            problems.append(f"{path}:{number}: {camera} is in the table twice")
        places.setdefault(camera, place)
    if problems:
        raise ValueError("\n".join(problems))
    return Cameras(places)


def _has_word(camera: str, name: str) -> bool:
    """Whether an id occurs in a name without letters or digits around it: cam1 is not in cam12."""
    start = name.find(camera)
    while start >= 0:
        around = name[start - 1 : start] + name[start + len(camera) : start + len(camera) + 1]
        if not any(each.isalnum() for each in around):
            return True
        start = name.find(camera, start + 1)
    return False
