"""The way of one person through a video: described step by step, then turned into motion at every frame."""

from __future__ import annotations

import numpy as np

from scripts.demo.scene.body import Motion
from scripts.demo.scene.camera import FPS

Point = tuple[float, float]
# Seconds from the start of an act until it is in full swing.
RAMPS = {"lie": 0.45, "windup": 0.3, "release": 0.1, "fight": 0.2, "ride": 0.01}
SMOOTHING = 0.16  # seconds, so that nobody turns or stops within a frame


class Plan:
    """Steps of one person, x and z in metres, seconds from the start of the video (negative: before it)."""

    def __init__(self, place: Point, second: float = 0.0):
        self.keys: list[tuple[float, float, float]] = [(second, *place)]
        self.acts: list[tuple[str, float, float]] = []
        self.facing: list[tuple[float, float, float, float]] = []
        self.anomalous: list[tuple[float, float]] = []

    @classmethod
    def arriving(cls, way: list[Point], speed: float, second: float) -> Plan:
        """Someone who comes along a way and stands at its end at a given second."""
        plan = cls(way[0], 0.0)
        plan.go(way[1:], speed)
        late = second - plan.second
        plan.keys = [(when + late, x, z) for when, x, z in plan.keys]
        return plan

    @property
    def second(self) -> float:
        return self.keys[-1][0]

    @property
    def place(self) -> Point:
        return self.keys[-1][1:]

    def go(self, way: list[Point], speed: float, anomalous: bool = False) -> Plan:
        start = self.second
        for point in way:
            distance = float(np.hypot(point[0] - self.place[0], point[1] - self.place[1]))
            self.keys.append((self.second + max(distance / speed, 0.04), *point))
        if anomalous:
            self.anomalous.append((start, self.second))
        return self

    def stay(
        self, seconds: float, act: str | None = None, towards: Point | None = None, anomalous: bool = False
    ) -> Plan:
        start = self.second
        self.keys.append((start + seconds, *self.place))
        if act:
            self.acts.append((act, start, self.second))
        if towards:
            self.facing.append((start, self.second, *towards))
        if anomalous:
            self.anomalous.append((start, self.second))
        return self

    def jostle(self, seconds: float, act: str, towards: Point, random: np.random.Generator) -> Plan:
        """An anomalous act during which the body is pushed about its place."""
        start, home = self.second, self.place
        while self.second < start + seconds:
            x, z = np.array(home) + random.normal(0, 0.16, 2)
            self.keys.append((self.second + random.uniform(0.25, 0.5), float(x), float(z)))
        self.acts.append((act, start, self.second))
        self.facing.append((start, self.second, *towards))
        self.anomalous.append((start, self.second))
        return self

    def motion(self, num_frames: int, rhythm: float) -> tuple[Motion, np.ndarray]:
        """The motion at every frame, and bool [T]: whether the person is in the scene at all."""
        seconds = np.arange(num_frames) / FPS
        when, x, z = (np.array(values) for values in zip(*self.keys, strict=True))
        place = np.stack([_smooth(seconds, when, x), _smooth(seconds, when, z)], axis=1)
        velocity = np.gradient(place, 1 / FPS, axis=0)
        acts: dict[str, np.ndarray] = {}
        for act, start, stop in self.acts:
            acts[act] = np.maximum(acts.get(act, 0.0), _weight(seconds, start, stop, RAMPS.get(act, 0.35)))
        heading = self._heading(seconds, velocity)
        motion = Motion(place, heading, np.hypot(*velocity.T), acts=acts, seconds=seconds, rhythm=rhythm)
        return motion, (seconds >= when[0]) & (seconds <= when[-1])

    def _heading(self, seconds: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Where the body looks: along its way, or at what it must face; no faster than a person turns."""
        towards = np.where(np.hypot(*velocity.T)[:, None] > 0.25, velocity, np.nan)
        for start, stop, x, z in self.facing:
            during = (seconds >= start) & (seconds < stop)
            home = np.array(
                [
                    np.interp(start, [key[0] for key in self.keys], [key[part] for key in self.keys])
                    for part in (1, 2)
                ]
            )
            towards[during] = np.array([x, z]) - home
        known = ~np.isnan(towards[:, 0])
        if not known.any():
            return np.full(len(seconds), 2.5)
        holds = np.maximum.accumulate(np.where(known, np.arange(len(seconds)), -1))
        towards = towards[np.where(holds < 0, known.argmax(), holds)]
        towards = towards / np.hypot(*towards.T)[:, None]
        turned = np.stack([_blur(towards[:, part], 0.14) for part in (0, 1)], axis=1)
        return np.arctan2(turned[:, 0], turned[:, 1])

    def anomalous_frames(self, num_frames: int) -> np.ndarray:
        """bool [T]: the frames in which this person does something anomalous."""
        seconds = np.arange(num_frames) / FPS
        return np.any(
            [
                np.zeros(num_frames, bool),
                *((seconds >= start) & (seconds < stop) for start, stop in self.anomalous),
            ],
            axis=0,
        )


def _blur(values: np.ndarray, deviation: float) -> np.ndarray:
    """A Gaussian over time, `deviation` in seconds, edges held."""
    reach = int(np.ceil(3 * deviation * FPS))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (deviation * FPS)) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")


def _smooth(seconds: np.ndarray, when: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values between keys, sampled beyond both ends so that the smoothing knows what came before."""
    margin = int(np.ceil(3 * SMOOTHING * FPS))
    longer = np.arange(-margin, len(seconds) + margin) / FPS
    return _blur(np.interp(longer, when, values), SMOOTHING)[margin:-margin]


def _weight(seconds: np.ndarray, start: float, stop: float, ramp: float) -> np.ndarray:
    rise, fall = np.clip((seconds - start) / ramp, 0, 1), np.clip((stop + ramp - seconds) / ramp, 0, 1)
    weight = np.minimum(rise, fall)
    return weight * weight * (3 - 2 * weight)
