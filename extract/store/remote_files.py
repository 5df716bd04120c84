"""The files of a store on object storage or another machine, through fsspec: s3://, gs://, sftp://,
memory://, ...

A file is written and checked here, then put under its final name; reads go through a cache on the local disk.
Every call is tried several times, because storage over a network fails now and then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from extract.runtime import atomic
from extract.runtime.foreign.ledger import is_private
from extract.store.store_files import APPLE_DOUBLE, SUFFIX, TEXT_BYTES, FileBlock, StoreFiles, blocks_of

Result = TypeVar("Result")

ATTEMPTS = 9
FIRST_WAIT_SECONDS = 0.05  # doubled after every failure: 13 seconds in total
# Fields of a file's record that change with its content; each storage has some of them.
VERSIONS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "updated", "created")
CACHE = "VAD_STORE_CACHE"  # folder for copies of what was read
SPARE_BYTES = 1 << 30  # disk space that copies leave free
COPY = re.compile("[0-9a-f]{64}")  # their names; indexes of stores lie there, too
IN_USE_SECONDS = 600.0  # a copy stays this long after it was asked for: somebody may be reading it
# Errors that another attempt cannot fix.
FINAL = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    NotImplementedError,
    TypeError,
    AttributeError,
    NameError,
)
# Storage where an object appears complete or not at all by itself.
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci"}


def is_address(root: object) -> bool:
    """Whether a store is named by an address such as s3://bucket/features rather than by a folder."""
    return "://" in str(root)


class RemoteFiles(StoreFiles):
    """Needs the extra [remote]."""

    def __init__(self, address: str):
        try:
            import fsspec
            import tenacity  # noqa: F401 - the other package of the extra, which `_tried` imports
        except ImportError:
            raise ValueError(
                f"{address}: a store over a network needs fsspec and tenacity: "
                "pip install 'vad-pipeline[remote]'"
            ) from None
        self.address = address.rstrip("/")
        try:
            self.storage, self.base = fsspec.core.url_to_fs(self.address)
        except (ImportError, ValueError) as error:
            raise ValueError(f"{address}: {error}") from None
        self.is_object_store = address.partition("://")[0] in OBJECT_STORES

    def blocks(self, on_problem: Callable[[str], None]) -> Iterator[FileBlock]:  # noqa: ARG002 - of the protocol
        self.storage.invalidate_cache()
        try:
            found = self._tried(lambda: self.storage.find(self.base, detail=True))
        except FileNotFoundError:
            return
        folders: dict[str, list[tuple]] = {}
        for path, state in found.items():
            folder, slash, name = path[len(self.base) :].lstrip("/").rpartition("/")
            if name.endswith(SUFFIX) and not name.startswith(APPLE_DOUBLE):
                version = next((state[key] for key in VERSIONS if state.get(key)), "")
                changed = hashlib.sha256(str(version).encode()).hexdigest()[:12]
                folders.setdefault(folder + slash, []).append((name, int(state["size"] or 0), changed))
        for prefix, rows in folders.items():
            yield from blocks_of(prefix, rows, lambda row: row[2])

    def exists(self, name: str) -> bool:
        self.storage.invalidate_cache()
        return self._tried(lambda: self.storage.isfile(self._path(name)))

    def size(self, name: str) -> int | None:
        self.storage.invalidate_cache()
        try:
            state = self._tried(lambda: self.storage.info(self._path(name)))
        except FileNotFoundError:
            return None
        return int(state["size"] or 0) if state["type"] == "file" else None

    def looks_complete(self, name: str, size: int) -> bool:  # noqa: ARG002 - of the protocol
        return size > 0  # a file only gets its name once it is complete

    def incomplete(self, block: FileBlock) -> list[str]:
        return [file.name for file in block.files() if not self.looks_complete(file.name, file.bytes)]

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[tuple[Path, str]]:
        """A copy, taken from the cache while the file has not changed.

        The copies unused for the longest time make space for new ones when the disk is nearly full.
        """
        path, cache = self._path(name), _cache()
        version = self._tried(lambda: self.storage.ukey(path))
        copy = cache / hashlib.sha256(f"{path}\0{version}".encode()).hexdigest()
        try:
            os.utime(copy)
        except FileNotFoundError:
            _free_space(cache, self._tried(lambda: self.storage.size(path)) or 0)
            with atomic.writing(copy, durable=False, tidy=False) as partial:
                self._tried(lambda: self.storage.get_file(path, str(partial)))
        # Not its times, which every use changes; the copy's name stands for the version of the original.
        state = copy.stat()
        yield copy, f"{copy.name}:{state.st_ino}:{state.st_size}"

    def read_text(self, name: str) -> str | None:
        self.storage.invalidate_cache()
        try:
            content = self._tried(
                lambda: self.storage.cat_file(self._path(name), start=0, end=TEXT_BYTES + 1)
            )
        except FileNotFoundError:
            return None
        if len(content) > TEXT_BYTES:
            raise OSError(f"{name} has more than the {TEXT_BYTES} bytes that are read of it")
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise OSError(f"{name} is no UTF-8 text") from None

    def write_text(self, name: str, text: str) -> None:
        with tempfile.NamedTemporaryFile() as local:
            local.write(text.encode())
            local.flush()
            self._put(Path(local.name), name)

    def write_text_once(self, name: str, text: str) -> None:
        """If two writers race, one wins where storage can reject the second, as object stores do; elsewhere
        the later text stays."""
        if self.read_text(name) is not None:
            return
        if self.is_object_store:
            try:
                self.storage.pipe_file(self._path(name), text.encode(), mode="create")
                return
            except FileExistsError:
                return
            except Exception:  # the protocol's package has no such mode, or the network hiccuped
                self.storage.invalidate_cache()
                if self.read_text(name) is not None:
                    return
        self.write_text(name, text)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._tried(lambda: self.storage.rm_file(self._path(name)))

    def add(self, name: str, write: Callable[[Path], None]) -> str | None:
        with tempfile.TemporaryDirectory(prefix="vad-") as folder:
            local = Path(folder) / "features.h5"
            write(local)
            self._put(local, name)
        return None

    def remove_stale(self, wait_seconds: float = 0.0, among: Iterable[str] | None = None) -> int:  # noqa: ARG002
        return 0  # a dead writer left nothing under a name that anybody reads

    def index_path(self, name: str) -> Path:
        return _cache() / f"{hashlib.sha256(self.address.encode()).hexdigest()[:16]}{name}"

    def _put(self, local: Path, name: str) -> None:
        path = self._path(name)
        if self.is_object_store:
            self._tried(lambda: self.storage.put_file(str(local), path))
        else:
            folder = path.rpartition("/")[0]
            partial = f"{folder}/.{secrets.token_hex(8)}.partial"
            self._tried(lambda: self.storage.makedirs(folder, exist_ok=True))
            try:
                self._tried(lambda: self.storage.put_file(str(local), partial))
                self._tried(lambda: self._rename(partial, path))
            except BaseException:
                with contextlib.suppress(Exception):
                    self.storage.rm_file(partial)
                raise
        self.storage.invalidate_cache()
        size, expected = self._tried(lambda: self.storage.size(path)), local.stat().st_size
        if size != expected:
            raise OSError(f"{path} has {size} bytes after it was put there, expected {expected}")

    def _rename(self, partial: str, path: str) -> None:
        # A rename whose answer was lost may still have happened.
        self.storage.invalidate_cache()
        if self.storage.exists(partial):
            self.storage.mv(partial, path)

    def _path(self, name: str) -> str:
        return f"{self.base}/{name}"

    def _tried(self, call: Callable[[], Result]) -> Result:
        """The result of a call, tried again after errors that may pass. Raises OSError."""
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

        # The random part keeps the workers of a cluster from trying again all at once.
        tries = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(FIRST_WAIT_SECONDS) + wait_random(0, FIRST_WAIT_SECONDS),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        try:
            return tries(call)
        except Exception as error:
            if not _may_pass(error) or isinstance(error, OSError):
                raise
            raise OSError(f"{type(error).__name__}: {error}") from error


