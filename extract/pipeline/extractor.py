"""Videos to a store: decode workers, batches across videos, one file per finished video, resume, failures."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path

from data_lists import Video
from extract.decode.idle_workers import IdleWorkers
from extract.pipeline.changed_sources import changed_sources
from extract.pipeline.decoding import decode_settings
from extract.pipeline.device_loop import DeviceLoop
from extract.pipeline.row_makers import Run, make_row_maker
from extract.pipeline.run_settings import ExtractionJob, RunReport, RunSettings
from extract.presets import Preset, network_of
from extract.presets.preset_overrides import continuing
from extract.runtime.progress import Progress
from extract.runtime.say import say
from extract.store import FeatureStore, StoreError
from extract.store.failures import write_failures
from extract.store.spec import FeatureSpec

# Up to this many videos are looked up one by one instead of listing the store, which may hold millions.
FEW = 256


class Extractor:
    """One device with its row maker and its store, which extracts one list after another; to be closed.

    expected: videos of the first list: their decode workers start while the network is loaded. Raises
    StoreError for a store of another spec, ValueError for weights, device or precision that do not fit.
    """

    def __init__(self, job: ExtractionJob, *, expected: int = 0):
        self.job, preset, settings = job, job.preset, job.settings
        self.idle_workers = IdleWorkers(decode_settings(preset, settings))
        try:
            self.idle_workers.start(expected)
            self.rows = make_row_maker(preset, settings, root=job.root, store_root=job.store_root)
            spec = preset.spec(weights=self.rows.digest, precision=self.rows.precision)
            self.store = _opened_store(job, spec, batch_shape=self.rows.batch_shape)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """End the decode workers."""
        self.idle_workers.close()

    def extract(self, videos: Sequence[Video], report: RunReport, progress: Progress) -> None:
        """Extract what is missing from the store; the report grows with every video."""
        todo, damaged = missing(self.store, videos)
        todo += take_changed(self.job, self.store, videos, todo, report)
        report.skipped += len(videos) - len(todo)
        report.damaged += damaged
        progress.total += len(todo)
        if todo:
            run = Run(self.store, self.job.settings, report, progress)
            least = self.job.preset.least_frames
            DeviceLoop(run, self.rows, self.idle_workers, least_frames=least).extract(todo, self.job.root)


def _opened_store(
    job: ExtractionJob, spec: FeatureSpec, *, batch_shape: tuple[int, ...] | None
) -> FeatureStore:
    """The store to write into. Its refusal names the --set that continues a store of an earlier protocol."""
    try:
        return FeatureStore.create(job.store_root, spec, batch_shape=batch_shape)
    except StoreError as error:
        if not FeatureStore.is_at(job.store_root):
            raise
        words = continuing(FeatureStore(job.store_root).spec, job.preset)
        if not words:
            raise
        options = " ".join(f"--set {word}" for word in words)
        raise StoreError(f"{error}; use another --store, or go on as it began with {options}") from None


def run(
    preset: Preset,
    videos: Sequence[Video],
    *,
    root: Path,
    store_root: Path,
    settings: RunSettings,
    progress: Progress,
    others: Collection[str] = (),
) -> RunReport:
    """Extract every listed video that is not in the store yet, on one device: run_job, spelled out."""
    job = ExtractionJob(preset, root, store_root, settings)
    return run_job(job, videos, progress=progress, others=others)


def run_job(
    job: ExtractionJob, videos: Sequence[Video], *, progress: Progress, others: Collection[str] = ()
) -> RunReport:
    """Extract every listed video that is not in the store yet, on one device. others: see write_failures.

    A video that fails is recorded in failures.jsonl and the others continue. Raises what Extractor raises. An
    interruption (KeyboardInterrupt, or SystemExit from a signal handler) leaves no half-written file and no
    process behind.
    """
    started = time.monotonic()
    with progress.profile.span("start"):
        extractor = Extractor(job, expected=len(videos))
    with extractor:
        extractor.store.remove_stale(among=[video.video_id for video in videos])
        say_batch_size(job, extractor.store)
        report = RunReport()
        try:
            extractor.extract(videos, report, progress)
        finally:
            write_failures(extractor.store, report.failed, others=others)
            report.seconds = time.monotonic() - started
            progress.show(final=True)
    return report


def say_batch_size(job: ExtractionJob, store: FeatureStore) -> None:
    """One line where --batch-size has no effect."""
    requested, recorded = job.settings.batch_size, store.batch_shape
    if not requested:
        return
    if network_of(job.preset) is None:
        reason = f"the preset {job.preset.name} has no batches"
    elif recorded and recorded[0] != requested:
        reason = f"{store.root} was created with batches of {recorded[0]}, which all of its rows keep"
    else:
        return
    say(f"--batch-size {requested} is ignored: {reason}", err=True)


def missing(store: FeatureStore, videos: Sequence[Video]) -> tuple[list[Video], list[str]]:
    """(videos to extract, ids of those whose stored file is damaged and must be extracted again)."""
    few = len(videos) <= FEW
    present, broken = store.scan([video.video_id for video in videos] if few else None)
    todo = [video for video in videos if video.video_id not in present or video.video_id in broken]
    return todo, [video.video_id for video in todo if video.video_id in broken]


def take_changed(
    job: ExtractionJob,
    store: FeatureStore,
    videos: Sequence[Video],
    todo: Sequence[Video],
    report: RunReport,
) -> list[Video]:
    """Note stored videos whose source changed in the report; returns those to extract again."""
    pending = {video.video_id for video in todo}
    stored = [video for video in videos if video.video_id not in pending]
    report.changed += (changed := changed_sources(store, stored, job.root))
    return [video for video in stored if job.settings.changed == "redo" and video.video_id in set(changed)]


def stored_frames(store: FeatureStore, video_id: str) -> int | None:
    """How many frames a stored video has; None for a missing video and for a damaged file."""
    try:
        return store.header(video_id).num_frames
    except StoreError:
        return None
