"""What every engine does around its workers: what is left to extract, and the record of what failed."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from functools import partial

from data_lists import Video
from extract.engines.dispatch import Dispatch
from extract.engines.sharding import shards, sizes
from extract.pipeline.extractor import missing, say_batch_size, stored_frames, take_changed
from extract.pipeline.run_settings import ExtractionJob, RunReport
from extract.runtime.progress import Progress
from extract.store import FeatureStore
from extract.store.failures import write_failures


@contextlib.contextmanager
def dispatching(
    job: ExtractionJob,
    store: FeatureStore,
    videos: Sequence[Video],
    *,
    workers: int,
    progress: Progress,
    others: Collection[str],
) -> Iterator[Dispatch]:
    """The listed videos that are not in the store yet, to be handed to workers inside the block.

    However the block ends, failures.jsonl says which failed. others: see write_failures.
    """
    say_batch_size(job, store)
    todo, damaged = missing(store, videos)
    report = RunReport()
    again = take_changed(job, store, videos, todo, report)
    todo += again
    dispatch = Dispatch(
        shards(todo, sizes=sizes(todo, job.root), workers=workers),
        frames=partial(stored_frames, store),
        damaged=damaged,
        changed=[video.video_id for video in again],
    )
    dispatch.report.changed = report.changed
    dispatch.report.skipped = len(videos) - len(todo)
    progress.total = len(todo)
    try:
        yield dispatch
    finally:
        write_failures(store, dispatch.report.failed, others=others)
        progress.show(final=True)
