"""The cells of a segment's frames, condensed to some seventy numbers that a small head can learn from.

Every function takes cells float32 [n, CELLS, len(CHANNELS)], n >= 1, and returns name -> number. Where in the
frame something happens, and on which side, is left out on purpose: it depends on the camera, not on the
event. Energies are logarithms, so that they are roughly Gaussian and a change of scale becomes a shift.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from extract.descriptors.motion_cells import AXES, CELLS, CHANNELS, COLUMNS, DIRECTIONS, ROWS

INDEX = {name: number for number, name in enumerate(CHANNELS)}
FLOORS = {  # added before the logarithm: about the noise of a still scene
    "speed": 0.01,
    "acceleration": 0.1,
    "boundary": 0.05,
    "unexplained": 0.01,
}
RANKS = (0, 1, 2, 4, 8, 16, 32)  # ranks among the 48 cells, the strongest first
TOP = 4  # cells: about one person in a wide view
EDGES_FLOOR = 2.0  # grey levels


def _directions(cells: np.ndarray) -> np.ndarray:
    start = INDEX["direction_0"]
    return cells[..., start : start + DIRECTIONS]


def _axes(cells: np.ndarray) -> np.ndarray:
    start = INDEX["boundary_axis_0"]
    return cells[..., start : start + AXES]


def profile(cells: np.ndarray) -> dict[str, float]:
    """Time-averaged energies from the strongest cell to the weakest: how much moves, and how locally."""
    edges = cells[..., INDEX["edges"]].mean(axis=0) + EDGES_FLOOR
    numbers = {}
    for name in ("speed", "boundary", "acceleration", "unexplained"):
        energy = cells[..., INDEX[name]].mean(axis=0)
        if name == "unexplained":
            energy = energy / edges  # grey levels depend on contrast more than on motion
        ordered = np.sort(energy)[::-1]
        for rank in RANKS:
            numbers[f"{name}_of_cell_{rank}"] = np.log(ordered[rank] + FLOORS[name])
    return numbers


def ratio(cells: np.ndarray) -> dict[str, float]:
    """Energies per speed, nearly independent of the distance to people: how ragged, sudden and blurred."""
    at = {name: cells[..., number] for name, number in INDEX.items()}
    mean = {name: values.mean(axis=1) for name, values in at.items()}  # [n]
    speed = mean["speed"] + FLOORS["speed"]
    spread = np.sqrt(mean["speed_squared"])
    ragged = ("boundary", "divergence", "curl", "acceleration")
    numbers = {f"{name}_per_speed": mean[name] / speed for name in ragged}
    numbers["speed_spread"] = spread / speed
    numbers["speed_tail"] = mean["speed_fourth"] ** 0.25 / (spread + 0.01)
    numbers = {name: np.log(values + 0.1) for name, values in numbers.items()}
    numbers["unexplained_per_difference"] = np.log((mean["unexplained"] + 0.05) / (mean["difference"] + 0.05))
    net = np.hypot(at["right"], at["down"])
    numbers["coherence"] = net.mean(axis=1) / speed
    # The fastest cells per frame: one person in a wide view, whose motion a mean over all cells would hide.
    top = np.argpartition(-at["speed"], TOP, axis=1)[:, :TOP]

    def of_top(values: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, top, axis=1).mean(axis=1)

    top_speed = of_top(at["speed"]) + 2 * FLOORS["speed"]
    blur = of_top(at["unexplained"]) / (of_top(at["edges"]) + EDGES_FLOOR)
    for name in ("boundary", "acceleration"):
        numbers[f"top_{name}_per_speed"] = np.log(of_top(at[name]) / top_speed + 0.1)
    numbers["top_blur_per_speed"] = np.log(blur / top_speed + 0.1)
    numbers["top_common_direction"] = np.hypot(of_top(at["right"]), of_top(at["down"])) / top_speed
    numbers["top_coherence"] = of_top(net) / top_speed
    return {name: values.mean() for name, values in numbers.items()}


def extent(cells: np.ndarray) -> dict[str, float]:
    """How widely each energy spreads over the frame: entropy over cells, and distance from its centre."""
    row, column = np.divmod(np.arange(CELLS), COLUMNS)
    y, x = (row + 0.5) / ROWS, (column + 0.5) / COLUMNS * 4 / 3
    numbers = {}
    for name in ("speed", "acceleration", "boundary", "unexplained", "edge_change"):
        floor = 0.01 if name in ("unexplained", "edge_change") else FLOORS[name] / 10
        share = cells[..., INDEX[name]] + floor
        share = share / share.sum(axis=1, keepdims=True)  # [n, CELLS]
        off_x = x - (share @ x)[:, None]
        off_y = y - (share @ y)[:, None]
        numbers[f"{name}_entropy"] = entropy(share).mean()
        numbers[f"{name}_radius"] = np.sqrt((share * (off_x**2 + off_y**2)).sum(axis=1)).mean()
    return numbers


def histogram(cells: np.ndarray) -> dict[str, float]:
    """Orientations of flow and motion boundaries over the entire segment, left and right merged."""
    direction = _directions(cells).mean(axis=(0, 1))
    axis = _axes(cells).mean(axis=(0, 1))
    # Left and right merge: a mirrored view shows the same event.
    flow = {
        "sideways": direction[0] + direction[4],
        "sideways_down": direction[1] + direction[3],
        "down": direction[2],
        "sideways_up": direction[5] + direction[7],
        "up": direction[6],
    }
    boundary = {"upright": axis[0], "slanted": axis[1] + axis[3], "level": axis[2]}
    numbers = {}
    for name, bins, floor in (("flow", flow, 1e-4), ("boundary", boundary, 1e-3)):
        total = sum(bins.values()) + len(bins) * floor
        numbers |= {f"{name}_{kind}": np.sqrt((value + floor) / total) for kind, value in bins.items()}
    numbers["flow_total"] = np.log(direction.sum() + 0.01)
    numbers["boundary_total"] = np.log(axis.sum() + 0.05)
    return numbers


def disorder(cells: np.ndarray) -> dict[str, float]:
    """Entropies of orientation: limbs move in all directions at once, walkers in one."""
    numbers = {}
    for name, bins in (("flow", _directions(cells)), ("boundary", _axes(cells))):
        energy = bins.sum(axis=2)  # [n, CELLS]
        within = entropy(bins + 1e-6)
        top = np.argpartition(-energy, TOP, axis=1)[:, :TOP]
        numbers[f"{name}_of_picture"] = entropy(bins.mean(axis=1) + 1e-6).mean()
        # Weighted by energy: the direction of noise in still cells says nothing.
        numbers[f"{name}_of_cells"] = ((within * energy).sum(axis=1) / (energy.sum(axis=1) + 1e-6)).mean()
        numbers[f"{name}_of_top"] = np.take_along_axis(within, top, axis=1).mean()
    lasting = _directions(cells).mean(axis=0)  # [CELLS, DIRECTIONS]
    top = np.argpartition(-lasting.sum(axis=1), TOP)[:TOP]
    numbers["flow_of_segment"] = entropy(lasting.mean(axis=0) + 1e-6)
    numbers["flow_of_segment_top"] = entropy(lasting[top] + 1e-6).mean()
    return numbers


def entropy(weights: np.ndarray) -> np.ndarray:
    """Entropy of positive weights along the last axis, in nats; they need not sum to one."""
    share = weights / weights.sum(axis=-1, keepdims=True)
    return -(share * np.log(share)).sum(axis=-1)


FAMILIES: dict[str, Callable[[np.ndarray], dict[str, float]]] = {
    "profile": profile,
    "ratio": ratio,
    "extent": extent,
    "histogram": histogram,
    "disorder": disorder,
}


def describe(cells: np.ndarray) -> dict[str, float]:
    """The numbers of every family, "family.name" -> number."""
    return {
        f"{family}.{name}": number
        for family, count in FAMILIES.items()
        for name, number in count(cells).items()
    }
