"""Background work of a server: one thread per job, which reports its progress and can be cancelled."""

from __future__ import annotations

import ctypes
import gc
import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from extract.runtime.say import traceback_lines
from extract.store import StoreError

GONE_SECONDS = 120.0  # how long a page may be disconnected, as when a laptop sleeps
LOOK_SECONDS = 5.0  # between checks whether a page is still open
log = logging.getLogger(__name__)


class Cancelled(Exception):
    """The job was cancelled."""


class Job:
    """Runs work(job) in its own thread; the lock `turn` lets one job at a time work.

    state: "waiting", "working", "done", "failed", "cancelled", or "closed" after done. stage, share: the
    progress, in words and in [0, 1]. value: what `work` returned. reason: why it failed, one line. folder:
    for its files, below `parent` and removed by close. present: whether the page that wants the result is
    still open, or somebody else who does is there. began, ended: Unix times, None before.
    """

    def __init__(
        self,
        work: Callable[[Job], Any],
        *,
        turn: threading.Lock,
        present: Callable[[], bool] = lambda: True,
        parent: Path | None = None,
    ):
        self.state, self.stage, self.share = "waiting", "Waiting for another video", 0.0
        self.value: Any = None
        self.reason = ""
        self.began: float | None = None
        self.ended: float | None = None
        self._work: Callable[[Job], Any] | None = work
        self._turn, self._present = turn, present
        self._asked, self._looked, self._seen = threading.Event(), 0.0, time.monotonic()
        self._closing, self._lock = False, threading.Lock()
        self._temporary = TemporaryDirectory(prefix="video-", dir=parent, ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        self._thread = threading.Thread(target=self._run, name="video", daemon=True)

    def start(self) -> Job:
        self._thread.start()
        return self

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "cancelled", "closed")

    def report(self, stage: str, share: float) -> None:
        """Report the progress of the work. Raises Cancelled if the work should end."""
        self.stage, self.share = stage, min(max(share, 0.0), 1.0)
        self.check()

    def check(self) -> None:
        """Raise Cancelled if the job was cancelled, or its page has been gone for long."""
        if self._asked.is_set():
            raise Cancelled
        if time.monotonic() - self._looked > LOOK_SECONDS and self.abandoned():
            raise Cancelled

    def abandoned(self) -> bool:
        """Whether the page has been gone for GONE_SECONDS."""
        self._looked = time.monotonic()
        if self._present():
            self._seen = self._looked
        return self._looked - self._seen > GONE_SECONDS

    def cancel(self) -> None:
        """Ask the work to end, which it does at its next report."""
        self._asked.set()

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for the work to end. Returns whether it did."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def empty(self) -> None:
        """Remove the files of the job, which is not over yet; for work whose value needs none of them."""
        for each in self.folder.iterdir():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each, ignore_errors=True)
            else:
                each.unlink(missing_ok=True)

    def close(self) -> None:
        """Cancel the job if it still runs, and remove its files. Returns at once."""
        self.cancel()
        with self._lock:
            self._closing = True
            if not self._thread.is_alive():
                self._remove()

    def _run(self) -> None:
        work, self._work = self._work, None
        assert work is not None, "a job runs once"
        try:
            # A waiting job must notice that it is cancelled, so it does not wait without a limit.
            while not self._turn.acquire(timeout=0.2):
                self.check()
            try:
                self.check()
                self.began, self.state = time.time(), "working"
                self.value = work(self)
                self.state = "done"
            finally:
                self._turn.release()
        except Cancelled:
            self.state = "cancelled"
        except (ValueError, StoreError, OSError, MemoryError) as error:
            self.reason, self.state = one_line(error), "failed"
        except Exception as error:
            # A bug: users see one line on the page, developers find the traceback in the log.
            log.error("a job failed\n%s", "\n".join(traceback_lines(error)))
            self.reason = f"the program failed ({type(error).__name__}); its log says where"
            self.state = "failed"
        finally:
            self.ended = time.time()
            del work  # and everything that it holds
            return_memory()
            with self._lock:
                if self._closing or self.state != "done":
                    self._remove()

    def _remove(self) -> None:
        self.value = None
        if self.state == "done":
            self.state = "closed"
        self._temporary.cleanup()


def one_line(error: BaseException) -> str:
    """The reason for a failure, in words."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def return_memory() -> None:
    """Return freed memory to the system; the C library would keep it for the next video."""
    gc.collect()
    if sys.platform.startswith("linux"):
        # malloc_trim exists in glibc only.
        library = ctypes.CDLL(None)
        if hasattr(library, "malloc_trim"):
            library.malloc_trim(0)
