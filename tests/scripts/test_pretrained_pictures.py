"""Pretrained networks see what is in pictures, and mistakes in preparing or computing show."""

from importlib import metadata

import numpy as np
import pytest
import torch
from PIL import Image

from extract.backbones.efficientnet_lite import GROWTH, EfficientNetLite
from extract.presets import PRESETS
from extract.preview.picture_classes import class_probabilities
from extract.weights import KNOWN, load_weights
from extract.weights.files import packaged_file
from scripts.experiments.pretrained_pictures import PICTURES, outcomes


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_probabilities_are_those_of_the_picture_that_pil_prepares():
    net = EfficientNetLite("efficientnet-lite0").eval()
    load_weights(net, "none")
    picture = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    small = Image.fromarray(picture).resize((341, 256), Image.Resampling.BICUBIC)
    left, top = round((341 - 224) / 2), round((256 - 224) / 2)
    pixels = np.asarray(small.crop((left, top, left + 224, top + 224)), np.float32)
    clip = torch.from_numpy((pixels - 127) / 128).permute(2, 0, 1)[None, :, None]
    with torch.inference_mode():
        expected = net.class_logits(clip)[0].double().softmax(0).numpy()
    found = class_probabilities(net, PRESETS["efficientnet-lite0"], picture)
    np.testing.assert_allclose(found, expected, rtol=0.02)  # pixels may differ by a grey level
    assert found.shape == (1000,) and found.sum() == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("name", GROWTH)
def test_the_right_network_and_preprocessing_beat_wrong_ones(name):
    if packaged_file(KNOWN[name]) is None:
        pytest.skip(f"without {KNOWN[name].package}")
    for package, _path in PICTURES:
        try:
            metadata.distribution(package)
        except metadata.PackageNotFoundError:
            pytest.skip(f"without the pictures of {package}")
    found = dict(outcomes(name))
    right = found["right"]
    assert right.top1 >= 6 and right.probability > 0.35 and right.stem < 0.03
    for kind in ("BGR", "PyTorch's padding", "PyTorch's epsilon, 1e-5", "x", "x / 255", "(x - 127) / 256"):
        assert found[kind].probability < right.probability, kind
    # What the stem learned in training sees the scale of pixels, even where the classes do not.
    for kind in ("ImageNet's mean and deviation", "x", "x / 255", "(x - 127) / 256"):
        assert found[kind].stem > 10 * right.stem, kind
