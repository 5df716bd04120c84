"""Presets that every head has: a few changes of its default, written as for --set.

The default suits the head; an overlay suits a kind of data, whatever the head.
"""

from __future__ import annotations

from typing import NamedTuple


class Overlay(NamedTuple):
    """about: one line of description. settings: for every head. of_head: more, for single heads."""

    about: str
    settings: tuple[str, ...]
    of_head: dict[str, tuple[str, ...]] = {}


OVERLAYS: dict[str, Overlay] = {
    "fight": Overlay(
        "small sets of short videos, such as fights: all videos train, few epochs, averaged weights",
        (
            "data.segments.mode=none",  # a short clip has few segments, and a punch lasts one or two
            # A fifth of a few hundred videos is much to lose, and too few to select an epoch.
            "train.validation_share=0",
            "train.select=last",
            "train.batch=32",  # with 160 training videos 5 steps per epoch, instead of 3 with 60
            "train.epochs=20",  # before a few hundred videos are memorised
            "train.average=0.98",  # about the last 50 steps, which averages out single batches
            "train.optimizer.schedule=cosine",
        ),
        # Fights move, so that changes between segments say more than the segments themselves. A short clip is
        # all fight or none, so that its score is the mean of its segments. Both, and the strong decay, were
        # compared by cross-validation over cameras in the training parts of 300 fight clips with ImageNet
        # features: video AUC 0.80, without them 0.73.
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
        "a few hundred videos, each from its own static camera: backgrounds are swapped, all videos train",
        (
            # Swapped rows cannot keep length one, so wide features are shortened another way.
            "data.standardise=width",
            "data.normalise=none",
            # Frame AUC of mil 0.96 instead of 0.89 on synthetic cameras. It costs 0.01 on montages of
            # fights, which have several cameras each (cross-validation over cameras in the training part),
            # so no default has it.
            "data.exchange=1",
            "train.validation_share=0",
            "train.select=last",
        ),
        # Where no scene shows the label, seeing the whole video helps: frame AUC 0.998 instead of 0.954 on
        # synthetic cameras (world 0, three seeds).
        {"ur-dmu": ("head.attention=both",)},
    ),
    "violence": Overlay(
        "thousands of videos of any length, such as XD-Violence: more steps, large batches, validation",
        (
            "data.segments.mode=uniform",  # bounds the cost of long videos; short ones keep all segments
            "data.segments.n=200",  # what UR-DMU, BN-WVAD and HL-Net train on there
            "data.scoring=full",  # every segment is still scored
            "train.batch=128",  # 64 + 64, as in those papers
            "train.epochs=50",  # HL-Net's; 31 steps each for XD-Violence's 3,954 training videos
            "train.validation_share=0.1",  # some hundreds of videos are enough to select an epoch
            "train.select=best",
            "train.patience=15",
            "train.average=0.99",  # three epochs
        ),
        # Their windows of neighbouring segments must be the same in training and scoring.
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
