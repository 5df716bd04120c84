"""Linear layers, attention and CLIP's tower by oneDNN, against torch's own layers."""

import copy

import pytest
import torch
from torch import nn

from extract.backbones import clip_blocks, videomae
from extract.backbones.clip_vit import ClipVit, VisionTower
from extract.inference.fast import fused_linear
from extract.inference.fast.fused_linear import FusedTower
from extract.inference.fast.prepare import prepare
from extract.weights import load_weights


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.fixture(params=[True, False])
def fused(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(fused_linear, "available", lambda _dtype: False)
    return request.param and fused_linear.available(torch.float32)


@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_a_linear_layer_is_torchs_for_any_number_of_rows(bias, fused):
    torch.manual_seed(0)
    plain = nn.Linear(24, 40, bias=bias).requires_grad_(False)
    layer = fused_linear.fused_linear(copy.deepcopy(plain))
    for shape in ((5, 24), (2, 3, 24), (1, 24), (0, 24), (2, 2, 7, 24)):
        x = torch.randn(shape)
        close(layer(x), plain(x))
    strided = torch.randn(6, 4, 24)[:, 0]
    close(layer(strided), plain(strided))
    assert (layer.weight is None) == fused  # no second copy


@pytest.mark.usefixtures("fused")
@pytest.mark.parametrize("causal", [True, False])
@torch.inference_mode()
def test_attention_is_that_of_the_networks(causal):
    torch.manual_seed(0)
    plain, x = clip_blocks.Attention(32, 4).requires_grad_(False), torch.randn(2, 5, 32)
    nn.init.normal_(plain.in_proj_bias)
    close(fused_linear.fused_clip_attention(copy.deepcopy(plain))(x, causal=causal), plain(x, causal=causal))
    biased = videomae.BiasedAttention(32, 4).requires_grad_(False)
    for each in (biased.q_bias, biased.v_bias):
        nn.init.normal_(each)
    close(fused_linear.fused_biased_attention(copy.deepcopy(biased))(x), biased(x))


@torch.inference_mode()
def test_a_clip_has_the_same_bits_alone_as_in_any_company():
    torch.manual_seed(0)
    plain = ClipVit(size=64, width=64, layers=2, heads=2).eval()
    load_weights(plain, "none")
    net = prepare(plain)
    assert isinstance(net.net.get_submodule("visual"), FusedTower)
    assert isinstance(plain.visual, VisionTower)
    assert not any(isinstance(each, nn.Linear) for each in net.modules())
    clips = torch.randn(4, 3, 1, 64, 64)
    rows = net(clips)
    if not fused_linear.available(torch.float32):
        pytest.skip("this torch computes linear layers by another library")
    for count in (1, 2, 3):
        assert torch.equal(net(clips[:count]), rows[:count])
        assert torch.equal(net(clips[-count:]), rows[-count:])
