"""Where the flow of a video or of two pictures goes: .flo files, pictures, 8-bit planes, a film."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from extract.flow.colour import flow_to_rgb
from extract.flow.flo_files import write_flo
from extract.flow.quantise import CLAMP, quantise
from extract.preview.side_by_side import SideBySide
from extract.runtime.atomic import write_bytes

FILM_LARGEST = 5.0  # pixels a frame at full colour: one scale for a whole film, or still scenes would flicker


class FlowOutput:
    """Writes below a folder; a context manager.

    kinds: of flo, png and mp4. quantiser: mediapipe or round writes both planes in 8 bits too, cut to +-20
    pixels; none does not.
    """

    def __init__(self, folder: Path, *, kinds: tuple[str, ...], quantiser: str = "none", fps: float = 25.0):
        self.folder, self.kinds, self.quantiser = folder, kinds, quantiser
        folder.mkdir(parents=True, exist_ok=True)
        self.film = SideBySide(folder / "flow.mp4", fps=fps) if "mp4" in kinds else None

    def add(self, flow: np.ndarray, frame: np.ndarray, *, name: str) -> None:
        """flow [2, H, W] from the RGB frame uint8 [H, W, 3] on; name: of the files, without suffix."""
        if "flo" in self.kinds:
            write_flo(self.folder / f"{name}.flo", flow)
        if "png" in self.kinds:
            write_png(self.folder / f"{name}.png", flow_to_rgb(flow))
        if self.quantiser != "none":
            levels = quantise(torch.from_numpy(flow), self.quantiser, clamp=CLAMP).numpy()
            for plane, axis in zip(levels, "xy"):
                write_png(self.folder / f"{name}_{axis}.png", plane)
        if self.film:
            self.film.add(frame, flow_to_rgb(flow, largest=FILM_LARGEST))

    def discard(self) -> None:
        """Give up the film: the video starts over in another output."""
        if self.film:
            self.film.discard()
            self.film = None

    def __enter__(self) -> FlowOutput:
        return self

    def __exit__(self, *exception) -> None:
        if self.film:
            self.film.__exit__(*exception)


def write_png(path: Path, picture: np.ndarray) -> None:
    """RGB uint8 [H, W, 3] or grey uint8 [H, W]; the file is whole or not there."""
    ordered = picture[..., ::-1] if picture.ndim == 3 else picture  # OpenCV wants blue first
    encoded = cv2.imencode(".png", ordered)[1].tobytes()
    write_bytes(path, encoded, durable=False)


def read_picture(path: Path) -> np.ndarray:
    """RGB uint8 [H, W, 3] of a picture file, grey ones too. Raises ValueError when it is no picture."""
    encoded = np.frombuffer(Path(path).read_bytes(), np.uint8)
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    if picture is None:
        raise ValueError(f"{path} is not a picture that can be read")
    return np.ascontiguousarray(picture[..., ::-1])
