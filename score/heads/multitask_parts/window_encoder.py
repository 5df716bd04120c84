"""The encoder that all tasks share: a BiLSTM and attention inside each window."""

from __future__ import annotations

from torch import Tensor, nn

from score.heads.layers.relative_attention import EncoderLayer
from score.heads.multitask_parts.multitask_config import MultitaskConfig


class WindowEncoder(nn.Module):
    """Linear and norm, a BiLSTM, then attention layers: [windows, n, D] -> [windows, n, 2 * recurrent]."""

    def __init__(self, dim: int, config: MultitaskConfig):
        super().__init__()
        hidden = 2 * config.recurrent
        self.embed = nn.Sequential(nn.Linear(dim, config.width), nn.LayerNorm(config.width))
        self.recurrent, self.widen = None, nn.Identity()
        if config.recurrent_layers:
            self.recurrent = nn.LSTM(
                config.width,
                config.recurrent,
                config.recurrent_layers,
                batch_first=True,
                bidirectional=True,
                # Between layers only, so torch warns about any with a single layer.
                dropout=config.recurrent_dropout if config.recurrent_layers > 1 else 0.0,
            )
        else:
            self.widen = nn.Linear(config.width, hidden)
        # No two instances of a window are further apart than its length.
        reach = min(config.max_distance, max(1, config.window - 1))
        self.layers = nn.ModuleList(
            EncoderLayer(
                hidden,
                config.attention_heads,
                hidden=2 * hidden,
                dropout=config.dropout,
                max_distance=reach if config.relative else None,
            )
            for _ in range(config.layers)
        )

    def forward(self, rows: Tensor) -> Tensor:
        embedded = self.embed(rows)
        hidden = self.recurrent(embedded)[0] if self.recurrent is not None else self.widen(embedded)
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden
