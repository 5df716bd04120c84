"""Delivers alerts: a line in a file for each, and a POST to a webhook in the background."""

from __future__ import annotations

import collections
import json
import logging
import threading
from pathlib import Path

from extract.runtime.foreign.printable import printable
from extract.runtime.line_files import append_line
from score.alerts.webhook import REQUEST_SECONDS, Webhook

WAITS_SECONDS = (1.0, 5.0, 25.0)  # before the second, third and fourth attempt
MAX_PENDING = 1000  # alerts that wait for the webhook; the oldest of any more are only in the file
log = logging.getLogger(__name__)


class Alerts:
    """Writes alerts to a file and posts them. `send` returns at once; a thread posts, and retries failures.

    file: JSON lines are appended to it; None writes none. webhook: as for check_webhook; None posts nothing.
    waits: seconds between the attempts for one alert; after an alert that was given up, the next ones have
    one attempt each until one arrives, so that a bad receiver holds none of them for long. seconds: per
    attempt, as in Webhook. posted, given_up, dropped: how many alerts were delivered, how many were not after
    all attempts, and how many were not even tried because MAX_PENDING newer ones waited. failed: why the last
    one was not delivered, "" if it was. unwritten: why the last line was not written, or "".
    """

    def __init__(
        self,
        file: Path | None,
        webhook: str | None,
        *,
        waits: tuple[float, ...] = WAITS_SECONDS,
        seconds: float = REQUEST_SECONDS,
    ):
        self.file, self.waits = file, waits
        self.failed, self.unwritten, self.posted, self.dropped, self.given_up = "", "", 0, 0, 0
        self._webhook = None if webhook is None else Webhook(webhook, seconds=seconds)
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._pending: collections.deque[dict] = collections.deque()
        self._posting, self._changed = False, threading.Condition()
        if self._webhook is not None:
            threading.Thread(
                target=self._post_all, args=(self._webhook,), name="webhook", daemon=True
            ).start()

    def send(self, alert: dict) -> None:
        """Write and post an alert. Problems only go to `failed` and `unwritten`."""
        if self._webhook is not None:
            # Scoring must not wait for a webhook that does not answer.
            with self._changed:
                if len(self._pending) >= MAX_PENDING:
                    self._pending.popleft()
                    self.dropped += 1
                    self._fail(f"{self.dropped} alerts were dropped, because {MAX_PENDING} newer ones wait")
                self._pending.append(alert)
                self._changed.notify_all()
        if self.file is not None:
            try:
                with self._lock:
                    self.file.parent.mkdir(parents=True, exist_ok=True)
                    append_line(self.file, json.dumps(alert, allow_nan=False))
                self.unwritten = ""
            except OSError as error:
                self.unwritten = f"an alert could not be written to {self.file}: {error.strerror}"
                log.warning("%s", printable(self.unwritten))

    def wait(self, seconds: float) -> bool:
        """Wait until every alert is delivered or given up; False if that takes longer than `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending and not self._posting, seconds)

    def close(self) -> None:
        """Stop posting; pending alerts stay in the file."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def _post_all(self, webhook: Webhook) -> None:
        given_up = False
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._stop.is_set())
                if self._stop.is_set():
                    return
                alert, self._posting = self._pending.popleft(), True
            try:
                body = json.dumps(alert, allow_nan=False).encode()
                given_up = not self._deliver(webhook, body, () if given_up else self.waits)
            except Exception as error:
                # The thread must survive for later alerts. The text may hold the address, so only the type is
                # shown.
                self._fail(f"an alert could not be delivered to {webhook.host}: {type(error).__name__}")
            finally:
                with self._changed:
                    self._posting = False
                    self._changed.notify_all()

    def _deliver(self, webhook: Webhook, body: bytes, waits: tuple[float, ...]) -> bool:
        for wait in (*waits, None):
            problem, again = webhook.post(body)
            if not problem:
                self.posted, self.failed = self.posted + 1, ""
                return True
            if not again or wait is None or self._stop.wait(wait):
                self.given_up += 1
                self._fail(f"an alert could not be delivered to {webhook.host}: {problem}")
                return False
            log.info("webhook at %s: %s; retrying in %g s", webhook.host, problem, wait)
        return False

    def _fail(self, problem: str) -> None:
        self.failed = problem
        log.warning("%s", printable(problem))
