"""Videos whose source on the disk is another than the one that was extracted under their id."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_lists import Video
from extract.decode.sources import Source, SourceError, find_source, identify_source
from extract.store import FeatureStore, StoreError

# Of this many stored videos each is compared by its bytes; of more, only those whose source is newer.
FEW = 256


def changed_sources(store: FeatureStore, videos: Sequence[Video], root: Path) -> list[str]:
    """Ids of stored videos with other bytes below root than their file records.

    A source that is newer than its features is compared by its SHA-256, any other by its size. Sources that
    are gone are no change. Only for stores in a folder of this machine.
    """
    if not isinstance(store.root, Path) or store.packed:
        return []
    few, stored = len(videos) <= FEW, str(store.root)  # as text, because there may be a million videos
    folders = _Folders(root)
    found = []
    for video in videos:
        changed = folders.changed(video.video_id)
        newer = changed > 0 and changed > _changed(f"{stored}/{store.name(video.video_id)}")
        if (few or newer) and _differs(store, video.video_id, root, newer=newer):
            found.append(video.video_id)
    return found


def _differs(store: FeatureStore, video_id: str, root: Path, *, newer: bool) -> bool:
    try:
        recorded = store.header(video_id).source
        source = find_source(root, video_id)
        if not {"bytes", "sha256"} <= set(recorded):
            return False  # imported features record none
        if recorded["bytes"] != sum(os.stat(path).st_size for path in _files(source)):
            return True
        return newer and identify_source(source)["sha256"] != recorded["sha256"]
    except (StoreError, SourceError, OSError):
        return False


def _files(source: Source) -> set[Path]:
    return {image.path for image in source.images} or {source.path}


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


class _Folders:
    """When the entries of folders changed; each folder is listed once, however many videos it holds."""

    def __init__(self, root: Path):
        self.root = root
        self._listed: dict[str, dict[str, float]] = {}

    def changed(self, video_id: str) -> float:
        """The latest time at which an entry of a video's name changed; 0 if there is none."""
        folder, _, name = video_id.rpartition("/")
        if folder not in self._listed:
            times: dict[str, float] = {}
            for stem, time in self._entries(self.root / folder):
                times[stem] = max(time, times.get(stem, 0.0))
            self._listed[folder] = times
        times = self._listed[folder]
        return times.get(name if name.isascii() else unicodedata.normalize("NFC", name), 0.0)

    def _entries(self, folder: Path) -> Iterator[tuple[str, float]]:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    try:
                        # A folder changes when an image is added, removed or replaced by a rename.
                        name = entry.name if entry.is_dir() else os.path.splitext(entry.name)[0]
                        yield unicodedata.normalize("NFC", name), entry.stat().st_mtime
                    except OSError:
                        continue
        except OSError:
            return
