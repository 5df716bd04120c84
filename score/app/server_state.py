"""What all visitors of one app share: models, stores, cameras, alerts, and the lock for computing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from data_lists import Video, resolve_lists
from extract.runtime.device import choose_device
from extract.runtime.foreign.printable import as_utf8
from extract.store import FeatureStore
from score.alerts.alert_delivery import Alerts
from score.app.app_settings import AppSettings
from score.app.cameras import Camera, Cameras, read_cameras
from score.app.store_browser import StoreScores, score_stores
from score.app.upload_alert import alert_of
from score.jobs.job import Job
from score.jobs.scoring_server import SHUT_SECONDS, ScoringServer
from score.jobs.upload_scoring import UploadResult, annotate
from score.jobs.uploads import Upload, keep
from score.predict.inputs import Input, find_inputs
from score.predict.intervals import IntervalRule


class ServerState(ScoringServer[AppSettings]):
    """Loads what the settings name. Raises ValueError, StoreError and OSError if that fails.

    present, in methods that start a job: whether the page that wants its result is still open.
    """

    def __init__(self, settings: AppSettings):
        super().__init__(settings, prefix="vad-app-")
        self.stores = tuple(FeatureStore(each) for each in settings.stores)
        self.listed: tuple[Video, ...] = tuple(resolve_lists(settings.lists)) if settings.lists else ()
        self.cameras = Cameras() if settings.cameras is None else read_cameras(settings.cameras)
        self.alerts = Alerts(None if settings.alerts is None else Path(settings.alerts), settings.webhook)

    def shut(self, *, seconds: float = SHUT_SECONDS) -> None:
        """Stop posting alerts, and as ScoringServer.shut."""
        self.alerts.close()
        super().shut(seconds=seconds)

    @property
    def titles(self) -> list[str]:
        """Unique display names of the models."""
        titles, paths = [model.title for model in self.models], self.settings.checkpoints
        unique = titles
        for names in (None, [Path(each).name for each in paths], paths, ["first", "second"]):
            unique = titles
            if names is not None:
                unique = [f"{one}: {title}" for one, title in zip(names, titles, strict=False)]
            if len(set(unique)) == len(unique):
                break
        return unique

    def choice(self) -> list[Input]:
        """The videos that are now in the folder of --videos."""
        try:
            found = [] if self.settings.videos is None else find_inputs([self.settings.videos])
        except ValueError:
            return []  # no videos yet
        return [each for each in found if not each.problem]

    def score_upload(self, name: str, file: BinaryIO, *, present: Callable[[], bool]) -> Job:
        """A job that scores an upload, which is copied before this returns; its value is an UploadResult."""
        # Filled after the job exists, because its folder takes the copy.
        kept: list[Path | OSError] = []

        def work(job: Job) -> UploadResult:
            (path,) = kept
            if isinstance(path, OSError):
                raise path
            return self._score(job, name, path)

        job = self.job(work, present)
        try:
            kept.append(keep(name, file, job.folder / "upload"))
        except OSError as error:  # such as a full disk: reported by the job, like all other problems
            kept.append(error)
        return job.start()

    def score_file(self, given: Input, *, present: Callable[[], bool]) -> Job:
        """A job that scores a file of the folder of --videos; its value is an UploadResult."""
        below = self._below(given.path)
        return self.job(
            lambda job: self._score(job, given.path.name, given.path, below=below), present
        ).start()

    def annotate(
        self, found: UploadResult, number: int, *, threshold: float, present: Callable[[], bool]
    ) -> Job:
        """A job that draws the annotated video; its value is an MP4 file as bytes."""

        def work(job: Job) -> bytes:
            return annotate(job, found, number, threshold=threshold, settings=self.extraction[number])

        return self.job(work, present).start()

    def score_stores(self, *, present: Callable[[], bool]) -> Job:
        """A job that scores all stored videos; its value is a StoreScores."""

        def work(job: Job) -> StoreScores:
            device = choose_device(self.settings.device)
            return score_stores(job, self.models[0], self.stores, self.listed, device=device)

        return self.job(work, present).start()

    def camera_of(self, video_id: str, path: Path | None) -> Camera | None:
        """The camera of a stored video. path: its file, None if there is none."""
        # Video ids have no suffix, but the table may name files.
        return self.cameras.of(video_id if path is None or path.is_dir() else f"{video_id}{path.suffix}")

    def _below(self, path: Path) -> str:
        """A file's path below the folder of --videos, "" if that folder is itself one video's frames."""
        below = path.relative_to(self.settings.videos or "")
        return below.as_posix() if below.parts else ""

    def _score(self, job: Job, name: str, path: Path, *, below: str = "") -> UploadResult:
        job.report("Checking the file", 0.0)
        # A folder of frames is no upload, and was found by us.
        upload = Upload(name, path) if path.is_dir() else self.check(path, name)
        return self.score(job, replace(upload, below=below), on_scored=self._alert)

    def _alert(self, found: UploadResult) -> None:
        """Send the first model's alert; the second model is only for comparison."""
        prediction = found.prediction(0, found.thresholds[0])
        alert = alert_of(
            prediction.results[0],
            rule=IntervalRule(found.thresholds[0]),
            model=self.titles[0],
            camera=self.cameras.of(found.upload.full_name),
        )
        if alert is not None:
            self.alerts.send({**alert, "video": as_utf8(found.upload.full_name)})
