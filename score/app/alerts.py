"""Alerts: one line per video in alerts.jsonl, and a POST to a webhook in the background.

The webhook's address may hold a secret, so it must reach neither logs nor messages. This is why urllib posts:
requests (through urllib3) and httpx log complete addresses and repeat them in the texts of their errors.
"""

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

WAITS_SECONDS = (1.0, 5.0, 25.0)  # before the second, third and fourth attempt
TIMEOUT_SECONDS = 10.0
MAX_PENDING = 1000  # alerts that wait for the webhook; any more are only written to the file
RETRY_CODES = (408, 425, 429)  # the 4xx codes that do not mean the request itself is wrong
log = logging.getLogger(__name__)


def alert_of(
    result: VideoResult, *, rule: IntervalRule, model: str, camera: Camera | None = None
) -> dict | None:
    """The content of an alert, as plain values; None if no score reaches the threshold."""
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
    """Return the address. Raises ValueError without repeating it, because it may hold a secret."""
    try:
        parts = urlsplit(address.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the webhook is not an address; expected https://HOST/PATH") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("the webhook is not a web address; expected https://HOST/PATH")
    if parts.username or parts.password:
        raise ValueError("the webhook has a name or password before its host; expected https://HOST/PATH")
    if not all("!" <= each <= "~" for each in address.strip()):
        raise ValueError(
            "the webhook contains a space or a non-ASCII character, which must be written as %XX; expected "
            "https://HOST/PATH"
        )
    return address.strip()


class Alerts:
    """Writes alerts to a file and posts them. `send` returns at once; a thread posts, and retries failures.

    file: JSON lines are appended to it; None writes none. webhook: as for check_webhook; None posts nothing.
    waits: seconds between attempts. timeout: seconds per attempt. posted: how many alerts were delivered.
    failed: why the last one was not, "" if it was. unwritten: why the last line was not written, or "".
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
        self._queue: queue.Queue[dict] = queue.Queue(MAX_PENDING)
        self._opener = urllib.request.build_opener(_NoRedirects)
        if self.webhook is not None:
            threading.Thread(target=self._post_all, name="webhook", daemon=True).start()

    @property
    def place(self) -> str:
        """The part of the webhook that may be shown: its host."""
        return urlsplit(self.webhook or "").hostname or ""

    def send(self, alert: dict) -> None:
        """Write and post an alert. Problems only go to `failed` and `unwritten`."""
        if self.webhook is not None:
            try:
                # Scoring must not wait for a webhook that does not answer.
                self._queue.put_nowait(alert)
            except queue.Full:
                self._fail(f"{MAX_PENDING} alerts are already waiting")
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
        """Wait until every alert is delivered or given up; False if that takes longer than `seconds`."""
        limit = time.monotonic() + seconds
        while self._queue.unfinished_tasks and time.monotonic() < limit:
            time.sleep(0.01)
        return not self._queue.unfinished_tasks

    def close(self) -> None:
        """Stop posting; pending alerts stay in the file."""
        self._stop.set()

    def _post_all(self) -> None:
        while not self._stop.is_set():
            try:
                alert = self._queue.get(timeout=0.5)
            except queue.Empty:
                continue
            try:
                self._deliver(json.dumps(alert, allow_nan=False).encode())
            except Exception as error:
                # The thread must survive for later alerts. The text may hold the address, so only the type is
                # shown.
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
            log.info("webhook at %s: %s; retrying in %g s", self.place, problem, wait)

    def _post(self, body: bytes) -> tuple[str, bool]:
        """(what went wrong or "", whether a retry may help)."""
        assert self.webhook is not None, "only webhooks are posted to"
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
            return f"it answered {error.code}", error.code >= 500 or error.code in RETRY_CODES
        except (OSError, HTTPException) as error:
            # Only the system's own words: the library's texts may hold the address.
            reason = getattr(error, "reason", None)
            why = reason if isinstance(reason, OSError) else error
            return getattr(why, "strerror", None) or type(why).__name__, True

    def _fail(self, problem: str) -> None:
        self.failed = f"an alert could not be delivered to {self.place}: {problem}"
        log.warning(self.failed)


def add_line(path: Path, line: str) -> None:
    """Append a complete line, even with several writers, and even after a line that was cut off."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        # Several servers may append to one file.
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        cut_off = size and os.pread(file, 1, size - 1) != b"\n"
        data = ("\n" * bool(cut_off) + line + "\n").encode()
        # os.write may write a part only.
        while data:
            data = data[os.write(file, data) :]
    finally:
        os.close(file)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, which would send alerts to an address that nobody chose."""

    def redirect_request(self, *_arguments):
        return None
