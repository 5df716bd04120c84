"""Living processes, found by their parents. Processes may start and end at any time while these look."""

from __future__ import annotations

from contextlib import suppress

import psutil


def is_alive(process_id: int) -> bool:
    """Whether a process runs; a zombie has ended."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process_id).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return False


def listening(process_id: int) -> set[str]:
    """The addresses on which a process and its descendants listen for connections."""
    found = set()
    for each in {process_id, *descendants(process_id)}:
        with suppress(psutil.Error):
            sockets = psutil.Process(each).net_connections()
            found |= {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
    return found


def descendants(process_id: int, named: str = "") -> set[int]:
    """Living descendants of a process whose command line contains `named`."""
    found = set()
    with suppress(psutil.NoSuchProcess):
        for each in psutil.Process(process_id).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if named in " ".join(each.cmdline()) and is_alive(each.pid):
                    found.add(each.pid)
    return found
