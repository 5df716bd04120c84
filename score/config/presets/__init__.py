"""Named settings: what a paper or its code does, and for each head the settings that this project trains it
with.

The latter preset has the name of its head and is also called `default`. score.config.presets.overlays adds
presets that change a few settings of it, the same ones for every head.
"""

from __future__ import annotations

from extract.runtime.text import unknown
from score.config.data_config import DataConfig
from score.config.optimizer_config import OptimizerConfig
from score.config.presets.attributes import ATTRIBUTES
from score.config.presets.claws import CLAWS, CLAWS_ECCV20, CLAWS_PLUS, CLAWS_PLUS_TNNLS23
from score.config.presets.mtn import MTN, MTN_ICTAI22
from score.config.presets.multitask import MULTITASK, MULTITASK_ONECYCLE
from score.config.presets.overlays import OVERLAYS
from score.config.presets.reclass import RECLASS, RECLASS_FRAMES, RECLASS_PAPER
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
from score.config.presets.speed import SPEED
from score.config.presets.text_heads import (
    DSANET_AAAI26,
    DSANET_AAAI26_XD,
    PEL4VAD,
    PEL4VAD_TIP24,
    PEL4VAD_TIP24_SHT,
    PEL4VAD_TIP24_XD,
    PEL4VAD_XD_AV,
    VADCLIP,
    VADCLIP_AAAI24,
    VADCLIP_AAAI24_XD,
    VADCLIP_XD_AV,
)
from score.config.run_config import ConfigError, RunConfig, resolve
from score.config.train_config import TrainConfig
from score.heads import HEADS
from score.heads.mil import MILConfig
from score.pooling.rules import SegmentsConfig

# A short schedule for any feature; features are standardised so that lr and weights mean the same for all
# of them. Top 3, the smoothing, one hidden layer and the length were chosen by cross-validation over camera
# groups of the training part of a fight data set with motion features. Frame AUC there: 0.86, with the
# maximum and two layers 0.77; 0.89 when nothing is held out (train.validation_share=0 train.select=last).
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

# WaqasSultani/AnomalyDetectionCVPR2018: 20,000 iterations of 30 + 30 bags, no validation. The paper has lr
# 0.001.
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

# The widespread PyTorch port: it pairs bag i with bag i, trains 75 epochs, and leaves the L2 penalty to the
# optimizer.
LEARNER = RunConfig(
    name="mil",
    head=MILConfig(pairs="matched", reduction="mean", kernel_weight=0.0),
    data=DataConfig(segments=SegmentsConfig(mode="mean", n=32, rule="round")),
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
# Of presets that no paper has.
OWN = {
    name: "the paper's settings for XD-Violence, on features of picture and sound"
    for name in ("vadclip-xd-av", "pel4vad-xd-av")
}
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
    "vadclip": VADCLIP,
    "vadclip-aaai24": VADCLIP_AAAI24,
    "vadclip-aaai24-xd": VADCLIP_AAAI24_XD,
    "vadclip-xd-av": VADCLIP_XD_AV,
    "dsanet-aaai26": DSANET_AAAI26,
    "dsanet-aaai26-xd": DSANET_AAAI26_XD,
    "pel4vad": PEL4VAD,
    "pel4vad-tip24": PEL4VAD_TIP24,
    "pel4vad-tip24-xd": PEL4VAD_TIP24_XD,
    "pel4vad-tip24-sht": PEL4VAD_TIP24_SHT,
    "pel4vad-xd-av": PEL4VAD_XD_AV,
    "reclass": RECLASS,
    "reclass-frames": RECLASS_FRAMES,
    "reclass-paper": RECLASS_PAPER,
    "speed": SPEED,
    "attributes": ATTRIBUTES,
}


def preset_of(head: str, name: str = "default") -> RunConfig:
    """A preset of a head. Raises ConfigError for an unknown head or preset, or one of another head."""
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
    """The presets of a head, each with one line that explains it."""
    names = [name for name, config in PRESETS.items() if config.name == head and name != head]
    own = {name: OWN.get(name, PUBLISHED) for name in names}
    # Overlays are about features.
    if HEADS[head].arrays:
        return {"default": DEFAULT, **own}
    return {"default": DEFAULT, **own, **{name: overlay.about for name, overlay in OVERLAYS.items()}}
