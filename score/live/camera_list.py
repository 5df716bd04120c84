"""The cameras of a command line: its SOURCEs and those of --cameras."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from score.live.address import Address
from score.live.camera import Camera
from score.live.cameras_file import read_cameras_file, repeated


def cameras_of(
    sources: Sequence[Address],
    cameras_file: Path | None,
    *,
    realtime: bool = False,
    rate: float | None = None,
) -> list[Camera]:
    """rate: of cameras that have none of their own.

    Raises ValueError for sources that cannot be used, for two of one address or name, and for none at all.
    """
    found = [] if cameras_file is None else read_cameras_file(cameras_file)
    names = {camera.name.casefold() for camera in found}
    for address in sources:
        name = _free(_name(address), names)
        names.add(name.casefold())
        found.append(Camera(name, address))
    if not found:
        raise ValueError("nothing to watch: give a SOURCE, such as rtsp://HOST/PATH or a file, or --cameras")
    if problems := list(repeated(found)):
        raise ValueError("\n".join(problems))
    return [
        replace(each, rate=each.rate or rate, realtime=realtime and each.address.kind == "file")
        for each in found
    ]


def _name(address: Address) -> str:
    """What a camera is called that nobody named."""
    if address.kind in ("rtsp", "http"):
        return urlsplit(address.text).hostname or "camera"
    if address.kind == "file":
        return Path(address.text).stem
    return os.path.basename(os.path.abspath(address.text)) or "camera"


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate.casefold() in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate
