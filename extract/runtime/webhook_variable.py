"""The environment variable with the webhook's address, which may hold a secret, so no program inherits it."""

from __future__ import annotations

import os

VARIABLE = "VAD_WEBHOOK"
_held = [""]


def hold() -> None:
    """Take the address out of the environment, before imports start programs; `take` has it then."""
    _held[0] = os.environ.pop(VARIABLE, "")


def take() -> str:
    """The address that was held or still is in the environment, once; "" for none."""
    address = os.environ.pop(VARIABLE, "") or _held[0]
    _held[0] = ""
    return address
