"""TV-L1's GPU kernels: interpreted on the CPU, compiled without a GPU, and run on a GPU if there is one."""

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from extract.flow.tvl1 import tvl1, tvl1_kernels
from extract.flow.tvl1_reference import tvl1_reference
from extract.flow.tvl1_settings import VARIANTS, TVL1Settings

pytestmark = pytest.mark.slow
pytest.importorskip("triton", reason="needs Triton, which comes with torch for GPUs")
ROOT = Path(__file__).resolve().parents[3]
SHORT = TVL1Settings(num_scales=2, warps=2, inner_iterations=2, outer_iterations=2)


def pairs(count: int, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Integer levels, float32 [count, H, W]; the first pair moves far, the second hardly."""
    first = []
    for seed in range(count):
        noise = np.random.default_rng(seed).random((height, width), np.float32)
        first.append(cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.0), None, 0, 255, cv2.NORM_MINMAX))
    shifts = [(2.3, -1.1), (0.05, 0.02), (-0.8, 0.6), (1.2, 0.4), (0.3, -3.0)]
    second = [
        cv2.warpAffine(
            image, np.float32([[1, 0, x], [0, 1, y]]), (width, height), borderMode=cv2.BORDER_REFLECT
        )
        for image, (x, y) in zip(first, (shifts * count)[:count], strict=True)
    ]
    return tuple(torch.from_numpy(np.stack(each).round()) for each in (first, second))


def endpoint_errors(flow: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Mean endpoint error per pair."""
    return (flow - other).square().sum(dim=1).sqrt().mean(dim=(1, 2))


INTERPRETED = """
import sys, torch
from triton.runtime.interpreter import InterpretedFunction
from extract.flow.tvl1_settings import TVL1Settings
from extract.flow.tvl1_triton import tvl1_triton
def call(self, *args, prepared=InterpretedFunction.__call__, **kwargs):
    # A launch patches the language for all our functions; repeating that per call takes half the time.
    own = self.fn.__module__.startswith("extract.")
    return self.rewrite()(*args, **kwargs) if own else prepared(self, *args, **kwargs)
InterpretedFunction.__call__ = call
first, second, settings = torch.load(sys.argv[1], weights_only=True)
flow = tvl1_triton(first, second, TVL1Settings(**settings), block=256, pixels_in_work=2 * first[0].numel())
torch.save(flow, sys.argv[2])
"""


def test_interpreted_kernels_agree_with_the_reference(tmp_path):
    # Three pairs in two slots of two tiles each: slots are reused, and are at different scales.
    first, second = pairs(3, 20, 22)
    torch.save((first, second, asdict(SHORT)), tmp_path / "given.pt")
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    command = [sys.executable, "-W", "ignore", "-c", INTERPRETED, tmp_path / "given.pt", tmp_path / "flow.pt"]
    subprocess.run(command, env=environment, cwd=ROOT, check=True)
    flow = torch.load(tmp_path / "flow.pt", weights_only=True)
    expected = tvl1_reference(first, second, SHORT)
    assert expected.abs().mean() > 0.1
    assert endpoint_errors(flow, expected).max() <= 1e-4


FLOATS, INTS = "*fp32", "*i32"
SIGNATURES = {
    "start_scale": {"table": INTS, "flow": FLOATS, "dual": FLOATS, "area": "i32", "factor": "fp32"},
    "warp": {
        "table": INTS,
        "first": FLOATS,
        "images": FLOATS,
        "flow": FLOATS,
        "terms": FLOATS,
        "errors": FLOATS,
        "area": "i32",
        "total": "i32",
    },
    "median_5x5": {"table": INTS, "flow": FLOATS, "area": "i32"},
    "update_flow": {
        "table": INTS,
        "flow": FLOATS,
        "dual": FLOATS,
        "terms": FLOATS,
        "errors": FLOATS,
        "partial": FLOATS,
        "area": "i32",
        "tiles": "i32",
        "epsilon_2": "fp32",
        "bound": "fp32",
        "theta": "fp32",
    },
    "update_dual": {
        "table": INTS,
        "flow": FLOATS,
        "dual": FLOATS,
        "errors": FLOATS,
        "next_errors": FLOATS,
        "partial": FLOATS,
        "area": "i32",
        "tiles": "i32",
        "epsilon_2": "fp32",
        "rate": "fp32",
    },
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", SIGNATURES)
def test_kernels_compile_without_a_gpu(name):
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from extract.flow import kernels_triton, median_triton

    kernel = getattr(kernels_triton, name, None) or getattr(median_triton, name)
    constants = {"BLOCK": 1024, "TILES": 128} if name == "update_dual" else {"BLOCK": 1024}
    signature = SIGNATURES[name] | dict.fromkeys(constants, "constexpr")
    assert list(signature) == kernel.arg_names
    values = {(kernel.arg_names.index(each),): value for each, value in constants.items()}
    source = ASTSource(kernel, signature, constexprs=values)
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32))
    assert compiled.asm["cubin"]


@pytest.mark.cuda
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_gpu_agrees_with_the_cpu(variant):
    assert tvl1_kernels("cuda") == "triton"
    settings = VARIANTS[variant]
    first, second = pairs(5, 120, 161)
    flow = tvl1(first.cuda(), second.cuda(), settings=settings).cpu()
    expected = tvl1(first, second, settings=settings, device="cpu")
    assert endpoint_errors(flow, expected).max() <= 0.03


@pytest.mark.cuda
def test_on_the_gpu_the_flow_of_a_pair_does_not_depend_on_its_batch():
    first, second = (images.cuda() for images in pairs(5, 90, 121))
    alone = torch.cat([tvl1(a[None], b[None]) for a, b in zip(first, second, strict=True)])
    order = torch.tensor([3, 0, 4, 1, 2], device="cuda")
    assert torch.equal(tvl1(first[order], second[order]), alone[order])
