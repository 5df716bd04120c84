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
        if value := pop_variable(name):
            _held[name] = value


def take(name: str) -> str:
    """The secret of that name that was held or still is in the environment, once; "" for none."""
    assert name in SECRETS, name
    held = _held.pop(name, "")
    return pop_variable(name) or held


def pop_variable(name: str) -> str:
    """The value of a variable, which is removed, also from what `ps e` shows of this process; "" for none."""
    if os.environ.get(name):
        _blank(name)
    return os.environ.pop(name, "")


def _blank(name: str) -> None:
    """Overwrite the value where the process was given it: removing a variable leaves that as it was."""
    import ctypes

    try:
        getenv = ctypes.CDLL(None).getenv
    except (OSError, AttributeError, TypeError):  # a system without a C library that is reached this way
        return
    getenv.restype, getenv.argtypes = ctypes.c_void_p, (ctypes.c_char_p,)
    if place := getenv(os.fsencode(name)):
        ctypes.memset(place, 0, len(ctypes.string_at(place)))
