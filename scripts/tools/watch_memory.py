"""Watch a file as several cameras for a long time, and see whether memory stays flat.

    python -m scripts.tools.watch_memory cam.mp4 --checkpoint run --cameras 4 --minutes 30

Each camera plays the file at its own pace, again and again: a new recording each time, as after a lost
connection. Prints the resident memory every half minute; exit code 1 if the last third grew by more than
--most MB over the second one.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import click
import numpy as np
import psutil

from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment
from score.live.address import parse_source
from score.live.camera import Camera
from score.live.frames.captures import Captures
from score.live.live_model import load_live_model
from score.live.model_settings import ModelSettings
from score.live.watcher import Watcher

EVERY_SECONDS = 30.0


class Counts:
    """Frames and segments so far."""

    def __init__(self):
        self.frames = self.segments = self.restarts = 0

    def frame(self, _frame: LiveFrame) -> None:
        self.frames += 1

    def segment(self, segment: LiveSegment) -> None:
        self.segments += 1
        self.restarts += segment.restarted

    def state(self, _state: CameraState) -> None:
        pass

    def close(self) -> None:
        pass


@click.command()
@click.argument("video", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--checkpoint", required=True, type=click.Path(path_type=Path))
@click.option("--cameras", "count", default=4, show_default=True, type=click.IntRange(1))
@click.option("--minutes", default=30.0, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--report-seconds", default=EVERY_SECONDS, show_default=True)
@click.option("--every", help="Distance of segments, as for watch.")
@click.option("--most", default=20.0, show_default=True, help="MB by which the last third may have grown.")
def main(
    video: Path,
    checkpoint: Path,
    count: int,
    minutes: float,
    report_seconds: float,
    every: str | None,
    most: float,
) -> None:
    """Print the memory of a watch over time."""
    model = load_live_model(checkpoint, ModelSettings(device="cpu", every=every))
    address = parse_source(str(video))
    cameras = [Camera(f"{number}", address, realtime=True, repeats=True) for number in range(count)]
    counts, process = Counts(), psutil.Process()
    watcher = Watcher(Captures(cameras), model, [counts])
    begun, known = time.monotonic(), []
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        while (passed := time.monotonic() - begun) < 60 * minutes:
            time.sleep(min(report_seconds, 60 * minutes - passed + 0.1))
            known.append(process.memory_info().rss / 1e6)
            print(
                f"{(time.monotonic() - begun) / 60:5.1f} min  {known[-1]:7.1f} MB  {counts.frames} frames, "
                f"{counts.segments} segments, {counts.restarts} recordings, "
                f"{sum(each.capture.skipped for each in watcher.cameras)} skipped",
                flush=True,
            )
    finally:
        watcher.stop()
        thread.join()
    thirds = np.array_split(np.array(known), 3)
    if len(known) >= 3:
        grown = float(np.median(thirds[2]) - np.median(thirds[1]))
        print(f"the last third grew by {grown:+.1f} MB over the second one")
        sys.exit(grown > most)


if __name__ == "__main__":
    main()
