"""VGGish as its authors publish it, by other means: scipy, bands written out, functions of torch."""

import math

import numpy as np
import scipy.fft
import scipy.signal
import torch
import torch.nn.functional as F


def mel(hertz: float) -> float:
    return 1127.0 * math.log(1.0 + hertz / 700.0)


def expected_log_mel(samples: np.ndarray) -> np.ndarray:
    """VGGish's log-mel of a whole signal at 16 kHz, float64 [T, 64], by scipy and bands written out."""
    edges = [mel(125) + (mel(7500) - mel(125)) * k / 65 for k in range(66)]
    weights = np.zeros((257, 64))
    for k in range(1, 257):
        at = mel(k * 16_000 / 512)
        for band in range(64):
            low, middle, high = edges[band : band + 3]
            if low < at < high:
                share = (at - low) / (middle - low) if at <= middle else (high - at) / (high - middle)
                weights[k, band] = share
    hann = scipy.signal.get_window("hann", 400, fftbins=True)
    windows = [samples[start : start + 400] * hann for start in range(0, len(samples) - 399, 160)]
    magnitude = np.abs(scipy.fft.rfft(np.pad(windows, ((0, 0), (0, 112)))))
    return np.log(magnitude @ weights + 0.01)


def expected_vggish(state: dict[str, torch.Tensor], patches: torch.Tensor) -> torch.Tensor:
    """Patches [B, 96, 64] -> [B, 128], with the tensors of torchvggish by name."""
    x = patches[:, None]
    for number, pooled in ((0, True), (3, True), (6, False), (8, True), (11, False), (13, True)):
        x = F.relu(
            F.conv2d(x, state[f"features.{number}.weight"], state[f"features.{number}.bias"], padding=1)
        )
        x = F.max_pool2d(x, kernel_size=2, stride=2) if pooled else x
    x = x.transpose(1, 3).transpose(1, 2).reshape(len(x), -1)
    for number in (0, 2, 4):
        x = F.relu(F.linear(x, state[f"embeddings.{number}.weight"], state[f"embeddings.{number}.bias"]))
    return x
