"""One step of every player's optimizer, from the gradients of one batch or of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from extract.runtime.profile import OFF, Profile
from score.bags.bags import Bags
from score.heads.base import Head, HeadOutput

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def take_step(
    head: Head,
    optimizers: Mapping[str, Optimizer],
    batches: Sequence[Bags],
    *,
    clip_norm: float | None = None,
    precision: str = "float32",
    profile: Profile = OFF,
) -> dict[str, Tensor]:
    """Move every player by the gradient of the mean of the batches' losses.

    clip_norm: largest norm of that gradient. precision: see `scored`. profile: of forward, backward, step.
    Returns the terms of the losses and their total and what the head watches, summed over the batches and
    detached; with several players "player.term".
    """
    seen: dict[str, Tensor] = {}
    for player, optimizer in optimizers.items():
        prefix = "" if len(optimizers) == 1 else f"{player}."
        optimizer.zero_grad(set_to_none=True)
        for bags in batches:
            with profile.span("forward"):
                terms = head.losses(scored(head, bags, precision=precision), bags, player)
                total = sum(terms.values())
            with profile.span("backward"):
                (total / len(batches)).backward()
            for name, term in {**terms, "total": total, **head.watched(player)}.items():
                seen[prefix + name] = seen.get(prefix + name, 0.0) + term.detach()
        with profile.span("step"):
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(head.parameters_of(player), clip_norm)
            optimizer.step()
    return seen


def scored(head: Head, bags: Bags, *, precision: str = "float32") -> HeadOutput:
    """What the head says of the bags, in float32; "bfloat16" lets autocast compute in less where it may."""
    if precision == "float32":
        return head(bags)
    with torch.autocast(bags.mask.device.type, dtype=PRECISIONS[precision]):
        output = head(bags)
    return HeadOutput(
        _float32(output.segment_score),
        _float32(output.video_score),
        {name: _float32(values) for name, values in output.aux.items()},
    )


def check_precision(precision: str, device: torch.device) -> None:
    """Raise ValueError for a GPU that cannot do it. Every CPU can, slowly without instructions of its own."""
    if precision == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        name = torch.cuda.get_device_name(device)
        raise ValueError(f"train.precision is 'bfloat16', which {name} cannot compute in; take 'float32'")


def _float32(values: Tensor) -> Tensor:
    return values.float() if values.is_floating_point() else values
