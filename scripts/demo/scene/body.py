"""A human body as joint angles over time: gait from speed, acts on top, joints in the world at the end.

Arrays run over the frames of a video, [T]; angles are radians: 0 hangs down or stands, positive is forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scripts.demo.scene.acts import ACTS

SIDES = ("l", "r")
ANGLES = (
    "lean",
    "sway",
    *(f"{joint}_{side}" for side in SIDES for joint in ("hip", "knee", "shoulder", "raise", "elbow")),
)
LIMBS = ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "hand")
JOINTS = ("pelvis", "neck", "head", "hair", *(f"{joint}_{side}" for side in SIDES for joint in LIMBS))
Pose = dict[str, np.ndarray]
Joint = tuple[np.ndarray, np.ndarray, np.ndarray]  # to the right, up, forward; metres [T]


@dataclass(frozen=True)
class Motion:
    """What a body does at each frame.

    place: x, z in metres [T, 2]; heading: radians from z towards x [T]; speed: metres per second [T];
    acts: weight in [0, 1] of each act of ACTS [T]; lying: from 0 (upright) to 1 (on the ground) [T].
    """

    place: np.ndarray
    heading: np.ndarray
    speed: np.ndarray
    acts: dict[str, np.ndarray]
    seconds: np.ndarray
    rhythm: float = 0.0  # radians, so that two bodies do not move in step

    @property
    def lying(self) -> np.ndarray:
        return self.acts.get("lie", np.zeros_like(self.speed))


def gait(motion: Motion) -> Pose:
    """Walking below about 2 m/s, running above 3, a blend in between; who stands sways a little."""
    speed, seconds = motion.speed, motion.seconds
    stride = 0.75 + 0.5 * speed  # metres of two steps
    step = motion.rhythm + 2 * np.pi * np.cumsum(speed / stride) * (seconds[1] - seconds[0])
    moving, run = np.clip(speed / 1.1, 0, 1), np.clip((speed - 1.9) / 1.2, 0, 1)
    pose = {
        "lean": 0.03 + 0.04 * moving + 0.2 * run,
        "sway": 0.03 * np.sin(0.9 * seconds + motion.rhythm),
    }
    for side, phase in zip(SIDES, (step, step + np.pi), strict=True):
        swing = np.maximum(np.cos(phase + 0.3), 0)
        pose[f"hip_{side}"] = moving * (0.42 + 0.36 * run) * np.sin(phase) + 0.18 * run
        pose[f"knee_{side}"] = 0.05 + moving * (0.1 + (0.85 + 0.75 * run) * swing) + 0.2 * run
        pose[f"shoulder_{side}"] = -moving * (0.38 + 0.4 * run) * np.sin(phase) + 0.04 * np.sin(
            1.3 * seconds + phase[0]
        )
        pose[f"raise_{side}"] = 0.1 + 0.05 * run
        pose[f"elbow_{side}"] = 0.22 + 1.2 * run
    return {name: np.broadcast_to(np.asarray(pose[name], dtype=float), speed.shape) for name in ANGLES}


def joints(motion: Motion, stature: float) -> np.ndarray:
    """World positions of JOINTS in metres, [T, J, 3], of a body `stature` metres tall."""
    pose = gait(motion)
    for name, weight in motion.acts.items():
        target = ACTS[name](motion.seconds, motion.rhythm)
        pose |= {angle: pose[angle] + weight * (target[angle] - pose[angle]) for angle in target}
    local = _assemble(pose, stature)
    riding = motion.acts.get("ride", np.zeros_like(motion.speed))
    lowest = np.minimum(local["toe_l"][1], local["toe_r"][1])
    local = {
        name: (side, up - lowest + riding * (0.92 + lowest), forward)
        for name, (side, up, forward) in local.items()
    }
    return _in_world(local, motion)


def _shifted(joint: Joint, shift: tuple[float, float, float]) -> Joint:
    return joint[0] + shift[0], joint[1] + shift[1], joint[2] + shift[2]


def _assemble(pose: Pose, stature: float) -> dict[str, Joint]:
    """Joints about the pelvis: to the right, up, forward."""
    zero = np.zeros_like(pose["lean"])

    def add(start, length, forward, side=zero):
        down = np.cos(forward) * np.cos(side)
        return (
            start[0] + length * np.sin(side),
            start[1] - length * down,
            start[2] + length * np.sin(forward) * np.cos(side),
        )

    body: dict[str, Joint] = {"pelvis": (zero, zero, zero)}
    lean, sway = pose["lean"], pose["sway"]
    body["neck"] = add(body["pelvis"], -0.29 * stature, -lean, -sway)
    body["head"] = add(body["neck"], -0.105 * stature, -0.7 * lean, -0.7 * sway)
    body["hair"] = _shifted(body["head"], (0, 0.022 * stature, -0.022 * stature))
    for name, side in (("l", -1), ("r", 1)):
        hip = (zero + side * 0.052 * stature, zero, zero)
        shoulder = _shifted(body["neck"], (side * 0.105 * stature, -0.02 * stature, 0))
        knee = add(hip, 0.245 * stature, pose[f"hip_{name}"], zero + side * 0.03)
        ankle = add(knee, 0.235 * stature, pose[f"hip_{name}"] - pose[f"knee_{name}"])
        toe = add(ankle, 0.1 * stature, 1.25 + pose[f"hip_{name}"] - pose[f"knee_{name}"])
        elbow = add(shoulder, 0.17 * stature, pose[f"shoulder_{name}"], side * pose[f"raise_{name}"])
        hand = add(
            elbow,
            0.17 * stature,
            pose[f"shoulder_{name}"] + pose[f"elbow_{name}"],
            side * 0.8 * pose[f"raise_{name}"],
        )
        body |= {f"hip_{name}": hip, f"knee_{name}": knee, f"ankle_{name}": ankle, f"toe_{name}": toe}
        body |= {f"shoulder_{name}": shoulder, f"elbow_{name}": elbow, f"hand_{name}": hand}
    return body


def _in_world(local: dict, motion: Motion) -> np.ndarray:
    """Lay the body down when it lies, turn it to its heading, put it in its place."""
    side, up, forward = (np.stack([local[name][part] for name in JOINTS], axis=1) for part in range(3))
    fallen = (motion.lying * 1.45)[:, None]
    up, forward = (
        up * np.cos(fallen) + 0.1 * np.sin(fallen) - forward * np.sin(fallen) * 0.3,
        forward * np.cos(fallen) + up * np.sin(fallen),
    )
    sine, cosine = np.sin(motion.heading)[:, None], np.cos(motion.heading)[:, None]
    x = motion.place[:, :1] + side * cosine + forward * sine
    z = motion.place[:, 1:] - side * sine + forward * cosine
    return np.stack([x, np.maximum(up, 0.0), z], axis=-1)
