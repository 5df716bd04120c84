"""Steps of tianyu0207/RTFM by its own train.py and model.py, from a clone.

python -m scripts.benchmarks.peers.rtfm CLONE REPORT STEPS
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from scripts.benchmarks.peers.counted import CountedInputs
from scripts.benchmarks.peers.report import Report
from scripts.benchmarks.peers.shims import NoPlots, without_gpu
from scripts.benchmarks.peers.sizes import SIZES


def main(clone: Path, report: Path, steps: int) -> None:
    """One step to warm up and STEPS that count, on random features in memory."""
    without_gpu()
    sys.path.insert(0, str(clone))
    from model import Model  # pyright: ignore[reportMissingImports] - of the clone
    from train import train  # pyright: ignore[reportMissingImports] - of the clone

    torch.manual_seed(0)
    size = SIZES["rtfm"]
    half = size.videos // 2
    batches = [torch.rand(half, size.crops, size.instances, size.features) for _ in range(2)]
    labels = [torch.zeros(half), torch.ones(half)]
    # As in main.py and option.py.
    network = Model(size.features, half)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=0.005)
    plots, counted = NoPlots(), CountedInputs(network)

    def step() -> None:
        loaders = [iter([(rows, label)]) for rows, label in zip(batches, labels, strict=True)]
        train(*loaders, network, half, optimizer, plots, "cpu")

    for _ in range(1 + steps):
        step()
    seconds = counted.seconds()
    Report(counted.counts(), seconds, torch.get_num_threads(), torch.__version__).write(report)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
