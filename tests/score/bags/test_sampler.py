"""Balanced batches: the right number per class, no video left out, and reproducible."""

import pytest
import torch

from score.bags.sampler import BalancedSampler

LABEL = torch.tensor([1.0] * 7 + [0.0] * 23)


@pytest.mark.parametrize("share, anomalous, normal", [(0.5, 5, 5), (0.4, 4, 6)])
def test_every_batch_holds_the_asked_share_without_repeats(share, anomalous, normal):
    sampler = BalancedSampler(LABEL, batch=10, anomalous_share=share, steps=50)
    for batch in sampler.epoch(1):
        assert (LABEL[batch] == 1).sum() == anomalous and (LABEL[batch] == 0).sum() == normal
        assert len(set(batch.tolist())) == 10


def test_an_epoch_shows_every_video():
    sampler = BalancedSampler(LABEL, batch=10)
    assert sampler.steps == 5  # 23 normal videos, five a batch
    assert set(sampler.epoch(3).flatten().tolist()) == set(range(30))


def test_the_smaller_class_comes_up_evenly():
    counts = torch.bincount(BalancedSampler(LABEL, batch=10, steps=70).epoch(1).flatten(), minlength=30)
    assert counts[:7].tolist() == [50] * 7  # 70 steps x 5 anomalous videos over 7
    assert counts[7:].max() - counts[7:].min() <= 1


def test_an_epoch_follows_from_seed_and_number_alone():
    first, again = BalancedSampler(LABEL, batch=10, seed=4), BalancedSampler(LABEL, batch=10, seed=4)
    later = first.epoch(1), first.epoch(2)
    assert torch.equal(again.epoch(2), later[1])  # without having drawn epoch 1
    assert not torch.equal(later[0], later[1])
    assert not torch.equal(BalancedSampler(LABEL, batch=10, seed=5).epoch(2), later[1])


def test_the_global_random_state_is_neither_used_nor_changed():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    drawn = BalancedSampler(LABEL, batch=10).epoch(1)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(BalancedSampler(LABEL, batch=10).epoch(1), drawn)


def test_a_batch_larger_than_the_set_takes_what_there_is():
    sampler = BalancedSampler(torch.tensor([1.0, 0.0, 0.0, 1.0]), batch=60)
    assert sampler.steps == 1 and sorted(sampler.epoch(1)[0].tolist()) == [0, 1, 2, 3]


def test_a_tiny_batch_still_holds_both_classes():
    label = torch.tensor([1.0, 0.0, 0.0])
    assert sorted(label[BalancedSampler(label, batch=2, anomalous_share=0.1).epoch(1)[0]].tolist()) == [
        0.0,
        1.0,
    ]


def test_a_missing_class_is_named():
    with pytest.raises(ValueError, match="no anomalous video among the 3 training videos"):
        BalancedSampler(torch.zeros(3), batch=4)


def test_without_balance_every_video_comes_once():
    drawn = BalancedSampler(LABEL, batch=10, anomalous_share=None).epoch(1)
    assert drawn.shape == (3, 10) and sorted(drawn.flatten().tolist()) == list(range(30))
