"""Features as strangers would make them, written out frame by frame, and the layouts they save them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from scipy.io import savemat
from torch import nn

from extract.backbones.backbone import Backbone
from scripts.demo.scene.h264 import write_h264

# Tiny frames of the tiny presets; the crops of 32 pixels differ.
WIDTH, HEIGHT, SHORT, CROP = 96, 64, 40, 32
FRAMES = (70, 96, 131, 165, 203)  # of each video; no two give the same number of rows


def write_videos(folder: Path, frames_of: Sequence[int] = FRAMES) -> dict[str, np.ndarray]:
    """Videos of moving texture, id -> uint8 luma [F, H, W]; no two look alike. frames_of: of each video."""
    videos = {}
    for number, count in enumerate(frames_of):
        random = np.random.default_rng(number)
        coarse = random.integers(0, 255, (5, 9, 13)).astype(np.uint8)
        scene = np.stack([np.kron(each, np.ones((16, 16), np.uint8)) for each in coarse])
        frames = np.full((count, HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        for frame in range(count):
            shown = scene[frame * 5 // count]
            left, top = (2 * frame + 11 * number) % 110, frame % 70
            frames[frame, :HEIGHT] = shown[top : top + HEIGHT, left : left + WIDTH]
            chroma = 128 + 60 * np.sin(frame / 9 + number + np.arange(HEIGHT // 2 * WIDTH) / 300)
            frames[frame, HEIGHT:] = chroma.reshape(HEIGHT // 2, WIDTH).astype(np.uint8)
        path = folder / f"cam{number % 2}" / f"clip_{number}.mp4"
        write_h264(path, frames, 25)
        videos[path.relative_to(folder).with_suffix("").as_posix()] = frames
    return videos


class SmallNetwork(Backbone):
    """A network of single frames: each 8 x 8 pixels through two layers, then the mean over place and time."""

    name = "small"
    feature_dim = 64

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 48, 8, stride=8)
        self.second = nn.Conv2d(48, self.feature_dim, 2)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        frames = clips.transpose(1, 2).flatten(0, 1)  # [B * L, 3, S, S]
        found = self.second(torch.relu(self.first(frames))).mean(dim=(2, 3))
        return found.reshape(len(clips), -1, self.feature_dim).mean(dim=1)


@torch.inference_mode()
def vectors(network: Backbone, frames: np.ndarray) -> np.ndarray:
    """float32 [n, S, S, 3], scaled -> [n, D], of frames alone."""
    clips = torch.from_numpy(frames).permute(0, 3, 1, 2)[:, :, None]  # [n, 3, 1, S, S]
    return torch.cat([network(part) for part in clips.split(64)]).numpy()


def as_npy(folder: Path, rows: Mapping[str, np.ndarray]) -> Path:
    for name, each in rows.items():
        np.save(folder / f"{name}.npy", each)
    return folder


def as_crop_files(folder: Path, rows: Mapping[str, np.ndarray]) -> Path:
    for name, each in rows.items():
        for crop in range(each.shape[1]):
            np.save(folder / f"{name}__{crop}.npy", each[:, crop])
    return folder


def as_crops_first(folder: Path, rows: Mapping[str, np.ndarray]) -> Path:
    return as_npy(folder, {name: each.transpose(1, 0, 2) for name, each in rows.items()})


def as_text(folder: Path, rows: Mapping[str, np.ndarray]) -> Path:
    for name, each in rows.items():
        np.savetxt(folder / f"{name}.txt", each[:, 0], fmt="%.6f")
    return folder


def as_hdf5(folder: Path, rows: Mapping[str, np.ndarray]) -> Path:
    with h5py.File(folder / "all.h5", "w") as file:
        for name, each in rows.items():
            file[f"{name}/features"] = each
    return folder / "all.h5"


def as_npz(folder: Path, rows: Mapping[str, np.ndarray]) -> Path:
    np.savez(folder / "all.npz", **rows)
    return folder / "all.npz"


def as_tensors(folder: Path, rows: Mapping[str, np.ndarray]) -> Path:
    """One file of torch.save, under a name that says nothing."""
    torch.save({name: torch.from_numpy(each) for name, each in rows.items()}, folder / "data.bin")
    return folder / "data.bin"


def as_matlab(folder: Path, rows: Mapping[str, np.ndarray]) -> Path:
    for name, each in rows.items():
        savemat(folder / f"{name}.mat", {"feat": each[:, 0]})
    return folder


LAYOUTS = {
    "npy": as_npy,
    "crop files": as_crop_files,
    "crops first": as_crops_first,
    "text": as_text,
    "hdf5": as_hdf5,
    "npz": as_npz,
    "pt": as_tensors,
    "mat": as_matlab,
}
