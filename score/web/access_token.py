"""The token that every request states: read from a file, or made at start and written into one."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

from extract.runtime.atomic import writing
from extract.runtime.foreign.secret_file import read_secret

SHORTEST = 20  # characters of a token that somebody chose
RANDOM_BYTES = 32
SESSION_SECONDS = 30 * 24 * 3600  # how long a browser stays logged in


class AccessToken:
    """One token. Nothing prints it: its repr says nothing, and comparisons take the same time for all."""

    def __init__(self, token: str):
        self._token = token.encode()

    def __repr__(self) -> str:
        return "AccessToken(...)"

    def matches(self, given: str | bytes) -> bool:
        given = given.encode("utf-8", "surrogateescape") if isinstance(given, str) else given
        return hmac.compare_digest(given, self._token)

    def session(self, *, now: float | None = None) -> str:
        """What a browser keeps instead of the token: when it ends, and a signature that needs the token."""
        ends = str(int((time.time() if now is None else now) + SESSION_SECONDS))
        return f"{ends}.{self._signature(ends)}"

    def is_session(self, given: str, *, now: float | None = None) -> bool:
        """Whether this token made a session that has not ended."""
        ends, _, signature = given.partition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self._signature(ends).encode()):
            return False
        return int(ends) > (time.time() if now is None else now)

    def _signature(self, ends: str) -> str:
        return hmac.new(self._token, b"session " + ends.encode(errors="replace"), hashlib.sha256).hexdigest()


def read_token(file: Path) -> AccessToken:
    """The token in a file. Raises ValueError if other users can read it, or if it could be guessed."""
    token = read_secret(file, what="the token")
    if len(token) < SHORTEST or not all("!" <= each <= "~" for each in token):
        raise ValueError(
            f"{file}: expected a token of at least {SHORTEST} letters, digits or signs without spaces, "
            "such as the output of: openssl rand -hex 32"
        )
    return AccessToken(token)


def make_token(file: Path) -> AccessToken:
    """A new random token, written into a file that only its owner can read. Raises OSError."""
    token = secrets.token_urlsafe(RANDOM_BYTES)
    with writing(file, durable=False) as partial:
        # Closed to others before the token is in it.
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        partial.write_text(token + "\n")
    return AccessToken(token)
