"""The files of a store on object storage or another machine, through fsspec: s3://, gs://, sftp://, memory://, ...

A file is made and checked here, then put under its final name; what is read comes through a cache on the local disk.
Every call is tried several times, because storage over a network fails now and then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from extract.runtime import atomic

SUFFIX = ".h5"
ATTEMPTS = 9
FIRST_WAIT_SECONDS = 0.05  # doubled after every failure: 13 seconds in all
VERSIONS = (
    "ETag",
    "etag",
    "md5Hash",
    "mtime",
    "LastModified",
    "updated",
    "created",
)  # what storages tell of a file
CACHE = "VAD_STORE_CACHE"  # folder for copies of what was read
SPARE_BYTES = 1 << 30  # that copies leave free on its disk
KEPT = (".sqlite", ".sqlite-journal")  # indexes of stores, which lie there too
IN_USE_SECONDS = 600.0  # for so long after it was asked for, a copy stays: somebody may be reading it
FINAL = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    NotImplementedError,
    TypeError,
    AttributeError,
    NameError,
)
OBJECT_STORES = {
    "s3",
    "s3a",
    "gs",
    "gcs",
    "abfs",
    "abfss",
    "az",
    "oci",
}  # an object appears whole there, by itself


def is_address(root: object) -> bool:
    """Whether a store is named by an address such as s3://bucket/features rather than by a folder."""
    return "://" in str(root)


