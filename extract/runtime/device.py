"""How a command begins with torch: its import, and the device to compute on."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def import_torch() -> None:
    """Import torch without Python's collector of cycles, which then leaves torch's objects alone for good.

    It would go through ever more objects again and again and find nothing: an eighth of the import.
    """
    if "torch" in sys.modules:
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401
    finally:
        if collects:
            gc.enable()
    gc.freeze()


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
