"""VGGish against the published one, written with functions, and its file as torchvggish saves it."""

import pytest
import torch

from extract.backbones.vggish import VGGish
from extract.inference.fast.prepare import prepare
from extract.weights import load_weights
from support.sound_formulas import expected_vggish

pytestmark = pytest.mark.slow  # 72 million weights

# Names and shapes in vggish-10086976.pth.
SHAPES = {
    "features.0": (64, 1, 3, 3),
    "features.3": (128, 64, 3, 3),
    "features.6": (256, 128, 3, 3),
    "features.8": (256, 256, 3, 3),
    "features.11": (512, 256, 3, 3),
    "features.13": (512, 512, 3, 3),
    "embeddings.0": (4096, 12_288),
    "embeddings.2": (4096, 4096),
    "embeddings.4": (128, 4096),
}


@torch.inference_mode()
def test_rows_are_those_of_the_published_network(tmp_path):
    generator = torch.Generator().manual_seed(2)
    state = {}
    for name, shape in SHAPES.items():
        weight = torch.empty(shape)
        state[f"{name}.weight"] = weight.normal_(0, (2 / weight[0].numel()) ** 0.5, generator=generator)
        state[f"{name}.bias"] = torch.empty(shape[0]).normal_(0, 0.1, generator=generator)
    # As a module of torchvggish with its PCA.
    torch.save(state | {"pproc.pca_means": torch.zeros(128, 1)}, tmp_path / "vggish.pth")
    net = VGGish()
    digest = load_weights(net, tmp_path / "vggish.pth", name="vggish")
    assert digest.startswith("sha256:")
    patches = torch.randn(3, 96, 64, generator=generator)
    expected = expected_vggish(state, patches)
    assert expected.std() > 0.1
    for ready in (net.eval(), prepare(net, fast=True)):
        found = ready(patches[:, None, None])
        assert found.shape == (3, 128)
        assert (found - expected).norm() / expected.norm() < 1e-5