class RemoteFiles:
    """Names are paths below the address, with / between folders."""

    def __init__(self, address: str):
        try:
            import fsspec
        except ImportError:
            raise ValueError(
                f"{address}: a store over a network needs fsspec: pip install 'vad-pipeline[remote]'"
            ) from None
        self.address = address.rstrip("/")
        try:
            self.storage, self.base = fsspec.core.url_to_fs(self.address)
        except (ImportError, ValueError) as error:
            raise ValueError(f"{address}: {error}") from None
        self.whole_by_itself = address.partition("://")[0] in OBJECT_STORES

    def listing(self) -> Iterator[tuple[str, int, int]]:
        """(name, bytes, a number that changes with the file where the storage tells) of every feature file, in one pass."""
        self.storage.invalidate_cache()
        try:
            found = self._tried(lambda: self.storage.find(self.base, detail=True))
        except FileNotFoundError:
            return
        for path, state in found.items():
            if path.endswith(SUFFIX):
                version = next((state[key] for key in VERSIONS if state.get(key)), "")
                changed = int.from_bytes(hashlib.sha256(str(version).encode()).digest()[:6], "big")
                yield path[len(self.base) :].lstrip("/"), int(state["size"] or 0), changed

    def holds(self, name: str) -> bool:
        self.storage.invalidate_cache()
        return self._tried(lambda: self.storage.isfile(self._path(name)))

    def size(self, name: str) -> int | None:
        """Bytes of a file, None where there is none."""
        self.storage.invalidate_cache()
        try:
            state = self._tried(lambda: self.storage.info(self._path(name)))
        except FileNotFoundError:
            return None
        return int(state["size"] or 0) if state["type"] == "file" else None

    def looks_whole(self, name: str, size: int) -> bool:
        """A file that has its name was whole when it got it."""
        return size > 0

    @contextlib.contextmanager
    def at_hand(self, name: str) -> Iterator[Path]:
        """A local copy; taken from the cache while the file has not changed. Raises FileNotFoundError.

        Copies that were not used for the longest make room for new ones where the disk is nearly full.
        """
        path, cache = self._path(name), self.cache()
        copy = (
            cache
            / hashlib.sha256(f"{path}\0{self._tried(lambda: self.storage.ukey(path))}".encode()).hexdigest()
        )
        try:
            os.utime(copy)
        except FileNotFoundError:
            _make_room(cache, self._tried(lambda: self.storage.size(path)) or 0)
            with atomic.writing(copy, durable=False, tidy=False) as partial:
                self._tried(lambda: self.storage.get_file(path, str(partial)))
        yield copy

    def read_text(self, name: str) -> str | None:
        """The text of a small file, None where there is none."""
        self.storage.invalidate_cache()
        try:
            return self._tried(lambda: self.storage.cat_file(self._path(name))).decode()
        except FileNotFoundError:
            return None

    def write_text(self, name: str, text: str) -> None:
        with tempfile.NamedTemporaryFile() as local:
            local.write(text.encode())
            local.flush()
            self._put(Path(local.name), name)

    def write_text_once(self, name: str, text: str) -> None:
        """Unless it is there. Of two that try at once one wins where storage can refuse a second one (object stores);
        elsewhere the later text stays."""
        if self.read_text(name) is not None:
            return
        if self.whole_by_itself:
            try:
                self.storage.pipe_file(self._path(name), text.encode(), mode="create")
                return
            except FileExistsError:
                return
            except Exception:  # the package of this protocol knows no such mode, or the network stumbled
                self.storage.invalidate_cache()
                if self.read_text(name) is not None:
                    return
        self.write_text(name, text)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._tried(lambda: self.storage.rm_file(self._path(name)))

    def add(self, name: str, write: Callable[[Path], None]) -> None:
        """Let a feature file be written and checked here, then put it under its final name."""
        with tempfile.TemporaryDirectory(prefix="vad-") as folder:
            local = Path(folder) / "features.h5"
            write(local)
            self._put(local, name)

    def remove_stale(self, wait_seconds: float = 0.0) -> int:
        """Nothing: a writer that died left nothing under a name that anybody reads."""
        return 0

    def _put(self, local: Path, name: str) -> None:
        path = self._path(name)
        if self.whole_by_itself:
            self._tried(lambda: self.storage.put_file(str(local), path))
        else:
            partial = f"{path.rpartition('/')[0]}/.{secrets.token_hex(8)}.partial"
            self._tried(lambda: self.storage.makedirs(path.rpartition("/")[0], exist_ok=True))
            try:
                self._tried(lambda: self.storage.put_file(str(local), partial))
                self._tried(lambda: self._rename(partial, path))
            except BaseException:
                with contextlib.suppress(Exception):
                    self.storage.rm_file(partial)
                raise
        self.storage.invalidate_cache()
        size = self._tried(lambda: self.storage.size(path))
        if size != local.stat().st_size:
            raise OSError(f"{path} has {size} bytes after it was put there, expected {local.stat().st_size}")

    def _rename(self, partial: str, path: str) -> None:
        """A rename whose answer got lost has happened all the same."""
        self.storage.invalidate_cache()
        if self.storage.exists(partial):
            self.storage.mv(partial, path)

    def _path(self, name: str) -> str:
        return f"{self.base}/{name}"

    def cache(self) -> Path:
        """The folder of local copies: $VAD_STORE_CACHE, or one of this user among the temporary files."""
        folder = os.environ.get(CACHE) or Path(tempfile.gettempdir()) / f"vad-store-cache-{os.getuid()}"
        cache = Path(folder)
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cache

    def _tried(self, call: Callable[[], Any]) -> Any:
        """The call's result, trying again after errors that may pass. Raises OSError.

        Storages have errors of their own (gcsfs.retry.HttpError, aiohttp.ClientError), which derive from Exception alone.
        """
        for attempt in range(ATTEMPTS):
            try:
                return call()
            except FINAL:
                raise
            except Exception as error:
                if attempt == ATTEMPTS - 1:
                    if isinstance(error, OSError):
                        raise
                    raise OSError(f"{type(error).__name__}: {error}") from error
                time.sleep(FIRST_WAIT_SECONDS * 2**attempt)
        raise AssertionError("unreachable")


def _make_room(cache: Path, need: int) -> None:
    """Raises OSError where so many bytes do not fit beside what is in use."""
    free = shutil.disk_usage(cache).free
    if free >= need + SPARE_BYTES:
        return
    for copy in sorted(cache.iterdir(), key=_used):
        if free >= need + SPARE_BYTES or time.time() - _used(copy) < IN_USE_SECONDS:
            break
        if not copy.name.endswith(KEPT):
            copy.unlink(missing_ok=True)
            free = shutil.disk_usage(cache).free
    if free < need:
        raise OSError(
            f"its copy of {need} bytes does not fit into {cache}; set {CACHE} to a folder on a larger disk"
        )


def _used(copy: Path) -> float:
    try:
        return copy.stat().st_mtime
    except FileNotFoundError:  # another process has just removed it
        return 0.0
