"""Who extracts what next: shards of a list, handed to workers that may die, and near the end to two of them.

Knows neither processes nor Ray, only what was handed out and what came back. One file a video, replaced atomically, is
what makes it harmless that a video is extracted twice.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_lists import Video
from data_lists.file_names import VIDEO_SUFFIXES
from extract.pipeline.settings import RunReport
from extract.store.failures import Failure

SHARDS_A_WORKER = 8  # so many rounds keep the last ones short
LARGEST_SHARD = 64  # videos, so that a node that dies costs little
STORE_SECONDS = 5.0  # between looks at what the store has of videos that two workers have in hand
ATTEMPTS = 3  # workers that one video may bring down
HINDRANCES = 12  # in a row, until a run is given up: some minutes with two workers
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 60.0  # of a worker that was hindered, doubled each time


@dataclass(frozen=True, eq=False)
class Shard:
    """Videos that one worker extracts in one go."""

    videos: tuple[Video, ...]


@dataclass(frozen=True)
class _Pause:
    """until: by the clock. seconds: how long."""

    until: float
    seconds: float


_NEVER = _Pause(float("-inf"), 0.0)


class Dispatch:
    """The state of one run over several workers.

    shards: all of the work. frames: of a video that the store has, None for one that it lacks; asked when a worker is
    lost, of what a worker found done, and by look(). damaged: videos that the store has in a damaged file, which does
    not count as having them.
    """

    def __init__(
        self,
        shards: Iterable[Shard],
        *,
        frames: Callable[[str], int | None],
        damaged: Iterable[str] = (),
        attempts: int = ATTEMPTS,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.report = RunReport(damaged=list(damaged))
        self._waiting = deque(shards)
        self._running: dict[Hashable, Shard] = {}  # worker -> shard
        self._open = {
            video.video_id for shard in self._waiting for video in shard.videos
        }  # neither done nor failed
        self._lost: dict[str, int] = {}  # video id -> workers that died over it
        self._failed: dict[str, int] = {}  # video id -> workers that failed it while another had it in hand
        self._pauses: dict[
            Hashable, _Pause
        ] = {}  # of workers that were hindered and have not got through since
        self._in_a_row = 0  # hindrances since a worker got through a shard
        self._frames, self._attempts, self._clock = frames, attempts, clock

    @property
    def done(self) -> bool:
        """Every video is extracted or has failed; what still runs is a second copy."""
        return not self._open

    @property
    def left(self) -> int:
        """Videos that are neither extracted nor failed."""
        return len(self._open)

    def next(self, worker: Hashable) -> Shard | None:
        """What an idle worker does now: the next shard, or near the end what another one works at the longest."""
        if self._pauses.get(worker, _NEVER).until > self._clock():
            return None
        shard = self._next_waiting()
        if shard is None:
            hands = self._hands()
            slow = (
                tuple(
                    video
                    for video in each.videos
                    if video.video_id in self._open and hands[video.video_id] == 1
                )
                for each in self._running.values()
            )
            videos = next((each for each in slow if each), None)
            if videos is None:
                return None
            shard = Shard(videos[::-1])  # from the other end, where the first worker has not come yet
        self._running[worker] = shard
        return shard

    def finished(self, worker: Hashable, report: RunReport) -> None:
        """A worker is through with its shard; what another one had already done counts once."""
        shard = self._running.pop(worker)
        self._pauses.pop(worker, None)
        self._in_a_row = 0
        failed = {failure.video_id: failure for failure in report.failed}
        elsewhere = self._hands() if failed else {}
        for video in shard.videos:
            name = video.video_id
            if name not in self._open:
                continue
            if name in failed and name in elsewhere:
                # another worker has it in hand and may still succeed, or hang: so many failures count without its answer
                self._failed[name] = self._failed.get(name, 0) + 1
                if self._failed[name] < self._attempts:
                    continue
            if name in failed:
                self.report.failed.append(failed[name])
                self._open.discard(name)
            elif name in report.extracted:
                self._done(video, report.extracted[name])
            elif (frames := self._frames(name)) is not None:  # another one has stored it since this run began
                self._done(video, frames)
            else:
                self._again(video, alone=len(shard.videos) == 1, reason="it was neither extracted nor failed")

    def lost(self, worker: Hashable, reason: str) -> None:
        """A worker died. What it had not stored goes out again video by video, so that the culprit is alone.

        Also what another worker has in hand: that one may hang, or die of the same video.
        """
        shard = self._running.pop(worker, None)
        for video in shard.videos if shard else ():
            if video.video_id not in self._open:
                continue
            if (frames := self._stored(video.video_id)) is not None:
                self._done(video, frames)
            else:
                self._again(video, alone=len(shard.videos) == 1, reason=reason)

    def hindered(self, worker: Hashable, reason: str) -> None:
        """A worker could not go through its shard because of what is around it, such as storage that is away.

        The shard goes out again as it is; this worker pauses, longer each time. Raises ValueError where nobody has got
        through a shard for so many times that waiting is of no use.
        """
        if (shard := self._running.pop(worker, None)) is not None:
            self._waiting.append(shard)
        self._in_a_row += 1
        if self._in_a_row >= HINDRANCES:
            raise ValueError(reason)
        seconds = min(
            2 * self._pauses.get(worker, _NEVER).seconds or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
        )
        self._pauses[worker] = _Pause(self._clock() + seconds, seconds)

    def look(self) -> None:
        """Take note of what the store has by now of videos that two workers have in hand: they meet in the middle."""
        hands = self._hands()
        for video in {video for each in self._running.values() for video in each.videos}:
            name = video.video_id
            if hands[name] > 1 and name in self._open and (frames := self._stored(name)) is not None:
                self._done(video, frames)

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
        """Hand a video out by itself, unless it has cost its attempts."""
        name = video.video_id
        self._lost[name] = self._lost.get(name, 0) + alone
        if self._lost[name] >= self._attempts:
            self._open.discard(name)
            line = f"the worker died {self._attempts} times over this video; the last time: {reason}"
            self.report.failed.append(Failure(name, "worker", line))
        else:
            self._waiting.append(Shard((video,)))

    def _stored(self, name: str) -> int | None:
        return None if name in self.report.damaged else self._frames(name)

    def _hands(self) -> Counter[str]:
        """Videos that workers have now, and how many workers."""
        return Counter(video.video_id for each in self._running.values() for video in each.videos)


def shards(videos: Sequence[Video], *, sizes: Sequence[float], workers: int) -> list[Shard]:
    """Divide videos into shards of about equal size, the largest videos first.

    sizes: one number a video, in any unit.
    """
    if not videos:
        return []
    target = sum(sizes) / (SHARDS_A_WORKER * workers)
    divided: list[list[Video]] = [[]]
    filled = 0.0
    for size, index in sorted(((size, -index) for index, size in enumerate(sizes)), reverse=True):
        if divided[-1] and (filled + size > target or len(divided[-1]) == LARGEST_SHARD):
            divided.append([])
            filled = 0.0
        divided[-1].append(videos[-index])
        filled += size
    return [Shard(tuple(part)) for part in divided]


def sizes(videos: Sequence[Video], root: Path) -> list[float]:
    """Frames where every list says them, else bytes of the files; a folder of frames or a missing file is average."""
    if all(video.num_frames for video in videos):
        return [float(video.num_frames) for video in videos]
    found = [_bytes(root / video.video_id) for video in videos]
    known = [size for size in found if size]
    mean = sum(known) / len(known) if known else 1.0
    return [size or mean for size in found]


def _bytes(place: Path) -> float:
    for suffix in (".mp4", ".avi", ".mkv", *sorted(VIDEO_SUFFIXES)):
        try:
            return float(os.stat(f"{place}{suffix}").st_size)
        except OSError:
            continue
    return 0.0
