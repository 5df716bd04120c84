"""The cameras' YAML: names, places, addresses, zones, thresholds and rates of many cameras.

cameras:
  - name: gate                       # unique
    place: north gate                # shown with alerts
    address_file: secrets/gate       # or address: rtsp://host/path, or address_variable: GATE
    ignore: zone.png                 # white where the picture is ignored; or, with the picture's size:
    # ignore: {size: [320, 240], polygons: [[[0, 0], [100, 0], [0, 80]]]}
    threshold: 0.6                   # its own
    rate: 10                         # frames per second that are taken at most
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.pictures import MOST_PIXELS
from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.text_files import read_yaml
from extract.runtime.text import unknown
from score.live.address import Address, address_in_file, address_in_variable, plain_address
from score.live.camera import Camera
from score.live.frames.zone import mask_of_image, mask_of_polygons

LONGEST_NAME = 64
ADDRESSES = ("address", "address_file", "address_variable")
Pixels = Annotated[float, Field(ge=0, le=65536, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Polygons(_Part):
    """Zones in pixels (x, y) of a picture of this size (width, height)."""

    size: Annotated[list[Annotated[int, Field(ge=1, le=65536)]], Field(min_length=2, max_length=2)]
    polygons: Annotated[
        list[
            Annotated[
                list[Annotated[list[Pixels], Field(min_length=2, max_length=2)]],
                Field(min_length=3, max_length=1000),
            ]
        ],
        Field(min_length=1, max_length=100),
    ]


class CameraEntry(_Part):
    """One camera of the file."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[\w .()+-]+$")]
    place: Annotated[str, Field(max_length=200)] = ""
    address: str | None = None
    address_file: str | None = None
    address_variable: str | None = None
    ignore: str | Polygons | None = None
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    rate: Annotated[float, Field(gt=0, le=1000)] | None = None


def read_cameras_file(path: Path) -> list[Camera]:
    """The cameras of a file; paths in it are relative to its folder.

    Raises ValueError with one line per mistake, none of which repeats an address.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("cameras"), list) or len(content) != 1:
        raise ForeignFileError(path, "expected one list, cameras:, with a name and an address for each")
    if not content["cameras"]:
        raise ForeignFileError(path, "its list cameras: is empty")
    problems: list[str] = []
    cameras = []
    for number, values in enumerate(content["cameras"], start=1):
        try:
            cameras.append(_camera(values, path.parent))
        except _Mistakes as mistakes:
            problems += [f"{path}: {_title(values, number)}: {line}" for line in mistakes.lines]
    problems += [f"{path}: {line}" for line in repeated(cameras)]
    if problems:
        raise ValueError("\n".join(printable(line) for line in problems))
    return cameras


def repeated(cameras: list[Camera]) -> Iterator[str]:
    """A line for each name and each address that two cameras have."""
    names, addresses = {}, {}
    for camera in cameras:
        folded = camera.name.casefold()
        if folded in names:
            yield f"two cameras have the name {camera.name!r}"
        names[folded] = camera.name
        if camera.address.text in addresses:
            yield f"{addresses[camera.address.text]!r} and {camera.name!r} have the same address"
        addresses[camera.address.text] = camera.name


class _Mistakes(Exception):
    def __init__(self, *lines: str):
        self.lines = lines


def _title(values: Any, number: int) -> str:
    name = values.get("name") if isinstance(values, dict) else None
    return (
        f"camera {number} ({name[:LONGEST_NAME]!r})" if isinstance(name, str) and name else f"camera {number}"
    )


def _camera(values: Any, folder: Path) -> Camera:
    if not isinstance(values, dict):
        raise _Mistakes("expected name: and address: lines")
    lines = [
        unknown(str(name)[:80], CameraEntry.model_fields, kind="setting")
        for name in values
        if name not in CameraEntry.model_fields
    ]
    known = {name: value for name, value in values.items() if name in CameraEntry.model_fields}
    try:
        entry = CameraEntry.model_validate(known)
    except ValidationError as error:
        # Without the values, one of which may be an address.
        found = {
            _place(each["loc"]): each["msg"] for each in error.errors(include_input=False, include_url=False)
        }
        raise _Mistakes(*lines, *(f"{place}: {words}" for place, words in found.items())) from None
    given = [name for name in ADDRESSES if getattr(entry, name) is not None]
    if len(given) != 1:
        what = " and ".join(given) if given else "none"
        lines.append(f"expected one of {', '.join(ADDRESSES)}, got {what}")
    if lines:
        raise _Mistakes(*lines)
    try:
        address, ignored = _address(entry, folder), _ignored(entry.ignore, folder)
    except ValueError as error:
        raise _Mistakes(*str(error).split("\n")) from None
    return Camera(entry.name, address, entry.place, ignored, entry.threshold, entry.rate)


def _place(location: tuple) -> str:
    # Names of alternatives of a union say nothing to the reader.
    return ".".join(str(part) for part in location if part not in ("str", "Polygons"))


def _address(entry: CameraEntry, folder: Path) -> Address:
    if entry.address_file is not None:
        return address_in_file(folder / entry.address_file)
    if entry.address_variable is not None:
        return address_in_variable(entry.address_variable)
    text = entry.address or ""
    local = "://" not in text and not text.startswith("/")
    return plain_address(str(folder / text) if local else text, source="address")


def _ignored(ignore: str | Polygons | None, folder: Path) -> np.ndarray | None:
    if ignore is None:
        return None
    if isinstance(ignore, str):
        return mask_of_image(folder / ignore)
    width, height = ignore.size
    if width * height > MOST_PIXELS:
        raise ValueError(f"ignore.size is {width}x{height} pixels; expected {MOST_PIXELS} at most")
    return mask_of_polygons([[(x, y) for x, y in polygon] for polygon in ignore.polygons], (width, height))
