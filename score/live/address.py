"""Where a camera is. An address may hold a password, so it is held here and shown only without it.

Command lines can be read by every user of a machine, and a child inherits the environment. So a secret comes
from a file that only its owner can read, or from a variable that is removed before anything is started.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.secret_variables import pop_variable

Kind = Literal["rtsp", "http", "webcam", "file", "folder"]
SHORTEST = 4  # characters of a secret that is looked for in the words of a library
LONGEST = 8192  # bytes of a file with an address
SCHEMES: dict[str, Kind] = {"rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http"}
# Parts of the names of parameters that hold a password.
SECRET_WORDS = ("pass", "pwd", "token", "secret", "key", "auth", "sig")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WEBCAM = re.compile(r"/dev/video[0-9]+")
INSTEAD = (
    "write the address into a file, run chmod 600 FILE and give @FILE, or set an environment variable and "
    "give env:NAME"
)


@dataclass(frozen=True)
class Address:
    """kind: how it is read. shown: what may be printed. text: all of it, which no message may repeat."""

    kind: Kind
    shown: str
    text: str = field(repr=False)

    @property
    def is_live(self) -> bool:
        """Whether frames come at their own pace and an end means that the connection is lost."""
        return self.kind in ("rtsp", "http", "webcam")

    def redacted(self, words: str) -> str:
        """Words of a library without the address or any part of it that may be secret."""
        if self.kind in ("webcam", "file", "folder"):
            return printable(words)
        parts = urlsplit(self.text)
        userinfo = parts.netloc.rpartition("@")[0]
        secrets = [self.text, parts.netloc if userinfo else "", userinfo, *userinfo.split(":", 1)]
        secrets += [f"{parts.path}?{parts.query}", parts.query, parts.path if len(parts.path) > 1 else ""]
        secrets += [value for _, value in parse_qsl(parts.query)]
        for secret in sorted({each for each in secrets if len(each) >= SHORTEST}, key=len, reverse=True):
            words = words.replace(secret, "...")
        return printable(words)


def parse_source(words: str) -> Address:
    """A SOURCE of the command line. Raises ValueError in one line, without repeating a secret."""
    if words.startswith("@"):
        return address_in_file(Path(words[1:]))
    if words.startswith("env:"):
        return address_in_variable(words.removeprefix("env:"))
    return _parsed(words, source="the source", secret=False)


def plain_address(text: str, *, source: str) -> Address:
    """An address that stands where others can read it. source: what to call it in errors."""
    return _parsed(text, source=source, secret=False)


def address_in_file(path: Path) -> Address:
    """The one line of a file that only its owner can read. Raises ValueError without repeating it."""
    with open_regular(path, largest=LONGEST, expected="a file with a camera's address") as opened:
        if os.fstat(opened.fileno()).st_mode & 0o077:
            raise ValueError(
                f"{path}: other users of this machine can read it; run chmod 600 {shlex.quote(str(path))}"
            )
        content = opened.read(LONGEST)
    lines = content.decode("latin-1").split("\n")
    if not lines[0].strip() or any(line.strip() for line in lines[1:]):
        raise ValueError(f"{path}: expected one line, the camera's address")
    return _parsed(lines[0].strip(), source=f"{path}: its line", secret=True)


def address_in_variable(name: str) -> Address:
    """The value of an environment variable, which is removed: no child inherits it. Raises ValueError."""
    if not VARIABLE.fullmatch(name):
        raise ValueError(f"{printable(name)[:80]!r} is no name of an environment variable")
    text = pop_variable(name).strip()
    if not text:
        raise ValueError(f"the environment variable {name} is not set; it should hold a camera's address")
    return _parsed(text, source=f"the environment variable {name}", secret=True)


def _parsed(text: str, *, source: str, secret: bool) -> Address:
    scheme, separator, _ = text.partition("://")
    if not separator:
        return _local(text, source=source)
    kind = SCHEMES.get(scheme.lower())
    if kind is None:
        shown = printable(scheme)[:20] if re.fullmatch(r"[A-Za-z0-9+.-]+", scheme) else "its scheme"
        raise ValueError(f"{source}: {shown} is not read; expected {', '.join(SCHEMES)}, a file or a folder")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{source} is not an address; expected {scheme}://HOST/PATH") from None
    if not host or not all("!" <= each <= "~" for each in text):
        raise ValueError(f"{source} is not an address; expected {scheme}://HOST/PATH of ASCII characters")
    named = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    hidden = any(word in name.lower() for name in named for word in SECRET_WORDS)
    if not secret and ("@" in parts.netloc or hidden):
        raise ValueError(
            f"{source} holds a name or password, which everyone on this machine could read; {INSTEAD}"
        )
    shown = f"{scheme.lower()}://{host if ':' not in host else f'[{host}]'}"
    return Address(kind, shown + (f":{port}" if port else ""), text)


def _local(text: str, *, source: str) -> Address:
    shown = printable(text)[:200]
    if WEBCAM.fullmatch(text):
        kind: Kind = "webcam"
    elif os.path.isdir(text):
        kind = "folder"
    else:
        kind = "file"
    if not text or not os.path.exists(text):
        what = f"no such file, folder or device: {shown}" if text else "is empty"
        raise ValueError(f"{source}: {what}")
    return Address(kind, shown, text)
