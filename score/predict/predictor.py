"""From a checkpoint and videos to their scores and intervals: extract, score, find."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from extract.runtime.device import choose_device
from extract.store import FeatureStore, StoreError, VideoFeatures
from score.metrics.thresholds import recorded_thresholds
from score.predict.extraction import ExtractionSettings, extract, preset_of
from score.predict.inputs import Input, link, link_name
from score.predict.intervals import Interval, IntervalRule, find_intervals
from score.predict.timeline import Timeline, timeline_of
from score.runs.checkpoint import Checkpoint, CheckpointError, checkpoint_paths, load_checkpoint
from score.scoring.chunks import CHUNK_MINUTES, score_chunks
from score.scoring.scorer import Scorer


@dataclass(frozen=True)
class VideoResult:
    """What was found in one video. name: as inputs are called. path: the file or folder of frames.

    fps, width, height: of the decoded frames. messages: lines of the decoder about damage. missing_frames:
    pictures that a folder lacks. complete: False where decoding stopped early and what came before was kept.
    nobody: True where the features tell of people and nobody was found.
    """

    name: str
    path: Path
    video_score: float
    timeline: Timeline
    intervals: tuple[Interval, ...]
    event_classes: tuple[str, ...] = ()
    fps: float = 25.0
    width: int = 0
    height: int = 0
    messages: int = 0
    missing_frames: int = 0
    complete: bool = True
    nobody: bool = False

    @property
    def seconds(self) -> float:
        """When the last frame ends."""
        return float(self.timeline.seconds[-1])


@dataclass(frozen=True)
class Model:
    """The checkpoints that score together, and how they are called."""

    checkpoints: tuple[Checkpoint, ...]

    @property
    def title(self) -> str:
        first = self.checkpoints[0]
        presets = " + ".join(spec.preset for spec in first.specs)
        seeds = f"{len(self.checkpoints)} seeds" if len(self.checkpoints) > 1 else f"seed {first.seed}"
        return f"{first.config.name} on {presets}, {seeds}"

    def threshold(self) -> tuple[float, str]:
        """(the threshold for the mean frame score of all seeds, who chose it), as training recorded it."""
        found = recorded_thresholds([each.validation for each in self.checkpoints])
        return found.mean_frame, found.source


@dataclass(frozen=True)
class Prediction:
    """All that one call found. failures: path -> why, in the order of the inputs."""

    model: Model
    rule: IntervalRule
    threshold_from: str
    results: tuple[VideoResult, ...]
    failures: dict[Path, str]


def load_model(path: Path | str, *, ensemble: bool = True) -> Model:
    """A checkpoint, a seed's folder or a run. Of a run all seeds score together; without ensemble the one
    that was best in validation (the first where none was validated). Raises CheckpointError."""
    checkpoints = [load_checkpoint(each) for each in checkpoint_paths(path)]
    if not ensemble:
        checkpoints = [max(checkpoints, key=lambda each: each.validation.get("video_auc") or 0.0)]
    if any(each.specs != checkpoints[0].specs for each in checkpoints):
        raise CheckpointError(f"{path}: its seeds were trained on different features; they are not one run")
    for spec in checkpoints[0].specs:
        preset_of(spec)  # says what cannot be extracted before anything is decoded
    return Model(tuple(checkpoints))


class Predictor:
    """Scores videos with one model. Its links and features live in a temporary folder until it is closed.

    stores: where features are kept instead, one place a spec; videos that are in it already are not decoded
    again. folder: below which the temporary folder is made, None for the system's place.
    """

    def __init__(
        self,
        model: Model,
        *,
        settings: ExtractionSettings | None = None,
        stores: Sequence[Path] = (),
        chunk_minutes: float = CHUNK_MINUTES,
        folder: Path | None = None,
    ):
        self.model, self.chunk_minutes = model, chunk_minutes
        self.settings = settings or ExtractionSettings()
        self._exit = ExitStack()
        folder = Path(self._exit.enter_context(TemporaryDirectory(prefix="vad-predict-", dir=folder)))
        self.root = folder / "videos"
        self.root.mkdir()
        self.stores = assigned(model.checkpoints[0].specs, stores, otherwise=folder)

    def __enter__(self) -> Predictor:
        return self

    def __exit__(self, *exception) -> None:
        self._exit.close()

    def predict(
        self, inputs: Sequence[Input], *, rule: IntervalRule, threshold_from: str = "given", progress=None
    ) -> Prediction:
        """progress: as for extract. Raises ValueError and StoreError for what concerns all videos; a video's own
        failure is told in the result."""
        link(inputs, self.root)
        inputs = self._told_apart(inputs)
        device = choose_device(self.settings.device)
        scorers = [Scorer(checkpoint, device=device) for checkpoint in self.model.checkpoints]
        stores, failures = extract(
            self.model.checkpoints[0].specs,
            inputs,
            root=self.root,
            stores=self.stores,
            settings=self.settings,
            progress=progress,
        )
        if progress is not None and len(failures) < len(inputs):
            progress.scoring()
        results = []
        for each in inputs:
            if each.video_id not in failures:
                try:
                    results.append(self._result(each, scorers, stores, rule))
                except (StoreError, ValueError) as error:
                    failures[each.video_id] = str(error).removeprefix(f"{each.video_id}: ")
        told = {
            each.path: failures[each.video_id].replace(link_name(each), each.path.name)
            for each in inputs
            if each.video_id in failures
        }
        return Prediction(self.model, rule, threshold_from, tuple(results), told)

    def _result(
        self, each: Input, scorers: Sequence[Scorer], stores: Sequence[FeatureStore], rule: IntervalRule
    ) -> VideoResult:
        parts = [store.read(each.video_id) for store in stores]
        scores = [score_chunks(scorer, parts, chunk_minutes=self.chunk_minutes) for scorer in scorers]
        timeline, first = timeline_of(parts[0], scores), parts[0]
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
            nobody=has_nobody(parts),
        )

    def _told_apart(self, inputs: Sequence[Input]) -> list[Input]:
        """The inputs; one whose name a kept store has for another video gets a part of its digest behind
        it."""
        from extract.decode.sources import SourceError, find_source, identify_source

        kept = [store for store in map(opened, self.stores) if store is not None]
        told = []
        for each in inputs:
            names = [store for store in kept if each.video_id in store]
            if names:
                try:
                    digest = identify_source(find_source(self.root, each.video_id))["sha256"]
                except (SourceError, OSError):
                    digest = ""  # extraction will say what is wrong with it
                if any(store.header(each.video_id).source.get("sha256") != digest for store in names):
                    each = replace(each, video_id=f"{each.video_id}-{digest[:8]}")
                    link([each], self.root)
            told.append(each)
        return told


def has_nobody(parts: Sequence[VideoFeatures]) -> bool:
    """Whether people were looked for in a video and nobody was found."""
    people = [part.arrays["node_mask"] for part in parts if "node_mask" in part.arrays]
    return bool(people) and not any(each.any() for each in people)


def assigned(specs: Sequence, stores: Sequence[Path], *, otherwise: Path) -> list[Path]:
    """A place for the features of each spec: of the given ones that which holds such features, or the next
    that is new.

    Raises ValueError for another number of stores than specs, StoreError for a store of other features.
    """
    if not stores:
        return [otherwise / f"store_{number}" for number in range(len(specs))]
    if len(stores) != len(specs):
        raise ValueError(
            f"{len(stores)} stores are given, the checkpoint needs {len(specs)}, one for each of its presets"
        )
    left = {place: opened(place) for place in stores}
    fitting: dict[int, Path] = {}
    for number, spec in enumerate(specs):
        fits = [
            place for place, store in left.items() if store is not None and not store.spec.differences(spec)
        ]
        if fits:
            fitting[number] = fits[0]
            del left[fits[0]]
    for number, spec in enumerate(specs):
        if number not in fitting:
            place, store = next(iter(left.items()))
            if store is not None:
                raise StoreError(
                    f"{place} was extracted with other settings than the checkpoint needs: "
                    f"{'; '.join(store.spec.differences(spec))}"
                )
            fitting[number] = place
            del left[place]
    return [fitting[number] for number in range(len(specs))]


def opened(place: Path | str) -> FeatureStore | None:
    """The store at a place; None where there is nothing yet. Raises StoreError for anything else."""
    new = (
        not FeatureStore.is_at(place)
        if isinstance(place, str)
        else (not place.exists() or place.is_dir() and not any(place.iterdir()))
    )
    return None if new else FeatureStore(place)
