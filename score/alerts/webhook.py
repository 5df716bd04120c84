"""The webhook: where its address comes from, and posts to it that end in time and never repeat it.

The address may hold a secret, so it must reach neither command lines, nor logs, nor messages. This is why
urllib posts: requests (through urllib3) and httpx log complete addresses and repeat them in their errors.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from extract.runtime.foreign.secret_file import read_secret
from extract.runtime.secret_variables import WEBHOOK, take

REQUEST_SECONDS = 10.0
RETRY_CODES = (408, 425, 429)  # the 4xx codes that do not mean the request itself is wrong


def take_address(file: Path | None) -> str | None:
    """The address in the file, else in VAD_WEBHOOK, which is removed: no child inherits it. None for neither.

    Raises ValueError for both, for a file that other users can read, and as check_webhook.
    """
    address = take(WEBHOOK)
    if file is None:
        return check_webhook(address) if address else None
    if address:
        raise ValueError(f"the webhook's address is given by --webhook-file and by {WEBHOOK}; unset one")
    return check_webhook(read_secret(file, what="the webhook's address"))


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


class Webhook:
    """Posts to one address. seconds: for a whole request, from the look-up of its name to the answer."""

    def __init__(self, address: str, *, seconds: float = REQUEST_SECONDS):
        self._address, self.seconds = check_webhook(address), seconds
        self._names = _Names()

    @property
    def host(self) -> str:
        """The part of the address that may be shown."""
        return urlsplit(self._address).hostname or ""

    def post(self, body: bytes) -> tuple[str, bool]:
        """Post JSON. Returns (what went wrong or "", whether another attempt may help)."""
        request = urllib.request.Request(
            self._address,
            data=body,
            method="POST",
            headers={"Content-Type": "application/json", "User-Agent": "vad-score"},
        )
        with _Attempt(self.seconds, self._names) as attempt:
            problem, again = _send(request, attempt)
            # Also after a success: where the head of an answer is cut, http.client takes it for complete.
            return (f"no answer within {self.seconds:g} s", True) if attempt.is_late else (problem, again)


def _send(request: urllib.request.Request, attempt: _Attempt) -> tuple[str, bool]:
    """As Webhook.post."""
    opener = urllib.request.build_opener(_NoRedirects, _Plain(attempt), _Secure(attempt))
    try:
        # What follows the head of an answer is not read: it says nothing, and may never end.
        opener.open(request).close()
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}", error.code >= 500 or error.code in RETRY_CODES
    except Exception as error:
        # Whatever it is, later alerts are tried. Only the system's own words: the texts of the libraries may
        # hold the address.
        reason = getattr(error, "reason", None)
        why = reason if isinstance(reason, OSError) else error
        return getattr(why, "strerror", None) or type(why).__name__, True
    return "", False


class _Attempt:
    """One request: connects within its time, and cuts the connection when that is over.

    A limit per read, which is all that sockets have, lets a receiver hold a request with a byte now and then.
    """

    def __init__(self, seconds: float, names: _Names):
        self._end, self._names = time.monotonic() + seconds, names
        self._lock, self._connections = threading.Lock(), []
        self._alarm = threading.Timer(seconds, self._cut)
        self._alarm.daemon = True

    def __enter__(self) -> _Attempt:
        self._alarm.start()
        return self

    def __exit__(self, *exception) -> None:
        self._alarm.cancel()
        with self._lock:
            for each in self._connections:
                each.close()
            self._connections = []

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self._end

    def connect(self, address: tuple[str, int], *_options) -> socket.socket:
        """As socket.create_connection, within what is left of the time."""
        problem: OSError = OSError("no address")
        for family, kind, protocol, _, place in self._names.of(*address, seconds=self._left()):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(self._left())
                connection.connect(place)
                self._watch(connection)
                return connection
            except OSError as error:
                connection.close()
                problem = error
        raise problem

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time of the request is over")
        return left

    def _watch(self, connection: socket.socket) -> None:
        with self._lock:
            self._left()
            # A second descriptor, because TLS takes the first one over.
            self._connections.append(connection.dup())

    def _cut(self) -> None:
        with self._lock:
            for each in self._connections:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


class _Names:
    """Looks names up in a thread, because nothing can interrupt that; one look-up at a time."""

    def __init__(self):
        self._asked: tuple[str, int] = ("", 0)
        self._thread: threading.Thread | None = None
        self._answer: list = []

    def of(self, host: str, port: int, *, seconds: float) -> list:
        """As socket.getaddrinfo for TCP. Raises TimeoutError if it takes longer."""
        if self._thread is None or self._asked != (host, port):
            self._asked, self._answer = (host, port), []
            arguments = host, port, self._answer
            self._thread = threading.Thread(target=_look_up, args=arguments, name="names", daemon=True)
            self._thread.start()
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise TimeoutError("its name was not found in time")
        self._thread = None
        (answer,) = self._answer
        if isinstance(answer, Exception):
            raise answer
        return answer


def _look_up(host: str, port: int, answer: list) -> None:
    try:
        answer.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except Exception as error:  # such as a UnicodeError for a label that is too long
        answer.append(error)


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, attempt: _Attempt):
        super().__init__()
        self._attempt = attempt

    def http_open(self, request):
        return self.do_open(self._connection, request)

    def _connection(self, host: str, **options) -> http.client.HTTPConnection:
        return _through(self._attempt, http.client.HTTPConnection(host, **options))


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, attempt: _Attempt):
        super().__init__()
        self._attempt = attempt

    def https_open(self, request):
        return self.do_open(self._connection, request)

    def _connection(self, host: str, **options) -> http.client.HTTPConnection:
        return _through(self._attempt, http.client.HTTPSConnection(host, **options))


def _through(attempt: _Attempt, connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
    # The one place through which http.client opens sockets, with and without TLS and proxies.
    connection._create_connection = attempt.connect  # pyright: ignore[reportAttributeAccessIssue]
    return connection


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, which would send alerts to an address that nobody chose."""

    def redirect_request(self, *_arguments):
        return None
