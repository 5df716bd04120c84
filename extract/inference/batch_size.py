"""How many clips go through the network at once: decided when a store is new, then recorded in it.

More is not always faster: on CPUs batches of 2 clips of I3D beat both 1 and 8. The preset's number stays
unless another one is clearly better, so that momentary noise does not decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from extract.inference.network import Network

# An alternative must be this many times as fast as the preset's batch size.
MIN_SPEEDUP = 1.1
# Seconds of one pass; with slower ones, probing would take longer than it is worth.
MAX_SECONDS = 3.0


def choose_batch_size(
    preset_sizes: tuple[int, int],
    device: torch.device,
    *,
    recorded: tuple[int, ...] | None = None,
    requested: int | None = None,
    probe: Callable[[], int] | None = None,
) -> int:
    """The batch size of a store, by the first of these rules that applies.

    recorded: the batch shape of a store that exists decides, because rows of other batch sizes differ in
    their last bits. requested: the user's choice. probe: tries which is fastest. preset_sizes: on a CPU, on a
    GPU.
    """
    if recorded:
        return recorded[0]
    if requested:
        return requested
    return preset_sizes[device.type != "cpu"] if probe is None else probe()


@torch.inference_mode()
def probe_batch_size(network: Network, shape: tuple[int, ...]) -> int:
    """The fastest batch size, with a preference for the network's own.

    network: with the preset's batch size. shape: of one clip [channels, L, S, S].
    """
    preset = network.batch_size
    speeds = {preset: _clips_per_second(network, preset, shape)}
    if preset / speeds[preset] > MAX_SECONDS:
        return preset
    # On a CPU twice the size never won, and it costs memory that the process then keeps.
    for size in (preset // 2, 2 * preset if network.device.type == "cuda" else 0):
        if size:
            try:
                speeds[size] = _clips_per_second(network, size, shape)
            except RuntimeError as error:
                if "memory" not in str(error):
                    raise
                if network.device.type == "cuda":
                    torch.cuda.empty_cache()
    best = max(speeds, key=lambda size: speeds[size])
    return best if speeds[best] >= MIN_SPEEDUP * speeds[preset] else preset


def _clips_per_second(network: Network, size: int, shape: tuple[int, ...]) -> float:
    channels, *others = shape
    # in memory as network_input gives them
    clips = torch.rand(size, *others, channels, device=network.device).movedim(-1, 1)
    times = []
    # the first pass reorders the weights, so the best of three counts
    for _ in range(3):
        begun = time.perf_counter()
        network.forward(clips).sum().item()
        times.append(time.perf_counter() - begun)
        if sum(times) > MAX_SECONDS:
            break
    network.begin_again()
    return size / min(times)
