"""Runs the cells of a benchmark in one or several processes, with the same numbers either way.

On a CPU a cell uses one thread by default: light heads do not get faster with more, but several cells at once
do. Rounding depends on the number of threads, so it does not depend on the number of processes.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch

from extract.runtime.allocator import keep_large_blocks
from extract.runtime.child_process import die_with
from score.benchmark.cell import CellResult, DamagedCell, Work, read_result, remove_damaged, run_work
from score.benchmark.cell_online import read_online_cell
from score.benchmark.comparison_plan import Cell, Plan
from score.evaluation.published_results import MEASURES, published_for
from score.heads import HEADS


class BenchmarkError(ValueError):
    """The benchmark cannot continue; the message is a single line for the user."""


def run_plan(
    plan: Plan,
    out: Path,
    *,
    jobs: int,
    on_result: Callable[[Cell, CellResult, bool], object] = lambda *_: None,
    on_damage: Callable[[Cell, str], object] = lambda *_: None,
) -> dict[Path, CellResult]:
    """Finish every cell; returns results by folder. Cells that are already finished are only read.

    on_result: called with every cell, its result and whether it was already finished. on_damage: called with
    every cell that is computed again because its files are damaged, and how. Raises BenchmarkError
    if a process dies.
    """
    cells = {cell.folder: cell for cell in plan.cells(out)}
    results = {}
    for folder, cell in cells.items():
        found, damage = _kept(folder)
        for each in damage:
            on_damage(cell, each)
        if found is not None and (plan.online is None or read_online_cell(folder, plan.online) is not None):
            results[folder] = found
            on_result(cell, found, True)
    left = [cell for folder, cell in cells.items() if folder not in results]
    # One reader per process: several jobs already keep all cores busy.
    works = make_works(plan, left, readers=1 if jobs > 1 else None)
    for work, finished in _run(works, jobs=jobs, threads=plan.threads):
        for result in finished:
            folder = work.run / f"seed_{result.seed}"
            results[folder] = result
            on_result(cells[folder], result, False)
    return {folder: results[folder] for folder in cells}


def _kept(folder: Path) -> tuple[CellResult | None, list[str]]:
    """The result of a finished cell, and what is wrong with files of one that has to be computed again."""
    try:
        found = read_result(folder)
    except DamagedCell as error:
        return None, [str(error), *remove_damaged(folder)]
    return found, [] if found is not None else remove_damaged(folder)


def make_works(plan: Plan, cells: Sequence[Cell], *, readers: int | None = None) -> list[Work]:
    """One Work per cell on the CPU; on a GPU one per run, whose seeds share the device. readers: see Work."""
    # Folds have no published protocol.
    published = plan.best_on_test and not plan.folds
    measure = MEASURES.get(published_for(plan.videos)[0], "frame_auc") if published else "frame_auc"
    together: dict[tuple, list[Cell]] = {}
    for cell in cells:
        # On a GPU the seed is not in the key: all seeds of a run become one Work.
        together.setdefault((cell.run, None if plan.device == "cuda" else cell.seed), []).append(cell)
    return [
        Work(
            title=group[0].title,
            run=group[0].run,
            config=group[0].entry.config,
            roots=tuple(store.root for store in group[0].store.stores),
            train=group[0].part.train,
            test=group[0].part.test,
            seeds=tuple(cell.seed for cell in group),
            device=plan.device,
            best_on_test=plan.best_on_test,
            measure=measure,
            together=plan.device == "cuda",
            texts=plan.texts if HEADS[group[0].entry.config.name].takes_texts else None,
            readers=readers,
            online=plan.online,
        )
        for group in together.values()
    ]


def _run(works: Sequence[Work], *, jobs: int, threads: int) -> Iterator[tuple[Work, list[CellResult]]]:
    jobs = min(jobs, len(works))
    if jobs <= 1:
        # The number of threads is process-wide, and the caller may be a test or a notebook.
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            for work in works:
                yield work, run_work(work)
        finally:
            torch.set_num_threads(before)
        return
    # Forked processes would inherit torch's thread pools in an unusable state.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(threads,))
    try:
        # The processes start with the first work. Ctrl-C is held back until they leave it to their parent.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            pending = {pool.submit(run_work, work): work for work in works}
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for future in as_completed(pending):
            yield pending[future], future.result()
    except BrokenProcessPool:
        raise BenchmarkError(
            "a training process was killed, perhaps because memory ran out; the same command continues with "
            "the unfinished trainings, and fewer --jobs need less memory"
        ) from None
    finally:
        _stop(pool)


def _begin(threads: int) -> None:
    """Prepare a training process: it leaves Ctrl-C to its parent, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        # The next run resumes unfinished cells, and two processes must not write the same one.
        die_with(parent.pid)
    torch.set_num_threads(threads)
    keep_large_blocks()


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the processes now; unfinished cells are resumed by the next run."""
    # The executor has no public way to end running tasks.
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()
