"""A webhook's receiver on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = "T0K3N"


class Receiver(HTTPServer):
    """answers: status codes in order, then 200; got: (path, JSON) per request; hold: set lets it answer."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, dict]] = []
        self.answers: list[int] = []
        self.hold = threading.Event()
        self.hold.set()
        self.address = f"http://127.0.0.1:{self.server_port}/{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.server.got.append((self.path, json.loads(self.rfile.read(length))))
        self.server.hold.wait(20)
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_words):
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    server = Receiver()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.hold.set()
        server.shutdown()
        server.server_close()
