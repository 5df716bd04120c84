"""A checkpoint and videos for tests of vad-score app, and the app itself as a process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from data_lists import Video, write_list
from support.processes import descendants
from support.tiny_checkpoints import HECTIC, make_features, train_head
from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 400.0  # machines may be busy


@dataclass(frozen=True)
class Made:
    """run, other: trained heads. store, videos, list: of the videos h0 ... (hectic) and n0 ... (normal)."""

    run: Path
    other: Path
    store: Path
    videos: Path
    list: Path


def make(root: Path) -> Made:
    store, videos = make_features(root, each=3)
    train_head(root / "run", [store], videos)
    train_head(root / "other", [store], videos, overrides=["train.epochs=2"])
    known = [
        Video(each.video_id, each.event_class, 128, (HECTIC,) if each.is_anomalous else ()) for each in videos
    ]
    write_list(root / "list.tsv", known)
    return Made(root / "run", root / "other", store.root, root / "videos", root / "list.tsv")


@dataclass(frozen=True)
class Server:
    address: str
    process: subprocess.Popen
    temporary: Path

    def jobs(self) -> list[Path]:
        """Folders of videos that it holds."""
        return [each for each in self.temporary.glob("vad-app-*/*") if each.is_dir()]

    def children(self) -> set[int]:
        """Processes that it has started and that still run."""
        return descendants(self.process.pid)


@contextmanager
def serving(folder: Path, *words: str, **variables: str) -> Iterator[Server]:
    """vad-score app with these options and variables of its environment, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temporary = folder / "temporary"
    temporary.mkdir()
    environment = {
        **os.environ,
        "TMPDIR": str(temporary),
        "OMP_NUM_THREADS": "1",
        "HOME": str(folder),
    } | variables
    command = [sys.executable, "-m", "score.cli", "app", "--port", str(port), "--workers", "1", *words]
    with open(folder / "server.log", "w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(f"{address}/_stcore/health", process, folder / "server.log")
            yield Server(address, process, temporary)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(address: str, process: subprocess.Popen, log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, f"the app ended by itself:\n{log.read_text()}"
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(address, timeout=5):
            return True
        return False

    wait_until(answers, START_SECONDS, pause=0.1)
