"""The prepared network: fixed shape, padding that does not leak, precision that is checked."""
import pytest
import torch

from extract.backbones.base import Backbone
from extract.network import Network, PrecisionError, choose_device

CPU = torch.device("cpu")


class Mean(Backbone):
    """The mean of each channel, and optionally something that only fp32 can compute."""

    name, feature_dim = "mean", 3
    exact_length = None

    def __init__(self, offset: float = 0.0):
        super().__init__()
        self.offset = offset
        self.one = torch.nn.Parameter(torch.ones(1))
        self.batches = []

    def forward(self, clips):
        self.batches.append(tuple(clips.shape))
        return (clips.mean(dim=(2, 3, 4)) * self.one + self.offset) - self.offset


def clips(count):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(3, 4, 5, 5, generator=generator) for _ in range(count)]


def test_every_batch_has_the_one_shape():
    network = Network(Mean(), device=CPU, batch_size=4)
    for count in (4, 1, 3):
        rows = network.rows(clips(count))
        torch.testing.assert_close(rows, torch.stack([clip.mean(dim=(1, 2, 3)) for clip in clips(count)]))
    assert set(network.net.net.batches) == {(4, 3, 4, 5, 5)}
    assert network.cosine == 1.0


def test_a_precision_that_changes_the_features_stops_the_run():
    with pytest.raises(PrecisionError, match="run with --precision fp32"):
        Network(Mean(offset=1000.0), device=CPU, batch_size=2, precision="bf16").rows(clips(2))


def test_a_precision_that_agrees_is_recorded():
    network = Network(Mean(), device=CPU, batch_size=2, precision="bf16")
    network.rows(clips(2))
    assert 0.999 <= network.cosine <= 1


def test_what_a_device_cannot_do_is_said():
    with pytest.raises(ValueError, match="tf32 exists on GPUs only"):
        Network(Mean(), device=CPU, batch_size=1, precision="tf32")
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        choose_device("gpu")
    if not torch.cuda.is_available():
        assert choose_device("auto") == CPU
        with pytest.raises(ValueError, match="no usable GPU"):
            choose_device("cuda")
