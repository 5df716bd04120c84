"""An uploaded file: stored under a harmless name, and checked before any work is spent on it."""

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
from extract.runtime.atomic import writing
from extract.runtime.child_process import clean_environment
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.foreign.sandbox import in_sandbox
from extract.store import FeatureSpec

PROBE_SECONDS = 60.0
BEGINNING = 4096  # bytes from which the kind of a file is guessed
HDF5 = b"\x89HDF\r\n\x1a\n"
LISTS = (b"#EXTM3U", b"ffconcat")  # playlists, whose files a decoder would open on our behalf
MAX_FPS = 240  # frames per second of a video as long as is allowed
MAX_NAME_BYTES = 160  # length limit of a file name; file systems allow 255


class UploadError(ValueError):
    """A file cannot be scored; the text is one line for the person who uploaded it."""


@dataclass(frozen=True)
class Upload:
    """A file that looks like a video.

    name: its original name. seconds, frames: from its header, None if unknown. below: its path below the
    folder of --videos, "" for a file that was uploaded.
    """

    name: str
    path: Path
    seconds: float | None = None
    frames: int | None = None
    below: str = ""

    @property
    def full_name(self) -> str:
        """The name that is unique in the folder of --videos, and from which the camera is found."""
        return self.below or self.name


def keep(name: str, file: BinaryIO, folder: Path) -> Path:
    """Copy an upload into a folder, under a safe version of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / safe_name(name)
    with writing(path, durable=False) as partial, open(partial, "wb") as kept:
        shutil.copyfileobj(file, kept, 1 << 20)
    return path


def safe_name(name: str) -> str:
    """A file name without folders, control characters and leading dots; unknown suffixes become .mp4."""
    # Windows browsers may send a complete path.
    plain = PurePath(name.replace("\\", "/")).name
    plain = re.sub(r"[^\w .()\[\]+-]", "_", plain).strip(". ") or "video"
    suffix = PurePath(plain).suffix
    # Cut by bytes, not characters, and never inside a character.
    stem = plain.removesuffix(suffix).encode(errors="ignore")[:MAX_NAME_BYTES].decode(errors="ignore")
    stem = stem.strip(". ") or "video"
    return stem + (suffix if suffix.lower() in VIDEO_SUFFIXES else ".mp4")


def check(path: Path, *, name: str, max_minutes: float, specs: Sequence[FeatureSpec] = ()) -> Upload:
    """Check that a file is a video. specs: of the checkpoint, to explain feature files.

    Raises UploadError for files that are not videos, contain no video stream or are too long.
    """
    try:
        with open_regular(path, expected="a video") as file:
            size = os.fstat(file.fileno()).st_size
            begin = file.read(BEGINNING)
    except ForeignFileError as error:
        raise UploadError(f"{name}: {error.reason}") from None
    if size == 0:
        raise UploadError(f"{name} is empty (0 bytes). Was it copied while it was still being written?")
    if begin.startswith(HDF5):
        raise UploadError(_feature_file_text(path, name, specs))
    if begin.lstrip().startswith(LISTS):
        raise UploadError(f"{name} is a list of other files, not a video. Upload the video itself.")
    found = _probe(path)
    if "problem" in found:
        what = "it contains text" if _is_text(begin) else found["problem"]
        raise UploadError(
            f"{name} is not a readable video ({what}). If it plays elsewhere it may be damaged or cut short: "
            "copy it again, or export it as MP4."
        )
    if found["codec"] is None:
        if found["still"]:
            raise UploadError(f"{name} is a single image, not a video. Upload the video itself.")
        raise UploadError(f"{name} has {'sound but ' if found['sound'] else ''}no video.")
    seconds = found["seconds"]
    if seconds is not None and seconds > max_minutes * 60:
        raise too_long(name, max_minutes, seconds)
    if found["frames"] is not None and found["frames"] > frame_limit(max_minutes):
        raise too_many_frames(name, max_minutes)
    return Upload(name, path, seconds, found["frames"])


def too_long(name: str, max_minutes: float, seconds: float | None = None) -> UploadError:
    """The error for a video longer than max_minutes. seconds: its length, None if unknown."""
    if seconds is None:
        length = f"longer than {max_minutes:g} minutes, the limit here"
    else:
        length = f"{seconds / 60:.1f} minutes long; the limit here is {max_minutes:g}"
    return UploadError(f"{name} is {length}. Cut it, or score it with vad-score predict, which has no limit.")


def frame_limit(max_minutes: float) -> float:
    """Frames of a video at most: two seconds at 50,000 frames per second are short and cost an hour."""
    return max_minutes * 60 * MAX_FPS


def too_many_frames(name: str, max_minutes: float) -> UploadError:
    """The error for a video with more frames than frame_limit."""
    return UploadError(
        f"{name} has more than {frame_limit(max_minutes):,.0f} frames, the limit here. Cut it, lower its "
        "frame rate, or score it with vad-score predict, which has no limit."
    )


def _probe(path: Path) -> dict:
    command = [sys.executable, "-m", "score.jobs.probe", str(path)]
    environment = {**clean_environment(), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
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
        return {"problem": f"opening it took more than {PROBE_SECONDS:g} s"}
    if ended.returncode:
        return {"problem": "it crashes the program that opens it"}
    return json.loads(ended.stdout)


def _feature_file_text(path: Path, name: str, specs: Sequence[FeatureSpec]) -> str:
    """The message for a file of a feature store."""
    try:
        spec = FeatureSpec.from_json(in_sandbox(spec_text, path, kind="an HDF5 file"))
    except (KeyError, TypeError, ValueError):
        return f"{name} is an HDF5 file, not a video."
    advice = "Upload the video itself; its features are extracted here."
    if specs and all(spec.differences(each) for each in specs):
        expected = " + ".join(each.preset for each in specs)
        return (
            f"{name} contains features of the preset {spec.preset}, but the checkpoint was trained on "
            f"{expected}: {'; '.join(spec.differences(specs[0])[:3])}. {advice}"
        )
    return f"{name} contains features of the preset {spec.preset}. {advice}"


def spec_text(path: str) -> str:
    """The spec of a feature file as text; for a process that may die."""
    from extract.runtime.foreign.hdf5_files import attribute, open_hdf5

    with open_hdf5(path) as file:
        return attribute(file, "spec", str)


def _is_text(begin: bytes) -> bool:
    try:
        text = begin.decode("utf-8", errors="ignore" if len(begin) == BEGINNING else "strict")
    except UnicodeDecodeError:
        return False
    return all(each.isprintable() or each.isspace() for each in text)
