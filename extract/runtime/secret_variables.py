"""Environment variables with addresses and tokens, which are secrets, so no program inherits them."""

from __future__ import annotations

import os

WEBHOOK, MQTT = "VAD_WEBHOOK", "VAD_MQTT"
SECRETS = (WEBHOOK, MQTT)
_held: dict[str, str] = {}


def hold() -> None:
    """Take the secrets out of the environment, before imports start programs; `take` has them then."""
    _held.clear()
    for name in SECRETS:
        if value := os.environ.pop(name, ""):
            _held[name] = value


def take(name: str) -> str:
    """The secret of that name that was held or still is in the environment, once; "" for none."""
    assert name in SECRETS, name
    held = _held.pop(name, "")
    return os.environ.pop(name, "") or held
