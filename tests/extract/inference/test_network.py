"""The prepared network: fixed shape, padding that does not leak, precision that is checked."""

import time
import weakref

import pytest
import torch

from extract.backbones.backbone import Backbone
from extract.inference.batch_size import choose_batch_size, probe_batch_size
from extract.inference.network import Network, PrecisionError

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


class BrightClips(Mean):
    """Only fp32 can compute bright clips."""

    def forward(self, clips):
        offset = 1000.0 * (clips.mean(dim=(2, 3, 4)) > 1).to(clips.dtype)
        return (clips.mean(dim=(2, 3, 4)) * self.one + offset) - offset


def test_each_clip_of_the_first_batch_is_checked():
    dark, bright = clips(2)[0], clips(2)[1] * torch.tensor([3.0, 4.0, 5.0])[:, None, None, None]
    Network(BrightClips(), device=CPU, batch_size=2, precision="bf16").rows([dark, dark])
    with pytest.raises(PrecisionError, match="on the first clips"):
        Network(BrightClips(), device=CPU, batch_size=2, precision="bf16").rows([dark, bright])


class WholeBatches(Mean):
    """Only fp32 can compute the zeros that fill a batch up."""

    def forward(self, clips):
        empty = (clips.new_tensor([1.0, 2.0, 3.0]) * self.one + 1000.0) - 1000.0
        return torch.where(clips.flatten(1).any(dim=1)[:, None], super().forward(clips), empty)


@pytest.mark.parametrize("backbone", [Mean, WholeBatches])
@pytest.mark.parametrize("count", [4, 1])
def test_a_precision_that_agrees_is_recorded_however_many_clips_the_first_batch_has(count, backbone):
    network = Network(backbone(), device=CPU, batch_size=4, precision="bf16")
    network.rows(clips(count))
    assert 0.999 <= network.cosine <= 1


def test_a_precision_that_a_device_lacks_is_refused():
    with pytest.raises(ValueError, match="tf32 exists on GPUs only"):
        Network(Mean(), device=CPU, batch_size=1, precision="tf32")


def test_the_network_as_published_is_kept_until_its_first_row_is_compared():
    plain = Mean()
    published = weakref.ref(plain)
    network = Network(plain, device=CPU, batch_size=2, precision="bf16")
    del plain
    assert published() is not None
    network.rows(clips(2))
    assert published() is None
    plain = Mean()
    published, network = weakref.ref(plain), Network(plain, device=CPU, batch_size=2)
    del plain
    assert published() is None and network.rows(clips(2)).shape == (2, 3)


class Slow(Mean):
    """As slow as a table says: batch size -> seconds per pass."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def forward(self, clips):
        time.sleep(self.seconds[len(clips)])
        return super().forward(clips)


@pytest.mark.parametrize(
    "seconds, best",
    [
        ({1: 0.05, 2: 0.06}, 2),  # per clip: 50, 30 ms
        ({1: 0.03, 2: 0.10}, 1),
        ({1: 0.098, 2: 0.20}, 2),  # 2 % faster is noise
    ],
)
def test_the_batch_size_is_the_presets_unless_another_is_clearly_faster(seconds, best):
    network = Network(Slow(seconds), device=CPU, batch_size=2)
    assert probe_batch_size(network, (3, 4, 5, 5)) == best
    assert network.cosine is None  # the check is for the first real clip


@pytest.mark.parametrize(
    "known, chosen",
    [
        ({"recorded": (3,), "requested": 5, "probe": lambda: 7}, 3),
        ({"requested": 5, "probe": lambda: 7}, 5),
        ({"probe": lambda: 7}, 7),
        ({}, 2),
    ],
)
def test_the_store_decides_the_batch_size_then_the_user_then_a_probe_then_the_preset(known, chosen):
    assert choose_batch_size((2, 64), CPU, **known) == chosen
    assert choose_batch_size((2, 64), torch.device("cuda")) == 64


def test_a_batch_of_another_size_is_refused():
    network = Network(Mean(), device=CPU, batch_size=2)
    with pytest.raises(ValueError, match="a batch of 3 clips, expected 2"):
        network.start(torch.stack(clips(3)))
