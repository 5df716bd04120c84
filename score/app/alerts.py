"""Alerts: one line a video in alerts.jsonl, and a POST to the person's webhook that nobody waits for."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import queue
import threading
import time
import urllib.error
import urllib.request
from dataclasses import asdict
from datetime import datetime, timezone
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from score.app.cameras import Camera
from score.predict.intervals import IntervalRule
from score.predict.predictor import VideoResult

WAITS_SECONDS = (1.0, 5.0, 25.0)  # before the second, third and fourth try
TIMEOUT_SECONDS = 10.0
WAITING = 1000  # alerts that wait for a webhook; more are in the file only
TRY_AGAIN = (408, 425, 429)  # of the answers that blame the request, those that pass
log = logging.getLogger(__name__)


def alert_of(
    result: VideoResult, *, rule: IntervalRule, model: str, camera: Camera | None = None
) -> dict | None:
    """What one alert says, as plain values; None where no score reaches the threshold."""
    if not result.intervals:
        return None
    highest = max(result.intervals, key=lambda each: each.peak_score)
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "video": result.name,
        "camera": None if camera is None else camera.camera,
        "place": None if camera is None else camera.place,
        "model": model,
        "threshold": rule.threshold,
        "video_score": result.video_score,
        "peak_score": highest.peak_score,
        "peak_seconds": highest.peak_seconds,
        "event_class": highest.event_class,
        "intervals": [asdict(each) for each in result.intervals],
    }


def check_webhook(address: str) -> str:
    """The address. Raises ValueError, which never repeats it: it may hold a secret."""
    try:
        parts = urlsplit(address.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the webhook is no address: expected https://HOST/PATH") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("the webhook is no address of the web: expected https://HOST/PATH")
    if parts.username or parts.password:
        raise ValueError("the webhook has a name or password before its host; expected https://HOST/PATH")
    if not all("!" <= each <= "~" for each in address.strip()):
        raise ValueError(
            "the webhook has a space or a letter beyond ASCII in it, to be written as %XX; expected "
            "https://HOST/PATH"
        )
    return address.strip()


class Alerts:
    """Writes and posts alerts. `send` returns at once; a thread of its own posts, and tries again after a
    failure.

    file: where lines are added. webhook: an address of check_webhook. failed: why the last alert could
    not be delivered, "" while all is well; posted: how many were. unwritten: the same of the file.
    """

    def __init__(
        self,
        file: Path | None,
        webhook: str | None,
        *,
        waits: tuple[float, ...] = WAITS_SECONDS,
        timeout: float = TIMEOUT_SECONDS,
    ):
        self.file, self.webhook = file, None if webhook is None else check_webhook(webhook)
        self.waits, self.timeout = waits, timeout
        self.failed, self.unwritten, self.posted = "", "", 0
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._queue: queue.Queue[dict] = queue.Queue(WAITING)
        self._opener = urllib.request.build_opener(_NoRedirects)
        if self.webhook is not None:
            threading.Thread(target=self._post_all, name="webhook", daemon=True).start()

    @property
    def place(self) -> str:
        """The webhook as it may be shown: its host alone."""
        return urlsplit(self.webhook or "").hostname or ""

    def send(self, alert: dict) -> None:
        """What goes wrong is told by failed and unwritten: a video that was scored is shown in any case."""
        if self.webhook is not None:
            try:
                self._queue.put_nowait(alert)
            except queue.Full:
                self._fail(f"{WAITING} alerts wait already")
        if self.file is not None:
            try:
                with self._lock:
                    self.file.parent.mkdir(parents=True, exist_ok=True)
                    add_line(self.file, json.dumps(alert, allow_nan=False))
                self.unwritten = ""
            except OSError as error:
                self.unwritten = f"an alert could not be written to {self.file}: {error.strerror}"
                log.warning(self.unwritten)

    def wait(self, seconds: float) -> bool:
        """Until every alert is delivered or given up; False where that takes longer."""
        limit = time.monotonic() + seconds
        while self._queue.unfinished_tasks and time.monotonic() < limit:
            time.sleep(0.01)
        return not self._queue.unfinished_tasks

    def close(self) -> None:
        """No further tries."""
        self._stop.set()

    def _post_all(self) -> None:
        while not self._stop.is_set():
            try:
                alert = self._queue.get(timeout=0.5)
            except queue.Empty:
                continue
            try:
                self._deliver(json.dumps(alert, allow_nan=False).encode())
            except Exception as error:  # alerts that follow must not be lost; texts may hold the address
                self._fail(type(error).__name__)
            finally:
                self._queue.task_done()

    def _deliver(self, body: bytes) -> None:
        for wait in (*self.waits, None):
            problem, again = self._post(body)
            if not problem:
                self.posted, self.failed = self.posted + 1, ""
                return
            if not again or wait is None or self._stop.wait(wait):
                self._fail(problem)
                return
            log.info("webhook at %s: %s; another try in %g s", self.place, problem, wait)

    def _post(self, body: bytes) -> tuple[str, bool]:
        """(what went wrong or "", whether another try may help)."""
        request = urllib.request.Request(
            self.webhook,
            data=body,
            method="POST",
            headers={"Content-Type": "application/json", "User-Agent": "vad-score"},
        )
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                answer.read(1024)
            return "", False
        except urllib.error.HTTPError as error:
            error.close()
            return f"it answered {error.code}", error.code >= 500 or error.code in TRY_AGAIN
        except (OSError, HTTPException) as error:
            # of the library's texts only those are told that cannot hold the address
            reason = getattr(error, "reason", None)
            why = reason if isinstance(reason, OSError) else error
            return getattr(why, "strerror", None) or type(why).__name__, True

    def _fail(self, problem: str) -> None:
        self.failed = f"an alert could not be delivered to {self.place}: {problem}"
        log.warning(self.failed)


def add_line(path: Path, line: str) -> None:
    """Whole, however many programs write to the file, and on a line of its own after one that broke off."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        broken = size and os.pread(file, 1, size - 1) != b"\n"
        data = ("\n" * bool(broken) + line + "\n").encode()
        while data:
            data = data[os.write(file, data) :]
    finally:
        os.close(file)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry what a camera saw to an address that nobody chose."""

    def redirect_request(self, *arguments):
        return None
