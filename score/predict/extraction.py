"""Features of new videos, made exactly as those that a checkpoint was trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_lists import Video
from extract.store import FeatureSpec, FeatureStore, StoreError
from score.predict.inputs import Input


@dataclasses.dataclass(frozen=True)
class ExtractionSettings:
    """device, workers, stall_seconds, on_damage, readers: as for vad-extract run. weights: preset -> file or known
    name, for presets whose own weights are elsewhere."""

    device: str = "auto"
    workers: int = 2
    stall_seconds: float = 60.0
    on_damage: str = "accept"
    weights: Mapping[str, str] = dataclasses.field(default_factory=dict)
    readers: tuple | None = None

    @property
    def decoding(self) -> dict:
        """What extract.decode.DecodeSettings and extract.pipeline.settings.RunSettings both take."""
        readers = {} if self.readers is None else {"readers": self.readers}
        return {"stall_seconds": self.stall_seconds, "on_damage": self.on_damage, **readers}


def preset_of(spec: FeatureSpec):
    """The extract.presets.Preset that makes this spec. Raises ValueError, saying what to do, where none does."""
    from extract.presets import PRESETS, Preset

    if spec.imported:
        raise ValueError(
            f"the checkpoint was trained on imported features ({spec.preset}), which cannot be extracted here; "
            "train on a store of vad-extract run, or evaluate stored features with vad-score evaluate"
        )
    try:
        preset = Preset.from_spec(spec, PRESETS)
    except ValueError as error:
        raise ValueError(
            f"the checkpoint's features ({spec.preset}) cannot be extracted again by this version: {error}"
        ) from None
    if preset.scene is not None and preset.scene.detector == "files":
        raise ValueError(
            "the checkpoint was trained on people found beforehand (scene.detector=files), and nobody has found those "
            "of new videos; train on a store with a detector, or evaluate stored features with vad-score evaluate"
        )
    return preset


def extract(
    specs: Sequence[FeatureSpec],
    inputs: Sequence[Input],
    *,
    root: Path,
    stores: Sequence[Path],
    settings: ExtractionSettings,
    progress=None,
) -> tuple[list[FeatureStore], dict[str, str]]:
    """Extract what the stores lack; returns them and why videos failed, by video id.

    root: where each input lies under its id. stores: a place for each spec. progress: a Steps, whose show may end the
    work by raising; None keeps silent. Raises ValueError and StoreError for what concerns all videos: weights, device,
    a store of another spec.
    """
    from extract.pipeline.extractor import run
    from extract.pipeline.settings import RunSettings
    from score.predict.prediction_progress import Steps

    presets = [preset_of(spec) for spec in specs]
    failures: dict[str, str] = {}
    opened = []
    for number, (spec, preset, place) in enumerate(zip(specs, presets, stores, strict=True)):
        steps = progress or Steps(total=0)
        steps.extracting(number, len(specs))
        videos = [Video(each.video_id) for each in inputs if each.video_id not in failures]
        choice, seed = _weights(spec, preset, settings)
        run_settings = RunSettings(
            device=settings.device,
            workers=max(1, min(settings.workers, len(videos))),
            weights=choice,
            seed=seed,
            precision=spec.precision,
            **settings.decoding,
        )
        store = FeatureStore.create(place, spec, batch_shape=_batch_shape(preset, settings.device))
        try:
            report = run(
                preset,
                videos,
                root=root,
                store_root=place,
                settings=run_settings,
                progress=steps,
            )
        except StoreError as error:
            raise _explained(error, spec) from None
        failures |= {failure.video_id: _reason(failure) for failure in report.failed}
        opened.append(store)
    return opened, failures


def _reason(failure) -> str:
    """One line for a person who gave a file and knows no decoders."""
    begin = {
        "open": "it cannot be opened as a video",
        "decode": "it is damaged: it cannot be decoded to its end. Copy it again, or export it as MP4",
    }.get(failure.stage)
    if begin is None:
        return failure.reason
    # Two decoders often say the same; what decord checks in its own code tells such a person nothing.
    whys = list(
        dict.fromkeys(
            each.removeprefix("decord: ").removeprefix("pyav: ") for each in failure.reason.split("; ")
        )
    )
    return f"{begin} ({'; '.join([each for each in whys if 'Check failed' not in each] or whys)})"


def _weights(spec: FeatureSpec, preset, settings: ExtractionSettings) -> tuple[str | None, int]:
    """(choice of weights for a run, seed of random ones)."""
    if preset.backbone is None and preset.scene is None:
        return None, 0
    kind, _, seed = spec.weights.partition(":seed")
    if kind == "none" and seed.isdecimal():
        return "none", int(seed)
    return settings.weights.get(preset.name), 0


def weights_by_preset(choices: Sequence[str], specs: Sequence[FeatureSpec]) -> dict[str, str]:
    """Preset -> file or known name, from "PRESET=PATH", or "PATH" where only one preset takes part.

    Raises ValueError, naming --weights, for a preset that is not among those of the specs.
    """
    presets = [spec.preset for spec in specs]
    chosen = {}
    for choice in choices:
        name, equals, path = choice.partition("=")
        if not equals and len(presets) == 1:
            name, path = presets[0], choice
        if name not in presets or not path:
            raise ValueError(f"--weights {choice}: expected PRESET=PATH with one of {', '.join(presets)}")
        chosen[name] = path
    return chosen


def local_weights(specs: Sequence[FeatureSpec], settings: ExtractionSettings) -> dict[str, str]:
    """Preset -> file of its weights on this machine: with these as settings.weights nothing is fetched.

    A known file is proved now. Raises ValueError, naming --weights, where a preset's weights are not here.
    """
    from extract.scene.ultralytics_pose import DEFAULT
    from extract.weights.error import WeightsError

    chosen = dict(settings.weights)
    for spec in specs:
        preset = preset_of(spec)
        choice, _ = _weights(spec, preset, settings)
        detector = None if preset.scene is None else preset.scene.detector
        if choice == "none":
            continue
        if detector == "ultralytics":  # which fetches what is no file
            if not Path(choice or DEFAULT).is_file():
                raise _not_here(preset.name, choice or DEFAULT)
            chosen[preset.name] = choice or DEFAULT
        elif network := "keypointrcnn" if detector == "keypointrcnn" else preset.backbone:
            try:
                chosen[preset.name] = str(
                    _local_file(choice or preset.weights or network, network, preset.name)
                )
            except WeightsError as error:
                raise ValueError(f"{error}; give the right file with --weights {preset.name}=PATH") from None
    return chosen


def _local_file(choice: str, network: str, preset: str) -> Path:
    """As extract.weights.load.weights_file, which would fetch what is not here."""
    from extract.weights.files import locate
    from extract.weights.known import known_weights
    from extract.weights.load import weights_file

    known = known_weights(choice, network)
    if known is not None and locate(known) is None:
        raise _not_here(
            preset, known.name, hint=f"run vad-extract weights fetch {known.name} beforehand, or "
        )
    return weights_file(choice, backbone=network)


def _not_here(preset: str, name: str, *, hint: str = "") -> ValueError:
    return ValueError(
        f"the weights {name} of the preset {preset} are not on this machine, and a server fetches none; {hint}give "
        f"the file with --weights {preset}=PATH"
    )


def _batch_shape(preset, device: str) -> tuple[int, ...] | None:
    if preset.backbone is None:
        return None
    from extract.runtime.device import choose_device

    return (preset.batch_size[choose_device(device).type != "cpu"],)


def _explained(error: StoreError, spec: FeatureSpec) -> Exception:
    if "weights is" not in str(error):
        return error
    return ValueError(
        f"the weights for {spec.preset} are not those that the checkpoint's features were made with "
        f"({spec.weights[:19]}...); give the right file with --weights {spec.preset}=PATH"
    )
