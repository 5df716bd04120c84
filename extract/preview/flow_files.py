"""Where the flow of a video or of two images goes: .flo files, PNG, 8-bit planes, an mp4."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from extract.flow.colour import flow_to_rgb
from extract.flow.flo_files import is_ours, write_flo
from extract.flow.quantise import CLAMP, quantise
from extract.preview.side_by_side import SideBySide
from extract.runtime.atomic import sweep, write_bytes
from extract.runtime.foreign.pictures import read_rgb
from extract.store.output_file import OutputError, check_apart, check_output, marked_png

# Pixels per frame at full colour: one scale for a complete video, or still scenes would flicker.
VIDEO_FULL_COLOUR = 5.0
NAMES = re.compile(r"flow(_\d+)?(_[xy])?\.(flo|png|mp4)")  # of all files in the folder
KINDS = {".png": "PNG figure", ".mp4": "flow video"}  # of output_file


class FlowFiles:
    """Writes below a folder; a context manager.

    kinds: of flo, png and mp4. quantiser: mediapipe or round also writes both planes in 8 bits, clamped to
    +-20 pixels; none does not.
    """

    def __init__(self, folder: Path, *, kinds: tuple[str, ...], quantiser: str = "none", fps: float = 25.0):
        self.folder, self.kinds, self.quantiser = folder, kinds, quantiser
        check_flow_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)  # once, not per frame: the folder may hold as many files as the video has frames
        self.video = SideBySide(folder / "flow.mp4", kind="flow video", fps=fps) if "mp4" in kinds else None

    def add(self, flow: np.ndarray, frame: np.ndarray, *, name: str) -> None:
        """flow: float [2, H, W] from frame, RGB uint8 [H, W, 3], to the next. name: without suffix."""
        if "flo" in self.kinds:
            write_flo(self.folder / f"{name}.flo", flow, tidy=False)
        if "png" in self.kinds:
            write_png(self.folder / f"{name}.png", flow_to_rgb(flow))
        if self.quantiser != "none":
            levels = quantise(torch.from_numpy(flow), self.quantiser, clamp=CLAMP).numpy()
            for plane, axis in zip(levels, "xy", strict=True):
                write_png(self.folder / f"{name}_{axis}.png", plane)
        if self.video:
            self.video.add(frame, flow_to_rgb(flow, largest=VIDEO_FULL_COLOUR))

    def discard(self) -> None:
        """Give up the mp4: the video starts over with other files."""
        if self.video:
            self.video.discard()
            self.video = None

    def __enter__(self) -> FlowFiles:
        return self

    def __exit__(self, *exception) -> None:
        if self.video:
            self.video.__exit__(*exception)


def check_flow_folder(folder: Path, sources: Sequence[Path] = ()) -> None:
    """Raise OutputError for a folder in which flow would replace what is not flow of ours, or an input.

    sources: the video or the images.
    """
    if any(source.is_dir() and folder.exists() and source.samefile(folder) for source in sources):
        raise OutputError(f"--out {folder} is the input itself; choose another folder")
    found = [path for path in folder.iterdir() if NAMES.fullmatch(path.name)] if folder.is_dir() else []
    check_apart([("--out", path) for path in found], sources)
    for path in found:
        if path.suffix != ".flo":
            check_output(path, KINDS[path.suffix], option="--out")
        elif not path.is_file() or not is_ours(path):
            raise OutputError(f"--out {path} is not ours, and this would replace it; choose another folder")


def write_png(path: Path, picture: np.ndarray) -> None:
    """RGB uint8 [H, W, 3] or grey uint8 [H, W], atomically."""
    ordered = picture[..., ::-1] if picture.ndim == 3 else picture  # OpenCV stores blue first
    write_bytes(path, marked_png(cv2.imencode(".png", ordered)[1].tobytes()), durable=False, tidy=False)


def read_image(path: Path) -> np.ndarray:
    """RGB uint8 [H, W, 3] of an image file, grey ones too. Raises ForeignFileError for other files."""
    return np.array(read_rgb(path))  # a copy that may be written to
