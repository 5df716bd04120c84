"""The same pipeline on a Ray cluster: one actor a device, fed with shards; a node that dies costs what it had in hand.

Videos, weights and the store are named by paths (or addresses) that every node reaches. Facts of Ray 2.60 that decide
the form: restarts and retries are off unless asked for; Ray Data hangs when its actors take every CPU, so plain actors.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from data_lists import Video
from extract.engines.device_worker import Hindered, Refused
from extract.engines.dispatch import STORE_SECONDS, Dispatch, shards, sizes
from extract.pipeline.extractor import Extractor, missing, say_batch_size, stored_frames
from extract.pipeline.settings import RunReport, RunSettings
from extract.presets import Preset
from extract.runtime.progress import Progress
from extract.store import FeatureStore, StoreError
from extract.store.failures import write_failures

LOOK_SECONDS = 0.5
CLEAR_UP_SECONDS = 2.0  # for killed processes to be gone
WAITING_SECONDS = 60.0  # without any actor, before it is told


@dataclass(frozen=True)
class Cluster:
    """Where to run. actors: None = all that fit.

    address: of a running cluster; None takes $RAY_ADDRESS, and without that starts one on this machine.

    gpus: of one actor; a share such as 0.5 puts two on one device; 0 = processors only.
    """

    address: str | None = None
    actors: int | None = None
    gpus: float = 0.0


class NoProgress(Progress):
    """An actor says nothing: what the driver shows is of all of them."""

    def show(self, *, final: bool = False) -> None:
        pass


class ShardActor:
    """What runs on a node; Ray makes a process of it."""

    def __init__(self, preset: Preset, root: Path, store_root: Path, settings: RunSettings):
        self.order = {"preset": preset, "root": root, "store_root": store_root, "settings": settings}
        self.extractor: Extractor | None = None

    def is_there(self) -> None:
        """Answers once the process runs."""

    def extract(self, videos: Sequence[Video]) -> RunReport | Refused | Hindered:
        """The report, or why this run, or this shard, cannot work."""
        report = RunReport()
        try:
            if self.extractor is None:
                self.extractor = Extractor(**self.order, expected=self.order["settings"].workers)
                self.extractor.store.remove_stale()  # of this node: only here one sees whose writer is gone
        except (ValueError, StoreError) as error:
            return Refused(str(error))
        try:
            self.extractor.extract(videos, report, NoProgress(total=0))
        except ValueError as error:
            return Refused(str(error))
        except StoreError as error:
            return Hindered(str(error))
        return report


def run(
    preset: Preset,
    videos: Sequence[Video],
    *,
    root: Path,
    store_root: Path,
    settings: RunSettings,
    cluster: Cluster,
    progress: Progress,
    others: Collection[str] = (),
) -> RunReport:
    """Extract every video of a list that the store lacks. Raises what pipeline.run raises, ValueError without Ray.

    others: see write_failures.
    """
    started = time.monotonic()
    with _connected(cluster) as ray:
        count = cluster.actors or _fitting(ray, cluster, settings)
        actor_class = ray.remote(ShardActor).options(
            num_cpus=settings.workers, num_gpus=cluster.gpus, max_restarts=-1, max_task_retries=0
        )
        actors = [actor_class.remote(preset, root, store_root, settings) for _ in range(count)]
        left_over = False  # files of actors that died in the middle of one
        try:
            store = _made_store(ray, actors, store_root)
            left_over = True
            say_batch_size(store, settings)
            todo, damaged = missing(store, videos)
            dispatch = Dispatch(
                shards(todo, sizes=sizes(todo, root), workers=count),
                frames=partial(stored_frames, store),
                damaged=damaged,
            )
            dispatch.report.skipped = len(videos) - len(todo)
            progress.total = len(todo)
            try:
                left_over = _work(ray, actors, dispatch, progress)
            finally:
                write_failures(store, dispatch.report.failed, others=others)
                dispatch.report.seconds = time.monotonic() - started
                progress.show(final=True)
        finally:
            for actor in actors:
                ray.kill(actor)
            if left_over:
                _clear_up(ray, store_root)
    return dispatch.report


def _work(ray, actors: Sequence, dispatch: Dispatch, progress: Progress) -> bool:
    """Whether an actor died over a shard, or still works at a second copy of one."""
    died = False
    running: dict = {}  # reference of a result -> actor
    # reference of an answer of an actor that has not started yet, or died -> actor; only who lives is given work
    returning: dict = {actor.is_there.remote(): actor for actor in actors}
    told = looked = time.monotonic()
    while not dispatch.done:
        for actor in set(actors) - set(running.values()) - set(returning.values()):
            if (shard := dispatch.next(actor)) is not None:
                running[actor.extract.remote(shard.videos)] = actor
        for reference in _ready(ray, running):
            actor = running.pop(reference)
            try:
                answer = ray.get(reference)
            except ray.exceptions.RayError as error:
                if isinstance(
                    error, ray.exceptions.RayTaskError
                ):  # a mistake in our code: what it left may be anything
                    sys.stderr.write(f"{error}\n")
                    ray.kill(actor, no_restart=False)
                # else its process or its node is gone; Ray makes another
                dispatch.lost(actor, _last_line(error))
                returning[actor.is_there.remote()] = actor
                died = True
                continue
            if isinstance(answer, Refused):
                raise ValueError(answer.reason)
            if isinstance(answer, Hindered):
                dispatch.hindered(actor, answer.reason)
            else:
                dispatch.finished(actor, answer)
        _welcome(ray, returning)
        if time.monotonic() - looked > STORE_SECONDS:
            looked = time.monotonic()
            dispatch.look()
        told = _tell_of_waiting(len(returning) == len(actors), told)
        progress.frames, progress.failed = dispatch.report.frames, len(dispatch.report.failed)
        progress.done = progress.total - dispatch.left - progress.failed
        progress.show()
    return died or bool(running)


def _clear_up(ray, store_root: Path) -> None:
    """Remove what actors left half written: on every node, because only there one sees whose writer is gone."""
    with contextlib.suppress(Exception):  # it may follow an error that must be told
        strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        task = ray.remote(FeatureStore.remove_stale)
        asked = {
            task.options(
                num_cpus=0, max_retries=0, scheduling_strategy=strategy(node["NodeID"], soft=False)
            ).remote(FeatureStore(store_root), CLEAR_UP_SECONDS): node["NodeID"]
            for node in ray.nodes()
            if node["Alive"]
        }
        # The next run clears up what is left. Ray may answer for a node that died meanwhile only much later.
        limit = time.monotonic() + 30 * CLEAR_UP_SECONDS
        while asked and time.monotonic() < limit:
            answered = _ready(ray, asked)
            alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
            asked = {each: node for each, node in asked.items() if each not in answered and node in alive}


def _welcome(ray, returning: dict) -> None:
    """Let actors work again that Ray has made anew, here or on another node; ask the others once more."""
    for reference in _ready(ray, returning, seconds=0):
        actor = returning.pop(reference)
        try:
            ray.get(reference)
        except ray.exceptions.RayError:
            returning[actor.is_there.remote()] = actor


def _tell_of_waiting(waiting: bool, told: float) -> float:
    """One line a minute while no actor is left: the cluster may get room again, or somebody has to look."""
    now = time.monotonic()
    if not waiting:
        return now
    if now - told < WAITING_SECONDS:
        return told
    sys.stderr.write(
        "no actor lives and the cluster has no room for new ones; waiting for some (see ray status)\n"
    )
    return now


def _ready(ray, references: dict, *, seconds: float = LOOK_SECONDS) -> list:
    if not references:
        time.sleep(seconds)
        return []
    return ray.wait(list(references), timeout=seconds)[0]


def _made_store(ray, actors: Sequence, store_root: Path) -> FeatureStore:
    """The first actor makes the store, or refuses; the others find it made and take its batch shape."""
    for actor in actors:
        asked = actor.extract.remote(())
        while not ray.wait([asked], timeout=WAITING_SECONDS)[0]:
            sys.stderr.write(
                "still waiting for the first actor: the cluster has no room yet (see ray status)\n"
            )
        try:
            answer = ray.get(asked)
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError as error:
            reason = _first_line(error)
            continue
        if isinstance(answer, (Refused, Hindered)):
            raise ValueError(answer.reason)
        return FeatureStore(store_root)
    raise ValueError(f"no actor of {len(actors)} lived until the store was made; of the last: {reason}")


def _fitting(ray, cluster: Cluster, settings: RunSettings) -> int:
    """As many actors as the nodes have room for."""
    rooms = []
    for node in ray.nodes():
        if node["Alive"]:
            room = node["Resources"].get("CPU", 0) // settings.workers
            if cluster.gpus:
                room = min(room, math.floor(node["Resources"].get("GPU", 0) / cluster.gpus))
            rooms.append(int(room))
    if not sum(rooms):
        need = f"{settings.workers} CPUs" + (f" and {cluster.gpus:g} GPUs" if cluster.gpus else "")
        raise ValueError(
            f"no node of the cluster has {need} for an actor; lower --workers or --gpus-per-worker"
        )
    return sum(rooms)


@contextlib.contextmanager
def _connected(cluster: Cluster) -> Iterator:
    """Ray, connected; disconnected afterwards where this call connected it."""
    try:
        import ray
    except ImportError:
        raise ValueError("--engine ray needs Ray: pip install 'vad-pipeline[ray]'") from None
    mine, address = not ray.is_initialized(), cluster.address or os.environ.get("RAY_ADDRESS")
    if mine:
        before = signal.getsignal(signal.SIGTERM)
        try:
            # "local", because Ray alone would join a cluster that somebody else has on this machine
            ray.init(
                address=address or "local",
                logging_level=logging.ERROR,
                include_dashboard=None if address else False,
            )
        except (ConnectionError, ValueError) as error:
            raise ValueError(f"no Ray cluster at {address}: {_first_line(error)}") from None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray puts its own there, which ends with another exit code
    try:
        yield ray
    finally:
        if mine:
            ray.shutdown()


def _first_line(error: BaseException) -> str:
    return (_lines(error) or [type(error).__name__])[0]


def _last_line(error: BaseException) -> str:
    """Of a traceback the error itself; of what Ray says about a death its first line."""
    lines = _lines(error)
    return lines[-1] if "Traceback" in str(error) else _first_line(error)


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()]
