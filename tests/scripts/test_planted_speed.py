"""The choice of the speed rule: people are followed, made faster, and found by the perspective."""

import numpy as np
import pytest

from extract.descriptors.speed_map import CELL, COLUMNS, HEIGHT, ROWS, WIDTH
from scripts.experiments.planted_speed import (
    FACTORS,
    LEAST_FRAMES,
    MARGIN,
    Example,
    Rule,
    auc_of,
    example,
    people,
    scale_of,
)


def test_a_person_is_followed_and_only_their_box_becomes_faster():
    usual = np.full((HEIGHT, WIDTH), 150, np.uint8)
    frames = np.repeat(usual[None], 60, axis=0)
    for number, frame in enumerate(frames):
        frame[100:140, 50 + 2 * number : 65 + 2 * number] = 30
    (boxes,) = people(frames, usual)
    assert len(boxes) == 60 and [box[5] for box in boxes] == list(range(60))
    assert all(abs(left - 50 - 2 * number) <= 2 for left, _, _, _, _, number in boxes)
    lengths = np.ones((60, HEIGHT, WIDTH), np.float16)
    found = example("v", lengths, boxes[:LEAST_FRAMES], 1.8)
    assert found.planted.sum() == LEAST_FRAMES and len(found.maps) == LEAST_FRAMES + 20
    inside = found.maps[0, (100 + CELL) // CELL : 130 // CELL, 62 // CELL]
    assert inside == pytest.approx(1.8, rel=1e-3) and (found.maps[-1] == 1).all()
    far = (50 + 15 + MARGIN) // CELL + 2
    assert (found.maps[0, :, far:] == 1).all()


def test_a_line_finds_what_is_fast_for_its_row_where_rows_alone_are_noisy():
    """Speeds grow down the picture; of the scales of rows alone, one is spoilt by a single fast frame."""
    random, height = np.random.default_rng(0), np.linspace(0.5, 2, ROWS)[:, None]
    normal = {
        f"v{number}": (height * random.uniform(0.4, 1, (50, ROWS, COLUMNS))).astype(np.float32)
        for number in range(8)
    }
    normal["v0"][10:20, 12] *= 3
    examples = []
    for name in normal:
        for factor in FACTORS:
            maps, planted = normal[name].copy(), np.arange(50) >= 25
            maps[planted, 12, 5:9] = factor * height[12]
            examples.append(Example(name, factor, maps, planted))
    line, rows = (auc_of(Rule(line=choice, sigma=1.0), normal, examples) for choice in (True, False))
    assert line[1] >= line[0] > 0.9 and line[0] > rows[0] + 0.1
    scale = scale_of(Rule(), np.concatenate(list(normal.values())))
    assert np.allclose(np.diff(scale, n=2), 0, atol=1e-5)
