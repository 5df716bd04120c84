"""The batch size that was the fastest on this machine before, so that not every new store tries again."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from extract.inference.batch_size import probe_batch_size
from extract.inference.network import Network
from extract.runtime.foreign.ledger import LEDGER, Ledger, digest_of
from extract.runtime.machine.limits import cores
from extract.runtime.machine.machine_load import MachineLoad
from extract.runtime.versions import version

CPUINFO = Path("/proc/cpuinfo")


def known_batch_size(
    name: str,
    network: Network,
    shape: tuple[int, ...],
    *,
    ledger: Ledger = LEDGER,
    load: MachineLoad | None = None,
) -> int:
    """As probe_batch_size, which runs once for a network, its precision and a machine.

    name: of the network. shape: of one clip [channels, L, S, S]. load: since before the trial, by default
    since now; where others used the machine meanwhile, a choice other than the network's own is not kept.
    """
    digest = digest_of(
        "batch size 1",
        *(name, network.precision, network.net.fast, network.batch_size, shape),
        *(version("vad-pipeline"), torch.__version__, torch.get_num_threads(), cores()),
        _processor(network.device),
    )
    known = ledger.notes([digest]).get(digest, "")
    if known.isdecimal() and int(known) > 0:
        return int(known)
    load = load or MachineLoad()
    size = probe_batch_size(network, shape)
    if size == network.batch_size or not load.limit_of_all():
        ledger.note(digest, str(size))
    return size


def _processor(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = CPUINFO.read_text().splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
