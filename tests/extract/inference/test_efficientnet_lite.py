"""EfficientNet-Lite against the public implementation, with random weights and with the published ones."""

import pytest
import torch

from extract.backbones import BACKBONES
from extract.backbones.efficientnet_lite import GROWTH, EfficientNetLite, scaled_width
from extract.inference.fast.prepare import prepare
from extract.weights import KNOWN, load_weights
from extract.weights.dialects import our_names
from extract.weights.files import packaged_file

published = pytest.importorskip("efficientnet_lite_pytorch")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


def published_network(name: str, size: int) -> torch.nn.Module:
    """Its padding is fixed for pictures of one size, and its normalisations are not trivial."""
    net = published.EfficientNet.from_name(name, image_size=size).eval()
    generator = torch.Generator().manual_seed(5)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.7, 1.3, generator=generator)
            module.bias.data.normal_(0.3, 0.3, generator=generator)
            module.running_mean.normal_(0.0, 0.1, generator=generator)
        elif isinstance(module, torch.nn.Conv2d):
            module.weight.data.normal_(0.0, (2 / module.weight[0].numel()) ** 0.5, generator=generator)
    return net


def published_rows(net: torch.nn.Module, clips: torch.Tensor) -> torch.Tensor:
    """Means over the frames of a clip, [B, 1280]."""
    frames = [net.extract_features(clips[:, :, frame]).mean((2, 3)) for frame in range(clips.shape[2])]
    return torch.stack(frames).mean(0)


# SAME padding differs before and after for even sizes, and not for odd ones.
@pytest.mark.parametrize("name, size", [("efficientnet-lite0", 64), ("efficientnet-lite2", 75)])
@torch.inference_mode()
def test_rows_are_the_published_networks_pooled_features(name, size):
    theirs, ours = published_network(name, size), EfficientNetLite(name).eval()
    ours.load_state_dict(our_names(theirs.state_dict()))  # strict: every tensor has its place
    clips = torch.randn(2, 3, 2, size, size, generator=torch.Generator().manual_seed(0))
    expected = published_rows(theirs, clips)
    assert relative(ours(clips), expected) < 1e-5
    assert relative(prepare(ours)(clips), expected) < 1e-5
    assert relative(ours.class_logits(clips[:, :, :1]), theirs(clips[:, :, 0])) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", GROWTH)
@torch.inference_mode()
def test_the_published_weights_give_the_published_networks_rows(name):
    path = packaged_file(KNOWN[name])
    if path is None:
        pytest.skip(f"without {KNOWN[name].package}")
    size = {"efficientnet-lite0": 224, "efficientnet-lite1": 240, "efficientnet-lite2": 260}[name]
    theirs, ours = published.EfficientNet.from_name(name).eval(), BACKBONES[name]().eval()
    theirs.load_state_dict(torch.load(path, weights_only=True))
    load_weights(ours, "imagenet")
    clips = torch.randn(1, 3, 1, size, size, generator=torch.Generator().manual_seed(0))
    expected = published_rows(theirs, clips)
    assert relative(ours(clips), expected) < 1e-5
    assert relative(prepare(ours)(clips), expected) < 1e-5
    assert relative(ours.class_logits(clips), theirs(clips[:, :, 0])) < 1e-5


def test_widths_of_lite2_are_those_of_the_published_blocks():
    # round_filters(1.1 * w) by hand: 17.6 26.4 44 88 123.2 211.2 352
    assert [scaled_width(width, 1.1) for width in (16, 24, 40, 80, 112, 192, 320)] == [
        16, 24, 48, 88, 120, 208, 352,
    ]  # fmt: skip
    assert scaled_width(10, 1.0) == 16  # 8 would be a fifth narrower
    with torch.device("meta"):
        millions = [
            round(sum(each.numel() for each in EfficientNetLite(name).parameters()) / 1e6, 1)
            for name in GROWTH
        ]
    assert millions == [4.7, 5.4, 6.1]  # the table in the README of TensorFlow's models


def test_an_unknown_network_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"efficientnet-lite9.*efficientnet-lite0"):
        EfficientNetLite("efficientnet-lite9")
