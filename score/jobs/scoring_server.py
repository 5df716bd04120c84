"""What a server needs that scores videos of others: models, a folder, jobs, and the lock for computing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from extract.runtime.temp_folder import TempFolder
from score.jobs.job import LOOK_SECONDS, Job
from score.jobs.scoring_settings import ScoringSettings
from score.jobs.upload_scoring import UploadResult, score_video
from score.jobs.uploads import Upload, check
from score.predict.extraction import ExtractionSettings, local_weights, preset_in, weights_by_preset
from score.predict.predictor import Model, load_model

SHUT_SECONDS = 5.0  # how long a server that ends waits for its jobs
Settings = TypeVar("Settings", bound=ScoringSettings)


class ScoringServer(Generic[Settings]):
    """Loads the checkpoints. Raises ValueError, StoreError and OSError if that fails.

    prefix: of the name of its temporary folder. present, in methods that make a job: whether somebody still
    wants its result.
    """

    def __init__(self, settings: Settings, *, prefix: str):
        self.settings = settings
        self.models: tuple[Model, ...] = tuple(load_model(each) for each in settings.checkpoints)
        self.extraction = tuple(self._extraction(model) for model in self.models)
        self.folder = TempFolder(prefix)
        # One job computes at a time: two would share cores and memory and both be slower.
        self.turn = threading.Lock()
        self._open: set[Job] = set()
        self._lock = threading.Lock()

    def shut(self, *, seconds: float = SHUT_SECONDS) -> None:
        """Cancel all jobs, wait up to `seconds` for them to end, and remove all files."""
        limit = time.monotonic() + seconds
        with self._lock:
            jobs = list(self._open)
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait(max(0.0, limit - time.monotonic()))
            self.close(job)
        self.folder.close()

    def job(self, work: Callable[[Job], Any], present: Callable[[], bool]) -> Job:
        """A job that is not started yet; its folder is there."""
        job = Job(work, turn=self.turn, present=present, parent=self.folder.path)
        with self._lock:
            if not self._open:
                threading.Thread(target=self._look_after, name="janitor", daemon=True).start()
            self._open.add(job)
        return job

    def close(self, job: Job) -> None:
        """Cancel a job if it runs, and remove its files."""
        job.close()
        with self._lock:
            self._open.discard(job)

    def check(self, path: Path, name: str) -> Upload:
        """Check a file under the name its owner gave it. Raises UploadError for what cannot be scored."""
        specs = self.models[0].checkpoints[0].specs
        return check(path, name=name, max_minutes=self.settings.max_minutes, specs=specs)

    def score(
        self,
        job: Job,
        upload: Upload,
        *,
        on_scored: Callable[[UploadResult], None] | None = None,
        pictures: bool = True,
    ) -> UploadResult:
        """The work of a job: as score_video, with the models and limits of this server."""
        return score_video(
            job,
            upload,
            self.models,
            settings=self.extraction,
            threshold=self.settings.threshold,
            max_minutes=self.settings.max_minutes,
            on_scored=on_scored,
            pictures=pictures,
        )

    def _look_after(self) -> None:
        """Close the jobs of those who are gone; ends when no jobs are left."""
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

    def _extraction(self, model: Model) -> ExtractionSettings:
        specs = model.checkpoints[0].specs
        presets = {spec.preset for spec in specs}
        known = {spec.preset for each in self.models for spec in each.checkpoints[0].specs}
        # With two models, a choice for a preset of the other one is not a mistake.
        for choice in self.settings.weights:
            if "=" in choice and preset_in(choice) not in known:
                weights_by_preset((choice,), specs)
        own = [each for each in self.settings.weights if "=" not in each or preset_in(each) in presets]
        settings = ExtractionSettings(
            device=self.settings.device,
            workers=self.settings.workers,
            weights=weights_by_preset(tuple(own), specs),
        )
        return replace(settings, weights=local_weights(specs, settings))  # a server downloads nothing
