"""numba's compiler, keeping what it compiled on disk where that is possible."""

from __future__ import annotations

import numba


def compiled(function):
    """Compiled at its first call; kept beside the source or in the user's cache, if one can be written."""
    options = {"fastmath": True, "nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba: "no locator available"
        return numba.njit(**options)(function)
