"""One upload through one or two models: scores, intervals, small pictures, and a file that browsers play."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from score.app.jobs import Job, one_line
from score.app.uploads import Upload, too_long
from score.predict.extraction import ExtractionSettings
from score.predict.inputs import Input, link
from score.predict.intervals import IntervalRule, find_intervals
from score.predict.output.annotated_video import AnnotatedVideo
from score.predict.output.frame_replay import FrameConsumer, replay
from score.predict.output.page_media import PLAYABLE, PageMedia
from score.predict.output.text_formats import damage_notes
from score.predict.output.viewer import Media, viewer_html
from score.predict.predictor import Model, Prediction, Predictor, VideoResult

EXTRACTION = 0.95  # of the work of a model; the rest is scoring


@dataclass(frozen=True)
class Found:
    """What was found in one video.

    results: of each model, with intervals at its own threshold. playable: a file that browsers play, None
    where none could be made. thumbnails: (seconds, JPEG). root: where extraction finds the video. notes: what
    a person should know of it, a line each.
    """

    upload: Upload
    models: tuple[Model, ...]
    results: tuple[VideoResult, ...]
    thresholds: tuple[float, ...]
    root: Path
    playable: Path | None = None
    thumbnails: tuple[tuple[float, bytes], ...] = ()
    notes: tuple[str, ...] = ()

    def prediction(self, number: int, threshold: float) -> Prediction:
        """What one model says at a threshold, as the outputs of vad-score predict take it."""
        result, rule = self.results[number], IntervalRule(threshold)
        intervals = find_intervals(result.timeline, rule, event_classes=result.event_classes)
        name = Path(self.upload.name)  # where it lies here says nothing to a person elsewhere
        result = replace(result, name=name.stem, path=name, intervals=tuple(intervals))
        return Prediction(self.models[number], rule, "chosen on the page", (result,), {})

    @property
    def kind(self) -> str:
        return PLAYABLE[self.playable.suffix.lower()][0] if self.playable else "video/mp4"

    def page(self, number: int, *, address: str | None, threshold: float) -> str:
        """The viewer for one model; address: of the playable file."""
        result = replace(self.results[number], name=self.upload.name)
        media = {result.name: Media(address, self.kind, self.thumbnails)}
        return viewer_html(
            [result],
            rule=IntervalRule(threshold),
            media=media,
            title=self.upload.name,
            subtitle=self.models[number].title,
        )


def find(
    job: Job,
    upload: Upload,
    models: Sequence[Model],
    *,
    settings: Sequence[ExtractionSettings],
    threshold: float | None = None,
    max_minutes: float = float("inf"),
    on_found: Callable[[Found], None] | None = None,
) -> Found:
    """Score an upload with every model, then look at it once more for its pictures. Raises ValueError.

    settings: of each model. threshold: of all models instead of their own. max_minutes: a longer video fails as
    soon as it turns out to be one, whatever its header says.
    """
    given = Input("video", upload.path)
    thresholds = tuple(model.threshold()[0] if threshold is None else threshold for model in models)
    results = []
    for number, (model, each) in enumerate(zip(models, settings, strict=True)):
        progress = _progress(
            job, upload, max_minutes, begin=number / (len(models) + 0.5), size=1 / (len(models) + 0.5)
        )
        stores = [
            job.folder / f"store_{hashlib.sha256(spec.to_json().encode()).hexdigest()[:12]}"
            for spec in model.checkpoints[0].specs
        ]
        with Predictor(model, settings=each, stores=stores, folder=job.folder) as predictor:
            rule = IntervalRule(thresholds[number])
            prediction = predictor.predict([given], rule=rule, progress=progress)
        if prediction.failures:
            reason = " ".join(next(iter(prediction.failures.values())).split())
            raise ValueError(f"{upload.name}: {reason.replace(upload.path.name, upload.name)}")
        results += prediction.results
    root = job.folder / "links"
    root.mkdir()
    link([given], root)
    found = Found(upload, tuple(models), tuple(results), thresholds, root, notes=notes_on(upload, results))
    if on_found is not None:
        on_found(found)
    return _pictures(job, found, settings[0], begin=len(models) / (len(models) + 0.5))


def annotate(job: Job, found: Found, number: int, *, threshold: float, settings: ExtractionSettings) -> bytes:
    """The video with its scores below it, a whole MP4 file. Raises ValueError."""
    (result,) = found.prediction(number, threshold).results
    path = job.folder / "annotated.mp4"
    drawer = AnnotatedVideo(path, result, threshold=threshold)
    guard = _Guard(job, "Drawing", result.timeline.num_frames)
    replay(
        "video", [guard, drawer], root=found.root, num_frames=result.timeline.num_frames, settings=settings
    )
    return path.read_bytes()


def _pictures(job: Job, found: Found, settings: ExtractionSettings, *, begin: float) -> Found:
    result = replace(found.results[0], path=found.upload.path)
    page = PageMedia(job.folder / "page.html", False, 1)
    thumbnails = page.thumbnails(result)
    file, copiers = page.file_of(result, None)
    frames = result.timeline.num_frames
    guard = _Guard(job, "Making small pictures", frames, begin=begin)
    try:
        replay("video", [guard, thumbnails, *copiers], root=found.root, num_frames=frames, settings=settings)
    except (ValueError, OSError) as error:
        return replace(found, notes=(*found.notes, f"It was scored, but cannot be shown: {one_line(error)}"))
    return replace(found, playable=file, thumbnails=tuple(thumbnails.pictures))


def notes_on(upload: Upload, results: Sequence[VideoResult]) -> tuple[str, ...]:
    """What was wrong with a video that could be scored all the same."""
    notes = []
    if damage := damage_notes(results[0]):
        notes.append(f"{upload.name} is damaged ({', '.join(damage)}): scores tell of what could be decoded.")
    if any(each.nobody for each in results):
        notes.append(
            f"No person was found in {upload.name}. The checkpoint also judges what people do; these scores "
            "come from pictures and motion alone."
        )
    return tuple(notes)


def _progress(job: Job, upload: Upload, max_minutes: float, *, begin: float, size: float):
    """A PredictionProgress that tells the job, and ends its work where the job is cancelled. begin, size: its part of the job's
    share."""
    from score.predict.prediction_progress import PredictionProgress

    class JobProgress(PredictionProgress):
        preset, presets = 0, 1

        def extracting(self, number: int, of: int) -> None:
            self.preset, self.presets, self.reached = number, of, 0

        def scoring(self) -> None:
            job.tell("Scoring", begin + size * EXTRACTION)

        def show(self, *, final: bool = False) -> None:
            if final:  # also on the way out of a failure, which must not become another one
                return
            of = f" of {upload.frames:,}" if upload.frames else ""
            share = min(self.reached / upload.frames, 1) if upload.frames else 0.5
            words = (
                f"{self.reached:,}{of} frames decoded and described" if self.reached else "Opening the video"
            )
            if self.presets > 1:
                words += f" (features {self.preset + 1} of {self.presets})"
            share = (self.preset + share) / self.presets * EXTRACTION
            # another decoder starts over; what is done stays done in the eyes of a person
            job.tell(words, max(job.share, begin + size * share))
            if self.reached_seconds > max_minutes * 60:
                raise too_long(upload.name, max_minutes)

    return JobProgress(total=0, live=False)


class _Guard(FrameConsumer):
    """Tells the job how far a second look is, and ends it where the job is cancelled."""

    def __init__(self, job: Job, words: str, num_frames: int, *, begin: float = 0.0):
        self.job, self.words, self.num_frames, self.first = job, words, num_frames, begin

    def frame(self, index: int, seconds: float, rgb) -> None:
        share = min(1.0, (index + 1) / self.num_frames)
        self.job.tell(f"{self.words}: {share:.0%}", self.first + (1 - self.first) * share)
