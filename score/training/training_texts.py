"""The texts of a training: which matrix a head compares features with, and whether it fits them."""

from __future__ import annotations

from collections.abc import Sequence

from extract.runtime.text import counted
from extract.store import FeatureSpec
from extract.store.texts import ClassTexts
from score.config.run_config import ConfigError, RunConfig
from score.heads import HEADS
from score.runs.checkpoint_error import CheckpointError
from score.training.starting_point import StartingPoint


def texts_for(
    config: RunConfig,
    texts: ClassTexts | None,
    specs: Sequence[FeatureSpec],
    event_classes: Sequence[str],
    *,
    starts: Sequence[StartingPoint] = (),
) -> ClassTexts | None:
    """The texts that a head is built with; those of the checkpoint where training starts from one.

    Raises ConfigError for a head that takes no texts, for classes that they lack, and for texts of other
    weights than the features that they share a width with; CheckpointError for other texts than those of
    the checkpoint.
    """
    if texts is not None and not HEADS[config.name].takes_texts:
        able = ", ".join(name for name, head in HEADS.items() if head.takes_texts)
        raise ConfigError([f"--texts: the head {config.name} takes no texts; these do: {able}"])
    if starts:
        return _of_start(starts[0], texts)
    if texts is None:
        return None
    try:
        texts.rows(event_classes)
    except ValueError as error:
        raise ConfigError([f"--texts: {error}; make texts with the names of the list's classes"]) from None
    # Features of another width pass a learnt map, whatever network made them.
    alike = [spec for spec in specs if spec.feature_dim == texts.feature_dim]
    problems = [f"--texts: {reason}" for spec in alike if (reason := texts.mismatch(spec))]
    if problems and len(problems) == len(alike):
        raise ConfigError(problems)
    return texts


def _of_start(start: StartingPoint, texts: ClassTexts | None) -> ClassTexts | None:
    known = start.checkpoint.bag_spec.texts
    if texts is not None and texts != known:
        had = "no texts" if known is None else f"the texts {known.digest}"
        raise CheckpointError(
            f"{start.source.path} was trained with {had}, --texts gives {texts.digest}: leave --texts out, "
            "or train a new head"
        )
    return known


def text_lines(config: RunConfig, texts: ClassTexts | None, dim: int) -> list[str]:
    """What a head that takes texts was given, for people. dim: of all features together."""
    if not HEADS[config.name].takes_texts:
        return []
    if texts is None:
        return [
            f"note: {config.name} was given no texts (--texts), so it learns a vector for each event class"
        ]
    made = f" of {texts.preset}" if texts.preset else ""
    others = "" if dim == texts.feature_dim else f"; features of {dim} numbers meet them by a learnt map"
    sizes = f"{counted(texts.classes, 'class')} with {texts.feature_dim} numbers each"
    return [f"texts{made}: {sizes}, {texts.digest}{others}"]
