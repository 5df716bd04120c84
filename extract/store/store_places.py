"""Where a store is, and what reads and writes its files there."""

from __future__ import annotations

from pathlib import Path

from extract.store.local_files import LocalFiles
from extract.store.remote_files import RemoteFiles, is_address
from extract.store.store_files import StoreFiles


def place_of(root: Path | str) -> Path | str:
    """A path, or an address as text, because a path would lose one of its slashes."""
    return str(root).rstrip("/") if is_address(root) else Path(root)


def files_of(place: Path | str) -> StoreFiles:
    """The files at a place that `place_of` gave."""
    return LocalFiles(place) if isinstance(place, Path) else RemoteFiles(place)
