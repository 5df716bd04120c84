"""Steps of our own training loop on a batch of the size that a public program uses.

python -m scripts.benchmarks.peers.our_steps ur-dmu REPORT STEPS float32
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch

from score.bags.bags import BagSpec
from score.bags.cache import BagCache
from score.config.presets import PRESETS
from score.threads import choose_threads
from score.training.large_blocks import keep_blocks_of_light_head, parameter_count
from score.training.loop import train_epoch
from score.training.state import Training
from score.training.training_data import TrainingData
from scripts.benchmarks.peers.counted import CountedInputs
from scripts.benchmarks.peers.report import Report
from scripts.benchmarks.peers.sizes import SIZES, BatchSize


def features_of(size: BatchSize) -> TrainingData:
    """Random features of one batch of videos, pooled and in memory, as training holds them."""
    rows = torch.rand(size.videos * size.instances, size.crops, size.features)
    length = torch.full((size.videos,), size.instances)
    label = (torch.arange(size.videos) >= size.videos // 2).float()
    names = tuple(map(str, range(size.videos)))
    cache = BagCache({"rgb": rows}, length.cumsum(0) - length, length, label, label.long(), names)
    return TrainingData(cache, None, "benchmark", BagSpec({"rgb": size.features}), (), None, {})


def main(peer: str, report: Path, steps: int, precision: str) -> None:
    """One step to warm up and STEPS that count, in an epoch of their own."""
    size, preset = SIZES[peer], PRESETS[SIZES[peer].preset]
    assert preset.train.batch == size.videos
    config = replace(preset, train=replace(preset.train, steps_per_epoch=1 + steps, precision=precision))
    data = features_of(size)
    # Threads and memory as vad-score train has them.
    instances = size.videos * size.crops * size.instances
    torch.set_num_threads(choose_threads(instances, parameter_count(config, data.bag_spec)))
    keep_blocks_of_light_head(config, data.bag_spec)
    training = Training(config, data, seed=0, device=torch.device("cpu"))
    counted = CountedInputs(training.head)
    train_epoch(training)
    seconds = counted.seconds()
    Report(counted.counts(), seconds, torch.get_num_threads(), torch.__version__).write(report)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
