"""Garbage that holds pictures: collected soon, although torch has filled the process with lasting objects.

A frame of PyAV whose side data was looked at is part of a reference cycle, so its picture lives until Python
collects its oldest generation. That waits for a quarter as many new objects as lasting ones, of which torch
brings a million: memory would grow by 25 MB a minute (two cameras of 320x240).
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def prompt_collection() -> Iterator[None]:
    """Inside, what lasts so far is not looked at by collections, which are quick and come often then."""
    gc.unfreeze()  # import_torch left pictures of cameras that were open by then, too
    gc.collect()
    gc.freeze()
    gc.collect()  # so that the count of lasting objects begins anew
    try:
        yield
    finally:
        gc.unfreeze()
