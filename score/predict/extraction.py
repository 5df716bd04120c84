"""Extracts features of new videos with exactly the settings of those that a checkpoint was trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from data_lists import Video
from extract.store import FeatureSpec, FeatureStore, StoreError
from score.predict.inputs import Input

if TYPE_CHECKING:
    from extract.presets import Preset
    from extract.store.failures import Failure
    from score.predict.prediction_progress import PredictionProgress


# --weights PRESET.flow=PATH names the network of a preset's optical flow.
FLOW = ".flow"
DIGITS = 19  # of a seed that torch takes


@dataclasses.dataclass(frozen=True)
class ExtractionSettings:
    """How to extract, as for vad-extract run."""

    device: str = "auto"
    workers: int = 2
    """Decode processes."""
    stall_seconds: float = 60.0
    on_damage: str = "accept"
    """Videos with decoder messages: "accept" what decodes to the end, "salvage" what decodes, or "fail"."""
    weights: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Preset -> weights file or known name, instead of the preset's own weights; PRESET.flow -> file of the
    network that computes its optical flow."""
    readers: tuple | None = None
    """Video decoders in the order in which they are tried; None for the default ones."""

    @property
    def decoding(self) -> dict:
        """The arguments that DecodeSettings and RunSettings of stage 1 share."""
        readers = {} if self.readers is None else {"readers": self.readers}
        return {"stall_seconds": self.stall_seconds, "on_damage": self.on_damage, **readers}


def early_worker() -> AbstractContextManager[None]:
    """Inside, a decode worker starts while torch is imported; see extract.decode.idle_workers."""
    from extract.decode.idle_workers import worker_in_waiting

    return worker_in_waiting()


def preset_of_spec(spec: FeatureSpec) -> Preset:
    """The extract.presets.Preset behind a spec. Raises ValueError, with what to do, if there is none."""
    from extract.presets import PRESETS, Preset

    if spec.imported:
        raise ValueError(
            f"the checkpoint was trained on imported features ({spec.preset}), which cannot be extracted "
            "here; train on a store of vad-extract run, or evaluate stored features with vad-score evaluate"
        )
    try:
        preset = Preset.from_spec(spec, PRESETS)
    except ValueError as error:
        raise ValueError(
            f"the checkpoint's features ({spec.preset}) cannot be extracted again by this version: {error}"
        ) from None
    if preset.scene is not None and preset.scene.detector == "files":
        raise ValueError(
            "the checkpoint was trained on people detected beforehand (scene.detector=files), and those of "
            "new videos are unknown; train on a store with a detector, or evaluate stored features with "
            "vad-score evaluate"
        )
    if preset.regions is not None and preset.regions.lacks_weights:
        raise ValueError(
            "the checkpoint was trained on regions of a network that it knows by its digest alone "
            f"({preset.regions.weights[:19]}...); train on a store without regions.weights, or evaluate "
            "stored features with vad-score evaluate"
        )
    return preset


def extract(
    specs: Sequence[FeatureSpec],
    inputs: Sequence[Input],
    *,
    root: Path,
    stores: Sequence[Path],
    settings: ExtractionSettings,
    progress: PredictionProgress | None = None,
) -> tuple[list[FeatureStore], dict[str, str]]:
    """Extract what is missing. Returns the stores, and video id -> reason for videos that failed.

    root: the folder in which each input is found under its id. stores: a place per spec. progress: may end
    the work by raising in show; None is silent. Raises ValueError and StoreError for problems of all videos:
    weights, device, a store with another spec.
    """
    from extract.pipeline.extractor import run
    from extract.pipeline.run_settings import RunSettings
    from score.predict.prediction_progress import PredictionProgress

    presets = [with_flow_weights(preset_of_spec(spec), settings) for spec in specs]
    failures: dict[str, str] = {}
    opened = []
    for number, (spec, preset, place) in enumerate(zip(specs, presets, stores, strict=True)):
        phases = progress or PredictionProgress(total=0)
        phases.extracting(number, len(specs))
        # A video that failed for one preset cannot be scored: the others would be extracted for nothing.
        videos = [Video(each.video_id) for each in inputs if each.video_id not in failures]
        choice, seed = weights_of(spec, preset, settings)
        run_settings = RunSettings(
            device=settings.device,
            # A worker decodes one video at a time, so more workers than videos would only take memory.
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
                progress=phases,
            )
        except StoreError as error:
            raise _explained(error, spec) from None
        failures |= {failure.video_id: _reason(failure) for failure in report.failed}
        opened.append(store)
    return opened, failures


def with_flow_weights(preset: Preset, settings: ExtractionSettings) -> Preset:
    """The preset with the file of its flow network: the one given, or one that the weights folders hold.

    A checkpoint names these weights by their digest alone. Raises ValueError that names --weights.
    """
    from extract.runtime.foreign.regular_file import check_regular
    from extract.weights.digests import sha256
    from extract.weights.files import searched_folders

    if preset.flow is None or not preset.flow.lacks_weights:
        return preset
    expected, name = preset.flow.weights, f"{preset.name}{FLOW}"
    given = settings.weights.get(name)
    found = (
        [Path(given)] if given else [path for each in searched_folders() for path in each.glob("raft*.pth")]
    )
    for path in found:
        check_regular(path, expected="a weights file")
        if f"sha256:{sha256(path)}" == expected:
            return dataclasses.replace(preset, flow=dataclasses.replace(preset.flow, weights=str(path)))
    which = f"{given} is another file" if given else f"no raft*.pth in {searched_folders()[0]} is that file"
    raise ValueError(
        f"the features of {preset.name} need optical flow by {preset.flow.method} with the weights "
        f"{expected}, and {which}; give it with --weights {name}=PATH"
    )