def _may_pass(error: BaseException) -> bool:
    # Storage packages define their own errors, such as gcsfs's HttpError, which derive only from Exception.
    return isinstance(error, Exception) and not isinstance(error, FINAL)


def _cache() -> Path:
    """The folder of local copies: $VAD_STORE_CACHE, or one of this user among the temporary files."""
    folder = os.environ.get(CACHE) or Path(tempfile.gettempdir()) / f"vad-store-cache-{os.getuid()}"
    cache = Path(folder)
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not os.environ.get(CACHE) and not is_private(os.lstat(cache)):
        # Among the temporary files another user may have made a folder of this name, and may change copies.
        raise OSError(f"{cache} belongs to somebody else; set {CACHE} to a folder of your own")
    return cache


def _free_space(cache: Path, need: int) -> None:
    """Remove old copies until `need` bytes fit. Raises OSError if the copies in use leave too little."""
    free = shutil.disk_usage(cache).free
    if free >= need + SPARE_BYTES:
        return
    atomic.sweep(cache)
    # Only what we put there: the folder may be one that holds other things, too.
    copies = [each for each in cache.iterdir() if COPY.fullmatch(each.name)]
    for copy in sorted(copies, key=_last_use):
        if free >= need + SPARE_BYTES or time.time() - _last_use(copy) < IN_USE_SECONDS:
            break
        copy.unlink(missing_ok=True)
        free = shutil.disk_usage(cache).free
    if free < need:
        raise OSError(
            f"its copy of {need} bytes does not fit into {cache}; set {CACHE} to a folder on a larger disk"
        )


def _last_use(copy: Path) -> float:
    try:
        return copy.stat().st_mtime
    except FileNotFoundError:  # another process has just removed it
        return 0.0
