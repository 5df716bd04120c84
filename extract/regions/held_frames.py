"""Frames that wait for what follows them: their flow, the shots they form, and the time between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from extract.regions.frame_flow import flow_shape
from extract.regions.path_speed import path_motion

USUAL_INTERVAL = 0.1  # seconds between frames, where two frames that belong together never came


@dataclass
class HeldFrame:
    """One frame. picture: uint8 [H, W, 3]. grey: uint8 [H, W]. Flow is float32 [h, w, 2], see frame_flow."""

    picture: np.ndarray
    grey: np.ndarray
    seconds: float
    follows: bool  # False after a cut or a pause
    ahead: np.ndarray | None = None  # flow to the next frame
    back: np.ndarray | None = None  # flow to the frame before
    camera: bool = False  # whether the camera moved


def shots(held: Sequence[HeldFrame], *, done: int, stop: int) -> list[tuple[int, int]]:
    """[first, last) of each shot that frames from `done` to `stop` belong to."""
    cuts = [place for place, each in enumerate(held) if not each.follows and place]
    edges = [0, *cuts, len(held)]
    return [
        (first, last) for first, last in zip(edges, edges[1:], strict=False) if first < stop and last > done
    ]


def motion_along_paths(held: Sequence[HeldFrame], place: int, *, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels per frame along paths around one frame: velocity [h, w, 2], length of steps [h, w]."""
    ahead = _run(held[each].ahead for each in range(place, min(place + reach, len(held))))
    back = _run(held[each].back for each in range(place, max(place - reach, -1), -1))
    if not ahead and not back:
        shape = flow_shape(*held[place].grey.shape)
        return np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32)
    return path_motion(ahead, back)


def usual_interval(held: Sequence[HeldFrame]) -> float:
    """Median seconds between frames that follow one another."""
    apart = [
        after.seconds - before.seconds
        for before, after in zip(held, held[1:], strict=False)
        if after.follows and after.seconds > before.seconds
    ]
    return float(np.median(apart)) if apart else USUAL_INTERVAL


def interval_at(held: Sequence[HeldFrame], place: int) -> float:
    """Mean seconds between the frames around one frame, of one shot."""
    first = place - (1 if held[place].follows and place else 0)
    last = place + (1 if place + 1 < len(held) and held[place + 1].follows else 0)
    elapsed = held[last].seconds - held[first].seconds
    # Equal times: resampling to a higher rate repeated a frame, which shows no motion.
    return elapsed / (last - first) if elapsed > 0 else 1.0


def _run(fields: Iterable[np.ndarray | None]) -> list[np.ndarray]:
    """Fields up to the first that is missing, at a cut or an end."""
    found = []
    for field in fields:
        if field is None:
            break
        found.append(field)
    return found
