"""numba's compiler, with compiled code cached on disk where possible."""

from __future__ import annotations

import numba


def compiled(function):
    """Compile at the first call; cache next to the source or in the user's cache, if either is writable."""
    options = {"fastmath": True, "nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba's "no locator available": nowhere to write
        return numba.njit(**options)(function)
