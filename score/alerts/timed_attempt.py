"""One request over HTTP that ends in time, whatever the name server and the receiver do."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
import urllib.request


class TimedAttempt:
    """One request: connects within its time, and cuts the connection when that is over.

    A limit per read, which is all that sockets have, lets a receiver hold a request with a byte now and then.
    """

    def __init__(self, seconds: float, names: HostNames):
        self._end, self._names = time.monotonic() + seconds, names
        self._lock, self._connections = threading.Lock(), []
        self._alarm = threading.Timer(seconds, self._cut)
        self._alarm.daemon = True

    def __enter__(self) -> TimedAttempt:
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


class HostNames:
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


class PlainHandler(urllib.request.HTTPHandler):
    """Opens http:// within the time of an attempt."""

    def __init__(self, attempt: TimedAttempt):
        super().__init__()
        self._attempt = attempt

    def http_open(self, request):
        return self.do_open(self._connection, request)

    def _connection(self, host: str, **options) -> http.client.HTTPConnection:
        return _through(self._attempt, http.client.HTTPConnection(host, **options))


class SecureHandler(urllib.request.HTTPSHandler):
    """Opens https:// within the time of an attempt."""

    def __init__(self, attempt: TimedAttempt):
        super().__init__()
        self._attempt = attempt

    def https_open(self, request):
        return self.do_open(self._connection, request)

    def _connection(self, host: str, **options) -> http.client.HTTPConnection:
        return _through(self._attempt, http.client.HTTPSConnection(host, **options))


def _through(attempt: TimedAttempt, connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
    # The one place through which http.client opens sockets, with and without TLS and proxies.
    connection._create_connection = attempt.connect  # pyright: ignore[reportAttributeAccessIssue]
    return connection
