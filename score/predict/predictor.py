"""From a checkpoint and videos to scores and intervals: extract features, score them, find intervals."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from extract.runtime.device import choose_device
from extract.runtime.temp_folder import TempFolder
from extract.store import FeatureSpec, FeatureStore, StoreError, VideoFeatures
from extract.store.video_features import remarks_of
from score.metrics.thresholds import recorded_thresholds
from score.predict.extraction import ExtractionSettings, extract, preset_of_spec
from score.predict.inputs import Input, link, link_name
from score.predict.intervals import Interval, IntervalRule, find_intervals
from score.predict.kept_stores import assigned, opened
from score.predict.scoring_rate import specs_every
from score.predict.text_similarity import open_texts
from score.predict.timeline import Timeline, timeline_of
from score.runs.checkpoint import Checkpoint, load_run
from score.scoring.chunks import CHUNK_MINUTES, score_chunks
from score.scoring.ensemble import Ensemble, best_seed, load_ensemble
from score.scoring.ensemble_scorer import EnsembleScorer
from score.scoring.run_weights import AUTO
from score.scoring.scorer import Scorer


@dataclass(frozen=True)
class VideoResult:
    """Scores, intervals and facts about one video."""

    name: str
    """The video id of the input, or the id under which a kept store holds the video."""
    path: Path
    """The file, or the folder of frames."""
    video_score: float
    """In [0, 1]."""
    timeline: Timeline
    intervals: tuple[Interval, ...]
    event_classes: tuple[str, ...] = ()
    """Names of the head's classes, Normal first; empty for heads that predict none."""
    fps: float = 25.0
    width: int = 0
    """Width of the decoded frames, in pixels."""
    height: int = 0
    messages: int = 0
    """How many messages about damage the decoder gave."""
    missing_frames: int = 0
    """How many frames a folder of frames is missing."""
    complete: bool = True
    """False if decoding stopped early and the frames before that were scored."""
    plays_otherwise: bool = False
    """True if a player may show other times or pictures: repaired clock, several streams."""
    nobody: bool = False
    """True if the features include people and no person was detected."""
    mute: bool = False
    """True if the features include the sound and the video has none."""

    @property
    def seconds(self) -> float:
        """When the last frame ends."""
        return float(self.timeline.seconds[-1])


@dataclass(frozen=True)
class Model:
    """The checkpoints that score together, whose scores are averaged.

    checkpoints: the seeds of a run, of the first one where several runs are averaged. ensemble: these runs.
    """

    checkpoints: tuple[Checkpoint, ...]
    ensemble: Ensemble | None = None

    @property
    def title(self) -> str:
        """Display name: head, presets and seeds."""
        if self.ensemble is not None:
            return self.ensemble.title
        first = self.checkpoints[0]
        presets = " + ".join(spec.preset for spec in first.specs)
        seeds = f"{len(self.checkpoints)} seeds" if len(self.checkpoints) > 1 else f"seed {first.seed}"
        return f"{first.config.name} on {presets}, {seeds}"

    def threshold(self) -> tuple[float, str]:
        """(threshold of the mean frame score, in [0, 1]; where it comes from), as training recorded it."""
        if self.ensemble is not None:
            found = self.ensemble.thresholds()
        else:
            found = recorded_thresholds([each.validation for each in self.checkpoints])
        return found.mean_frame, found.source

    def specs_every(self, every: str | None) -> list[FeatureSpec]:
        """Of the stores of every run, one after another, with segments that start every `every`."""
        runs = [self.checkpoints] if self.ensemble is None else self.ensemble.runs
        return [spec for run in runs for spec in specs_every(run[0], every)]

    def scorers(self, device: torch.device | str) -> list[Scorer] | list[EnsembleScorer]:
        """One per seed."""
        if self.ensemble is None:
            return [Scorer(checkpoint, device=device) for checkpoint in self.checkpoints]
        seeds = range(self.ensemble.num_seeds)
        return [EnsembleScorer(self.ensemble, seed, device=device) for seed in seeds]


@dataclass(frozen=True)
class Prediction:
    """The results of one call. failures: path -> reason, in the order of the inputs."""

    model: Model
    rule: IntervalRule
    threshold_from: str
    results: tuple[VideoResult, ...]
    failures: dict[Path, str]


def load_model(path: Path | str, *, ensemble: bool = True, join: str | None = None) -> Model:
    """Load a checkpoint file, a seed's folder or a run, whose seeds then score together.

    ensemble: False keeps only the seed with the best validation video AUC, or the first if none was
    validated. join: how several stores are joined, None as in training. Raises CheckpointError, and
    ValueError if its features cannot be extracted here.
    """
    checkpoints = [each.joining(join) for each in load_run(path)]
    if not ensemble:
        checkpoints = [best_seed(checkpoints)]
    for spec in checkpoints[0].specs:
        preset_of_spec(spec)  # raises now rather than after the first video is decoded
    return Model(tuple(checkpoints))


def load_models(
    paths: Sequence[Path | str], *, weights: str = AUTO, ensemble: bool = True, join: str | None = None
) -> Model:
    """Load one run as load_model does, or several whose scores are averaged, as load_ensemble does."""
    if len(paths) == 1:
        return load_model(paths[0], ensemble=ensemble, join=join)
    found = load_ensemble(paths, weights=weights, join=join, all_seeds=ensemble)
    for run in found.runs:
        for spec in run[0].specs:
            preset_of_spec(spec)
    return Model(found.runs[0], found)


