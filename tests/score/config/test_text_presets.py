"""Presets of vadclip and pel4vad: the numbers of the papers' programs, by the names of our settings."""

import pytest

from score.config.presets import PRESETS

VADCLIP = {
    "head.window": 256,
    "head.width": 512,
    "head.expansion": 4,
    "head.similar": 0.7,
    "head.temperature": 0.07,
    "head.padding": "seen",
    "head.visual_prompt": True,
    "head.dropout": 0.0,
    "data.segments.mode": "mean",
    "data.segments.n": 256,
    "data.segments.short": "keep",
    "data.scoring": "full",
    "data.crops": "random",
    "data.standardise": "none",
    "data.normalise": "none",
    "train.epochs": 10,
    "train.optimizer.name": "adamw",
    "train.optimizer.weight_decay": 0.01,
}
UCF = {"head.layers": 2, "head.attention_window": 8, "train.batch": 128, "train.anomalous_share": 0.5}
XD = {"head.layers": 1, "head.attention_window": 64, "train.batch": 96, "train.anomalous_share": None}
DSANET = {
    "head.texts": "adapter",
    "head.apart_weight": 1.0,
    "head.event_weight": 1.0,
    "head.normality.weight": 1.0,
    "head.normality.share": 0.8,
    "head.normality.prototypes": 16,
    "head.normality.layers": 8,
    "head.normality.heads": 8,
    "head.score": "binary",
    "head.probability": "shared",
    "train.optimizer.schedule": "cosine",
}
PEL4VAD = {
    "head.width": None,
    "head.attention": 128,
    "head.embedding": 512,
    "head.hidden": 300,
    "head.dropout": 0.1,
    "data.segments.mode": "uniform",
    "data.segments.n": 200,
    "train.epochs": 50,
    "train.batch": 128,
    "train.anomalous_share": None,
    "train.optimizer.name": "adam",
    "train.optimizer.lr": 5e-4,
    "train.optimizer.weight_decay": 0.0,
    "train.optimizer.schedule": "cosine",
}
OF_PEL4VAD = ("near", "distance_scale", "distance_shift", "power_norm", "kernel", "temperature")
OF_PEL4VAD += ("prompt_weight", "smoothing", "smoothing_width")


def of_head(*values) -> dict:
    return {f"head.{name}": value for name, value in zip(OF_PEL4VAD, values, strict=True)}


def of_vadclip(*, lr: float, milestones: tuple[int, ...], apart: float, score: str) -> dict:
    optimizer = {"lr": lr, "schedule": "multistep", "milestones": milestones, "decay": 0.1}
    found = {f"train.optimizer.{name}": value for name, value in optimizer.items()}
    head = {"texts": "residual", "class_weight": 1.0, "apart_weight": apart, "score": score}
    head |= {"event_weight": 0.0, "normality.weight": 0.0, "probability": "softmax", "softness": 1.0}
    return found | {f"head.{name}": value for name, value in head.items()}


def of_dsanet(*, lr: float, share: float, class_weight: float, softness: float) -> dict:
    head = {"adapter_share": share, "class_weight": class_weight, "softness": softness}
    return {"train.optimizer.lr": lr} | {f"head.{name}": value for name, value in head.items()}


@pytest.mark.parametrize(
    "preset, expected",
    {
        "vadclip-aaai24": VADCLIP | UCF | of_vadclip(lr=2e-5, milestones=(4, 8), apart=0.1, score="binary"),
        "vadclip-aaai24-xd": VADCLIP | XD | of_vadclip(lr=1e-5, milestones=(3, 6), apart=1e-4, score="text"),
        "dsanet-aaai26": VADCLIP
        | UCF
        | DSANET
        | of_dsanet(lr=7e-5, share=0.1, class_weight=1.1, softness=5.0),
        "dsanet-aaai26-xd": VADCLIP
        | XD
        | DSANET
        | of_dsanet(lr=1e-5, share=0.6, class_weight=5.0, softness=1.0),
        "pel4vad-tip24": PEL4VAD | of_head(9, 0.6, 0.2, True, 9, 0.09, 1.0, "forward", 7),
        "pel4vad-tip24-xd": PEL4VAD | of_head(9, 0.06, 0.02, False, 3, 0.05, 1.0, "blocks", 8),
        "pel4vad-tip24-sht": PEL4VAD | of_head(5, 0.08, 0.1, True, 3, 0.2, 9.0, "forward", 3),
    }.items(),
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_preset_is_what_the_program_does(preset, expected):
    found = {}
    for name in expected:
        value = PRESETS[preset]
        for part in name.split("."):
            value = getattr(value, part)
        found[name] = value
    assert found == expected


# Videos of the training part times crops, over the crops of a step; without the last step if it is not full.
@pytest.mark.parametrize(
    "preset, steps",
    [
        ("vadclip-aaai24", min(800 * 10 // 64, 810 * 10 // 64)),
        ("vadclip-aaai24-xd", -(-3954 * 10 // 96)),
        ("pel4vad-tip24", -(-1610 * 10 // 128)),
        ("pel4vad-tip24-xd", -(-3954 * 5 // 128)),
        ("pel4vad-tip24-sht", -(-238 * 10 // 128)),
    ],
)
def test_an_epoch_is_as_long_as_there(preset, steps):
    assert PRESETS[preset].train.steps_per_epoch == steps
