"""One video drawn from its seed: people, light and sensor noise, and the truth about every frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from scripts.demo.scene.background import Background, cast
from scripts.demo.scene.body import joints
from scripts.demo.scene.camera import FPS, HEIGHT, WIDTH, Camera
from scripts.demo.scene.drawing import Colour, Looks, Shape, ball, bicycle, paint, person
from scripts.demo.scene.places import PLACES, Place
from scripts.demo.scene.plans import Plan
from scripts.demo.scene.stories import Stage, Throw, plan_video

CLOTHES = (
    (70, 70, 75),
    (150, 40, 40),
    (40, 60, 110),
    (190, 190, 185),
    (60, 90, 60),
    (130, 100, 60),
    (30, 30, 35),
    (200, 150, 60),
    (95, 55, 95),
)
TROUSERS = ((40, 45, 70), (30, 30, 32), (85, 80, 70), (60, 60, 66), (110, 95, 70))
SKINS = ((215, 172, 145), (190, 140, 110), (140, 95, 70), (95, 65, 48))
HAIRS = ((40, 28, 20), (20, 18, 18), (110, 80, 50), (150, 145, 140))


@dataclass(frozen=True)
class Setting:
    """A camera in its place, with its frame of the empty scene."""

    name: str
    camera: Camera
    place: Place
    background: Background


def set_up(name: str, place_name: str, night: bool, seed: list[int]) -> Setting:
    """Set up a camera in one of PLACES, with its own view, colours and sensor."""
    random = np.random.default_rng(seed)
    camera = Camera(
        height=random.uniform(3.3, 3.9) if place_name == "hall" else random.uniform(3.4, 5.0),
        tilt=random.uniform(0.37, 0.45),
        focal=random.uniform(310, 370),
        tint=tuple(np.array([1.0, 1.0, 1.0]) * random.uniform(0.9, 1.08, 3)),
        saturation=0.12 if night else random.uniform(0.55, 1.0),
        noise=random.uniform(4.5, 6.0) if night else random.uniform(1.5, 4.0),
        flicker=random.choice([0.0, 0.006, 0.02]),
        shake=random.choice([0.0, 0.0, 0.5]),
    )
    place = PLACES[place_name](camera, random)
    background = cast(camera, place.boxes, place.sun, place.ambient, int(random.integers(1 << 30)))
    lit, shadow = (_graded(image, camera) for image in (background.lit, background.shadow))
    return Setting(name, camera, place, replace(background, lit=lit, shadow=shadow))


def _graded(image: np.ndarray, camera: Camera) -> np.ndarray:
    """Colours uint8 [..., 3] as this camera shows them."""
    coloured = image.astype(np.float32) * np.array(camera.tint, dtype=np.float32)
    grey = coloured @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    mixed = grey[..., None] + camera.saturation * (coloured - grey[..., None])
    return np.clip(mixed, 0, 255).astype(np.uint8)


class SceneVideo:
    """A video of a setting. truth: bool [num_frames], True where anomalous; frames() draws."""

    def __init__(self, setting: Setting, event_class: str, seconds: float, seed: list[int]):
        self.setting, self.num_frames = setting, int(round(seconds * FPS))
        self.random = np.random.default_rng(seed)
        stage = Stage(setting.place, seconds, self.random)
        plans, throws = plan_video(stage, event_class)
        self.truth = np.zeros(self.num_frames, dtype=bool)
        self.shapes: list[Shape] = []
        for plan in plans:
            self._add_person(plan)
        for throw in throws:
            self._add_throw(throw)
        self.truth = _without_gaps(self.truth)

    def _colour(self, table: tuple[Colour, ...], spread: float = 15) -> Colour:
        chosen = np.array(table[self.random.integers(len(table))]) + self.random.uniform(-spread, spread, 3)
        graded = _graded(np.clip(chosen, 0, 255)[None].astype(np.uint8), self.setting.camera)
        red, green, blue = (float(part) for part in graded[0])
        return red, green, blue

    def _looks(self) -> Looks:
        random = self.random
        return Looks(
            shirt=self._colour(CLOTHES),
            trousers=self._colour(TROUSERS),
            skin=self._colour(SKINS, 6),
            hair=self._colour(HAIRS, 6),
            stature=random.normal(1.73, 0.07),
            bulk=random.uniform(0.92, 1.18),
            coat=0.0 if random.random() < 0.65 else random.uniform(0.4, 0.95),
            backpack=self._colour(CLOTHES) if random.random() < 0.25 else None,
        )

    def _add_person(self, plan: Plan) -> None:
        camera, sun = self.setting.camera, self.setting.place.sun
        motion, present = plan.motion(self.num_frames, self.random.uniform(0, 2 * np.pi))
        looks = self._looks()
        world = joints(motion, looks.stature)
        if "ride" in motion.acts:
            self.shapes.append(
                bicycle(camera, motion.place, motion.heading, self._colour(CLOTHES), sun, present)
            )
        self.shapes.append(person(camera, world, looks, sun, present))
        self.truth |= plan.anomalous_frames(self.num_frames) & self._seen(world) & present

    def _add_throw(self, throw: Throw) -> None:
        path, moving = throw.path(self.num_frames)
        present = np.arange(self.num_frames) >= throw.second * FPS
        colour = self._colour(((215, 210, 200), (60, 40, 30), (40, 70, 50)))
        self.shapes.append(
            ball(self.setting.camera, path, throw.radius, colour, self.setting.place.sun, present)
        )
        self.truth |= moving & self._seen(path[:, None])

    def _seen(self, world: np.ndarray) -> np.ndarray:
        """bool [T]: whether a third of the points [T, J, 3] are in the frame and not hidden."""
        pixels, depth = self.setting.camera.project(world)
        column, row = np.round(pixels[..., 0]).astype(int), np.round(pixels[..., 1]).astype(int)
        inside = (column >= 0) & (column < WIDTH) & (row >= 0) & (row < HEIGHT)
        behind = (
            self.setting.background.depth[row.clip(0, HEIGHT - 1), column.clip(0, WIDTH - 1)] < depth - 0.4
        )
        return (inside & ~behind).mean(axis=1) > 1 / 3

    def frames(self) -> Iterator[np.ndarray]:
        """The frames, uint8 planes of yuv420p [H * 3 / 2, W], with the noise and light of this camera."""
        camera, random = self.setting.camera, np.random.default_rng(self.random.integers(1 << 62))
        gains, shifts = self._light(random), self._shake(random)
        grain = random.normal(0, camera.noise, (HEIGHT + 64, WIDTH + 64)) + 0.4 * cv2.blur(
            random.normal(0, 3 * camera.noise, (HEIGHT + 64, WIDTH + 64)), (3, 3)
        )
        grain = np.round(grain).astype(np.int16)
        started = int(random.integers(86400))
        for frame in range(self.num_frames):
            picture = cv2.convertScaleAbs(
                paint(self.setting.background, self.shapes, frame), alpha=gains[frame]
            )
            if camera.shake:
                move = np.array([[1, 0, shifts[frame, 0]], [0, 1, shifts[frame, 1]]], np.float32)
                picture = cv2.warpAffine(picture, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
            _stamp(picture, self.setting.name, started + frame // FPS)
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            top, left = random.integers(0, 64, 2)
            noise = grain[top : top + HEIGHT, left : left + WIDTH]
            planes[:HEIGHT] = cv2.add(planes[:HEIGHT], noise, dtype=cv2.CV_8U)
            yield planes

    def _light(self, random: np.random.Generator) -> np.ndarray:
        """Gain per frame: lamps flicker, clouds pass, and in some videos a light goes on or off."""
        seconds = np.arange(self.num_frames) / FPS
        gain = 1 + self.setting.camera.flicker * np.sin(2 * np.pi * 3.3 * seconds) * random.uniform(
            0.5, 1, self.num_frames
        )
        gain += 0.03 * np.sin(2 * np.pi * seconds / random.uniform(9, 20) + random.uniform(0, 6))
        if random.random() < 0.35:
            middle, width = random.uniform(0.2, 0.8) * seconds[-1], random.choice([0.08, 0.8])
            gain *= 1 + random.choice([-0.22, 0.18]) / (1 + np.exp(-(seconds - middle) / width))
        return gain

    def _shake(self, random: np.random.Generator) -> np.ndarray:
        """Pixels [T, 2] by which the wind moves the frame."""
        seconds, camera = np.arange(self.num_frames) / FPS, self.setting.camera
        waves = [np.sin(2 * np.pi * speed * seconds + random.uniform(0, 6)) for speed in (0.7, 1.9, 0.5, 2.3)]
        return camera.shake * np.stack([waves[0] + 0.5 * waves[1], 0.7 * waves[2] + 0.3 * waves[3]], axis=1)


def _stamp(picture: np.ndarray, name: str, second: int) -> None:
    text = f"{name}  {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    picture[3:16, 3:112] //= 2
    cv2.putText(picture, text, (6, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.32, (235, 235, 235), 1, cv2.LINE_AA)


def _without_gaps(truth: np.ndarray, shortest: int = 10) -> np.ndarray:
    """The truth with gaps of up to `shortest` frames (0.4 s) between anomalous frames filled."""
    filled, last = truth.copy(), None
    for frame in np.flatnonzero(truth):
        if last is not None and frame - last <= shortest:
            filled[last:frame] = True
        last = frame
    return filled
