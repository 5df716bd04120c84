"""The connection to a Ray cluster, and its long errors in one line."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def connected(address: str | None) -> Iterator:
    """Ray, connected to a cluster; disconnected afterwards if this call connected it.

    address: see extract.engines.ray_engine.Cluster. Raises ValueError without Ray or without that cluster.
    """
    try:
        import ray
    except ImportError:
        raise ValueError("--engine ray needs Ray: pip install 'vad-pipeline[ray]'") from None
    mine, address = not ray.is_initialized(), address or os.environ.get("RAY_ADDRESS")
    if mine:
        before = signal.getsignal(signal.SIGTERM)
        try:
            # "local", because Ray alone would join a cluster that somebody else has on this machine
            ray.init(
                address=address or "local",
                logging_level=logging.ERROR,
                include_dashboard=None if address else False,
            )
        except (ConnectionError, ValueError) as error:
            raise ValueError(f"no Ray cluster at {address}: {first_line(error)}") from None
        if threading.current_thread() is threading.main_thread():
            # Ray installs its own handler, which ends with another exit code
            signal.signal(signal.SIGTERM, before)
    try:
        yield ray
    finally:
        if mine:
            ray.shutdown()


def first_line(error: BaseException) -> str:
    return (_lines(error) or [type(error).__name__])[0]


def last_line(error: BaseException) -> str:
    """The error itself of a traceback; the first line of what Ray says about a death."""
    lines = _lines(error)
    return lines[-1] if "Traceback" in str(error) else first_line(error)


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()]
