"""Speeds of cells beside regions: where something moves they have its speed, elsewhere nothing."""

import numpy as np
import pytest

from extract.descriptors.speed_map import COLUMNS, ROWS
from extract.presets import PRESETS, Preset, Regions
from extract.presets.preset_overrides import overridden
from extract.regions.cell_speed import cells_of
from support.moving_block import HEIGHT, WIDTH, described, street

RATE = 25


def test_a_cell_has_the_percentile_of_its_pixels_whatever_the_shape_of_the_frame():
    random = np.random.default_rng(0)
    length = random.uniform(0, 3, (ROWS * 6, COLUMNS * 6)).astype(np.float32)
    found = cells_of(length)
    assert found.shape == (ROWS, COLUMNS) and found.dtype == np.float32
    assert found[3, 7] == pytest.approx(np.percentile(length[18:24, 42:48], 90), abs=1e-5)
    # A band in the lower half of a portrait picture stays there.
    tall = np.zeros((200, 90), np.float32)
    tall[100:] = 2
    assert (cells_of(tall)[: ROWS // 2 - 1] == 0).all() and (cells_of(tall)[ROWS // 2 + 1 :] == 2).all()


def test_cells_where_the_block_is_have_its_speed_and_no_others_move():
    frame = described(street(30, speed=3))[15]
    speed = 3 * RATE / HEIGHT  # frame heights per second
    place = 20 + 3 * 15 + 7, 50 + 13  # the middle of the block
    row, column = int(place[1] / HEIGHT * ROWS), int(place[0] / WIDTH * COLUMNS)
    assert frame.cells[row, column] == pytest.approx(speed, rel=0.2)
    assert frame.cells[:4].max() < 0.1 * speed and frame.cells[:, :5].max() < 0.1 * speed


def test_who_moves_to_and_fro_is_fast_by_the_length_of_steps():
    there = street(30, speed=3)
    to_and_fro = 10 + np.abs((np.arange(30) + 3) % 6 - 3)  # three steps right, three steps left
    frame = described(there[to_and_fro])[15]
    row = int((50 + 13) / HEIGHT * ROWS)
    assert frame.cells[row].max() == pytest.approx(3 * RATE / HEIGHT, rel=0.35)


def test_stores_of_before_are_those_without_cells():
    spec = overridden(PRESETS["regions"], ["regions.cells=false"]).spec(weights="w")
    assert "speed" not in spec.arrays and "cells" not in spec.preprocessing["regions"]
    restored = Preset.from_spec(spec, PRESETS)
    assert restored.regions is not None and not restored.regions.cells
    assert "speed" in PRESETS["regions"].spec(weights="w").arrays
    with pytest.raises(ValueError, match="regions.cells is 'yes', expected true or false"):
        Regions(cells="yes")  # pyright: ignore[reportArgumentType]
