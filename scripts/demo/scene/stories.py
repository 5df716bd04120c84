"""What happens in a video: ordinary people, some easily mistaken for an event, and four kinds of event."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scripts.demo.scene.camera import FPS
from scripts.demo.scene.places import Place
from scripts.demo.scene.plans import Plan, Point

GRAVITY = 9.81


@dataclass
class Throw:
    """A thing thrown at `second`: its start (x, y, z) in metres and its velocity in metres per second."""

    second: float
    start: tuple[float, float, float]
    velocity: tuple[float, float, float]
    radius: float

    def path(self, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions [T, 3], and bool [T]: whether it moves. It bounces and rolls until it comes to rest."""
        place, speed = np.array(self.start), np.array(self.velocity)
        first = int(np.ceil(self.second * FPS))
        path, moving = np.tile(place, (num_frames, 1)), np.zeros(num_frames, dtype=bool)
        for frame in range(first, num_frames):
            path[frame] = place
            moving[frame] = np.abs(speed).max() > 0.4
            place = place + speed / FPS
            speed = speed - np.array([0, GRAVITY / FPS, 0])
            if place[1] < self.radius:
                place[1] = self.radius
                speed = speed * np.array([0.72, -0.42, 0.72])
                speed[1] = speed[1] if speed[1] > 0.8 else 0.0
        return path, moving


@dataclass
class Stage:
    """Where a story takes place, how many seconds it lasts, and which spots are taken."""

    place: Place
    seconds: float
    random: np.random.Generator
    taken: list[Point] = field(default_factory=list)

    def spot(self) -> Point:
        """Somewhere to stand, away from where others stand."""
        x_from, x_to, z_from, z_to = self.place.area
        for _ in range(50):
            point = (self.random.uniform(x_from, x_to), self.random.uniform(z_from, z_to))
            if all(np.hypot(point[0] - other[0], point[1] - other[1]) > 1.3 for other in self.taken):
                break
        self.taken.append(point)
        return point

    def entrance(self) -> list[Point]:
        """A way in: a gate out of sight and the nearest point of the ground where people walk."""
        gate = self.place.gates[self.random.integers(len(self.place.gates))]
        x_from, x_to, z_from, z_to = self.place.area
        return [gate, (float(np.clip(gate[0], x_from, x_to)), float(np.clip(gate[1], z_from, z_to)))]

    def exit(self, away_from: Point | None = None) -> list[Point]:
        ways = [self.entrance()[::-1] for _ in range(4)]
        if away_from is None:
            return ways[0]
        return max(ways, key=lambda way: np.hypot(way[-1][0] - away_from[0], way[-1][1] - away_from[1]))

    def pace(self) -> float:
        return float(self.random.uniform(0.95, 1.55))


def passer(stage: Stage) -> list[Plan]:
    """Someone passing through, perhaps in a hurry, perhaps with a stop."""
    random = stage.random
    speed = random.uniform(1.75, 2.1) if random.random() < 0.12 else stage.pace()
    plan = Plan.arriving([*stage.entrance(), stage.spot()], speed, random.uniform(0, stage.seconds))
    if random.random() < 0.45:
        act = random.choice(["phone", "bend", "wave", "stand"])
        plan.stay(random.uniform(1.2, 3.5), act=None if act == "stand" else str(act), towards=stage.spot())
    return [plan.go(stage.exit(), speed)]


def couple(stage: Stage) -> list[Plan]:
    """Two people who walk side by side."""
    speed, second = stage.pace(), stage.random.uniform(0.1, 0.9) * stage.seconds
    way, out = [*stage.entrance(), stage.spot()], stage.exit()
    shift = stage.random.uniform(0.55, 0.75)
    plans = []
    for side in (0.0, shift):
        plan = Plan.arriving([(x + 0.3 * side, z + side) for x, z in way], speed, second)
        plans.append(plan.go([(x + 0.3 * side, z + side) for x, z in out], speed))
    return plans


def meeting(stage: Stage) -> list[Plan]:
    """Two people who meet, talk with their hands and part."""
    spot, second = stage.spot(), stage.random.uniform(0.1, 0.6) * stage.seconds
    plans = []
    for side in (-0.42, 0.42):
        own, other = (spot[0] + side, spot[1]), (spot[0] - side, spot[1])
        plan = Plan.arriving([*stage.entrance(), own], stage.pace(), second + stage.random.uniform(0, 1))
        if stage.random.random() < 0.5:
            plan.stay(1.2, act="wave", towards=other)
        plan.stay(stage.random.uniform(3, 7), act="talk", towards=other)
        plans.append(plan.go(stage.exit(), stage.pace()))
    return plans


def waiting(stage: Stage) -> list[Plan]:
    """Someone who is there from the start and mostly stands."""
    plan = Plan(stage.spot(), -1.0)
    for _ in range(int(stage.random.integers(2, 5))):
        act = "phone" if stage.random.random() < 0.5 else None
        plan.stay(stage.random.uniform(0.15, 0.3) * stage.seconds, act=act, towards=stage.spot())
    return [plan.go(stage.exit(), stage.pace())]


def cyclist(stage: Stage) -> list[Plan]:
    """Someone on a bicycle: about as fast as a runner, yet normal."""
    gates = sorted(stage.place.gates, key=lambda gate: gate[0])
    pair = [gates[0], gates[-1]]
    near, far = sorted((pair[0][1], pair[1][1]))
    depth = stage.random.uniform(near, far) if near != far else near
    way = [(pair[0][0], depth), (pair[1][0], depth)]
    if stage.random.random() < 0.5:
        way.reverse()
    plan = Plan(way[0], stage.random.uniform(0.0, 0.75) * stage.seconds)
    plan.go(way[1:], stage.random.uniform(2.2, 3.0))
    plan.acts.append(("ride", -60.0, 10 * stage.seconds))
    return [plan]


