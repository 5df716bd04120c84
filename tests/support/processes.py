"""Living processes, found by their parents. Processes may start and end at any time while these look."""

from __future__ import annotations

from contextlib import suppress

import psutil


def is_alive(process_id: int) -> bool:
    """Whether a process runs; a zombie has ended."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process_id).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return False


def descendants(process_id: int, named: str = "") -> set[int]:
    """Living descendants of a process whose command line contains `named`."""
    found = set()
    with suppress(psutil.NoSuchProcess):
        for each in psutil.Process(process_id).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if named in " ".join(each.cmdline()) and is_alive(each.pid):
                    found.add(each.pid)
    return found
