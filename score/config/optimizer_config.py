"""The section train.optimizer: which optimizer, and how its learning rate runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from score.settings import NotNegative, Positive, Share, settings

Beta = Annotated[float, Field(ge=0, lt=1)]


@settings
class OptimizerConfig:
    """Every player gets its own optimizer, all of the same kind."""

    name: Literal["adagrad", "adam", "adamw", "rmsprop", "sgd"] = "adam"
    # Base learning rate; the peak of "onecycle".
    lr: Positive = 1e-3
    weight_decay: NotNegative = 0.0
    # For adam and adamw.
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    # For rmsprop and sgd.
    momentum: Beta = 0.0
    # Added to the denominator; None = the optimizer's own default. sgd has none.
    eps: Positive | None = None
    # Base learning rates by player, instead of `lr`; only adversarial heads have several players.
    player_lr: dict[str, Positive] = Field(default_factory=dict)
    # "cosine": linearly up over `warmup`, then down to 0. "onecycle": up from lr/25 over `warmup`, then
    # down to lr/250000, both along cosines. "multistep": times `decay` at each milestone.
    schedule: Literal["constant", "onecycle", "cosine", "multistep"] = "constant"
    # Share of all steps.
    warmup: Share = 0.0
    # Epochs, rising.
    milestones: tuple[Annotated[int, Field(ge=1)], ...] = ()
    decay: Positive = 0.1
    # Largest norm of a player's gradient; None = unlimited.
    clip_norm: Positive | None = None

    def __post_init__(self):
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones are {list(self.milestones)}, expected epochs in rising order")
