"""Which device a command computes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> torch.device:
    """The device of a --device option: auto (the GPU, if there is one), cpu, cuda or cuda:N.

    A numbered GPU becomes the current one of this process, because events, captured graphs and kernels that
    are started without a device go to the current one, whatever device their arrays are on. Raises
    ValueError.
    """
    import torch

    available = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if available else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise ValueError(f"--device {name}: unknown device; expected auto, cpu, cuda or cuda:N")
    if device.type == "cpu":
        return device
    if not available:
        raise ValueError(f"--device {name}: this machine has no usable GPU; choose cpu or auto")
    if device.index is not None:
        if device.index >= (count := torch.cuda.device_count()):
            last = f" to cuda:{count - 1}" if count > 1 else ""
            raise ValueError(f"--device {name}: no such GPU; this machine has cuda:0{last}")
        torch.cuda.set_device(device)
    return device
