"""Named settings: what a paper's own code does, and for each head the ones that this project trains it with.

A head's own preset bears its name; `default` means that one. Those of score.config.presets.overlays are the same few settings
over it for every head.
"""

from __future__ import annotations

from extract.runtime.text import unknown
from score.config.data import DataConfig
from score.config.optimizer import OptimizerConfig
from score.config.presets.claws import CLAWS, CLAWS_ECCV20, CLAWS_PLUS, CLAWS_PLUS_TNNLS23
from score.config.presets.mtn import MTN, MTN_ICTAI22
from score.config.presets.multitask import MULTITASK, MULTITASK_ONECYCLE
from score.config.presets.overlays import OVERLAYS
from score.config.presets.reclass import RECLASS, RECLASS_PAPER
from score.config.presets.rtfm_family import (
    BN_WVAD,
    BN_WVAD_TCSVT24,
    MGFN,
    MGFN_AAAI23,
    RTFM,
    RTFM_ICCV21,
    UR_DMU,
    UR_DMU_AAAI23,
)
from score.config.run import ConfigError, RunConfig, TrainConfig, resolve
from score.heads import HEADS
from score.heads.mil import MILConfig
from score.pooling.rules import SegmentsConfig

# A short schedule for any feature: standardised rows, so that lr and weights mean the same for all of them. Top 3, the
# smoothing, one hidden layer and the length were chosen by cross-validation over camera groups of the training part of
# a fight data set with motion features: frame AUC 0.86 there, 0.77 with the maximum and two layers; 0.89 when nothing is
# held out (train.validation_share=0 train.select=last).
MIL = RunConfig(
    name="mil",
    head=MILConfig(
        hidden=(64,), dropout=0.5, reduction="mean", kernel_weight=0.0, top_k=3, score_smoothing=3
    ),
    data=DataConfig(standardise="feature"),
    train=TrainConfig(
        epochs=100,
        batch=60,
        optimizer=OptimizerConfig(name="adamw", lr=3e-3, weight_decay=1e-2, schedule="cosine"),
    ),
)

# WaqasSultani/AnomalyDetectionCVPR2018: 20,000 iterations of 30 + 30 bags, no validation. The paper says lr 0.001.
MIL_CVPR18 = RunConfig(
    name="mil",
    head=MILConfig(),
    data=DataConfig(segments=SegmentsConfig(mode="mean", n=32, rule="sultani"), normalise="l2"),
    train=TrainConfig(
        epochs=20,
        steps_per_epoch=1000,
        batch=60,
        validation_share=0.0,
        select="last",
        optimizer=OptimizerConfig(name="adagrad", lr=0.01, eps=1e-8),
    ),
)

# The widespread PyTorch port: pairs bag i with bag i, 75 epochs, and lets the optimizer do the L2 penalty.
LEARNER = RunConfig(
    name="mil",
    head=MILConfig(pairs="matched", reduction="mean", kernel_weight=0.0),
    data=DataConfig(segments=SegmentsConfig(mode="mean", n=32, rule="floor")),
    train=TrainConfig(
        epochs=75,
        batch=60,
        validation_share=0.0,
        select="last",
        optimizer=OptimizerConfig(
            name="adagrad", lr=1e-3, weight_decay=1e-3, schedule="multistep", milestones=(25, 50)
        ),
    ),
)

DEFAULT = "the short schedule that this project trains it with"
PUBLISHED = "what its paper, or the paper's code, does"
PRESETS: dict[str, RunConfig] = {
    "mil": MIL,
    "mil-cvpr18": MIL_CVPR18,
    "learner": LEARNER,
    "claws": CLAWS,
    "claws-eccv20": CLAWS_ECCV20,
    "claws-plus": CLAWS_PLUS,
    "claws-plus-tnnls23": CLAWS_PLUS_TNNLS23,
    "mtn": MTN,
    "mtn-ictai22": MTN_ICTAI22,
    "multitask": MULTITASK,
    "multitask-onecycle": MULTITASK_ONECYCLE,
    "rtfm": RTFM,
    "rtfm-iccv21": RTFM_ICCV21,
    "ur-dmu": UR_DMU,
    "ur-dmu-aaai23": UR_DMU_AAAI23,
    "bn-wvad": BN_WVAD,
    "bn-wvad-tcsvt24": BN_WVAD_TCSVT24,
    "mgfn": MGFN,
    "mgfn-aaai23": MGFN_AAAI23,
    "reclass": RECLASS,
    "reclass-paper": RECLASS_PAPER,
}


def preset_of(head: str, name: str = "default") -> RunConfig:
    """The preset of a head. Raises ConfigError for an unknown head or preset, or a preset of another head."""
    if head not in HEADS:
        raise ConfigError([unknown(head, HEADS, kind="head")])
    if name == "default":
        return PRESETS[head]
    if name in OVERLAYS and name in presets_of(head):
        overlay = OVERLAYS[name]
        return resolve(PRESETS[head], overrides=(*overlay.settings, *overlay.of_head.get(head, ())))
    if name in PRESETS and PRESETS[name].name != head:
        own = ", ".join(presets_of(head))
        raise ConfigError(
            [f"preset {name!r} is for the head {PRESETS[name].name!r}; those of {head!r}: {own}"]
        )
    if name not in PRESETS:
        raise ConfigError([unknown(name, presets_of(head), kind="preset")])
    return PRESETS[name]


def presets_of(head: str) -> dict[str, str]:
    """What --preset takes for a head, each with a line about it."""
    own = {name: PUBLISHED for name, config in PRESETS.items() if config.name == head and name != head}
    if HEADS[head].arrays:  # the overlays are about features
        return {"default": DEFAULT, **own}
    return {"default": DEFAULT, **own, **{name: overlay.about for name, overlay in OVERLAYS.items()}}
