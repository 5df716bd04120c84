"""A web server in a thread of this process, on one address."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time

import uvicorn
from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"
MAX_CONNECTIONS = 200  # more are answered with 503
KEEP_ALIVE_SECONDS = 15
STOP_SECONDS = 3


class WebServer:
    """Listens from the beginning, so that a port that is taken is known before anything is loaded.

    port: 0 takes a free one. Raises ValueError if the address cannot be used.
    """

    def __init__(self, host: str = LOOPBACK, port: int = 0):
        self.host = host
        try:
            family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._socket.bind(place)
                self._socket.listen(128)
            except OSError:
                self._socket.close()
                raise
        except OSError as error:
            words = error.strerror or "it is no address of this machine"
            raise ValueError(f"cannot listen on {host} port {port}: {words}; choose another port") from None
        self.port: int = self._socket.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """The address of its page; of this machine itself if it listens everywhere."""
        host = LOOPBACK if self.host == "0.0.0.0" else "::1" if self.host == "::" else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def start(self, app: ASGIApp) -> WebServer:
        """Serve in a thread; returns as soon as requests are answered. Raises RuntimeError if that fails."""
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",  # what goes wrong inside the app is logged by the gate
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, args=(server,), name="web", daemon=True)
        self._thread.start()
        while not server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the web server ended at once")
            time.sleep(0.01)
        return self

    def _run(self, server: uvicorn.Server) -> None:
        try:
            server.run([self._socket])
        except BaseException:  # asyncio's too: on a slow machine the socket is closed before the last answer
            if not server.should_exit:
                raise

    def wait(self) -> None:
        """Wait until the server ends; a signal interrupts this."""
        assert self._thread is not None, "start comes first"
        while self._thread.is_alive():
            self._thread.join(1.0)

    def stop(self) -> None:
        """Answer no more requests. Waits for the current ones for STOP_SECONDS at most."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(2 * STOP_SECONDS)
        self._socket.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
