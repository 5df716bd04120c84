"""Which moments to ask a person about: those whose label would teach most.

The value of a moment is its uncertainty times its novelty, divided by one more than the moments that were
already chosen from its camera. The moment with the highest value is chosen, and the values of the others
change; ties go to the earlier moment. So the same store, run and labels always give the same moments.

    uncertainty   1 where the score is at the threshold and the seeds disagree most, 0 where it is farthest
                  from it and they agree. Nearness counts moments between the score and the threshold, because
                  heads spread their scores differently; with several seeds their deviation counts as much.
    novelty       distance to the nearest moment that has a label or was chosen, in features of deviation 1;
                  before there is one, distance to the mean of all moments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from score.feedback.review_moments import Moment


@dataclass(frozen=True)
class Chosen:
    """uncertainty: in [0, 1]. novelty: in [0, 1], relative to the most novel moment of that step."""

    moment: Moment
    uncertainty: float
    novelty: float


def choose_moments(
    moments: Sequence[Moment], threshold: float, count: int, *, labelled: Collection[str] = ()
) -> list[Chosen]:
    """The `count` most valuable moments, the most valuable first; fewer if there are fewer without a label.

    threshold: of scores, above which an alert is raised. labelled: clip ids of moments with a label.
    """
    if not moments:
        return []
    looks = _standardised(np.stack([moment.look for moment in moments]))
    uncertain = uncertainty(moments, threshold)
    done = [place for place, moment in enumerate(moments) if moment.clip_id in labelled]
    per_camera = Counter(moments[place].camera for place in done)
    distance = np.linalg.norm(looks, axis=1)
    if done:
        distance = np.min([_distances(looks, place) for place in done], axis=0)
    free = np.ones(len(moments), dtype=bool)
    free[done] = False
    found: list[Chosen] = []
    while len(found) < count and free.any():
        novelty = distance / max(float(distance[free].max()), 1e-12)
        share = np.array([1 + per_camera[moment.camera] for moment in moments])
        # A little of each, so that a moment that is like a labelled one is still asked about at last.
        value = np.where(free, (uncertain + 1e-3) * (novelty + 1e-3) / share, -1.0)
        place = int(np.argmax(value))
        found.append(Chosen(moments[place], float(uncertain[place]), float(min(novelty[place], 1.0))))
        per_camera[moments[place].camera] += 1
        free[place] = False
        own = _distances(looks, place)
        distance = own if not done and len(found) == 1 else np.minimum(distance, own)
    return found


def uncertainty(moments: Sequence[Moment], threshold: float) -> np.ndarray:
    """float64 [M] in [0, 1]; see above."""
    scores = np.array([moment.score for moment in moments])
    ordered = np.sort(scores)
    between = np.abs(np.searchsorted(ordered, scores) - np.searchsorted(ordered, threshold))
    near = 1 - between / max(int(between.max()), 1)
    deviation = np.array([moment.disagreement for moment in moments])
    if not deviation.max() > 0:
        return near
    return (near + deviation / deviation.max()) / 2


def _standardised(looks: np.ndarray) -> np.ndarray:
    spread = looks.std(axis=0, dtype=np.float64)
    return (looks - looks.mean(axis=0, dtype=np.float64)) / np.where(spread > 1e-9, spread, 1.0)


def _distances(looks: np.ndarray, place: int) -> np.ndarray:
    return np.linalg.norm(looks - looks[place], axis=1)
