"""Standard streams of a program that was started without them, as daemons and some schedulers do."""

from __future__ import annotations

import os
import sys


def open_standard_streams() -> None:
    """Point closed ones at the null device.

    Otherwise the first file that is opened gets a number from 0 to 2, and what libraries write to "standard
    error" goes into it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))
