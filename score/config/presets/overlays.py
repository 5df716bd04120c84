"""Presets that every head has: a few settings over the head's own ones, written as for --set.

A head's own default says how that head learns; an overlay says what a kind of data needs, whatever the head.
"""

from __future__ import annotations

from typing import NamedTuple


class Overlay(NamedTuple):
    """about: one line for a person. settings: for every head. of_head: for one head, over those."""

    about: str
    settings: tuple[str, ...]
    of_head: dict[str, tuple[str, ...]] = {}


OVERLAYS: dict[str, Overlay] = {
    "fight": Overlay(
        "small sets of short videos, such as fights: all of them train, few epochs, averaged weights",
        (
            "data.segments.mode=none",  # a clip of seconds has few segments, and a blow lasts one or two
            "data.standardise=feature",  # so that lr and decay mean the same on every backbone
            "train.validation_share=0",  # a fifth of a few hundred videos is dear, and judges hardly better
            "train.select=last",
            "train.batch=32",  # with 160 training videos 5 steps an epoch where 60 would be 3
            "train.epochs=20",  # before a few hundred videos are known by heart
            "train.average=0.98",  # about the last 50 steps: what single batches wanted averages out
            "train.optimizer.schedule=cosine",
        ),
        # A fight moves: what changes between segments tells more than what is there. A short clip is of one
        # kind throughout: its score is the mean of its segments. Both, and the strong decay, were compared by
        # cross-validation over cameras inside the training parts of 300 fight clips with ImageNet features:
        # video AUC 0.80 there, 0.73 without.
        {
            "mil": (
                "data.segments.changes=only",
                "head.top_share=1.0",
                "train.optimizer.name=adam",
                "train.optimizer.weight_decay=0.1",
                "train.optimizer.lr=0.001",
            ),
        },
    ),
    "cameras": Overlay(
        "a few hundred videos, each of a camera of its own that stands still: scenes are exchanged, all of them train",
        (
            "data.standardise=feature",
            # On made-up cameras frame AUC 0.96 instead of 0.89 for mil; on montages of fights, which have no one
            # camera, it costs 0.01 (cross-validation over cameras in the training part), so no default has it.
            "data.exchange=1",
            "train.validation_share=0",
            "train.select=last",
        ),
    ),
    "violence": Overlay(
        "thousands of videos of any length, as XD-Violence or RWF-2000: more steps, large batches, a judge",
        (
            "data.segments.mode=uniform",  # bounds what a long video costs; a short one keeps all it has
            "data.segments.n=200",  # the length that UR-DMU, BN-WVAD and HL-Net train on there
            "data.scoring=full",  # what is judged is every segment all the same
            "data.standardise=feature",
            "train.batch=128",  # 64 + 64, as in those papers
            "train.epochs=50",  # HL-Net's; 31 steps each for XD-Violence's 3,954 training videos
            "train.validation_share=0.1",  # hundreds of videos judge well
            "train.select=best",
            "train.patience=15",
            "train.average=0.99",  # three epochs
        ),
        # Their windows of neighbouring segments must be the same in training as where they are judged.
        {head: ("data.segments.mode=none", "data.scoring=pooled") for head in ("claws", "claws-plus")},
    ),
    "debug": Overlay(
        "whether everything runs: two epochs of two steps, done in a second; its scores mean nothing",
        (
            "data.segments.mode=uniform",
            "data.segments.n=16",
            "train.batch=8",
            "train.steps_per_epoch=2",
            "train.epochs=2",
            "train.patience=0",
            "train.average=0",
        ),
    ),
}
