"""Convolutions fused with what follows them, against torch's own layers."""

from pathlib import Path

import pytest
import torch
from torch import nn

from extract.backbones import BACKBONES
from extract.backbones.backbone import Backbone
from extract.inference.fast import fused_conv
from extract.inference.fast.fused_conv import FusedConv
from extract.inference.fast.paired_conv import PairedConv, gains_by_pairs
from extract.inference.fast.prepare import fuse_convolutions, prepare
from extract.inference.fast.winograd_conv import MIN_ROWS, WinogradConv, gains_by_winograd
from extract.inference.network import Network
from extract.weights import load_weights

CASES = [
    (nn.Conv3d(8, 16, 3, stride=(1, 2, 2), padding=1), (2, 8, 4, 9, 9)),
    (nn.Conv3d(8, 16, (3, 1, 1), padding=(1, 0, 0), bias=False), (2, 8, 4, 9, 9)),
    (nn.Conv3d(32, 32, 3, padding=1, groups=8), (1, 32, 4, 7, 7)),
    (nn.Conv2d(32, 32, 3, padding=1, groups=32), (2, 32, 9, 9)),
    (nn.Conv2d(8, 24, 1, stride=2), (2, 8, 9, 9)),
]


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("conv, shape", CASES)
@torch.inference_mode()
def test_one_pass_equals_the_convolution_its_activation_and_the_sum(conv, shape, fused, monkeypatch):
    if not fused:
        monkeypatch.setattr(fused_conv, "available", lambda _dtype: False)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    expected = conv(x)
    functions = {"none": nn.Identity(), "relu": nn.ReLU(), "relu6": nn.ReLU6(), "swish": nn.SiLU()}
    assert set(functions) == set(fused_conv.ACTIVATIONS)
    for activation, function in functions.items():
        torch.testing.assert_close(FusedConv(conv, activation)(x), function(expected), atol=1e-5, rtol=1e-5)
    other = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        FusedConv(conv).add_relu(x, other.clone()), (expected + other).relu(), atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(FusedConv(conv).add(x, other.clone()), expected + other, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_weights_are_reordered_for_another_shape_and_another_padding():
    conv = nn.Conv3d(3, 8, 3, padding=1)
    fused = FusedConv(conv)
    for size in (9, 6, 9):
        x = torch.randn(1, 3, 4, size, size)
        torch.testing.assert_close(fused(x), conv(x), atol=1e-5, rtol=1e-5)
    unpadded = nn.functional.conv3d(x, conv.weight, conv.bias)
    torch.testing.assert_close(fused(x, pads=[(0, 0)] * 3), unpadded, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("pads", [[(0, 1), (0, 1)], [(1, 2), (2, 2)], [(1, 1), (0, 3)]])
@pytest.mark.parametrize("groups", [1, 8])
@torch.inference_mode()
def test_uneven_zeros_around_pictures_are_those_asked_for(groups, pads, fused, monkeypatch):
    if not fused:
        monkeypatch.setattr(fused_conv, "available", lambda _dtype: False)
    torch.manual_seed(0)
    conv = FusedConv(layer := nn.Conv2d(8, 16, (3, 5), stride=2, groups=groups), "relu6")
    for size in (9, 10, 9):  # the layout of the weights follows the size
        x = 3 * torch.randn(2, 8, size, size + 3)
        padded = nn.functional.pad(x, [*pads[1], *pads[0]])
        expected = nn.functional.relu6(
            nn.functional.conv2d(padded, layer.weight, layer.bias, 2, groups=groups)
        )
        torch.testing.assert_close(conv(x, pads=pads), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(conv(x), layer(x).clamp(0, 6), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    "pads", [[(0, 0)] * 3, [(2, 3), (2, 3), (2, 3)], [(1, 1), (3, 3), (3, 3)], [(0, 1), (2, 2), (1, 4)]]
)
@pytest.mark.parametrize("width", [8, 9, 14, 15])
@pytest.mark.parametrize("kind", [FusedConv, PairedConv])
@torch.inference_mode()
def test_zeros_before_and_after_are_those_asked_for(kind, width, pads, fused, monkeypatch):
    if not fused:
        monkeypatch.setattr(fused_conv, "available", lambda _dtype: False)
    torch.manual_seed(0)
    conv = nn.Conv3d(3, 8, (3, 5, 7), stride=(1, 2, 2), padding=1, bias=width > 8)
    x = torch.randn(2, 3, 4, 10, width)
    sides = [side for pair in reversed(pads) for side in pair]
    expected = nn.functional.conv3d(nn.functional.pad(x, sides), conv.weight, conv.bias, conv.stride)
    torch.testing.assert_close(kind(conv)(x, pads=pads), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(kind(conv, "relu")(x), conv(x).relu(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("rows", [MIN_ROWS, 15, 16, 17, 28])
@torch.inference_mode()
def test_half_the_products_give_the_same_convolution(rows, length):
    torch.manual_seed(rows)
    conv = nn.Conv3d(8, 12, 3, padding=1, bias=length > 1)
    x = torch.randn(2, 8, length, rows, 9)
    expected = nn.functional.conv3d(
        x.double(), conv.weight.double(), None if conv.bias is None else conv.bias.double(), padding=1
    ).relu()
    fast = WinogradConv(conv)
    found = fast(x, pads=[(1, 1)] * 3)
    assert fast.applies(x, pads=[(1, 1)] * 3) == fused_conv.available()
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
    assert torch.equal(fast(x), found)
    assert torch.equal(fast(x.flip(0)).flip(0), found)  # whatever its neighbours are


@torch.inference_mode()
def test_inputs_that_gain_nothing_by_fewer_products_are_convolved_directly():
    conv = nn.Conv3d(8, 12, 3, padding=1)
    for x, pads in (
        (torch.randn(1, 8, 2, MIN_ROWS - 1, 9), None),
        (torch.randn(1, 8, 3, 16, 9), [(0, 0)] * 3),
        (torch.randn(1, 8, 2, 16, 9), [(0, 1), (1, 1), (1, 2)]),
    ):
        fast = WinogradConv(conv)
        torch.testing.assert_close(fast(x, pads=pads), FusedConv(conv, "relu")(x, pads=pads), atol=0, rtol=0)
        assert not fast.applies(x, pads=pads)
    assert gains_by_winograd(nn.Conv3d(128, 128, 3), "relu")
    assert not gains_by_winograd(nn.Conv3d(128, 128, 3), "none")
    for other in (
        nn.Conv3d(64, 64, 3),
        nn.Conv3d(128, 128, (1, 3, 3)),
        nn.Conv3d(128, 128, 3, stride=2),
        nn.Conv3d(256, 256, 3, groups=2),
    ):
        assert not gains_by_winograd(other, "relu")


@torch.inference_mode()
def test_weights_of_another_shape_or_padding_are_not_used():
    torch.manual_seed(0)
    fast, stem = (
        WinogradConv(nn.Conv3d(8, 12, 3, padding=1)),
        PairedConv(nn.Conv3d(3, 8, (3, 5, 7), stride=2), "relu"),
    )
    for length, rows, before in ((2, 16, 2), (1, 17, 3), (3, 14, 2), (2, 16, 3)):
        x = torch.randn(2, 8, length, rows, 9)
        torch.testing.assert_close(fast(x), fast.conv(x), atol=1e-4, rtol=1e-4)
        x, pads = torch.randn(2, 3, 4, 10, rows), [(1, 1), (2, 2), (before, 3)]
        torch.testing.assert_close(stem(x, pads=pads), stem.conv(x, pads=pads), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_columns_that_no_output_needs_are_left_out():
    torch.manual_seed(0)
    for kernel, padding, width in ((4, 0, 13), (7, 3, 15), (2, 1, 8), (5, 2, 9)):
        conv = nn.Conv3d(3, 8, (1, 3, kernel), stride=2, padding=(0, 1, padding))
        x = torch.randn(2, 3, 4, 12, width)
        paired = PairedConv(conv)
        torch.testing.assert_close(paired(x), conv(x), atol=1e-5, rtol=1e-5)
        assert paired(x[:0]).shape == conv(x[:0]).shape


@pytest.mark.parametrize("kind, channels", [(PairedConv, 3), (WinogradConv, 8)])
@torch.inference_mode()
def test_layers_are_called_where_convolutions_cannot_be_fused(kind, channels, monkeypatch):
    monkeypatch.setattr(fused_conv, "available", lambda _dtype: False)
    conv = nn.Conv3d(channels, 12, 3, padding=1, stride=1 if kind is WinogradConv else 2)
    fast, x = kind(conv), torch.randn(1, channels, 4, 16, 16)
    torch.testing.assert_close(fast(x).relu(), conv(x).relu(), atol=0, rtol=0)


@pytest.mark.parametrize(
    "name, kinds",
    [
        ("i3d-flow", {PairedConv, WinogradConv}),
        ("i3d-r50", {PairedConv}),
        ("resnext101", {PairedConv}),
        ("efficientnet-b0", set()),
        ("s3d", set()),
    ],
)
def test_each_network_has_the_convolutions_that_gain(name, kinds):
    found = {type(layer) for layer in prepare(BACKBONES[name]()).modules()}
    assert FusedConv in found and found & {PairedConv, WinogradConv} == kinds


def test_gates_whose_rounding_depends_on_the_place_in_a_batch_are_replaced():
    from torchvision.ops import SqueezeExcitation

    plain = BACKBONES["efficientnet-b0"]()
    assert any(isinstance(layer, SqueezeExcitation) for layer in plain.modules())
    assert not any(isinstance(layer, SqueezeExcitation) for layer in prepare(plain).modules())


def test_columns_are_paired_where_channels_are_few_and_products_many():
    stem = nn.Conv3d(3, 8, 7, stride=2)
    assert gains_by_pairs(stem)
    for other in (
        nn.Conv3d(3, 8, 7, stride=(2, 2, 1)),
        nn.Conv3d(3, 8, 7, stride=2, dilation=2),
        nn.Conv3d(3, 8, (1, 7, 7), stride=2),
        nn.Conv3d(8, 8, 7, stride=2),
    ):
        assert not gains_by_pairs(other)


@pytest.mark.slow
@pytest.mark.parametrize("name, size", [("efficientnet-b0", 64), ("i3d-r50", 64), ("resnext101", 64)])
@torch.inference_mode()
def test_one_switch_turns_all_of_the_fast_path_off_and_rows_stay_within_rounding(name, size, monkeypatch):
    """The tolerance is the one that extract.inference.fast states: 1e-5 of a row's norm."""
    backbone = BACKBONES[name]().eval()
    load_weights(backbone, "none", seed=3)
    clips = torch.randn(2, backbone.channels, max(backbone.min_length, 4), size, size)
    plain, fast = prepare(backbone, fast=False), prepare(backbone, fast=True)
    monkeypatch.setenv("VAD_FAST", "0")
    by_environment = prepare(backbone)
    ours = {type(layer) for net in (plain, by_environment) for layer in net.net.modules()}
    assert not any(kind.__module__.startswith("extract.inference.fast") for kind in ours)
    expected = backbone(clips)
    assert torch.equal(plain(clips), expected) and torch.equal(by_environment(clips), expected)
    assert ((fast(clips) - expected).norm(dim=1) < 1e-5 * expected.norm(dim=1)).all()
    assert fast.fast and not plain.fast and not by_environment.fast


def test_private_calls_of_torch_stay_in_the_fast_path():
    package = Path(fused_conv.__file__).parent
    for path in package.parents[1].rglob("*.py"):
        assert path.parent == package or "torch.ops." not in path.read_text(), path


@torch.inference_mode()
def test_a_network_keeps_its_numbers_when_its_layers_are_fused():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.ReLU(),
        nn.Conv2d(8, 8, 1),
        nn.Identity(),
        nn.SiLU(),
        nn.Conv2d(8, 4, 1),
        nn.Tanh(),
    )
    x = torch.randn(2, 3, 7, 7)
    expected = net(x)
    fuse_convolutions(net)
    fused = [layer.activation for layer in net if isinstance(layer, FusedConv)]
    assert fused == ["relu", "swish", "none"]
    assert sum(isinstance(layer, (nn.ReLU, nn.SiLU)) for layer in net) == 0
    torch.testing.assert_close(net(x), expected, atol=1e-5, rtol=1e-5)


class Stack(Backbone):
    """A narrow convolution and one that gains by fewer products, each with its ReLU."""

    name, feature_dim, channels = "stack", 112, 8

    def __init__(self):
        super().__init__()
        self.first, self.first_relu = nn.Conv3d(8, 112, 3, padding=1), nn.ReLU()
        self.second, self.second_relu = nn.Conv3d(112, 112, 3, padding=1), nn.ReLU()

    def forward(self, clips):
        x = self.first_relu(self.first(clips))
        return self.second_relu(self.second(x)).mean(dim=(2, 3, 4))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@torch.inference_mode()
def test_a_settled_network_gives_the_same_rows_from_half_the_weights(precision):
    if not fused_conv.available(torch.bfloat16 if precision == "bf16" else torch.float32):
        pytest.skip("this processor computes these convolutions by layers")
    plain = Stack().eval()
    net = prepare(plain, precision=precision)
    clips = torch.randn(3, 8, 4, 16, 9)
    rows = net(clips)
    before = sum(each.numel() for each in net.parameters())
    net.settle()
    assert torch.equal(net(clips), rows) and torch.equal(net(clips[:2]), rows[:2])
    after = sum(each.numel() for each in net.parameters())
    assert before - after == (8 + 112) * 112 * 27 and after == 2 * 112  # biases
    with pytest.raises(ValueError, match="settled for others"):
        net(torch.randn(3, 8, 4, 18, 9))
    with pytest.raises(ValueError, match="settled for others"):
        net(torch.randn(4, 8, 4, 16, 9))


def test_a_network_that_has_computed_nothing_does_not_settle():
    net = prepare(Stack().eval())
    net.settle()
    assert net(torch.randn(1, 8, 4, 16, 9)).shape == (1, 112)


def test_the_first_batch_settles_a_network_and_trials_before_it_do_not():
    if not fused_conv.available(torch.float32):
        pytest.skip("this processor computes these convolutions by layers")
    network = Network(Stack().eval(), device=torch.device("cpu"), batch_size=2)
    clips = torch.randn(3, 8, 4, 16, 9)
    for count in (1, 3):
        assert len(network.forward(clips[:count])) == count
    network.start(clips[:2])
    assert len(network.forward(clips[:3])) == 3
    with pytest.raises(ValueError, match="settled for others"):
        network.forward(torch.cat([clips, clips]))


@torch.inference_mode()
def test_a_settled_winograd_convolution_refuses_clips_of_another_shape():
    if not fused_conv.available(torch.float32):
        pytest.skip("this processor computes these convolutions by layers")
    layer = WinogradConv(torch.nn.Conv3d(112, 112, 3, padding=1).requires_grad_(False))
    layer(torch.randn(1, 112, 2, 16, 5))
    layer.settle()
    with pytest.raises(ValueError, match="settled for others"):
        layer(torch.randn(1, 112, 2, 16, 6))
