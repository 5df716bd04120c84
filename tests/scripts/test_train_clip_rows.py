"""The benchmark of reclass gives the head every array that it reads."""

import pytest
import torch

from score.config.presets import PRESETS
from score.heads.reclass import RECLASS
from scripts.benchmarks.train_clip_rows import ClipSteps, clip_bags


def test_the_clips_of_the_benchmark_have_what_the_head_needs():
    needed = {name for name in RECLASS.arrays if not name.endswith("?")}
    assert needed <= set(clip_bags((2, 3, 32, 32)).arrays)


@pytest.mark.slow
def test_a_step_of_the_benchmark_trains_both_players():
    threads = torch.get_num_threads()
    try:
        steps = ClipSteps("reclass", (2, 3, 32, 32), PRESETS["reclass"].head.frames)
        before = {name: weight.clone() for name, weight in steps.training.head.named_parameters()}
        assert steps.seconds() > 0
    finally:
        torch.set_num_threads(threads)
    changed = {
        name.split(".")[0]
        for name, weight in steps.training.head.named_parameters()
        if not torch.equal(weight, before[name])
    }
    assert changed >= {"generator", "discriminator"}, changed
