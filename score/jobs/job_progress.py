"""How far a job has got: with extraction, and with decoding a video once more."""

from __future__ import annotations

import numpy as np

from score.jobs.job import Job
from score.jobs.uploads import Upload, frame_limit, too_long, too_many_frames
from score.predict.output.frame_replay import FrameConsumer

EXTRACTION_SHARE = 0.95  # share of a model's progress; the rest is scoring


def extraction_progress(job: Job, upload: Upload, max_minutes: float, *, begin: float, size: float):
    """Extraction progress that is reported to a job. begin, size: its part of the job's share, in [0, 1]."""
    from score.predict.prediction_progress import PredictionProgress

    class JobProgress(PredictionProgress):
        preset, presets = 0, 1

        def extracting(self, number: int, of: int) -> None:
            self.preset, self.presets, self.reached = number, of, 0

        def scoring(self) -> None:
            job.report("Scoring", begin + size * EXTRACTION_SHARE)

        def show(self, *, final: bool = False) -> None:
            # Also called on the way out of a failure, which must not be replaced by Cancelled.
            if final:
                return
            of = f" of {upload.frames:,}" if upload.frames else ""
            share = min(self.reached / upload.frames, 1) if upload.frames else 0.5
            words = f"{self.reached:,}{of} frames decoded" if self.reached else "Opening the video"
            if self.presets > 1:
                words += f" (features {self.preset + 1} of {self.presets})"
            share = (self.preset + share) / self.presets * EXTRACTION_SHARE
            # If another decoder starts over, the bar must not fall back.
            job.report(words, max(job.share, begin + size * share))
            if self.reached_seconds > max_minutes * 60:
                raise too_long(upload.name, max_minutes)
            if self.reached > frame_limit(max_minutes):  # whatever the header says
                raise too_many_frames(upload.name, max_minutes)

    return JobProgress(total=0, live=False)


class ReplayProgress(FrameConsumer):
    """Reports the progress of a replay to a job, which ends it if the job is cancelled."""

    def __init__(self, job: Job, words: str, num_frames: int, *, begin: float = 0.0):
        self.job, self.words, self.num_frames, self.first = job, words, num_frames, begin

    def frame(self, index: int, _seconds: float, _rgb: np.ndarray, /) -> None:
        share = min(1.0, (index + 1) / self.num_frames)
        self.job.report(f"{self.words}: {share:.0%}", self.first + (1 - self.first) * share)
