"""The parts of the multi-task head: an encoder of windows, a VAE, the focal loss and the future."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from score.heads.layers.relative_attention import EncoderLayer
from score.heads.layers.windows import Windows


class WindowEncoder(nn.Module):
    """Linear and norm, a BiLSTM, then encoder layers: [windows, n, D] -> [windows, n, 2 * recurrent].

    Without recurrent_layers a linear layer stands for the BiLSTM.
    """

    def __init__(
        self,
        dim: int,
        *,
        width: int,
        recurrent: int,
        recurrent_layers: int,
        recurrent_dropout: float,
        layers: int,
        heads: int,
        dropout: float,
        max_distance: int | None,
    ):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(dim, width), nn.LayerNorm(width))
        self.recurrent = (
            nn.LSTM(
                width,
                recurrent,
                recurrent_layers,
                batch_first=True,
                bidirectional=True,
                dropout=recurrent_dropout
                if recurrent_layers > 1
                else 0.0,  # torch puts it between layers only
            )
            if recurrent_layers
            else None
        )
        self.widen = None if recurrent_layers else nn.Linear(width, 2 * recurrent)
        self.layers = nn.ModuleList(
            EncoderLayer(
                2 * recurrent, heads, hidden=4 * recurrent, dropout=dropout, max_distance=max_distance
            )
            for _ in range(layers)
        )

    def forward(self, rows: Tensor) -> Tensor:
        embedded = self.embed(rows)
        hidden = self.widen(embedded) if self.recurrent is None else self.recurrent(embedded)[0]
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden


class WindowVAE(nn.Module):
    """Width -> 256 -> 128 -> latent and back, in these proportions of a width of 512."""

    def __init__(self, width: int, latent: int, *, dropout: float):
        super().__init__()
        self.encoder = dense(width, width // 2, width // 4, dropout=dropout)
        self.mean, self.log_variance = nn.Linear(width // 4, latent), nn.Linear(width // 4, latent)
        self.decoder = nn.Sequential(
            *dense(latent, width // 4, width // 2, dropout=dropout), nn.Linear(width // 2, width)
        )

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared error of the reconstruction and the KL term: [..., width] -> two of [...]."""
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


def focal_loss(logit: Tensor, event_class: Tensor, *, class_weight: Tensor, gamma: float) -> Tensor:
    """Mean of -w_c (1 - p_c)^gamma log p_c (Lin et al., ICCV 2017): [B, K], int64 [B] -> scalar."""
    log_share = F.log_softmax(logit, dim=1).gather(1, event_class[:, None]).squeeze(1)
    return (-class_weight[event_class] * (1 - log_share.exp()) ** gamma * log_share).mean()


def class_weights(counts: Sequence[int]) -> Tensor:
    """(1 / n_c) over the mean of 1 / n among the classes with videos; 0 for a class without: float [K]."""
    counts = torch.tensor(counts, dtype=torch.float32)
    rarity = torch.where(counts > 0, 1 / counts.clamp(min=1), 0.0)
    return rarity * (counts > 0).sum() / rarity.sum().clamp(min=1e-12)


def future_of(windows: Windows, length: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
    """Which instance lies `horizon` after each window's last, and whether there is one: int64, bool [B, W].

    length: int64 [B], instances of each bag.
    """
    last = windows.index[:, :, 0] + (windows.own.sum(dim=2) - 1).clamp(min=0)
    future = last + horizon
    return future.minimum(length[:, None] - 1), windows.used & (future < length[:, None])


def nearest_value(values: Tensor, place: Tensor, known: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Each instance takes the nearest known value: [B, W], int64 and bool [B, W] -> [B, length], bool [B].

    The second result says which bags have any; the others hold 0.
    """
    apart = (
        torch.arange(length, device=place.device)[None, :, None] - place[:, None, :]
    ).abs()  # [B, length, W]
    nearest = apart.masked_fill(~known[:, None, :], 2**62).argmin(dim=2)
    some = known.any(dim=1)
    return values.gather(1, nearest) * some[:, None], some
