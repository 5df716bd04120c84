"""A trained run made ready for watching: row makers, scorers, and how far scores reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from extract.pipeline.live_rows import LiveRows, make_live_rows
from extract.pipeline.run_settings import RunSettings
from extract.presets import Preset
from extract.runtime.device import choose_device
from score.live.model_settings import ModelSettings
from score.live.score_window import Reach
from score.predict.extraction import (
    ExtractionSettings,
    preset_of_spec,
    weights_by_preset,
    weights_of,
    with_flow_weights,
)
from score.predict.predictor import Model, load_model
from score.predict.scoring_rate import specs_every
from score.scoring.scorer import Scorer


@dataclass(frozen=True)
class LiveModel:
    """makers: one per store of the checkpoint. scorers: one per seed. presets: as they are extracted."""

    model: Model
    presets: tuple[Preset, ...]
    makers: tuple[LiveRows, ...]
    scorers: tuple[Scorer, ...]
    reach: Reach


def load_live_model(run: Path, settings: ModelSettings) -> LiveModel:
    """Raises CheckpointError, and ValueError for presets and joins that cannot be watched, and for weights
    that are not those of training."""
    device = choose_device(settings.device)
    model = load_model(run, ensemble=settings.ensemble, join=settings.join)
    first = model.checkpoints[0]
    specs = specs_every(first, settings.every)
    if len(specs) > 1 and first.config.data.scoring_segments.join == "time":
        raise ValueError(
            "--join time cannot be watched live: the end of a segment is known in one store only"
        )
    extraction = ExtractionSettings(
        device=settings.device, weights=weights_by_preset(settings.weights, first.specs)
    )
    presets, makers = [], []
    for spec in specs:
        preset = with_flow_weights(preset_of_spec(spec), extraction)
        weights, seed = weights_of(spec, preset, extraction)
        maker = make_live_rows(
            preset,
            RunSettings(device=settings.device, weights=weights, seed=seed, precision=spec.precision),
        )
        if maker.digest != spec.weights:
            raise ValueError(
                f"the weights for {spec.preset} are not those with which the checkpoint's features were "
                f"extracted ({spec.weights[:19]}...); give the right file with --weights {spec.preset}=PATH"
            )
        presets.append(preset)
        makers.append(maker)
    scorers = tuple(Scorer(checkpoint, device=device) for checkpoint in model.checkpoints)
    if scorers[0].head.arrays:
        raise ValueError(f"the head {first.config.name} cannot be watched live: it looks at pixels or maps")
    reach = Reach.of(first.config, at_most=settings.at_most, window=settings.window)
    return LiveModel(model, tuple(presets), tuple(makers), scorers, reach)
