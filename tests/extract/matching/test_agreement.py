"""How alike rows are, and what was done to them afterwards."""

import numpy as np
import pytest

from extract.matching.agreement import agreement

RANDOM = np.random.default_rng(0)
# A large mean, as features of networks have, and rows that differ a little from it.
OURS = 5 + RANDOM.normal(size=(12, 64))


def compared(theirs, **known):
    return agreement(OURS, theirs, **{"unit_norm": False, "non_negative": False} | known)


def test_equal_rows_agree_exactly():
    found = compared(OURS.copy())
    assert found.exact
    assert found.verdict == "same"
    assert found.cosine == pytest.approx(1)
    assert found.scale == pytest.approx(1)
    assert found.words() == "as the network gives them"


def test_rows_of_another_network_do_not_agree_although_their_means_do():
    found = compared(5 + np.random.default_rng(1).normal(size=OURS.shape))
    assert found.cosine > 0.9
    assert found.verdict == "none"


@pytest.mark.parametrize(
    "theirs, known, words",
    [
        (OURS * 3, {}, "multiplied by 3"),
        (OURS / np.linalg.norm(OURS, axis=1, keepdims=True), {"unit_norm": True}, "L2-normalised"),
        (np.maximum(OURS - 5, 0), {"non_negative": True}, "ReLU (negative numbers are 0)"),
        (OURS - OURS.mean(axis=0), {}, "a mean row was subtracted"),
        (
            (OURS - OURS.mean(axis=0)) / (0.1 + RANDOM.random(64) * 9),
            {},
            "each number was standardised, or scaled between its extremes",
        ),
    ],
)
def test_what_was_done_afterwards_is_found(theirs, known, words):
    ours = OURS - 5 if "ReLU" in words else OURS
    found = agreement(ours, theirs, **{"unit_norm": False, "non_negative": False} | known)
    assert found.verdict != "none"
    assert found.words() == words


def test_rows_of_zeros_are_left_out():
    theirs = OURS.copy()
    theirs[3] = 0
    assert compared(theirs).rows == 11
    assert compared(np.zeros_like(OURS)).verdict == "none"


def test_two_rows_need_to_be_nearly_equal():
    few = agreement(OURS[:2], OURS[:2] + RANDOM.normal(size=(2, 64)) / 2, unit_norm=False, non_negative=False)
    assert few.centred is None
    assert few.verdict == "none"


def noisy(size, seed=2):
    """OURS as another decoder would make them."""
    return compared(OURS + np.random.default_rng(seed).normal(size=OURS.shape) * size)


def test_of_two_that_agree_but_for_a_decoder_the_earlier_one_stays():
    assert noisy(0.01).settled
    assert noisy(0.01).rank > noisy(0.0101).rank
    assert not noisy(0.01).beats(noisy(0.0101))
    assert noisy(0.001).beats(noisy(0.01))
    assert noisy(0.5).beats(noisy(0.6))  # far from agreement any progress counts
