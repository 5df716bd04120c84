"""What rows say about themselves."""

import numpy as np
import pytest

from extract.matching.structure import structure


def walks(count=6, rows=30, width=24, seed=0, crops=1):
    """Rows that follow their neighbours, as those of videos do."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(count, rows, crops, width))
    return [each.astype(np.float32) for each in np.cumsum(steps, axis=1)]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_unit_norms_are_seen_in_half_precision_too():
    assert structure([unit(each) for each in walks()]).unit_norm
    assert structure([unit(each).astype(np.float16).astype(np.float32) for each in walks()]).unit_norm
    assert not structure(walks()).unit_norm


def test_random_numbers_follow_no_video_and_walks_do():
    random = np.random.default_rng(1)
    noise = [random.normal(size=(30, 1, 24)).astype(np.float32) for _ in range(6)]
    assert structure(noise).incoherent
    assert not structure(walks()).incoherent


def test_standardised_numbers_are_seen():
    rows = np.concatenate(walks(count=40, width=8))
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    assert structure([scaled]).standardised
    assert not structure([rows * 7 + 3]).standardised


def test_zero_rows_and_repeated_ends_are_counted():
    padded = [np.concatenate([each, np.repeat(each[-1:], 3, axis=0)]) for each in walks(count=2)]
    padded[0][4] = 0
    found = structure(padded)
    assert (found.zero_rows, found.repeated_rows, found.repeated_ends) == (1, 6, 2)


@pytest.mark.parametrize(
    "order, name", [("halves", "second half is mirrored"), ("pairs", "follow each other")]
)
def test_the_order_of_mirrored_crops_is_seen(order, name):
    """Five views and their mirrors, which differ less than two views do."""
    views = np.concatenate(walks(count=1, rows=40, width=32, crops=5)) * 3
    mirrors = views + np.random.default_rng(2).normal(size=views.shape)
    both = np.stack([views, mirrors], axis=2)  # [R, 5, 2, D]
    crops = both.reshape(40, 10, -1) if order == "pairs" else both.swapaxes(1, 2).reshape(40, 10, -1)
    found = structure([crops.astype(np.float32)])
    assert found.crops is not None
    assert found.crops.mirrored == order
    assert any(name in line for line in found.findings)


def test_copied_crops_are_seen():
    (rows,) = walks(count=1)
    found = structure([np.repeat(rows, 10, axis=1)])
    assert found.crops is not None
    assert found.crops.equal


def test_features_without_rows_are_refused():
    with pytest.raises(ValueError, match="no rows"):
        structure([np.zeros((0, 1, 4), np.float32)])
