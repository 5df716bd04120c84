"""Which trainings keep freed memory for their next tensors."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="needs /proc, which only Linux has"),
]

PROGRAM = """
import resource, sys
import torch
from score.bags.bags import BagSpec
from score.config.presets import PRESETS
from score.training.large_blocks import keep_blocks_of_light_head

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

keep_blocks_of_light_head(PRESETS[sys.argv[1]], BagSpec({"rgb": 1024}))
rows = torch.ones(32 << 20)
held = resident()
del rows
print("returned" if held - resident() > 100 << 20 else "kept")
"""


@pytest.mark.parametrize(
    "preset, found",
    [("mil-cvpr18", "kept"), ("rtfm", "kept"), ("ur-dmu-aaai23", "returned"), ("rtfm-iccv21", "returned")],
)
def test_light_heads_keep_freed_blocks_and_heavy_ones_return_them(preset, found):
    done = subprocess.run([sys.executable, "-c", PROGRAM, preset], capture_output=True, text=True)
    assert done.stdout.strip() == found, done.stderr
