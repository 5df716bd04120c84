"""What a training step keeps in memory until its gradient: nothing twice, and no more than it needs."""

from functools import reduce

import pytest
import torch
import torch.nn.functional as F
from torch.autograd.graph import saved_tensors_hooks

from score.bags.bags import BagSpec
from score.heads.layers.masked_norm import MaskedBatchNorm
from score.heads.layers.padding import without_padding
from score.heads.layers.time_conv import WIDE, TimeConv
from score.heads.rtfm import RTFM, RTFMConfig
from support.tiny_bags import random_bags


def kept(work):
    """Storage -> bytes of all that a computation keeps for its gradient."""
    found = {}

    def note(rows):
        found[rows.untyped_storage().data_ptr()] = rows.untyped_storage().nbytes()
        return rows

    with saved_tensors_hooks(note, lambda rows: rows):
        result = work()
    return found, result


@pytest.mark.parametrize("lengths, copies", [([8, 8, 8], 0), ([8, 8, 5], 1)])
def test_normalisation_copies_its_rows_only_where_a_bag_has_padding(lengths, copies):
    norm, rows = MaskedBatchNorm(6).train(), torch.randn(3, 8, 6)
    mask = torch.arange(8) < torch.tensor(lengths)[:, None]
    found, _ = kept(lambda: norm(rows, mask))
    sizes = [size for place, size in found.items() if place != rows.untyped_storage().data_ptr()]
    assert sum(size == 4 * 6 * sum(lengths) for size in sizes) == copies


def test_gradients_of_a_normalisation_that_was_not_copied_are_those_of_one_that_was_bit_for_bit():
    torch.manual_seed(0)
    norm, rows = MaskedBatchNorm(48).train(), torch.randn(6, 50, 48, requires_grad=True)
    mask, weights = torch.ones(6, 50, dtype=torch.bool), torch.randn(6, 50, 96)
    seen, inputs = norm(rows, mask), (rows, norm.weight, norm.bias)
    # Its gradient is a part of a wider one.
    found = torch.autograd.grad((torch.cat([seen, seen.detach()], dim=2) * weights).sum(), inputs)
    copied = F.batch_norm(
        rows[mask], norm.running_mean, norm.running_var, norm.weight, norm.bias, training=True, eps=norm.eps
    )
    given = weights[..., :48].reshape(-1, 48).contiguous()
    expected = torch.autograd.grad(copied, inputs, given)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.view(torch.int32).equal(theirs.view(torch.int32))


def test_rows_without_padding_are_not_copied_and_others_lose_what_padding_holds():
    rows, full = torch.full((2, 4, 3), float("nan")), torch.ones(2, 4, dtype=torch.bool)
    assert without_padding(rows, full) is rows
    rows[0], full[1] = 1.0, False
    assert without_padding(rows, full)[1].eq(0).all() and rows[1].isnan().all()


@pytest.mark.parametrize("kernel, dilation", [(3, 1), (3, 4), (5, 2), (1, 1)])
def test_a_wide_convolution_keeps_its_rows_weights_and_padding_alone(kernel, dilation):
    layer, rows = TimeConv(WIDE, 4, kernel, dilation=dilation), torch.randn(2, 9, WIDE)
    mask = torch.arange(9) < torch.tensor([[9], [7]])
    found, seen = kept(lambda: layer(rows, mask))
    assert sum(found.values()) <= 4 * (rows.numel() + layer.weight.numel()) + 2 * mask.numel()
    assert seen.requires_grad


@pytest.mark.parametrize("lengths", [(9, 9), (9, 4)])
@pytest.mark.parametrize("kernel, dilation", [(3, 1), (3, 4), (5, 2), (1, 1)])
def test_the_sum_of_a_wide_convolution_is_that_of_padded_copies_bit_for_bit(kernel, dilation, lengths):
    torch.manual_seed(0)
    layer, rows = TimeConv(WIDE, 4, kernel, dilation=dilation), torch.randn(2, 9, WIDE, requires_grad=True)
    mask, weights = torch.arange(9) < torch.tensor(lengths)[:, None], torch.randn(2, 9, 4)

    def padded_copies():
        padding, far = ~mask[:, :, None], dilation * (kernel // 2)
        weight = layer.weight.permute(2, 0, 1).flatten(0, 1)
        taps = F.linear(rows, weight).masked_fill(padding, 0.0).chunk(kernel, dim=2)
        ends = [F.pad(tap, (0, 0, far, far)) for tap in taps]
        shifted = [tap[:, start * dilation : start * dilation + 9] for start, tap in enumerate(ends)]
        total = reduce(torch.add, shifted)
        return (total + layer.bias).masked_fill(padding, 0.0)

    found = []
    for work in (lambda: layer(rows, mask), padded_copies):
        seen = work()
        inputs = (rows, layer.weight, layer.bias)
        found.append((seen, *torch.autograd.grad((seen * weights).sum(), inputs)))
    for ours, theirs in zip(*found, strict=True):
        assert ours.view(torch.int32).equal(theirs.view(torch.int32))


def test_rtfm_keeps_wide_features_without_padding_once():
    head = RTFM(RTFMConfig(width=4, hidden=(5,), dropout=0.0), BagSpec({"rgb": WIDE})).train()
    sizes = []
    for lengths in ([6, 6], [6, 5]):
        bags = random_bags([0, 1], lengths=lengths, dim=WIDE)
        found, _ = kept(lambda bags=bags: head(bags))
        own = bags.features["rgb"].untyped_storage()
        sizes.append(sum(size == own.nbytes() for place, size in found.items() if place != own.data_ptr()))
    assert sizes[0] < sizes[1]
