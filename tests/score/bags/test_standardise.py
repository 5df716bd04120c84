"""Wide rows are shortened, so that a step of an adaptive optimizer means the same at any width."""

import numpy as np
import pytest
import torch

from score.bags.standardise import Standardisation
from score.config.presets import PRESETS
from score.pooling.moments import Moments


def stats_of(rows, *, shrink):
    moments = Moments()
    moments.add(rows.numpy())
    return Standardisation.from_moments({"rgb": moments}, shrink=shrink)


def random_rows(dim):
    return torch.from_numpy(np.random.default_rng(dim).normal(3, 2, size=(200, dim)).astype(np.float32))


@pytest.mark.parametrize("dim", [8, 128])
def test_narrow_rows_are_standardised_alone(dim):
    rows = random_rows(dim)
    plain, shrunk = (stats_of(rows, shrink=each).apply_(rows.clone(), "rgb") for each in (False, True))
    assert torch.equal(plain, shrunk)


def test_wide_rows_are_divided_by_their_width_over_128():
    rows = random_rows(512)
    plain, shrunk = (stats_of(rows, shrink=each).apply_(rows.clone(), "rgb") for each in (False, True))
    torch.testing.assert_close(shrunk, plain / 4)


def answer_after_a_step(dim, *, shrink):
    """How far one step of Adam moves the answer of a linear layer to the row that it was taken on."""
    rows = stats_of(random_rows(dim), shrink=shrink).apply_(random_rows(dim), "rgb")
    layer = torch.nn.Linear(dim, 1, bias=False)
    torch.nn.init.zeros_(layer.weight)
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3)
    layer(rows[:1]).sum().backward()
    optimizer.step()
    return -layer(rows[:1]).item()


def test_a_step_on_4096_features_moves_an_answer_as_one_on_128_features():
    # The learning rate times the sum of absolute features, of which each is sqrt(2 / pi) on average.
    usual = 1e-3 * 128 * (2 / np.pi) ** 0.5
    assert answer_after_a_step(128, shrink=True) == pytest.approx(usual, rel=0.15)
    assert answer_after_a_step(4096, shrink=True) == pytest.approx(usual, rel=0.15)
    assert answer_after_a_step(4096, shrink=False) == pytest.approx(32 * usual, rel=0.15)


def test_no_preset_couples_a_decay_with_gradients_that_shortened_rows_make_small():
    short = {name: config for name, config in PRESETS.items() if config.data.standardise == "width"}
    assert {"claws", "claws-plus"} <= set(short)
    for name, config in short.items():
        optimizer = config.train.optimizer
        assert optimizer.name == "adamw" or not optimizer.weight_decay, name
