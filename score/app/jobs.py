"""Work in the background of a page: one thread a job, which tells how far it is and ends when it is asked
to."""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from extract.store import StoreError

GONE_SECONDS = 120.0  # for which a page may be away, as when a computer sleeps
LOOK_SECONDS = 5.0
log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Somebody asked a job to end."""


class Job:
    """do(job) runs in a thread of its own; `turn` lets one job at a time work.

    state: "waiting", "working", "done", "failed", "cancelled", or "closed" after done. stage, share: how far it is, share in
    [0, 1]. value: what `do` returned. reason: why it failed, one line. folder: its files below `place`, gone
    after close.
    """

    def __init__(
        self,
        do: Callable[[Job], Any],
        *,
        turn: threading.Lock,
        present: Callable[[], bool] = lambda: True,
        place: Path | None = None,
    ):
        self.state, self.stage, self.share = "waiting", "Waiting for another video", 0.0
        self.value: Any = None
        self.reason = ""
        self._do, self._turn, self._present = do, turn, present
        self._asked, self._looked, self._seen = threading.Event(), 0.0, time.monotonic()
        self._closing, self._lock = False, threading.Lock()
        self._temporary = TemporaryDirectory(prefix="video-", dir=place, ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        self._thread = threading.Thread(target=self._run, name="video", daemon=True)

    def start(self) -> Job:
        self._thread.start()
        return self

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "cancelled", "closed")

    def tell(self, stage: str, share: float) -> None:
        """How far the work is; raises Cancelled where it is no longer wanted."""
        self.stage, self.share = stage, min(max(share, 0.0), 1.0)
        self.check()

    def check(self) -> None:
        """Raises Cancelled where the work is no longer wanted, because somebody said so or nobody is
        there."""
        if self._asked.is_set():
            raise Cancelled
        if time.monotonic() - self._looked > LOOK_SECONDS and self.abandoned():
            raise Cancelled

    def abandoned(self) -> bool:
        """Whether the page has been away for long."""
        self._looked = time.monotonic()
        if self._present():
            self._seen = self._looked
        return self._looked - self._seen > GONE_SECONDS

    def cancel(self) -> None:
        """Ask the work to end; it does so at its next step."""
        self._asked.set()

    def wait(self, seconds: float) -> bool:
        """Whether the work is over within so many seconds."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Cancel what still runs and remove all files; returns at once."""
        self.cancel()
        with self._lock:
            self._closing = True
            if not self._thread.is_alive():
                self._remove()

    def _run(self) -> None:
        try:
            while not self._turn.acquire(timeout=0.2):
                self.check()
            try:
                self.check()
                self.state = "working"
                self.value = self._do(self)
                self.state = "done"
            finally:
                self._turn.release()
        except Cancelled:
            self.state = "cancelled"
        except (ValueError, StoreError, OSError, MemoryError) as error:
            self.reason, self.state = one_line(error), "failed"
        except Exception as error:  # a page must say something; the log says where
            log.exception("a job failed")
            self.reason, self.state = (
                f"the program failed ({type(error).__name__}); its log says where",
                "failed",
            )
        finally:
            self._do = None  # and all that it holds
            give_memory_back()
            with self._lock:
                if self._closing or self.state != "done":
                    self._remove()

    def _remove(self) -> None:
        self.value = None
        if self.state == "done":
            self.state = "closed"
        self._temporary.cleanup()


def one_line(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def give_memory_back() -> None:
    """To the system, what the last video has left; the C library would keep it for the next one."""
    gc.collect()
    if sys.platform.startswith("linux"):
        library = ctypes.CDLL(None)
        if hasattr(library, "malloc_trim"):
            library.malloc_trim(0)