class Predictor:
    """Scores videos with one model; a context manager, because links and features live in a temporary folder.

    stores: places to keep the features instead, one per spec; videos that are already stored are not decoded
    again. folder: parent of the temporary folder, None for the system's default. every: distance of segments
    in place of the one in training, "8" frames or "0.5s"; raises ValueError where it cannot be changed.
    texts: whose similarity to CLIP's features is shown along each video; see open_texts for what raises.
    """

    def __init__(
        self,
        model: Model,
        *,
        settings: ExtractionSettings | None = None,
        stores: Sequence[Path] = (),
        chunk_minutes: float = CHUNK_MINUTES,
        folder: Path | None = None,
        every: str | None = None,
        texts: Sequence[str] = (),
    ):
        self.model, self.chunk_minutes = model, chunk_minutes
        self.settings = settings or ExtractionSettings()
        if texts and model.ensemble is not None:
            raise ValueError("--text is for one run: give the one whose features are CLIP's")
        self.texts = open_texts(texts, model.checkpoints[0].specs, self.settings)
        with ExitStack() as stack:
            folder = stack.enter_context(TempFolder("vad-predict-", folder))
            self.root = folder / "videos"
            self.root.mkdir()
            wanted = model.specs_every(every)
            # Runs with the same features share a store. positions: of each wanted spec in self.specs.
            self.specs = [spec for place, spec in enumerate(wanted) if spec not in wanted[:place]]
            self.positions = [self.specs.index(spec) for spec in wanted]
            self.stores = assigned(self.specs, stores, otherwise=folder)
            self._exit = stack.pop_all()

    def __enter__(self) -> Predictor:
        return self

    def __exit__(self, *exception) -> None:
        self._exit.close()

    def predict(
        self, inputs: Sequence[Input], *, rule: IntervalRule, threshold_from: str = "given", progress=None
    ) -> Prediction:
        """Score the inputs. progress: as for extract.

        Raises ValueError and StoreError for problems of all videos; the result names those that failed alone.
        """
        given, inputs = inputs, [each for each in inputs if not each.problem]
        unusable = {each.path: each.problem for each in given if each.problem}
        if not inputs:
            return Prediction(self.model, rule, threshold_from, (), unusable)
        link(inputs, self.root)
        inputs = self._distinguished(inputs)
        device = choose_device(self.settings.device)
        # Built before extraction: a head that cannot be built must fail before hours of decoding.
        scorers = self.model.scorers(device)
        stores, failures = extract(
            self.specs,
            inputs,
            root=self.root,
            stores=self.stores,
            settings=self.settings,
            progress=progress,
        )
        stores = [stores[place] for place in self.positions]
        if progress is not None and len(failures) < len(inputs):
            progress.scoring()
        results = []
        for each in inputs:
            if each.video_id not in failures:
                try:
                    results.append(self._result(each, scorers, stores, rule))
                # One damaged or too short video must not end the call.
                except (StoreError, ValueError) as error:
                    failures[each.video_id] = str(error).removeprefix(f"{each.video_id}: ")
        # Extraction knows the links; people know their files.
        reasons = unusable | {
            each.path: failures[each.video_id].replace(link_name(each), each.path.name)
            for each in inputs
            if each.video_id in failures
        }
        ordered = {each.path: reasons[each.path] for each in given if each.path in reasons}
        return Prediction(self.model, rule, threshold_from, tuple(results), ordered)

    def _result(
        self,
        each: Input,
        scorers: Sequence[Scorer] | Sequence[EnsembleScorer],
        stores: Sequence[FeatureStore],
        rule: IntervalRule,
    ) -> VideoResult:
        parts = scorers[0].read(stores, each.video_id)
        scores = [score_chunks(scorer, parts, chunk_minutes=self.chunk_minutes) for scorer in scorers]
        near = None if self.texts is None else self.texts.similarity(parts)
        timeline, first = timeline_of(parts[0], scores, similarity=near), parts[0]
        # Seeds of one run share classes, specs and preprocessing, so the first one stands for all.
        event_classes = self.model.checkpoints[0].bag_spec.event_classes
        return VideoResult(
            name=each.video_id,
            path=each.path,
            video_score=sum(one.video_score for one in scores) / len(scores),
            timeline=timeline,
            intervals=tuple(find_intervals(timeline, rule, event_classes=event_classes)),
            event_classes=event_classes,
            fps=first.fps,
            width=first.width,
            height=first.height,
            messages=first.decode.get("messages", 0),
            missing_frames=first.decode.get("missing_frames", 0),
            complete=first.decode.get("complete", True),
            plays_otherwise=bool(first.decode.get("clock") or first.decode.get("other_streams")),
            nobody=has_nobody(parts),
            mute=any("mute" in remarks_of(part.decode, part.num_frames) for part in parts),
        )

    def _distinguished(self, inputs: Sequence[Input]) -> list[Input]:
        """The inputs; names that a kept store has for other videos get part of the file's digest."""
        from extract.decode.sources import SourceError, find_source, identify_source

        kept = [store for store in map(opened, self.stores) if store is not None]
        distinguished = []
        for each in inputs:
            names = [store for store in kept if each.video_id in store]
            if names:
                try:
                    digest = identify_source(find_source(self.root, each.video_id))["sha256"]
                except (SourceError, OSError):
                    digest = ""  # extraction will report what is wrong with the file
                if any(store.header(each.video_id).source.get("sha256") != digest for store in names):
                    each = replace(each, video_id=f"{each.video_id}-{digest[:8]}")
                    link([each], self.root)
            distinguished.append(each)
        return distinguished


def has_nobody(parts: Sequence[VideoFeatures]) -> bool:
    """Whether the features include people and no person was detected."""
    people = [part.arrays["node_mask"] for part in parts if "node_mask" in part.arrays]
    return bool(people) and not any(each.any() for each in people)
