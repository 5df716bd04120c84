"""This project's side of the comparisons: the pipeline as vad-extract runs it, and its network alone."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path


class Pipeline:
    """A preset with its networks, one per precision; each run extracts into a new store."""

    def __init__(self, preset: str, precisions: tuple[str, ...] = ("fp32",), device: str = "cpu"):
        from extract.runtime.allocator import ask_for_huge_pages
        from extract.runtime.waiting_threads import wait_asleep

        ask_for_huge_pages()
        wait_asleep()
        from extract.pipeline.extractor import Extractor
        from extract.pipeline.run_settings import ExtractionJob, RunSettings
        from extract.presets import PRESETS
        from scripts.benchmarks.harness.rounds import CORES

        self.folder = Path(tempfile.mkdtemp(prefix="bench"))
        self.preset = PRESETS[preset]
        self.extractors = {}
        for precision in precisions:
            settings = RunSettings(device=device, workers=CORES, weights="none", precision=precision)
            job = ExtractionJob(self.preset, Path(), self.folder / precision, settings)
            self.extractors[precision] = Extractor(job, expected=CORES)

    def extract(self, root: str, ids: list[str], precision: str = "fp32") -> dict:
        """seconds, frames, and the shares of the loop's time; the decode processes are already running."""
        from data_lists import Video
        from extract.pipeline.run_settings import RunReport
        from extract.runtime.profile import Profile
        from extract.runtime.progress import Progress
        from extract.store import FeatureStore

        extractor = self.extractors[precision]
        extractor.job = replace(extractor.job, root=Path(root))
        new = Path(tempfile.mkdtemp(dir=self.folder))
        extractor.store = FeatureStore.create(
            new, extractor.store.spec, batch_shape=extractor.store.batch_shape
        )
        report, profile = RunReport(), Profile()
        begun = time.perf_counter()
        extractor.extract(
            [Video(each) for each in ids], report, Progress(total=0, live=False, profile=profile)
        )
        elapsed = time.perf_counter() - begun
        if report.failed or len(report.extracted) != len(ids):
            raise RuntimeError(f"not every video was extracted: {report.failed}")
        shutil.rmtree(new)
        return {"seconds": elapsed, "frames": sum(report.extracted.values()), "shares": profile.shares()}

    def close(self) -> None:
        for extractor in self.extractors.values():
            extractor.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class LeanForward:
    """A network as prepared for inference, at a batch size."""

    def __init__(self, backbone: str, shape: tuple[int, ...], precision: str = "fp32", device: str = "cpu"):
        from extract.runtime.allocator import ask_for_huge_pages
        from extract.runtime.waiting_threads import wait_asleep

        ask_for_huge_pages()
        wait_asleep()
        import torch

        from extract.backbones import BACKBONES
        from extract.inference.network import Network

        torch.manual_seed(0)
        self.torch, self.shape = torch, shape
        self.arguments = {"device": torch.device(device), "precision": precision}
        self.backbone = BACKBONES[backbone]()
        self.network = Network(self.backbone, batch_size=shape[0], **self.arguments)
        self.clips = torch.randn(shape, device=device)
        self.network.start(self.clips).rows()

    def forward(self) -> float:
        """Seconds per clip."""
        begun = time.perf_counter()
        self.network.start(self.clips).rows()
        return (time.perf_counter() - begun) / len(self.clips)

    def best_batch(self, sizes: tuple[int, ...] = (1, 2, 4)) -> int:
        """The batch size that is fastest per clip, which is used from then on."""
        from extract.inference.network import Network

        found = {}
        for size in sizes:
            self.clips = self.torch.randn(size, *self.shape[1:])
            self.network = Network(self.backbone, batch_size=size, **self.arguments)
            self.forward()
            found[size] = min(self.forward() for _ in range(2)), size
        best = min(found.values())[1]
        self.clips = self.torch.randn(best, *self.shape[1:])
        self.network = Network(self.backbone, batch_size=best, **self.arguments)
        self.forward()
        return best


def gflop(preset: str) -> float:
    """Nominal multiplications and additions of one clip, from the shapes of its convolutions, in 10^9."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from extract.backbones import BACKBONES
    from extract.presets import PRESETS

    chosen = PRESETS[preset]
    with torch.device("meta"):
        assert chosen.backbone is not None and chosen.crop is not None
        net = BACKBONES[chosen.backbone]().eval()
        clip = torch.empty(1, net.channels, chosen.clip_length, chosen.crop.size, chosen.crop.size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(clip)
    return counter.get_total_flops() / 1e9


def shapes(preset: str, batch: int) -> tuple[int, ...]:
    """[B, channels, L, S, S] of a preset's network."""
    from extract.presets import PRESETS

    chosen = PRESETS[preset]
    if chosen.sound is not None:
        return batch, 1, 1, chosen.sound.frames, chosen.sound.bands
    assert chosen.crop is not None
    return batch, 2 if chosen.flow else 3, chosen.clip_length, chosen.crop.size, chosen.crop.size
