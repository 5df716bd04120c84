"""Windows cover every instance of a bag, and of that bag alone."""

import pytest
import torch

from score.heads.layers.windows import cut_windows


def mask_of(*lengths):
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def test_consecutive_windows_repeat_their_own_instances_to_be_full():
    windows = cut_windows(mask_of(7, 2), 3)
    assert windows.index[0].tolist() == [[0, 1, 2], [3, 4, 5], [6, 6, 6]]
    assert windows.own[0].tolist() == [[True] * 3, [True] * 3, [True, False, False]]
    assert windows.index[1, 0].tolist() == [0, 1, 0] and windows.own[1, 0].tolist() == [True, True, False]
    assert windows.used.tolist() == [[True, True, True], [True, False, False]]


def test_overlapping_windows_are_shifted_back_at_the_end():
    windows = cut_windows(mask_of(9), 4, stride=2, tail="shift")
    assert windows.index[0].tolist() == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [5, 6, 7, 8]]
    assert windows.own.all() and windows.used.all()


@pytest.mark.parametrize(
    "size, stride, tail",
    [(4, None, "repeat"), (4, 2, "shift"), (4, 3, "repeat"), (30, 5, "shift"), (1, None, "shift")],
)
def test_every_instance_comes_back_as_it_went_in(size, stride, tail):
    mask = mask_of(1, 2, 9, 23, 4)
    rows = torch.randn(*mask.shape, 1)
    windows = cut_windows(mask, size, stride=stride, tail=tail)
    placed = windows.take(rows).squeeze(2)
    torch.testing.assert_close(windows.back(placed, 23), rows.squeeze(2) * mask)


@pytest.mark.parametrize("size, stride, tail", [(4, None, "repeat"), (4, 2, "shift"), (6, 3, "shift")])
def test_the_windows_of_a_bag_do_not_depend_on_the_bags_beside_it(size, stride, tail):
    beside, alone = (
        cut_windows(mask_of(11, 40), size, stride=stride, tail=tail),
        cut_windows(mask_of(11), size, stride=stride, tail=tail),
    )
    count = alone.index.shape[1]
    assert torch.equal(beside.index[0, :count], alone.index[0]) and torch.equal(
        beside.own[0, :count], alone.own[0]
    )
    assert not beside.used[0, count:].any() and not beside.own[0, count:].any()


def test_an_instance_in_several_windows_gets_their_mean():
    windows = cut_windows(mask_of(5), 4, stride=1, tail="shift")
    values = torch.tensor([[0.0, 2, 4, 6], [10, 20, 30, 40]])
    assert windows.back(values, 5).tolist() == [[0.0, 6.0, 12.0, 18.0, 40.0]]