def _reason(failure: Failure) -> str:
    """One line for a user who knows nothing about decoders."""
    cause = {
        "open": "it cannot be opened as a video",
        "decode": "it is damaged: it cannot be decoded to its end. Copy it again, or export it as MP4",
    }.get(failure.stage)
    if cause is None:
        return failure.reason
    # Two decoders often give the same reason. Failed checks in decord's own code help nobody.
    parts = [each.removeprefix("decord: ").removeprefix("pyav: ") for each in failure.reason.split("; ")]
    reasons = list(dict.fromkeys(parts))
    return f"{cause} ({'; '.join([each for each in reasons if 'Check failed' not in each] or reasons)})"


def weights_of(spec: FeatureSpec, preset: Preset, settings: ExtractionSettings) -> tuple[str | None, int]:
    """(weights for a run: a file, a known name, "none" or None; the seed of random ones)."""
    from extract.presets import network_of

    if network_of(preset) is None and preset.scene is None:
        return None, 0
    # Specs of untrained backbones record "none:seed<N>" as their weights.
    kind, _, seed = spec.weights.partition(":seed")
    if kind == "none" and seed.isdecimal() and len(seed) < DIGITS:
        return "none", int(seed)
    return settings.weights.get(preset.name), 0


def preset_in(choice: str) -> str:
    """The preset that a --weights of the form PRESET=PATH or PRESET.flow=PATH names."""
    return choice.partition("=")[0].removesuffix(FLOW)


def weights_by_preset(choices: Sequence[str], specs: Sequence[FeatureSpec]) -> dict[str, str]:
    """Preset -> file or known name, from "PRESET=PATH", or "PATH" if there is only one preset.

    Raises ValueError, naming --weights, for a preset that none of the specs has.
    """
    presets = [spec.preset for spec in specs]
    chosen = {}
    for choice in choices:
        name, equals, path = choice.partition("=")
        if not equals and len(presets) == 1:
            name, path = presets[0], choice
        if preset_in(name) not in presets or not path:
            raise ValueError(f"--weights {choice}: expected PRESET=PATH with one of {', '.join(presets)}")
        chosen[name] = path
    return chosen


def local_weights(specs: Sequence[FeatureSpec], settings: ExtractionSettings) -> dict[str, str]:
    """Preset -> file of its weights on this machine; with these as settings.weights nothing is downloaded.

    Known files are verified now. Raises ValueError, naming --weights, if a preset's weights are not here.
    """
    from extract.presets import network_of
    from extract.scene.ultralytics_pose import DEFAULT
    from extract.weights.error import WeightsError

    chosen = dict(settings.weights)
    for spec in specs:
        preset = preset_of_spec(spec)
        if preset.flow is not None and preset.flow.lacks_weights:
            flow = with_flow_weights(preset, settings).flow
            chosen[f"{preset.name}{FLOW}"] = str(flow and flow.weights)
        choice, _ = weights_of(spec, preset, settings)
        detector = None if preset.scene is None else preset.scene.detector
        if choice == "none":
            continue
        if detector == "ultralytics":  # downloads whatever is not a file
            if not Path(choice or DEFAULT).is_file():
                raise _not_here(preset.name, choice or DEFAULT)
            chosen[preset.name] = choice or DEFAULT
        elif detector == "onnx":
            if choice is None or not Path(choice).is_file():
                raise _not_here(preset.name, "of the detector onnx")
            chosen[preset.name] = choice
        elif network := "keypointrcnn" if detector == "keypointrcnn" else network_of(preset):
            try:
                chosen[preset.name] = str(
                    _local_file(choice or preset.weights or network, network, preset.name)
                )
            except WeightsError as error:
                raise ValueError(f"{error}; give the right file with --weights {preset.name}=PATH") from None
    return chosen


def _local_file(choice: str, network: str, preset: str) -> Path:
    """As extract.weights.load.weights_file, which would download a missing file."""
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
        f"the weights {name} of the preset {preset} are not on this machine, and a server downloads none; "
        f"{hint}give the file with --weights {preset}=PATH"
    )


def _batch_shape(preset: Preset, device: str) -> tuple[int, ...] | None:
    from extract.presets import network_of

    if network_of(preset) is None:
        return None
    from extract.inference.batch_size import choose_batch_size
    from extract.runtime.device import choose_device

    return (choose_batch_size(preset.batch_size, choose_device(device)),)


def _explained(error: StoreError, spec: FeatureSpec) -> Exception:
    if "weights is" not in str(error):
        return error
    return ValueError(
        f"the weights for {spec.preset} are not those with which the checkpoint's features were extracted "
        f"({spec.weights[:19]}...); give the right file with --weights {spec.preset}=PATH"
    )
