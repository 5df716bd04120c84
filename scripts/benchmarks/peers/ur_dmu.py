"""Steps of henrryzh1/UR-DMU by its own train.py and model.py, from a clone.

python -m scripts.benchmarks.peers.ur_dmu CLONE REPORT STEPS
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from scripts.benchmarks.peers.counted import CountedInputs
from scripts.benchmarks.peers.report import Report
from scripts.benchmarks.peers.shims import NoPlots, stand_in, without_gpu
from scripts.benchmarks.peers.sizes import SIZES


def main(clone: Path, report: Path, steps: int) -> None:
    """One step to warm up and STEPS that count, on random features in memory."""
    without_gpu()
    stand_in("visdom", "ipdb")
    sys.path.insert(0, str(clone))
    from model import WSAD  # pyright: ignore[reportMissingImports] - of the clone
    from train import AD_Loss, train  # pyright: ignore[reportMissingImports] - of the clone

    torch.manual_seed(0)
    size = SIZES["ur-dmu"]
    half = size.videos // 2
    batches = [torch.rand(half, size.instances, size.features) for _ in range(2)]
    labels = [torch.zeros(half), torch.ones(half)]
    # As in ucf_main.py and config.py.
    network = WSAD(size.features, flag="Train", a_nums=60, n_nums=60)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.9, 0.999), weight_decay=5e-5)
    loss, plots, counted = AD_Loss(), NoPlots(), CountedInputs(network)

    def step() -> None:
        loaders = [iter([(rows, label)]) for rows, label in zip(batches, labels, strict=True)]
        train(network, *loaders, optimizer, loss, plots, len(counted.moments))

    for _ in range(1 + steps):
        step()
    seconds = counted.seconds()
    Report(counted.counts(), seconds, torch.get_num_threads(), torch.__version__).write(report)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
