"""What all visitors of one server share: models, cameras, alerts, and the turn of who computes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from data_lists import Video, resolve_lists
from extract.runtime.device import choose_device
from extract.store import FeatureStore
from score.app.alerts import Alerts, alert_of
from score.app.app_settings import AppSettings
from score.app.cameras import Camera, Cameras, read_cameras
from score.app.jobs import LOOK_SECONDS, Job
from score.app.store_browser import StoreScores, score_stores
from score.app.temp_folder import Scratch
from score.app.upload_scoring import Found, annotate, find
from score.app.uploads import Upload, check, keep
from score.predict.extraction import ExtractionSettings, local_weights, weights_by_preset
from score.predict.inputs import Input, find_inputs
from score.predict.intervals import IntervalRule
from score.predict.predictor import Model, load_model

SHUT_SECONDS = 5.0  # for which the end of a server waits for its work


class ServerState:
    """Raises ValueError, StoreError and OSError for settings that cannot work.

    present, where a method takes it: tells whether the page that wants the work is still there.
    """

    def __init__(self, settings: AppSettings):
        self.settings = settings
        self.models: tuple[Model, ...] = tuple(load_model(each) for each in settings.checkpoints)
        self.extraction = tuple(self._extraction(model) for model in self.models)
        self.stores = tuple(FeatureStore(each) for each in settings.stores)
        self.listed: tuple[Video, ...] = tuple(resolve_lists(settings.lists)) if settings.lists else ()
        self.cameras = Cameras() if settings.cameras is None else read_cameras(settings.cameras)
        self.alerts = Alerts(None if settings.alerts is None else Path(settings.alerts), settings.webhook)
        self.scratch = Scratch()
        self.turn = threading.Lock()
        self._open: set[Job] = set()
        self._lock = threading.Lock()

    def shut(self, *, seconds: float = SHUT_SECONDS) -> None:
        """End all work and remove all files; waits so long for work to end."""
        limit = time.monotonic() + seconds
        self.alerts.close()
        with self._lock:
            jobs = list(self._open)
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait(max(0.0, limit - time.monotonic()))
            self.close(job)
        self.scratch.close()

    @property
    def titles(self) -> list[str]:
        """How the models are called, told apart."""
        titles, paths = [model.title for model in self.models], self.settings.checkpoints
        for names in (None, [Path(each).name for each in paths], paths, ["first", "second"]):
            told = titles if names is None else [f"{one}: {title}" for one, title in zip(names, titles)]
            if len(set(told)) == len(told):
                break
        return told

    def choice(self) -> list[Input]:
        """The videos of the folder to choose from, as they are now."""
        try:
            return [] if self.settings.videos is None else find_inputs([self.settings.videos])
        except ValueError:
            return []  # none yet

    def score_upload(self, name: str, file: BinaryIO, *, present: Callable[[], bool]) -> Job:
        """Score a file that a browser sent; its bytes are copied before this returns. The value is a
        Found."""
        kept: list[Path | OSError] = []

        def work(job: Job) -> Found:
            (path,) = kept
            if isinstance(path, OSError):
                raise path
            return self._score(job, name, path)

        job = self._job(work, present)
        try:
            kept.append(keep(name, file, job.folder / "upload"))
        except OSError as error:  # a full disk: said by the job as everything else that goes wrong
            kept.append(error)
        return job.start()

    def score_file(self, given: Input, *, present: Callable[[], bool]) -> Job:
        """Score a file of the folder, which stays where it is. The value is a Found."""
        below = self._below(given.path)
        return self._job(
            lambda job: self._score(job, given.path.name, given.path, below=below), present
        ).start()

    def annotate(self, found: Found, number: int, *, threshold: float, present: Callable[[], bool]) -> Job:
        """The value is an MP4 file as bytes."""

        def work(job: Job) -> bytes:
            return annotate(job, found, number, threshold=threshold, settings=self.extraction[number])

        return self._job(work, present).start()

    def score_stores(self, *, present: Callable[[], bool]) -> Job:
        """The value is a StoreScores."""

        def work(job: Job) -> StoreScores:
            device = choose_device(self.settings.device)
            return score_stores(job, self.models[0], self.stores, self.listed, device=device)

        return self._job(work, present).start()

    def close(self, job: Job) -> None:
        """Cancel a job where it runs, and remove what it left."""
        job.close()
        with self._lock:
            self._open.discard(job)

    def camera_of(self, video_id: str, path: Path | None) -> Camera | None:
        """The camera of a stored video; path: its file, None where there is none."""
        # ids have no suffix, and tables may name files
        return self.cameras.of(video_id if path is None or path.is_dir() else f"{video_id}{path.suffix}")

    def _below(self, path: Path) -> str:
        """A file's path below the folder to choose from; "" for that folder itself, where it holds frames."""
        below = path.relative_to(self.settings.videos)
        return below.as_posix() if below.parts else ""

    def _job(self, work: Callable[[Job], Any], present: Callable[[], bool]) -> Job:
        job = Job(work, turn=self.turn, present=present, place=self.scratch.path)
        with self._lock:
            if not self._open:
                threading.Thread(target=self._look_after, name="janitor", daemon=True).start()
            self._open.add(job)
        return job

    def _look_after(self) -> None:
        """Closes what pages that are gone have left; ends when nothing is left."""
        while True:
            time.sleep(LOOK_SECONDS)
            with self._lock:
                jobs = list(self._open)
            for job in jobs:
                if job.abandoned():
                    self.close(job)
            with self._lock:
                if not self._open:
                    return

    def _score(self, job: Job, name: str, path: Path, *, below: str = "") -> Found:
        job.tell("Looking at the file", 0.0)
        specs = self.models[0].checkpoints[0].specs
        if path.is_dir():  # frames as pictures
            upload = Upload(name, path)
        else:
            upload = check(path, name=name, max_minutes=self.settings.max_minutes, specs=specs)
        return find(
            job,
            replace(upload, below=below),
            self.models,
            settings=self.extraction,
            threshold=self.settings.threshold,
            max_minutes=self.settings.max_minutes,
            on_found=self._alert,
        )

    def _alert(self, found: Found) -> None:
        """Of the first model; the second is there to be compared."""
        prediction = found.prediction(0, found.thresholds[0])
        alert = alert_of(
            prediction.results[0],
            rule=IntervalRule(found.thresholds[0]),
            model=self.titles[0],
            camera=self.cameras.of(found.upload.full_name),
        )
        if alert is not None:
            self.alerts.send({**alert, "video": found.upload.full_name})

    def _extraction(self, model: Model) -> ExtractionSettings:
        specs = model.checkpoints[0].specs
        presets = {spec.preset for spec in specs}
        known = {spec.preset for each in self.models for spec in each.checkpoints[0].specs}
        for choice in self.settings.weights:  # each names a preset of some model, or the only one
            if "=" in choice and choice.partition("=")[0] not in known:
                weights_by_preset((choice,), specs)
        own = [each for each in self.settings.weights if "=" not in each or each.partition("=")[0] in presets]
        settings = ExtractionSettings(
            device=self.settings.device,
            workers=self.settings.workers,
            weights=weights_by_preset(tuple(own), specs),
        )
        return replace(settings, weights=local_weights(specs, settings))  # a server fetches nothing
