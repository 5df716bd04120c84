"""The same pipeline on a Ray cluster: one actor per device, fed with shards; a node that dies costs its
shard.

Videos, weights and the store are named by paths (or addresses) that every node reaches. Two facts about Ray
2.60 decide the design: restarts and retries are off by default, and Ray Data hangs when its actors take every
CPU, hence plain actors.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from data_lists import Video
from extract.engines.device_worker import Refused, StoreAway
from extract.engines.dispatch import STORE_SECONDS, Dispatch
from extract.engines.ray_connection import connected, first_line, last_line
from extract.engines.shared_run import dispatching
from extract.pipeline.extractor import Extractor
from extract.pipeline.run_settings import ExtractionJob, RunReport
from extract.runtime.options.cluster import Cluster
from extract.runtime.progress import Progress
from extract.runtime.say import say
from extract.runtime.waiting_threads import wait_asleep
from extract.store import FeatureStore, StoreError

POLL_SECONDS = 0.5
# For killed processes to end.
CLEAN_UP_SECONDS = 2.0
# Without any actor, before a line says so.
WAITING_SECONDS = 60.0


class NoProgress(Progress):
    """Shows nothing: the driver's line counts all actors."""

    def show(self, *, final: bool = False) -> None:
        pass


class ShardActor:
    """What runs on a node; Ray makes a process of it."""

    def __init__(self, job: ExtractionJob):
        wait_asleep()
        self.job = job
        self.extractor: Extractor | None = None

    def is_alive(self) -> None:
        """Answers once the process runs."""

    def extract(self, videos: Sequence[Video]) -> RunReport | Refused | StoreAway:
        """The report, or why the run or this shard cannot work."""
        report = RunReport()
        try:
            if self.extractor is None:
                self.extractor = Extractor(self.job, expected=self.job.settings.workers)
                # each node cleans up its own files, because only it knows which writers are dead
                self.extractor.store.remove_stale()
        except (ValueError, StoreError) as error:
            return Refused(str(error))
        try:
            self.extractor.extract(videos, report, NoProgress(total=0))
        except ValueError as error:
            return Refused(str(error))
        except StoreError as error:
            return StoreAway(str(error))
        return report


def run(
    job: ExtractionJob,
    videos: Sequence[Video],
    *,
    cluster: Cluster,
    progress: Progress,
    others: Collection[str] = (),
) -> RunReport:
    """Extract every listed video that is not in the store yet. others: see write_failures.

    Raises what extract.pipeline.extractor.run_job raises, and ValueError without Ray.
    """
    started = time.monotonic()
    with connected(cluster.address) as ray:
        count = cluster.actors or actors_that_fit(ray, cluster, workers=job.settings.workers)
        actor_class = ray.remote(ShardActor).options(
            num_cpus=job.settings.workers, num_gpus=cluster.gpus, max_restarts=-1, max_task_retries=0
        )
        actors = [actor_class.remote(job) for _ in range(count)]
        left_over = False  # partial files of actors that died
        try:
            store = _first_store(ray, actors, job.store_root)
            left_over = True
            with dispatching(job, store, videos, workers=count, progress=progress, others=others) as dispatch:
                left_over = _work(ray, actors, dispatch, progress)
        finally:
            for actor in actors:
                ray.kill(actor)
            if left_over:
                _clean_up(ray, job.store_root)
    dispatch.report.seconds = time.monotonic() - started
    return dispatch.report


