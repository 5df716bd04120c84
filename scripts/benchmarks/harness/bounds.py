"""What a machine can do at most: multiply-adds, matrix products, decoding alone, preparing alone, a network
alone."""

from __future__ import annotations

import os
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np

from scripts.benchmarks.harness.rounds import CORES, flags

SECONDS = 0.3  # per measurement
LEAST_FRAMES = 800  # to decode at a time: fewer are too short to see whether the machine was quiet
REPEATS = 3  # repetitions of a network alone: the speed of a virtual processor changes within a second


class FmaPeak:
    """float32 multiply-adds in registers on all cores: nothing that multiplies one by one can be faster."""

    def __init__(self):
        wide = "avx512f" in flags()
        if wide:
            # Compilers avoid the widest registers by default; this must be set before numba is loaded.
            from llvmlite import binding

            os.environ["NUMBA_CPU_NAME"] = binding.get_host_cpu_name()
            os.environ["NUMBA_CPU_FEATURES"] = binding.get_host_cpu_features().flatten() + ",-prefer-256-bit"
        from numba import njit

        width = 256 if wide else 96  # sums that all stay in registers: 16 of 16 numbers, or 12 of 8

        @njit(fastmath=True, nogil=True)
        def multiply_add(count, factor, addend, out):
            sums = np.empty(width, np.float32)
            for k in range(width):
                sums[k] = factor
            for _ in range(count):
                for k in range(width):
                    sums[k] = sums[k] * factor + addend
            out[:] = sums

        self.work, self.width, self.count = multiply_add, width, 1000
        self._run(1)
        self.count = max(1000, int(self.count * SECONDS / max(self._run(1), 1e-6)))

    def gflops(self, threads: int = CORES) -> float:
        """The peak of this many cores together."""
        return 2e-9 * self.width * self.count * threads / self._run(threads)

    def _run(self, threads: int) -> float:
        outs = [np.zeros(self.width, np.float32) for _ in range(threads)]
        arguments = (self.count, np.float32(0.999), np.float32(0.001))
        workers = [threading.Thread(target=self.work, args=(*arguments, out)) for out in outs]
        begun = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return time.perf_counter() - begun


class MatmulPeak:
    """The fastest square matrix product that torch has, the peak where a processor has instructions for
    matrices."""

    def __init__(self, dtype: str, device: str = "cpu", sizes: tuple[int, ...] = (1024, 2048)):
        import torch

        self.torch, self.device = torch, device
        kind = getattr(torch, dtype)
        self.pairs = [
            tuple(torch.randn(size, size, device=device).to(kind) for _ in range(2)) for size in sizes
        ]
        self.gflops()

    def gflops(self) -> float:
        return max(self._rate(*pair) for pair in self.pairs)

    def _rate(self, first, second) -> float:
        size, count, begun = len(first), 0, time.perf_counter()
        while time.perf_counter() - begun < SECONDS:
            _ = first @ second
            count += 1
            if self.device != "cpu":
                self.torch.cuda.synchronize()
        return 2e-9 * size**3 * count / (time.perf_counter() - begun)


class Alone:
    """Parts of the pipeline on one core, each by itself: processor seconds per frame, a mean over the
    videos."""

    def __init__(self, preset: str, videos: list[str], precision: str = "fp32"):
        import torch

        torch.set_num_threads(1)
        from extract.presets import PRESETS
        from extract.runtime.allocator import keep_large_blocks

        keep_large_blocks()
        self.torch, self.preset, self.paths = torch, PRESETS[preset], list(map(Path, videos))
        self.frames, self.counts = {}, dict.fromkeys(self.paths, 0)
        for path in self.paths:
            self.frames[path] = np.stack([picture.rgb() for picture in islice(self._open(path).frames, 64)])
            self.counts[path] = sum(1 for _ in self._open(path).frames)
        self.net = None
        if self.preset.backbone:
            from extract.backbones import BACKBONES
            from extract.inference.fast.prepare import prepare

            torch.manual_seed(0)
            backbone = BACKBONES[self.preset.backbone]()
            self.net = prepare(backbone, precision=precision)
            crop, length = self.preset.crop, self.preset.clip_length
            assert crop is not None
            batch = self.preset.batch_size[0]
            self.clips = torch.randn(batch, backbone.channels, length, crop.size, crop.size)

    def decode(self) -> float:
        """Decoding, every frame to RGB."""
        frames = sum(self.counts.values())
        passes = max(1, LEAST_FRAMES // frames)
        begun = time.process_time()
        for path in passes * self.paths:
            for picture in self._open(path).frames:
                picture.rgb()
        return (time.process_time() - begun) / (passes * frames)

    def prepare(self) -> float:
        """Resizing, cropping and scaling; the descriptor for a preset without a network."""
        part = self._describe if self.net is None else self._resize
        return sum(self.counts[path] * part(self.frames[path]) for path in self.paths) / sum(
            self.counts.values()
        )

    def forward(self) -> float:
        """The network at its batch size; 0 where there is none."""
        if self.net is None:
            return 0.0
        begun = time.process_time()
        with self.torch.inference_mode():
            for _ in range(REPEATS):
                self.net(self.clips)
        frames = REPEATS * len(self.clips) * self.preset.segment_stride
        return (time.process_time() - begun) / frames

    def _open(self, path: Path):
        from extract.decode.decord_reader import open_decord
        from extract.decode.sources import find_source

        return open_decord(find_source(path.parent, path.stem), 1 << 30)

    def _describe(self, frames: np.ndarray) -> float:
        from extract.decode.sinks import make_descriptor

        assert self.preset.descriptor is not None
        descriptor, length = make_descriptor(self.preset.descriptor, 30.0), self.preset.clip_length
        begun = time.process_time()
        found = [*map(descriptor.frame, frames), descriptor.end()]
        rows = [row for row in found if row is not None]
        for start in range(0, len(rows), length):
            descriptor.segment(np.stack(rows[start : start + length]))
        return (time.process_time() - begun) / len(rows)

    def _resize(self, frames: np.ndarray) -> float:
        from extract.clips.streams import RgbStream
        from extract.clips.transforms import crop, network_input

        preset, length = self.preset, self.preset.clip_length
        assert preset.crop is not None and preset.scaling is not None
        stream = RgbStream(preset.resize, self.torch.device("cpu"))
        begun = time.process_time()
        for start in range(0, len(frames) - length + 1, length):
            pictures = stream.add(frames[start : start + length])
            for view in crop(pictures, layout=preset.crop.layout, size=preset.crop.size):
                network_input([view], batch_size=1, mean=preset.scaling.mean, std=preset.scaling.std)
        return (time.process_time() - begun) / (len(frames) // length * length)
