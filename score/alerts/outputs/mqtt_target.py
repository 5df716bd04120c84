"""The broker to which alerts go: one address, which holds a password and is shown to nobody."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from extract.runtime.foreign.printable import as_utf8
from extract.runtime.foreign.secret_file import take_secret
from extract.runtime.secret_variables import MQTT

FORM = "mqtts://USER:PASSWORD@HOST:PORT/TOPIC"
PORTS = {"mqtt": 1883, "mqtts": 8883}
TOPIC = "vad"
FILES = ("ca", "cert", "key")


@dataclass(frozen=True)
class MqttTarget:
    """topic: begins all topics. ca, cert, key: PEM files for TLS; without ca the system's count."""

    host: str
    port: int
    tls: bool = False
    topic: str = TOPIC
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def topic_of(self, camera: str, name: str) -> str:
        """vad/CAMERA/name, with everything in the camera's name but letters, digits and _.-~ as %XX."""
        return f"{self.topic}/{quote(as_utf8(camera), safe='')}/{name}"

    @property
    def availability(self) -> str:
        return f"{self.topic}/availability"

    def tls_context(self) -> ssl.SSLContext:
        """Checks the broker's certificate and name. Raises ValueError for files that cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ValueError) as error:
            files = ", ".join(each for each in (self.ca, self.cert, self.key) if each)
            raise ValueError(
                f"{files}: cannot be used for TLS ({getattr(error, 'strerror', None) or error})"
            ) from None
        return context


def take_target(file: Path | None) -> MqttTarget | None:
    """The broker in the file, else in VAD_MQTT; None for neither. Raises as take_secret and parse_target."""
    address = take_secret(file, variable=MQTT, option="--mqtt-file", what="the broker's address")
    return None if address is None else parse_target(address)


def parse_target(address: str) -> MqttTarget:
    """The parts of an address; those of %XX are decoded. Raises ValueError without repeating it."""
    address = address.strip()
    if not address or not all("!" <= each <= "~" for each in address):
        raise ValueError(
            "the broker's address is empty or contains a space or a non-ASCII character, which must be "
            f"written as %XX; expected {FORM}"
        )
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
        query = parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError(f"the broker is not an address; expected {FORM}") from None
    if parts.scheme not in PORTS or not host or parts.fragment:
        raise ValueError(f"the broker's address is not of the form {FORM} (or mqtt:// without TLS)")
    if set(query) - set(FILES) or any(len(values) > 1 for values in query.values()):
        raise ValueError("the broker's address has unknown settings after ?; known are ca, cert and key")
    if query and parts.scheme != "mqtts":
        raise ValueError("the broker's address names files for TLS; it must begin with mqtts:// then")
    topic = unquote(parts.path).strip("/") or TOPIC
    if any(each in topic for each in "+#\0") or topic.startswith("$"):
        raise ValueError("the topic in the broker's address contains +, # or begins with $")
    return MqttTarget(
        host=host,
        port=PORTS[parts.scheme] if port is None else port,
        tls=parts.scheme == "mqtts",
        topic=topic,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        **{name: values[0] for name, values in query.items()},
    )
