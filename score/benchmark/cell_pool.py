"""The cells of a benchmark in one process or in several; each ends the same, in whatever order and company.

On a CPU a cell has one thread unless more are asked for: light heads are not faster with more, and several
cells at once are. Rounding depends on the number of threads, so it is the same for one job and for many.
"""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch

from extract.runtime.allocator import keep_large_blocks
from score.benchmark.cell import CellResult, Work, read_result, run_work
from score.benchmark.comparison_plan import Cell, Plan

LOCK = ".lock"


class BenchmarkError(ValueError):
    """The benchmark cannot go on; the text is one line for a person."""


def run_plan(
    plan: Plan, out: Path, *, jobs: int, on_result: Callable[[Cell, CellResult, bool], None] = lambda *_: None
) -> dict[Path, CellResult]:
    """Finish every cell and return the results by the cells' folders; finished ones are read, not trained.

    on_result: told of every cell, and whether it was finished before. Raises BenchmarkError where another
    benchmark works in OUT, or a process dies.
    """
    with _only_one(out):
        cells = {cell.folder: cell for cell in plan.cells(out)}
        results = {}
        for folder, cell in cells.items():
            found = read_result(folder)
            if found is not None:
                results[folder] = found
                on_result(cell, found, True)
        left = [cell for folder, cell in cells.items() if folder not in results]
        works = make_works(plan, left, readers=1 if jobs > 1 else None)
        for work, finished in _run(works, jobs=jobs, threads=plan.threads):
            for result in finished:
                folder = work.run / f"seed_{result.seed}"
                results[folder] = result
                on_result(cells[folder], result, False)
    return {folder: results[folder] for folder in cells}


def make_works(plan: Plan, cells: Sequence[Cell], *, readers: int | None = None) -> list[Work]:
    """A work a cell on the CPU; on a GPU one for all seeds of a run, which share the device. readers: see Work."""
    together: dict[tuple, list[Cell]] = {}
    for cell in cells:
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
            test_selected=plan.test_selected,
            together=plan.device == "cuda",
            readers=readers,
        )
        for group in together.values()
    ]


def _run(works: Sequence[Work], *, jobs: int, threads: int) -> Iterator[tuple[Work, list[CellResult]]]:
    jobs = min(jobs, len(works))
    if jobs <= 1:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            for work in works:
                yield work, run_work(work)
        finally:
            torch.set_num_threads(before)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(threads,))
    try:
        pending = {pool.submit(run_work, work): work for work in works}
        for future in as_completed(pending):
            yield pending[future], future.result()
    except BrokenProcessPool:
        raise BenchmarkError(
            "a process that trained was killed, perhaps for want of memory; the same command goes on with "
            "what is left, with fewer --jobs in less memory"
        ) from None
    finally:
        _stop(pool)


def _begin(threads: int) -> None:
    """In each process: one pace for all, no answer to Ctrl-C of its own, and no life after the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    keep_large_blocks()
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)  # what was not finished is resumed by the next run; two must not write the same cell


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the processes now: a cell that is half done goes on in the next run."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


@contextlib.contextmanager
def _only_one(out: Path) -> Iterator[None]:
    """Hold OUT for this process; the lock ends with the process, however it ends."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / LOCK, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchmarkError(
                f"another benchmark works in {out}; wait for it, or choose another --out"
            ) from None
        yield
