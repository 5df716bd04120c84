"""Batch normalisation whose statistics exclude padding."""

from __future__ import annotations

from torch import Tensor, nn


class MaskedBatchNorm(nn.BatchNorm1d):
    """BatchNorm1d over the instances of a batch; padding is excluded and becomes 0.

    A batch of a single instance has no deviation and is normalised with the running statistics.
    """

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, D], bool [B, T] -> [B, T, D]
        if not self.training:
            return super().forward(rows.flatten(0, 1)).reshape(rows.shape) * mask[:, :, None]
        full = bool(mask.all())
        # Picking all instances would copy them, and what is picked stays in memory until the gradient.
        chosen = rows.flatten(0, 1) if full else rows[mask]  # [instances, D]
        if len(chosen) > 1:
            normal = super().forward(chosen)
        else:
            normal = nn.functional.batch_norm(
                chosen, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        if full:
            if normal.requires_grad:
                # The gradient may be a slice of a wider one, in which torch adds up in another order.
                normal.register_hook(Tensor.contiguous)
            return normal.to(rows.dtype).reshape(rows.shape)
        return rows.new_zeros(rows.shape).masked_scatter(mask[:, :, None], normal.to(rows.dtype))
