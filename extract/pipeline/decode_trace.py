"""When each video was decoded, as bars of the trace: one track per video that is being decoded at once."""

from __future__ import annotations

import time

from extract.decode.decode_events import VideoEnded, VideoFailed
from extract.runtime.profile import Profile


class DecodeTrace:
    """Notes the events of the decode workers on a profile."""

    def __init__(self, profile: Profile):
        self.profile = profile
        self._lanes: dict[str, tuple[int, float]] = {}  # video id -> track, start by time.perf_counter()

    def note(self, event) -> None:
        """Any event of extract.decode.decode_events, as it arrives."""
        if event.video_id not in self._lanes:
            used = {lane for lane, _ in self._lanes.values()}
            lane = next(lane for lane in range(len(used) + 1) if lane not in used)
            self._lanes[event.video_id] = lane, time.perf_counter()
        if isinstance(event, (VideoEnded, VideoFailed)):
            lane, started = self._lanes.pop(event.video_id)
            seconds = event.report.cpu_seconds if isinstance(event, VideoEnded) else None
            self.profile.add(
                "decode", started, track=f"decoder {lane}", video=event.video_id, cpu_seconds=seconds
            )
