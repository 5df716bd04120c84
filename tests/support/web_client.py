"""Requests as a stranger would send them: whole, raw, or cut off in the middle."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """headers: names in small letters."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes

    def json(self):
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The one line of a refusal."""
        found = self.json()
        assert list(found) == ["error"] and "\n" not in found["error"], found
        return found["error"]


@dataclass(frozen=True)
class Client:
    """address: of a server. token: None states none."""

    address: str
    token: str | None = None

    def ask(self, method: str, path: str, body=None, **headers: str) -> Answer:
        """headers: underscores in names are hyphens; Host may be replaced."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            names.setdefault("Authorization", f"Bearer {self.token}")
        place = urlsplit(self.address)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        try:
            connection.request(method, path, body, names)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def raw(self, content: bytes, *, ends: bool = False) -> bytes:
        """What comes back for these bytes. ends: whether the connection ends after them."""
        place = urlsplit(self.address)
        with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
            connection.sendall(content)
            if ends:
                return b""
            return connection.recv(65536)


def form(name: str, content: bytes, *, boundary: str = "b0undary", ends: bool = True) -> tuple[bytes, str]:
    """(body, Content-Type) of a form with one file, as curl -F video=@FILE sends it."""
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="video"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    tail = f"\r\n--{boundary}--\r\n" if ends else ""
    return head.encode() + content + tail.encode(), f"multipart/form-data; boundary={boundary}"
