"""Scores one video with one or two models, and prepares its thumbnails and a file that browsers play."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from score.jobs.job import Job, one_line
from score.jobs.job_progress import ReplayProgress, extraction_progress
from score.jobs.uploads import Upload
from score.predict.extraction import ExtractionSettings
from score.predict.inputs import Input, link
from score.predict.intervals import IntervalRule, find_intervals
from score.predict.output.annotated_video import AnnotatedVideo
from score.predict.output.frame_replay import replay
from score.predict.output.page_media import PLAYABLE, PageMedia
from score.predict.output.text_formats import damage_notes
from score.predict.output.viewer import Media, viewer_html
from score.predict.predictor import Model, Prediction, Predictor, VideoResult


@dataclass(frozen=True)
class UploadResult:
    """The results of one video, one per model in results and thresholds."""

    upload: Upload
    models: tuple[Model, ...]
    results: tuple[VideoResult, ...]
    """With intervals at the thresholds below."""
    thresholds: tuple[float, ...]
    root: Path
    """The folder in which extraction finds the video."""
    playable: Path | None = None
    """A file that browsers play; None if none could be made."""
    thumbnails: tuple[tuple[float, bytes], ...] = ()
    """(seconds, JPEG) in order."""
    notes: tuple[str, ...] = ()
    """What the user should know about the video, one line each."""

    def prediction(
        self, number: int, threshold: float, *, threshold_from: str = "chosen on the page"
    ) -> Prediction:
        """The result of one model at a threshold, for the outputs of vad-score predict."""
        result, rule = self.results[number], IntervalRule(threshold)
        intervals = find_intervals(result.timeline, rule, event_classes=result.event_classes)
        name = Path(self.upload.name)  # its path on the server means nothing elsewhere
        result = replace(result, name=name.stem, path=name, intervals=tuple(intervals))
        return Prediction(self.models[number], rule, threshold_from, (result,), {})

    @property
    def kind(self) -> str:
        """MIME type of the playable file."""
        return PLAYABLE[self.playable.suffix.lower()][0] if self.playable else "video/mp4"

    def page(self, number: int, *, address: str | None, threshold: float) -> str:
        """The viewer page for one model. address: URL of the playable file."""
        result = replace(self.results[number], name=self.upload.name)
        media = {result.name: Media(address, self.kind, self.thumbnails)}
        return viewer_html(
            [result],
            rule=IntervalRule(threshold),
            media=media,
            title=self.upload.name,
            subtitle=self.models[number].title,
        )


def score_video(
    job: Job,
    upload: Upload,
    models: Sequence[Model],
    *,
    settings: Sequence[ExtractionSettings],
    threshold: float | None = None,
    max_minutes: float = float("inf"),
    on_scored: Callable[[UploadResult], None] | None = None,
    pictures: bool = True,
) -> UploadResult:
    """Score a video with every model, then decode it once more for thumbnails. Raises ValueError.

    settings: one per model. threshold: for all models, instead of their own. max_minutes: a longer video
    fails as soon as decoding gets there, whatever its header says. on_scored: called before the thumbnails
    are made. pictures: False makes none.
    """
    # A fixed id: the name of an upload may be anything.
    given = Input("video", upload.path)
    thresholds = tuple(model.threshold()[0] if threshold is None else threshold for model in models)
    results = []
    for number, (model, each) in enumerate(zip(models, settings, strict=True)):
        progress = extraction_progress(
            job, upload, max_minutes, begin=number / (len(models) + 0.5), size=1 / (len(models) + 0.5)
        )
        stores = [
            job.folder / f"store_{hashlib.sha256(spec.to_json().encode()).hexdigest()[:12]}"
            for spec in model.checkpoints[0].specs
        ]
        # Two models that share a preset share its store, so that the video is decoded once.
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
    found = UploadResult(
        upload, tuple(models), tuple(results), thresholds, root, notes=notes_on(upload, results)
    )
    if on_scored is not None:
        on_scored(found)
    if not pictures:
        return found
    return _pictures(job, found, settings[0], begin=len(models) / (len(models) + 0.5))


def annotate(
    job: Job, found: UploadResult, number: int, *, threshold: float, settings: ExtractionSettings
) -> bytes:
    """The annotated video as the bytes of an MP4 file. Raises ValueError."""
    (result,) = found.prediction(number, threshold).results
    path = job.folder / "annotated.mp4"
    drawer = AnnotatedVideo(path, result, threshold=threshold)
    guard = ReplayProgress(job, "Drawing", result.timeline.num_frames)
    replay(
        "video", [guard, drawer], root=found.root, num_frames=result.timeline.num_frames, settings=settings
    )
    return path.read_bytes()


def _pictures(job: Job, found: UploadResult, settings: ExtractionSettings, *, begin: float) -> UploadResult:
    result = replace(found.results[0], path=found.upload.path)
    page = PageMedia(job.folder / "page.html", False, 1)
    thumbnails = page.thumbnails(result)
    file, copiers = page.file_of(result, None)
    frames = result.timeline.num_frames
    guard = ReplayProgress(job, "Making thumbnails", frames, begin=begin)
    try:
        replay("video", [guard, thumbnails, *copiers], root=found.root, num_frames=frames, settings=settings)
    except (ValueError, OSError) as error:
        return replace(found, notes=(*found.notes, f"It was scored, but cannot be shown: {one_line(error)}"))
    return replace(found, playable=file, thumbnails=tuple(thumbnails.pictures))


def notes_on(upload: Upload, results: Sequence[VideoResult]) -> tuple[str, ...]:
    """What the user should know about a video that was scored anyway."""
    notes = []
    if damage := damage_notes(results[0]):
        notes.append(
            f"{upload.name} is damaged ({', '.join(damage)}): only what could be decoded was scored."
        )
    if any(each.nobody for each in results):
        notes.append(
            f"No person was detected in {upload.name}. The checkpoint also scores what people do; these "
            "scores come from appearance and motion alone."
        )
    if any(each.mute for each in results):
        notes.append(f"{upload.name} has no sound. The checkpoint also scores the sound, here with zeros.")
    return tuple(notes)
