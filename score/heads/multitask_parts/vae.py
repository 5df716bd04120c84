"""The VAE whose reconstruction error scores a window."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WindowVAE(nn.Module):
    """A VAE of width -> width / 2 -> width / 4 -> latent and back."""

    def __init__(self, width: int, latent: int, *, dropout: float):
        super().__init__()
        self.encoder = dense(width, width // 2, width // 4, dropout=dropout)
        self.mean, self.log_variance = nn.Linear(width // 4, latent), nn.Linear(width // 4, latent)
        self.decoder = nn.Sequential(
            *dense(latent, width // 4, width // 2, dropout=dropout), nn.Linear(width // 2, width)
        )

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared reconstruction error and KL divergence: [..., width] -> two of [...]."""
        hidden = self.encoder(rows)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden).clamp(-10, 10)
        noise = torch.randn_like(mean) * (log_variance / 2).exp() if self.training else 0.0
        error = (self.decoder(mean + noise) - rows).square().mean(dim=-1)
        return error, (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1) / 2


def dense(*widths: int, dropout: float) -> nn.Sequential:
    """Linear layers, each with ReLU and dropout."""
    layers: list[nn.Module] = []
    for width, hidden in zip(widths[:-1], widths[1:], strict=True):
        layers += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers)