def _work(ray, actors: Sequence, dispatch: Dispatch, progress: Progress) -> bool:
    """Whether an actor died over a shard, or still works at a second copy of one."""
    died = False
    running: dict = {}  # reference of a result -> actor
    # reference of an answer -> actor that has not started yet, or died; it gets no work before it answers
    returning: dict = {actor.is_alive.remote(): actor for actor in actors}
    said = looked = time.monotonic()
    while not dispatch.done:
        for actor in set(actors) - set(running.values()) - set(returning.values()):
            if (shard := dispatch.next(actor)) is not None:
                running[actor.extract.remote(shard.videos)] = actor
        for reference in _ready(ray, running):
            actor = running.pop(reference)
            try:
                answer = ray.get(reference)
            except ray.exceptions.RayError as error:
                # a bug in our code may leave the actor in any state; otherwise its process or its node is
                # gone, and Ray starts another
                if isinstance(error, ray.exceptions.RayTaskError):
                    for line in str(error).split("\n"):
                        say(line, err=True)
                    ray.kill(actor, no_restart=False)
                dispatch.lost(actor, last_line(error))
                returning[actor.is_alive.remote()] = actor
                died = True
                continue
            if isinstance(answer, Refused):
                raise ValueError(answer.reason)
            if isinstance(answer, StoreAway):
                dispatch.store_away(actor, answer.reason)
            else:
                dispatch.finished(actor, answer)
        _readmit(ray, returning)
        if time.monotonic() - looked > STORE_SECONDS:
            looked = time.monotonic()
            dispatch.note_stored()
        said = _say_waiting(len(returning) == len(actors), said)
        progress.frames, progress.failed = dispatch.report.frames, len(dispatch.report.failed)
        progress.done = progress.total - dispatch.left - progress.failed
        progress.show()
    return died or bool(running)


def _clean_up(ray, store_root: Path) -> None:
    """Remove partial files of dead actors on every node: only the node knows which writers are dead."""
    # an earlier error of the run itself must not be hidden
    with contextlib.suppress(Exception):
        strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        task = ray.remote(FeatureStore.remove_stale)
        asked = {
            task.options(
                num_cpus=0, max_retries=0, scheduling_strategy=strategy(node["NodeID"], soft=False)
            ).remote(FeatureStore(store_root), CLEAN_UP_SECONDS): node["NodeID"]
            for node in ray.nodes()
            if node["Alive"]
        }
        # The next run cleans up the rest. For a node that has died in the meantime, Ray may answer only much
        # later.
        limit = time.monotonic() + 30 * CLEAN_UP_SECONDS
        while asked and time.monotonic() < limit:
            answered = _ready(ray, asked)
            alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
            asked = {each: node for each, node in asked.items() if each not in answered and node in alive}


def _readmit(ray, returning: dict) -> None:
    """Let actors work again that Ray has restarted, here or on another node; ask the others once more."""
    for reference in _ready(ray, returning, seconds=0):
        actor = returning.pop(reference)
        try:
            ray.get(reference)
        except ray.exceptions.RayError:
            returning[actor.is_alive.remote()] = actor


def _say_waiting(waiting: bool, said: float) -> float:
    """One line per minute while no actor is left: nodes may come back, or somebody has to act.

    said: when there was an actor or a line the last time; returned again.
    """
    now = time.monotonic()
    if not waiting:
        return now
    if now - said < WAITING_SECONDS:
        return said
    say("no actor is alive, and no node has free CPUs for one; waiting (see ray status)", err=True)
    return now


def _ready(ray, references: dict, *, seconds: float = POLL_SECONDS) -> list:
    if not references:
        time.sleep(seconds)
        return []
    return ray.wait(list(references), timeout=seconds)[0]


def _first_store(ray, actors: Sequence, store_root: Path) -> FeatureStore:
    """The first actor creates the store, or refuses; the others open it and use its batch size."""
    reason = ""
    for actor in actors:
        asked = actor.extract.remote(())
        while not ray.wait([asked], timeout=WAITING_SECONDS)[0]:
            say("waiting for the first actor: no node has free CPUs for it yet (see ray status)", err=True)
        try:
            answer = ray.get(asked)
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError as error:
            reason = first_line(error)
            continue
        if isinstance(answer, (Refused, StoreAway)):
            raise ValueError(answer.reason)
        return FeatureStore(store_root)
    raise ValueError(f"all {len(actors)} actors died before the store was created; the last one: {reason}")


def actors_that_fit(ray, cluster: Cluster, *, workers: int) -> int:
    """How many actors of `workers` CPUs the nodes have resources for. Raises ValueError for none."""
    count = 0
    for node in ray.nodes():
        if node["Alive"]:
            fitting = node["Resources"].get("CPU", 0) // workers
            if cluster.gpus:
                fitting = min(fitting, math.floor(node["Resources"].get("GPU", 0) / cluster.gpus))
            count += int(fitting)
    if not count:
        need = f"{workers} CPUs" + (f" and {cluster.gpus:g} GPUs" if cluster.gpus else "")
        raise ValueError(
            f"no node of the cluster has {need} for an actor; lower --workers or --gpus-per-worker"
        )
    return count
