"""A baseline that works as most extractors do: one video after the other, one clip per batch, PIL for each
frame, the network as published and eager, one npy per video. Decoded by decord in the same process."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from extract.backbones import BACKBONES
from extract.presets import PRESETS
from scripts.benchmarks.ours import shapes


class Baseline:
    """A preset with a short-side resize and a centre crop; clips are adjacent, the last frame fills the last
    clip."""

    def __init__(self, preset: str):
        import decord

        self.decord, self.preset = decord, PRESETS[preset]
        torch.manual_seed(0)
        self.size, self.scaling = shapes(preset, 1)[-1], self.preset.scaling
        assert self.preset.backbone and self.preset.resize and self.scaling
        self.net = BACKBONES[self.preset.backbone]().eval()
        self.prepare = transforms.Compose(
            [
                transforms.Resize(self.preset.resize.size),
                transforms.CenterCrop(self.size),
                transforms.PILToTensor(),
            ]
        )

    @torch.no_grad()
    def warm_up(self) -> None:
        """One clip through the network, so that its memory is allocated."""
        self._row([torch.zeros(3, self.size, self.size, dtype=torch.uint8)] * self.preset.clip_length)

    @torch.no_grad()
    def extract(self, videos: list[str], out: str) -> float:
        """Seconds for these files, without imports and the construction of the network."""
        begun = time.perf_counter()
        for number, path in enumerate(videos):
            rows, frames = [], []
            for frame in self.decord.VideoReader(path, num_threads=1):
                frames.append(self.prepare(Image.fromarray(frame.asnumpy())))
                if len(frames) == self.preset.clip_length:
                    rows.append(self._row(frames))
                    frames = []
            if frames:
                rows.append(self._row(frames + [frames[-1]] * (self.preset.clip_length - len(frames))))
            np.save(Path(out) / f"{number}.npy", np.stack(rows))
        return time.perf_counter() - begun

    def _row(self, frames: list[torch.Tensor]) -> np.ndarray:
        scaling = self.scaling
        assert scaling is not None
        shape = (1, 3, 1, 1, 1)
        clip = torch.stack(frames, dim=1)[None].float()  # [1, 3, L, S, S]
        clip = (clip - torch.tensor(scaling.mean).view(shape)) / torch.tensor(scaling.std).view(shape)
        return self.net(clip)[0].numpy()


class PlainForward:
    """A network as published, eager, at a batch size."""

    def __init__(self, backbone: str, shape: tuple[int, ...]):
        torch.manual_seed(0)
        self.net = BACKBONES[backbone]().eval().requires_grad_(False)
        self.clips = torch.randn(shape)

    @torch.no_grad()
    def forward(self) -> float:
        """Seconds per clip."""
        begun = time.perf_counter()
        self.net(self.clips)
        return (time.perf_counter() - begun) / len(self.clips)
