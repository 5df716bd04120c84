"""How many clips go through the network at once: tried out when a store is new, then fixed and recorded in it.

More is not always faster: on processors 2 clips of I3D beat both 1 and 8. The preset's number stays unless another one
is clearly better, so that a moment's disturbance does not decide.
"""

from __future__ import annotations

import time

import torch

from extract.inference.network import Network

LEAST_GAIN = 1.1
LONGEST_SECONDS = 3.0  # of one pass: with slower ones, trying would take longer than it is worth


@torch.inference_mode()
def probe_batch_size(network: Network, shape: tuple[int, ...]) -> int:
    """The batch size to use. network: with the preset's batch size; shape: of one clip [channels, L, S, S]."""
    preset = network.batch_size
    speeds = {preset: _clips_a_second(network, preset, shape)}
    if preset / speeds[preset] > LONGEST_SECONDS:
        return preset
    # On a processor twice as many never won and cost memory that the process then keeps.
    for size in (preset // 2, 2 * preset if network.device.type == "cuda" else 0):
        if size:
            try:
                speeds[size] = _clips_a_second(network, size, shape)
            except RuntimeError as error:
                if "memory" not in str(error):
                    raise
                if network.device.type == "cuda":
                    torch.cuda.empty_cache()
    best = max(speeds, key=speeds.get)
    return best if speeds[best] >= LEAST_GAIN * speeds[preset] else preset


def _clips_a_second(network: Network, size: int, shape: tuple[int, ...]) -> float:
    clips = torch.rand(size, *shape, device=network.device)
    times = []
    for _ in range(3):  # the first pass lays weights out
        begun = time.perf_counter()
        network.forward(clips).sum().item()
        times.append(time.perf_counter() - begun)
        if sum(times) > LONGEST_SECONDS:
            break
    return size / min(times)
