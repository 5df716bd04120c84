"""Where something is served behind the gate: the address, the token, and what is printed of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.types import ASGIApp

from extract.runtime.say import say
from extract.runtime.temp_folder import TempFolder
from score.web.access_token import AccessToken, make_token, read_token
from score.web.gate import Gate
from score.web.web_server import WebServer, is_loopback

TOKEN_FILE = "token"


class Place:
    """Listens already; `open` answers. token: what requests must state."""

    def __init__(self, server: WebServer, token: AccessToken, token_file: Path, names: Collection[str]):
        self.server, self.token, self.token_file, self.names = server, token, token_file, names

    def open(self, app: ASGIApp, *, public: Collection[str] = (), what: str = "serving") -> None:
        """Serve an app behind the gate, and print where. public: as for Gate."""
        self.server.start(Gate(app, self.token, names=self.names, public=public))
        say(f"{what} at {self.server.address}; the token is in {self.token_file}")
        if not is_loopback(self.server.host):
            say(
                f"warning: {self.server.host} can be reached from other machines, and nothing is encrypted: "
                "videos, pictures and the token can be read on the way; put a proxy with TLS before it",
                err=True,
            )

    def wait(self) -> None:
        """Wait until the server ends, or a signal ends this."""
        self.server.wait()


@contextmanager
def serving(
    host: str, port: int, *, names: Collection[str] = (), token_file: Path | None = None
) -> Iterator[Place]:
    """Listen until the block ends. names: of this server besides `host`. token_file: None makes a token.

    Raises ValueError for a token that others can read or could guess, and for an address that is taken.
    """
    token = None if token_file is None else read_token(token_file)
    server = WebServer(host, port)
    try:
        with TempFolder("vad-token-") as folder:
            if token is None or token_file is None:
                token_file = folder / TOKEN_FILE
                token = make_token(token_file)
            try:
                yield Place(server, token, token_file, {host, *names})
            finally:
                server.stop()
    finally:
        server.stop()
