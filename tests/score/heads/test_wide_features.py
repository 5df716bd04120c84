"""Layers that are computed in another way for features of many dimensions."""

import pytest
import torch

from score.bags.bags import BagSpec
from score.config.presets import PRESETS
from score.heads.layers.time_conv import WIDE, TimeConv
from score.heads.rtfm import RTFM, RTFMConfig
from support.tiny_bags import random_bags


@pytest.mark.parametrize("kernel, dilation, length", [(3, 1, 7), (3, 4, 2), (5, 2, 9), (1, 1, 3), (3, 2, 1)])
def test_a_wide_convolution_is_that_of_torch_for_each_bag_alone(kernel, dilation, length):
    torch.manual_seed(0)
    layer = TimeConv(WIDE, 3, kernel, dilation=dilation).double()
    rows, own = torch.randn(2, length, WIDE, dtype=torch.double), max(1, length - 2)
    mask = torch.arange(length) < torch.tensor([[length], [own]])
    seen = layer(rows, mask)
    for bag, count in enumerate((length, own)):
        alone = torch.nn.Conv1d.forward(layer, rows[bag : bag + 1, :count].transpose(1, 2)).transpose(1, 2)
        torch.testing.assert_close(seen[bag, :count], alone[0])
    assert seen[1, own:].eq(0).all()


def test_the_gradients_of_a_wide_convolution_are_those_of_torch():
    torch.manual_seed(0)
    layer, rows = TimeConv(WIDE, 3, 3).double(), torch.randn(2, 6, WIDE, dtype=torch.double)
    mask, found = torch.ones(2, 6, dtype=torch.bool), []
    for forward in (
        layer,
        lambda rows, _: torch.nn.Conv1d.forward(layer, rows.transpose(1, 2)).transpose(1, 2),
    ):
        found.append(torch.autograd.grad(forward(rows, mask).square().sum(), list(layer.parameters())))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def rtfm_of(dim, most):
    torch.manual_seed(0)
    return RTFM(RTFMConfig(width=4, hidden=(5,), most_features=most), BagSpec({"rgb": dim}))


def test_rtfm_maps_wider_features_to_as_many_as_asked_and_keeps_narrow_ones():
    assert rtfm_of(8, 8).reduce is None and rtfm_of(8, None).reduce is None
    wide = rtfm_of(20, 8)
    assert wide.reduce is not None and wide.network.fuse is not None
    assert wide.reduce.weight.shape == (8, 20) and wide.network.fuse.convolution.out_channels == 8
    output = wide.eval()(random_bags([0, 1], lengths=[9, 6], dim=20))
    assert output.aux["representation"].shape[1] == 8


def test_the_map_of_rtfm_begins_as_a_rotation_that_keeps_the_length_of_random_rows():
    reduce = rtfm_of(400, 16).reduce
    assert reduce is not None
    weight = reduce.weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(16) * 400 / 16, atol=1e-4, rtol=0)
    rows = torch.randn(2000, 400)
    assert ((rows @ weight.T).norm(dim=1) / rows.norm(dim=1)).square().mean().item() == pytest.approx(
        1, rel=0.05
    )


def test_the_published_rtfm_maps_nothing():
    assert PRESETS["rtfm-iccv21"].head.most_features is None
    assert PRESETS["rtfm"].head.most_features == 128
