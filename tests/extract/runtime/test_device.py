"""What --device takes, and the one line for what it does not."""

import pytest
import torch

from extract.runtime.device import choose_device


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:x", ""])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(
        ValueError, match=f"--device {name}: unknown device; expected auto, cpu, cuda or cuda:N"
    ):
        choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="of a machine without a GPU")
def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_refused():
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    for name in ("cuda", "cuda:0"):
        with pytest.raises(ValueError, match=f"--device {name}: this machine has no usable GPU"):
            choose_device(name)


def test_a_numbered_gpu_becomes_the_current_one_and_a_missing_one_is_named(monkeypatch):
    """Of torch only what needs a GPU is replaced: graphs and events would go to the first GPU instead."""
    made_current = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", made_current.append)
    assert choose_device("cuda:1") == torch.device("cuda", 1) and made_current == [torch.device("cuda", 1)]
    with pytest.raises(ValueError, match="--device cuda:2: no such GPU; this machine has cuda:0 to cuda:1"):
        choose_device("cuda:2")
    assert choose_device("cuda").index is None and len(made_current) == 1
