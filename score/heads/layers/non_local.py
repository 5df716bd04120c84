"""Non-local block along time (Wang et al., CVPR 2018, https://arxiv.org/abs/1711.07971), without softmax."""

from __future__ import annotations

from torch import Tensor, nn

from score.heads.layers.masked_norm import MaskedBatchNorm


class NonLocal(nn.Module):
    """Adds to each instance the mean over its bag's instances, weighted by dot products.

    The last normalisation starts with a scale of 0, so that an untrained block returns its input.
    """

    def __init__(self, width: int):
        super().__init__()
        hidden = max(1, width // 2)
        self.query = nn.Linear(width, hidden)
        self.key = nn.Linear(width, hidden)
        self.value = nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, width, bias=False)  # the normalisation would cancel a bias
        self.norm = MaskedBatchNorm(width)
        nn.init.zeros_(self.norm.weight)
        nn.init.zeros_(self.norm.bias)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width], bool [B, T] -> [B, T, width]
        own = mask[:, :, None].to(rows.dtype)
        length = mask.sum(dim=1).clamp(min=1)[:, None, None]
        # (Q K^T) V = Q (K^T V): without a softmax no [T, T] matrix is needed.
        mixed = self.query(rows) @ ((self.key(rows) * own).transpose(1, 2) @ self.value(rows) / length)
        return rows + self.norm(self.out(mixed), mask)
