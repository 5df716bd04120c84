"""Batches that are not full: shorter ones where no bit differs, zeros elsewhere."""

import pytest
import torch

from extract.backbones.backbone import Backbone
from extract.inference.network import Network

CPU = torch.device("cpu")
SHAPE = torch.Size((3, 2, 4, 4))


class Mean(Backbone):
    """The mean of each channel, and what a subclass adds to the rows of a batch."""

    name, feature_dim = "mean", 3

    def __init__(self):
        super().__init__()
        self.one = torch.nn.Parameter(torch.ones(1))
        self.sizes = []

    def forward(self, clips):
        self.sizes.append(len(clips))
        rows = clips.mean(dim=(2, 3, 4)) * self.one
        return rows + self.added(rows)

    def added(self, rows):
        return torch.zeros_like(rows)


class OfPlace(Mean):
    """As if the second half of a batch were computed by other code."""

    def added(self, rows):
        return torch.where(torch.arange(len(rows)) < 2, 0.0, 1e-6)[:, None].expand_as(rows)


class OfBatch(Mean):
    """Scaled by the whole batch, as arithmetic of few bits would be."""

    def added(self, rows):
        return rows.abs().amax().expand_as(rows)


class OfSize(Mean):
    """As if short batches were computed by other code."""

    def added(self, rows):
        return torch.full_like(rows, 1e-6 if len(rows) < 3 else 0.0)


def sizes(network, counts):
    return [network.size_of_batch(count, SHAPE) for count in counts]


def test_a_short_batch_is_tried_once_its_zeros_have_cost_as_much():
    network = Network(Mean(), device=CPU, batch_size=4)
    # three zeros at a time; trying takes 4 + 4 + 1 clips
    assert sizes(network, [1, 1]) == [4, 4] and network.net.net.sizes == []
    assert sizes(network, [1, 1, 4]) == [1, 1, 4]
    assert network.net.net.sizes == [4, 4, 1]
    # places need no second trial: two zeros are worth one of two clips
    assert sizes(network, [2, 2]) == [2, 2] and network.net.net.sizes == [4, 4, 1, 2]


@pytest.mark.parametrize("backbone, short", [(OfPlace, []), (OfBatch, []), (OfSize, [3])])
def test_batches_stay_full_where_rows_follow_place_neighbours_or_size(backbone, short):
    network = Network(backbone(), device=CPU, batch_size=4)
    for count in (1, 2, 3):
        for _ in range(20):
            size = network.size_of_batch(count, SHAPE)
        assert size == (count if count in short else 4)


def test_another_number_of_threads_or_another_full_size_is_tried_anew():
    network = Network(Mean(), device=CPU, batch_size=4)
    assert sizes(network, [1] * 4)[-1] == 1
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        assert sizes(network, [1]) == [4]
    finally:
        torch.set_num_threads(threads)
    network.batch_size = 3
    assert sizes(network, [1]) == [3]


def test_a_size_that_was_not_tried_is_refused():
    network = Network(Mean(), device=CPU, batch_size=4)
    assert sizes(network, [1] * 4)[-1] == 1
    assert network.start(torch.ones(1, *SHAPE)).rows().tolist() == [[1.0] * 3]
    with pytest.raises(ValueError, match="a batch of 2 clips, expected 4"):
        network.start(torch.ones(2, *SHAPE))
