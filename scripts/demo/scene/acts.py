"""What bodies do besides walking: target angles over time, blended into the gait by the weight of each act.

A target is a number or an array [T]; s: the seconds of each frame [T]; r: the rhythm of the body in radians.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Target = Mapping[str, "np.ndarray | float"]


def _talk(s: np.ndarray, r: float) -> Target:
    beat = np.sin(2.6 * s + r) * np.sin(0.7 * s + 2 * r)
    right = {"shoulder_r": 0.25 + 0.25 * beat, "elbow_r": 1.2 + 0.4 * beat}
    return right | {"shoulder_l": 0.1 + 0.1 * beat, "elbow_l": 0.6 - 0.3 * beat}


def _wave(s: np.ndarray, r: float) -> Target:
    return {"shoulder_r": 0.3, "raise_r": 2.3, "elbow_r": 0.5 + 0.5 * np.sin(9 * s + r)}


def _phone(s: np.ndarray, _r: float) -> Target:
    return {"shoulder_r": 0.5 + 0.04 * np.sin(s), "raise_r": 0.5, "elbow_r": 2.3}


def _bend(s: np.ndarray, r: float) -> Target:
    """Down to a shoe or a bag."""
    reach = 0.1 * np.sin(4 * s + r)
    arms = {f"shoulder_{side}": 0.5 + reach for side in "lr"} | {
        f"elbow_{side}": 0.2 + reach for side in "lr"
    }
    return arms | {"lean": 1.15, "hip_l": 0.8, "hip_r": 0.3, "knee_l": 0.9, "knee_r": 0.8}


def _fight(s: np.ndarray, r: float) -> Target:
    """Guard up, one fist after the other, now and then a kick, each with the weight of the body behind it."""
    left, right = (np.maximum(np.sin(2 * np.pi * 1.7 * s + r + shift), 0) ** 3 for shift in (0, np.pi))
    kick = np.maximum(np.sin(2 * np.pi * 0.45 * s + r), 0) ** 12
    target = {"lean": 0.15 + 0.35 * (left + right) - 0.45 * kick, "sway": 0.22 * np.sin(7.3 * s + 2 * r)}
    target |= {"hip_r": -0.25 + 1.7 * kick, "knee_r": 0.5 - 0.3 * kick}
    target |= {"hip_l": 0.3 + 0.1 * np.sin(6 * s), "knee_l": 0.4 + 0.2 * np.sin(8 * s + r)}
    for side, fist in (("l", left), ("r", right)):
        target |= {f"shoulder_{side}": 0.7 + fist, f"raise_{side}": 0.35 - 0.25 * fist}
        target[f"elbow_{side}"] = 2.0 - 1.9 * fist
    return target


def _windup(_s: np.ndarray, _r: float) -> Target:
    return {"lean": -0.3, "shoulder_r": -1.9, "raise_r": 0.7, "elbow_r": 1.2, "hip_l": 0.5, "hip_r": -0.2}


def _release(_s: np.ndarray, _r: float) -> Target:
    arm = {"shoulder_r": 1.5, "raise_r": 0.1, "elbow_r": 0.1}
    return arm | {"lean": 0.55, "hip_l": 0.6, "knee_l": 0.5, "hip_r": -0.5}


def _lie(s: np.ndarray, r: float) -> Target:
    arms = {"shoulder_l": 1.4, "shoulder_r": 2.0 + 0.1 * np.sin(s + r), "elbow_l": 0.7, "elbow_r": 0.4}
    return arms | {
        "lean": 0.1,
        "hip_l": 0.5 + 0.1 * np.sin(1.7 * s + r),
        "knee_l": 0.9,
        "hip_r": 0.1,
        "knee_r": 0.3,
    }


def _ride(s: np.ndarray, r: float) -> Target:
    """On a bicycle; the legs turn about once per second."""
    target = {"lean": 0.6}
    for side, phase in (("l", 0.0), ("r", np.pi)):
        turn = 2 * np.pi * 0.95 * s + r + phase
        target |= {f"hip_{side}": 1.05 + 0.4 * np.sin(turn), f"knee_{side}": 1.25 + 0.45 * np.sin(turn + 0.9)}
        target |= {f"shoulder_{side}": 1.5, f"raise_{side}": 0.1, f"elbow_{side}": 0.2}
    return target


ACTS: dict[str, Callable[[np.ndarray, float], Target]] = {
    "talk": _talk,
    "wave": _wave,
    "phone": _phone,
    "bend": _bend,
    "fight": _fight,
    "windup": _windup,
    "release": _release,
    "lie": _lie,
    "ride": _ride,
}
