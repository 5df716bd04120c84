"""Who extracts what next: shards of a list, handed to workers that may die, and near the end to two of them.

Knows neither processes nor Ray, only what was handed out and what came back. One file a video, replaced atomically, is
what makes it harmless that a video is extracted twice.
"""
from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_lists import Video
from data_lists.suffixes import VIDEO_SUFFIXES
from extract.failures import Failure
from extract.settings import RunReport

SHARDS_A_WORKER = 8  # so many rounds keep the last ones short
LARGEST_SHARD = 64  # videos, so that a node that dies costs little
STORE_SECONDS = 5.0  # between looks at what the store has of videos that two workers have in hand
ATTEMPTS = 3  # workers that one video may bring down


@dataclass(frozen=True, eq=False)
class Shard:
    """Videos that one worker extracts in one go."""

    videos: tuple[Video, ...]


class Dispatch:
    """The state of one run over several workers.

    shards: all of the work. frames: of a video that the store has, None for one that it lacks; asked when a worker is
    lost, of what a worker found done, and by look(). damaged: videos that the store has in a damaged file, which does
    not count as having them.
    """

    def __init__(
        self, shards: Iterable[Shard], *, frames: Callable[[str], int | None], damaged: Iterable[str] = (),
        attempts: int = ATTEMPTS,
    ):
        self.report = RunReport(damaged=list(damaged))
        self._waiting = deque(shards)
        self._running: dict[Hashable, Shard] = {}  # worker -> shard
        self._open = {video.video_id for shard in self._waiting for video in shard.videos}  # neither done nor failed
        self._lost: dict[str, int] = {}  # video id -> workers that died over it
        self._failed: dict[str, int] = {}  # video id -> workers that failed it while another had it in hand
        self._frames, self._attempts = frames, attempts

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
        if self._waiting:
            shard = self._waiting.popleft()
        else:
            hands = self._hands()
            slow = (
                tuple(video for video in each.videos if video.video_id in self._open and hands[video.video_id] == 1)
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
            elif name in report.extracted:
                self.report.extracted[name] = report.extracted[name]
            elif (frames := self._frames(name)) is not None:  # another one has stored it since this run began
                self.report.extracted[name] = frames
            else:
                self._again(video, alone=len(shard.videos) == 1, reason="it was neither extracted nor failed")
                continue
            self._open.discard(name)
            self.report.other_length += [name] if name in report.other_length else []

    def lost(self, worker: Hashable, reason: str) -> None:
        """A worker died. What it had not stored goes out again video by video, so that the culprit is alone."""
        shard = self._running.pop(worker, None)
        if shard is None:
            return
        elsewhere = self._hands()
        for video in shard.videos:
            name = video.video_id
            if name not in self._open or name in elsewhere:
                continue
            if (frames := self._stored(name)) is not None:
                self._open.discard(name)
                self.report.extracted[name] = frames
                continue
            self._again(video, alone=len(shard.videos) == 1, reason=reason)

    def look(self) -> None:
        """Take note of what the store has by now of videos that two workers have in hand: they meet in the middle."""
        if self._waiting:
            return
        for name, hands in self._hands().items():
            if hands > 1 and name in self._open and (frames := self._stored(name)) is not None:
                self._open.discard(name)
                self.report.extracted[name] = frames

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
