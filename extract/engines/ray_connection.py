"""The connection to a Ray cluster, and its long errors in one line."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import logging
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from extract.runtime.versions import check_version, version

LEAST_RAY = "2.52"
# Of the cluster that we start: anybody who reaches a port of Ray can run code there.
PRIVATE = {
    # Its processes listen on 127.0.0.1 alone. The name is that of the systems on which this is Ray's default.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    # Ray would send statistics of its use to its makers.
    "RAY_USAGE_STATS_ENABLED": "0",
}
# Read instead of RAY_AUTH_TOKEN, or where it is absent.
OTHER_TOKENS = ("RAY_AUTH_TOKEN_PATH",)


@contextlib.contextmanager
def connected(address: str | None, *, quiet: bool = False, own: Mapping[str, Any] | None = None) -> Iterator:
    """Ray, connected to a cluster; disconnected afterwards if this call connected it.

    address: see Cluster. quiet: neither what actors print nor Ray's own messages appear here. own: further
    arguments of ray.init for a cluster that this starts. Such a cluster is reached from this machine alone,
    and with a fresh token; that of an address has the user's settings. Raises ValueError without Ray, for one
    without tokens, and without that cluster.
    """
    check_installed()
    address = address or os.environ.get("RAY_ADDRESS")
    with contextlib.nullcontext() if address or _is_connected() else _private_settings():
        # Imported here, because Ray reads most of its settings when it is imported.
        try:
            import ray
        except ImportError as error:
            raise ValueError(f"--engine ray: Ray cannot be imported: {first_line(error)}") from None
        mine = not ray.is_initialized()
        try:
            if mine:
                settings = dict(own or {}) if not address else {}
                _connect(ray, address, log_to_driver=not quiet, **settings)
                if quiet:
                    # What the nodes say of dead actors, in many lines: whoever is quiet says it in one.
                    sys.modules["ray._private.worker"].__dict__["_worker_logs_enabled"] = False
            yield ray
        finally:
            if mine:
                ray.shutdown()


def check_installed() -> None:
    """Raise ValueError without Ray, and for one without tokens."""
    if version("ray") == "not installed":
        raise ValueError("--engine ray needs Ray: pip install 'vad-pipeline[ray]'")
    check_version("ray", LEAST_RAY, extra="ray", why="authentication by tokens")


def _is_connected() -> bool:
    return "ray" in sys.modules and sys.modules["ray"].is_initialized()


@contextlib.contextmanager
def _private_settings() -> Iterator[None]:
    settings: dict[str, str | None] = {**PRIVATE, "RAY_AUTH_TOKEN": _token(), **dict.fromkeys(OTHER_TOKENS)}
    before = {name: os.environ.get(name) for name in settings}
    _set(settings)
    try:
        yield
    finally:
        _set(before)


def _set(settings: dict[str, str | None]) -> None:
    for name, value in settings.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@functools.cache
def _token() -> str:
    """One per process, because Ray reads it once."""
    return secrets.token_hex(32)


def _connect(ray, address: str | None, **settings) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        # "local", because Ray alone would join a cluster that somebody else has on this machine
        ray.init(
            address=address or "local",
            logging_level=logging.ERROR,
            include_dashboard=None if address else False,
            **settings,
        )
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise ValueError(f"no Ray cluster at {address or 'this machine'}: {first_line(error)}") from None
    finally:
        if threading.current_thread() is threading.main_thread():
            # Ray installs its own handler, which ends with another exit code
            signal.signal(signal.SIGTERM, before)
    if not address:
        _check_private(ray)


def _check_private(ray) -> None:
    """Raise ValueError if others can reach a cluster of ours; another version may know other settings."""
    for node in ray.nodes():
        address = node["NodeManagerAddress"]
        if not ipaddress.ip_address(address).is_loopback:
            raise ValueError(
                f"Ray {version('ray')} listens on {address}, which other machines may reach; start a cluster "
                "with the settings that you want (ray start) and name it by --address"
            )


def first_line(error: BaseException) -> str:
    return (_lines(error) or [type(error).__name__])[0]


def last_line(error: BaseException) -> str:
    """The error itself of a traceback; the first line of what Ray says about a death."""
    lines = _lines(error)
    return lines[-1] if "Traceback" in str(error) else first_line(error)


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()]
