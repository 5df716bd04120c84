"""A file that somebody gave the page: kept under a harmless name, and looked at before any work is spent
on it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

from data_lists.file_names import VIDEO_SUFFIXES
from extract.store import FeatureSpec
from score.app.app_settings import VARIABLE, WEBHOOK_VARIABLE

PROBE_SECONDS = 60.0
BEGINNING = 4096  # bytes that tell what a file is
HDF5 = b"\x89HDF\r\n\x1a\n"
LISTS = (b"#EXTM3U", b"ffconcat")  # of other files, which a decoder would open in our name
LONGEST_NAME = 160  # bytes of a file name; file systems take 255


class UploadError(ValueError):
    """A file cannot be scored; the text is one line for the person who gave it."""


@dataclass(frozen=True)
class Upload:
    """A file that looks like a video. name: as the person knows it. seconds, frames: as its header says,
    None where it does not. below: its path below the folder to choose from, "" for a file that was sent."""

    name: str
    path: Path
    seconds: float | None = None
    frames: int | None = None
    below: str = ""

    @property
    def full_name(self) -> str:
        """What tells it from the others of a folder, and of which camera it is."""
        return self.below or self.name


def keep(name: str, file: BinaryIO, folder: Path) -> Path:
    """Copy an upload into a folder, under its name as far as that is harmless."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / safe_name(name)
    with open(path, "wb") as kept:
        shutil.copyfileobj(file, kept, 1 << 20)
    return path


def safe_name(name: str) -> str:
    """A file name without folders, control characters or a leading dot; the suffix stays where it is a
    video's."""
    plain = PurePath(name.replace("\\", "/")).name
    plain = re.sub(r"[^\w .()\[\]+-]", "_", plain).strip(". ") or "video"
    suffix = PurePath(plain).suffix
    stem = plain.removesuffix(suffix).encode(errors="ignore")[:LONGEST_NAME].decode(errors="ignore")
    stem = stem.strip(". ") or "video"
    return stem + (suffix if suffix.lower() in VIDEO_SUFFIXES else ".mp4")


def check(path: Path, *, name: str, max_minutes: float, specs: Sequence[FeatureSpec] = ()) -> Upload:
    """Raises UploadError for what is no video, holds no pictures or is too long. specs: of the
    checkpoint."""
    size = path.stat().st_size
    if size == 0:
        raise UploadError(f"{name} is empty (0 bytes). Was it copied while it was still being written?")
    with open(path, "rb") as file:
        begin = file.read(BEGINNING)
    if begin.startswith(HDF5):
        raise UploadError(_features_words(path, name, specs))
    if begin.lstrip().startswith(LISTS):
        raise UploadError(f"{name} is a list of other files, not a video. Give the video itself.")
    found = _probe(path)
    if "problem" in found:
        what = "it holds text" if _is_text(begin) else found["problem"]
        raise UploadError(
            f"{name} is no video that can be read ({what}). If it plays elsewhere it may be damaged or cut "
            "short: copy it again, or export it as MP4."
        )
    if found["codec"] is None:
        if found["still"]:
            raise UploadError(f"{name} is a single picture, not a video. Give the video itself.")
        raise UploadError(f"{name} has {'sound but ' if found['sound'] else ''}no moving pictures.")
    seconds = found["seconds"]
    if seconds is not None and seconds > max_minutes * 60:
        raise too_long(name, max_minutes, seconds)
    return Upload(name, path, seconds, found["frames"])


def too_long(name: str, max_minutes: float, seconds: float | None = None) -> UploadError:
    """The error for a longer video than max_minutes. seconds: how long it is, where that is known."""
    if seconds is None:
        length = f"longer than {max_minutes:g} minutes, which is what this page takes at most"
    else:
        length = f"{seconds / 60:.1f} minutes long; this page takes {max_minutes:g} at most"
    return UploadError(f"{name} is {length}. Cut it, or score it with vad-score predict, which has no limit.")


def _probe(path: Path) -> dict:
    command = [sys.executable, "-m", "score.app.probe", str(path)]
    environment = _own_packages()
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"opening it takes more than {PROBE_SECONDS:g} s"}
    if ended.returncode:
        return {"problem": "the program that opens it breaks off"}
    return json.loads(ended.stdout)


def _own_packages() -> dict[str, str]:
    """The environment for a Python that finds this package where this one did, without what a hostile file must
    not learn: the address of the webhook."""
    kept = {name: value for name, value in os.environ.items() if name not in (VARIABLE, WEBHOOK_VARIABLE)}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _features_words(path: Path, name: str, specs: Sequence[FeatureSpec]) -> str:
    """What to say to somebody who gives a file of a feature store."""
    import h5py

    try:
        with h5py.File(path) as file:
            spec = FeatureSpec.from_json(file.attrs["spec"])
    except (OSError, KeyError, TypeError, ValueError):
        return f"{name} is an HDF5 file, not a video."
    if specs and all(spec.differences(each) for each in specs):
        wanted = " + ".join(each.preset for each in specs)
        return (
            f"{name} holds features of the preset {spec.preset}, but the checkpoint was trained on {wanted}: "
            f"{'; '.join(spec.differences(specs[0])[:3])}. Give the video itself; they are made here."
        )
    return f"{name} holds features of the preset {spec.preset}. Give the video itself; they are made here."


def _is_text(begin: bytes) -> bool:
    try:
        text = begin.decode("utf-8", errors="ignore" if len(begin) == BEGINNING else "strict")
    except UnicodeDecodeError:
        return False
    return all(each.isprintable() or each.isspace() for each in text)
