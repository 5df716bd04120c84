"""Each stated mechanism of a head, a scene in which it should matter, and the setting that switches it
off."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.experiments.planted_videos import (
    Scene,
    kinds,
    lasting,
    louder,
    ordered,
    scattered,
    shifted,
    turning,
)


@dataclass(frozen=True)
class Mechanism:
    """on: settings of both runs, over the head's default preset. off: those that switch it off."""

    head: str
    scene: Scene
    off: tuple[str, ...]
    on: tuple[str, ...] = ()


def score_of(task: str) -> str:
    """The override that makes one of multitask's four scores the only one."""
    names = ("regression", "classification", "ranking", "reconstruction")
    return "head.score_weights={" + ", ".join(f"{name}: {float(name == task)}" for name in names) + "}"


MECHANISMS: dict[str, Mechanism] = {
    "normalcy suppression": Mechanism("claws", louder, off=("head.suppression=false",)),
    "normalcy suppression, no need": Mechanism("claws", shifted, off=("head.suppression=false",)),
    "gates of mean 1": Mechanism("claws", shifted, off=("head.gate_scale=softmax",)),
    "clustering": Mechanism("claws", shifted, off=("head.cluster_weight=0",)),
    "cosine clustering": Mechanism("claws-plus", shifted, off=("head.cluster_weight=0",)),
    "pyramid of kernels": Mechanism("mtn", lasting, off=("head.kernels=[1]",)),
    "temporal gate": Mechanism("mtn", shifted, off=("head.gate=false",)),
    "attention bag": Mechanism("mtn", shifted, off=("head.pooling=mean",)),
    "relative positions": Mechanism(
        "multitask", ordered, off=("head.relative=false",), on=(score_of("ranking"),)
    ),
    "relative positions without BiLSTM": Mechanism(
        "multitask",
        ordered,
        off=("head.relative=false",),
        on=(score_of("ranking"), "head.recurrent_layers=0"),
    ),
    "future regression": Mechanism("multitask", turning, off=("head.weights.regression=0",)),
    "dilated pyramid": Mechanism("rtfm", lasting, off=("head.dilations=[]",)),
    "non-local block": Mechanism("rtfm", louder, off=("head.non_local=false",)),
    "feature magnitude": Mechanism("rtfm", scattered, off=("head.magnitude=false",)),
    "feature magnitude, no need": Mechanism("rtfm", shifted, off=("head.magnitude=false",)),
    "two memories": Mechanism("ur-dmu", kinds, off=("head.normal_memory=0", "head.abnormal_memory=0")),
    "what memories learn from labels": Mechanism("ur-dmu", kinds, off=("head.memory_weight=0",)),
    "uncertainty": Mechanism("ur-dmu", shifted, off=("head.uncertainty=false",)),
    "triplet and distance": Mechanism(
        "ur-dmu", shifted, off=("head.triplet_weight=0", "head.distance_weight=0")
    ),
    "divergence": Mechanism("bn-wvad", scattered, off=("head.score=classifier",)),
    "choice in the batch": Mechanism("bn-wvad", shifted, off=("head.batch_share=0",)),
    "choice in the video": Mechanism("bn-wvad", shifted, off=("head.sample_share=0",)),
    "glance": Mechanism("mgfn", louder, off=("head.blocks=[none, focus, focus]",)),
    "focus": Mechanism("mgfn", lasting, off=("head.blocks=[glance, none, none]",)),
    "amplification": Mechanism("mgfn", scattered, off=("head.amplification=0",)),
    "contrast of magnitudes": Mechanism("mgfn", scattered, off=("head.contrast_weight=0",)),
    "choice by magnitude": Mechanism(
        "mgfn", scattered, on=("head.magnitude=true",), off=("head.magnitude=false",)
    ),
}