def running(stage: Stage) -> tuple[list[Plan], list[Throw]]:
    """One person who suddenly runs, a chase, or a group that flees."""
    random, second = stage.random, stage.random.uniform(0.25, 0.6) * stage.seconds
    kind = random.choice(["bolt", "chase", "panic"])
    plans = []
    if kind == "chase":
        way = [*stage.entrance(), stage.spot(), stage.spot(), stage.spot(), *stage.exit()]
        for delay in (0.0, random.uniform(0.7, 1.1)):
            plans.append(Plan(way[0], second + delay).go(way[1:], random.uniform(3.4, 4.2), anomalous=True))
        return plans, []
    danger = stage.spot()
    for _ in range(1 if kind == "bolt" else int(random.integers(3, 5))):
        plan = Plan.arriving([*stage.entrance(), stage.spot()], stage.pace(), second + random.uniform(0, 0.5))
        around = [stage.spot()] if kind == "panic" else [stage.spot(), stage.spot()]
        plans.append(plan.go([*around, *stage.exit(danger)], random.uniform(3.2, 4.6), anomalous=True))
    return plans, []


def fighting(stage: Stage) -> tuple[list[Plan], list[Throw]]:
    """Two people meet as others do, then come to blows; in the end one of them leaves or falls."""
    random, second = stage.random, stage.random.uniform(0.2, 0.45) * stage.seconds
    spot, talk, length = stage.spot(), stage.random.uniform(1.0, 3.0), stage.random.uniform(3.5, 6.5)
    plans = []
    for side in (-0.4, 0.4):
        own, other = (spot[0] + side, spot[1]), (spot[0] - side, spot[1])
        plan = Plan.arriving([*stage.entrance(), own], stage.pace(), second)
        plan.stay(talk, act="talk", towards=other)
        plans.append(plan.jostle(length, "fight", other, random))
    loser, winner = plans
    end = random.choice(["fall", "flee", "part"])
    if end == "fall":
        loser.stay(random.uniform(2, 4), act="lie", anomalous=True).stay(1.0).go(stage.exit(), 0.9)
    else:
        loser.go(stage.exit(), 3.6 if end == "flee" else 1.3, anomalous=end == "flee")
    winner.stay(random.uniform(0.3, 1.0)).go(stage.exit(), 1.4)
    return plans, []


def throwing(stage: Stage) -> tuple[list[Plan], list[Throw]]:
    """Someone stops and throws one to three things in an arc."""
    random, second = stage.random, stage.random.uniform(0.2, 0.5) * stage.seconds
    spot = stage.spot()
    side = -np.sign(spot[0]) if abs(spot[0]) > 1 else random.choice([-1, 1])
    target = (spot[0] + side * 4.0, spot[1] + random.uniform(-0.6, 2.5))
    plan = Plan.arriving([*stage.entrance(), spot], stage.pace(), second)
    throws, direction = [], np.array([target[0] - spot[0], target[1] - spot[1]]) / 4.5
    for _ in range(int(random.integers(1, 4))):
        plan.stay(0.75, act="windup", towards=target, anomalous=True)
        fast, up = random.uniform(5.0, 7.5), random.uniform(2.5, 4.5)
        hand = (spot[0] + 0.4 * direction[0], 1.9, spot[1] + 0.4 * direction[1])
        throws.append(
            Throw(
                plan.second + 0.1,
                hand,
                (fast * direction[0], up, fast * direction[1]),
                random.uniform(0.06, 0.1),
            )
        )
        plan.stay(0.45, act="release", towards=target, anomalous=True).stay(
            random.uniform(0.3, 0.8), towards=target, anomalous=True
        )
    return [plan.go(stage.exit(), random.choice([1.3, 1.9]))], throws


def falling(stage: Stage) -> tuple[list[Plan], list[Throw]]:
    """Someone falls in mid-stride and stays down; another may come and bend over them."""
    random, second = stage.random, stage.random.uniform(0.25, 0.55) * stage.seconds
    spot = stage.spot()
    plan = Plan.arriving([*stage.entrance(), spot], stage.pace(), second)
    down = random.uniform(3.0, 6.0)
    plan.stay(down, act="lie", anomalous=True).stay(1.2).go(stage.exit(), 0.9)
    plans = [plan]
    if random.random() < 0.6:
        aide = Plan.arriving(
            [*stage.entrance(), (spot[0] + 0.9, spot[1] - 0.3)],
            stage.pace(),
            second + random.uniform(1.2, 2.5),
        )
        plans.append(
            aide.stay(random.uniform(2, 3), act="bend", towards=spot)
            .stay(1.0, towards=spot)
            .go(stage.exit(), 1.1)
        )
    return plans, []


EVENTS = {"Running": running, "Fighting": fighting, "Throwing": throwing, "Falling": falling}
ORDINARY = {passer: 0.5, meeting: 0.2, couple: 0.12, waiting: 0.08, cyclist: 0.1}


def plan_video(stage: Stage, event_class: str) -> tuple[list[Plan], list[Throw]]:
    """The plans of everybody in one video, and what they throw; event_class is Normal or a key of EVENTS."""
    plans, throws = EVENTS[event_class](stage) if event_class in EVENTS else ([], [])
    num_people = max(int(stage.random.integers(4, 7)), len(plans) + 2)
    kinds, shares = list(ORDINARY), np.array(list(ORDINARY.values()))
    while len(plans) < num_people:
        plans += kinds[stage.random.choice(len(kinds), p=shares / shares.sum())](stage)
    return plans, throws
