"""Decides who extracts what next: hands shards to workers that may die, near the end to two of them at once.

Knows neither processes nor Ray, only what was handed out and what came back. It is harmless to extract a
video twice, because each has one file that is replaced atomically.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from data_lists import Video
from extract.engines.sharding import Shard
from extract.pipeline.run_settings import RunReport
from extract.store.failures import Failure

# Between two checks of the store for videos that two workers are extracting.
STORE_SECONDS = 5.0
# A video fails when this many workers died over it.
ATTEMPTS = 3
# A run ends when the store was unreachable this many times in a row: some minutes with two workers.
MAX_TIMES_AWAY = 12
# How long a worker pauses after the store was unreachable, doubled each time.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 60.0


@dataclass(frozen=True)
class _Pause:
    until: float  # by the clock
    seconds: float


_NEVER = _Pause(float("-inf"), 0.0)


class Dispatch:
    """The state of one run over several workers.

    shards: all of the work. frames: how many frames a stored video has, None for one that is not in the
    store; called when a worker is lost, for videos that a worker found stored, and by note_stored(). damaged:
    videos whose stored file is damaged, which does not count as stored. changed: the same of videos whose
    source changed and that are extracted again.
    """

    def __init__(
        self,
        shards: Iterable[Shard],
        *,
        frames: Callable[[str], int | None],
        damaged: Iterable[str] = (),
        changed: Iterable[str] = (),
        attempts: int = ATTEMPTS,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.report = RunReport(damaged=list(damaged))
        self._outdated = {*self.report.damaged, *changed}
        self._waiting = deque(shards)
        self._running: dict[Hashable, Shard] = {}  # worker -> shard
        # neither done nor failed
        self._open = {video.video_id for shard in self._waiting for video in shard.videos}
        self._lost: dict[str, int] = {}  # video id -> workers that died over it
        # video id -> workers that failed it while another was extracting it
        self._failed: dict[str, int] = {}
        # pauses of workers that found the store unreachable and have not finished a shard since
        self._pauses: dict[Hashable, _Pause] = {}
        self._times_away = 0  # since a worker finished a shard
        self._frames, self._attempts, self._clock = frames, attempts, clock

    @property
    def done(self) -> bool:
        """Every video is extracted or has failed; any worker that still runs has a second copy."""
        return not self._open

    @property
    def left(self) -> int:
        """Videos that are neither extracted nor failed."""
        return len(self._open)

    def next(self, worker: Hashable) -> Shard | None:
        """What an idle worker does now: the next shard, or near the end that of the slowest other worker."""
        if self._pauses.get(worker, _NEVER).until > self._clock():
            return None
        shard = self._next_waiting()
        if shard is None:
            videos = self._slowest()
            if not videos:
                return None
            # from the other end, which the first worker has not reached yet
            shard = Shard(videos[::-1])
        self._running[worker] = shard
        return shard

    def finished(self, worker: Hashable, report: RunReport) -> None:
        """A worker has finished its shard; videos that another one had already done count once."""
        shard = self._running.pop(worker)
        self._pauses.pop(worker, None)
        self._times_away = 0
        for key, names in report.remarks.items():
            counted = self.report.remarks.setdefault(key, [])
            counted += [name for name in names if name in self._open]
        failed = {failure.video_id: failure for failure in report.failed}
        elsewhere = self._copies() if failed else {}
        for video in shard.videos:
            name = video.video_id
            if name not in self._open:
                continue
            if name in failed and name in elsewhere:
                # another worker is extracting it and may still succeed, or hang: after enough failures it is
                # not waited for
                self._failed[name] = self._failed.get(name, 0) + 1
                if self._failed[name] < self._attempts:
                    continue
            if name in failed:
                self.report.failed.append(failed[name])
                self._open.discard(name)
            elif name in report.extracted:
                self._done(video, report.extracted[name])
            elif (
                frames := self._frames(name)
            ) is not None:  # another worker has stored it since the run began
                self._done(video, frames)
            else:
                self._again(video, alone=len(shard.videos) == 1, reason="it was neither extracted nor failed")

    def lost(self, worker: Hashable, reason: str) -> None:
        """A worker died. Its videos that are not stored are queued again one by one, so that the culprit is
        alone.

        Also those that another worker is extracting: that one may hang, or die of the same video.
        """
        shard = self._running.pop(worker, None)
        if shard is None:
            return
        for video in shard.videos:
            if video.video_id not in self._open:
                continue
            if (frames := self._stored(video.video_id)) is not None:
                self._done(video, frames)
            else:
                self._again(video, alone=len(shard.videos) == 1, reason=reason)

    def store_away(self, worker: Hashable, reason: str) -> None:
        """A worker gave up its shard, because the store could not be reached.

        The shard is queued again as it is; this worker pauses, longer each time. Raises ValueError when no
        worker has finished a shard for so long that waiting is pointless.
        """
        if (shard := self._running.pop(worker, None)) is not None:
            self._waiting.append(shard)
        self._times_away += 1
        if self._times_away >= MAX_TIMES_AWAY:
            raise ValueError(reason)
        seconds = min(
            2 * self._pauses.get(worker, _NEVER).seconds or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
        )
        self._pauses[worker] = _Pause(self._clock() + seconds, seconds)

    def note_stored(self) -> None:
        """Count videos of two workers that are in the store by now: the two meet in the middle of a shard."""
        copies = self._copies()
        for video in {video for each in self._running.values() for video in each.videos}:
            name = video.video_id
            if copies[name] > 1 and name in self._open and (frames := self._stored(name)) is not None:
                self._done(video, frames)

    def _slowest(self) -> tuple[Video, ...]:
        """Open videos of the shard that was handed out first and that no second worker is extracting."""
        copies = self._copies()
        for shard in self._running.values():
            videos = tuple(
                video
                for video in shard.videos
                if video.video_id in self._open and copies[video.video_id] == 1
            )
            if videos:
                return videos
        return ()

    def _next_waiting(self) -> Shard | None:
        while self._waiting:
            videos = tuple(video for video in self._waiting.popleft().videos if video.video_id in self._open)
            if videos:
                return Shard(videos)
        return None

    def _done(self, video: Video, frames: int) -> None:
        self._open.discard(video.video_id)
        self.report.extracted[video.video_id] = frames
        if video.num_frames not in (None, frames):
            self.report.other_length.append(video.video_id)

    def _again(self, video: Video, *, alone: bool, reason: str) -> None:
        """Queue a video by itself, unless it has used up its attempts."""
        name = video.video_id
        self._lost[name] = self._lost.get(name, 0) + alone
        if self._lost[name] >= self._attempts:
            self._open.discard(name)
            line = f"the worker died {self._attempts} times over this video; the last time: {reason}"
            self.report.failed.append(Failure(name, "worker", line))
        else:
            self._waiting.append(Shard((video,)))

    def _stored(self, name: str) -> int | None:
        return None if name in self._outdated else self._frames(name)

    def _copies(self) -> Counter[str]:
        """Video id -> how many workers are extracting it."""
        return Counter(video.video_id for each in self._running.values() for video in each.videos)
