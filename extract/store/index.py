"""What is in a store, file by file: an SQLite file that may be deleted at any time and is then rebuilt.

A row is valid while its file is unchanged, so a question about a million videos opens only the new files. The
store itself never depends on the index.

A store may come from a stranger, and its index with it. So only an index that this user's programs wrote is
opened, which its digest shows; any other one is replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from extract.runtime import atomic
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.temp_folder import TempFolder
from extract.store import FeatureStore, StoreError
from extract.store.ledger import LEDGER, digest_of
from extract.store.store_files import SUFFIX
from extract.store.video_features import REMARKS, remarks_of

INDEX_FILE = ".index.sqlite"
BATCH = 10_000  # rows per transaction
SAVE_SECONDS = 120.0  # what a verification of hours found is kept this often
LARGEST = 1 << 34  # bytes of an index that is read; ten million videos have 2 GB
BLOCK = 1 << 20
LONGEST_NAME = 64
TABLE = """
CREATE TABLE IF NOT EXISTS videos (
    video_id TEXT PRIMARY KEY, bytes INTEGER, state TEXT,
    segments INTEGER, frames INTEGER, decoder TEXT,
    remarks TEXT,     -- keys of extract.store.video_features.REMARKS, each between commas
    problem TEXT,     -- why the file cannot be read; empty for a sound one
    verified INTEGER  -- 1 once every byte was read against its checksum
) WITHOUT ROWID
"""
PROBE = (
    "SELECT video_id, state, remarks, verified FROM videos LIMIT 1"  # fails on the table of another version
)
OUTDATED = (
    "SELECT seen.video_id, seen.bytes, seen.state FROM seen LEFT JOIN videos USING (video_id) WHERE "
    "videos.video_id IS NULL OR videos.bytes != seen.bytes OR videos.state != seen.state LIMIT ?"
)


class StoreIndex:
    """The index of one store, up to date as of its opening; a context manager.

    problems: one line for each thing in the store that cannot be used and is no feature file.
    """

    def __init__(self, store: FeatureStore):
        self.store = store
        self.problems: list[str] = []
        self._folder: TempFolder | None = None
        self._saved, self._is_new = time.monotonic(), False
        try:
            self.rows = self._connect()
            self._update()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> StoreIndex:
        return self

    def __exit__(self, *error) -> None:
        try:
            # On a disk that cannot be written to, the next index reads the headers again.
            with contextlib.suppress(sqlite3.Error, OSError):
                self._save()
        finally:
            self._close()

    def totals(self) -> dict[str, int]:
        """Sums over the intact files: videos, segments, frames; and the bytes of all files."""
        videos, segments, frames = self.rows.execute(
            "SELECT COUNT(*), COALESCE(SUM(segments), 0), COALESCE(SUM(frames), 0) FROM videos "
            "WHERE problem = ''"
        ).fetchone()
        (size,) = self.rows.execute("SELECT COALESCE(SUM(bytes), 0) FROM videos").fetchone()
        return {"videos": videos, "segments": segments, "frames": frames, "bytes": size}

    def decoders(self) -> dict[str, int]:
        """How many videos each decoder read."""
        return dict(
            self.rows.execute(
                "SELECT decoder, COUNT(*) FROM videos WHERE problem = '' GROUP BY decoder ORDER BY decoder"
            )
        )

    def remarks(self) -> dict[str, list[str]]:
        """Keys of REMARKS -> ids of the intact videos for which they hold, sorted."""
        return {key: self.ids(f"remarks LIKE '%,{key},%' AND problem = ''") for key in REMARKS}

    def ids(self, condition: str = "1") -> list[str]:
        """Ids for which an SQL condition over the columns of the table holds, sorted."""
        rows = self.rows.execute(f"SELECT video_id FROM videos WHERE {condition} ORDER BY video_id")
        return [video_id for (video_id,) in rows]

    def verify(self, *, again: bool) -> Iterator[tuple[str, str]]:
        """Read every byte of the files; yields (video id, problem or ""). again: also of verified files."""
        for video_id in self.ids("1" if again else "verified = 0"):
            try:
                self.store.verify(video_id)
                problem = ""
            except StoreError as error:
                problem = str(error)
            self._is_new = True
            self.rows.execute(
                "UPDATE videos SET verified = ?, problem = ? WHERE video_id = ?",
                (not problem, problem, video_id),
            )
            if time.monotonic() > self._saved + SAVE_SECONDS:  # a run that is killed keeps what it verified
                with contextlib.suppress(sqlite3.Error, OSError):
                    self._save()
            yield video_id, problem

    def _update(self) -> None:
        """List the store once; read the headers of new and changed files."""
        self.rows.execute(
            "CREATE TEMP TABLE seen (video_id TEXT PRIMARY KEY, bytes INTEGER, state TEXT) WITHOUT ROWID"
        )
        listing = ((name.removesuffix(SUFFIX), size, state) for name, size, state in self._listing())
        self.rows.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", listing)
        gone = self.rows.execute(
            "DELETE FROM videos WHERE video_id NOT IN (SELECT video_id FROM seen)"
        ).rowcount
        self._is_new = gone > 0
        while batch := self.rows.execute(OUTDATED, (BATCH,)).fetchall():
            self._is_new = True
            rows = (self._row(*each) for each in batch)
            self.rows.executemany("INSERT OR REPLACE INTO videos VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", rows)
            self.rows.commit()

    def _listing(self) -> Iterator[tuple[str, int, str]]:
        if not self.store.packed:
            yield from self.store.listing(self.problems.append)
            return
        size = Path(self.store.root).stat().st_size
        ids = self.store.ids(self.problems.append)
        for number, video_id in enumerate(ids):  # shares that add up to the size of the file
            yield video_id, size * (number + 1) // len(ids) - size * number // len(ids), ""

    def _row(self, video_id: str, size: int, state: str) -> tuple:
        try:
            video = self.store.header(video_id)
        except StoreError as error:
            return video_id, size, state, 0, 0, "", "", str(error)
        decode = video.decode
        return (
            *(video_id, size, state, video.num_segments, video.num_frames),
            printable(decode.get("decoder") or "imported")[:LONGEST_NAME],
            "".join(f",{key}," for key in remarks_of(decode, video.num_frames)),
            "",
        )

    def _path(self) -> Path | None:
        """Where the index lies; None for a packed store, whose index is in memory."""
        try:
            return None if self.store.packed else self.store.files.index_path(INDEX_FILE)
        except OSError:  # no folder for it
            return None

    def _connect(self) -> sqlite3.Connection:
        """A copy of the index of an earlier run if we wrote that, otherwise an empty one."""
        try:
            self._folder = TempFolder("vad-index-")
            copy, path = self._folder.path / "index.sqlite", self._path()
            if path is not None and _copy_own(path, copy):
                try:
                    rows = _open(copy)
                    rows.execute(PROBE).fetchone()
                    return rows
                except sqlite3.Error:  # of another version
                    copy.unlink(missing_ok=True)
            return _open(copy)
        except (OSError, sqlite3.Error):  # no space for temporary files
            return _open(Path(":memory:"))

    def _save(self) -> None:
        """Put the copy into the store, unless it holds nothing new."""
        self._saved = time.monotonic()
        path = self._path()
        self.rows.commit()
        if path is None or self._folder is None or not self._is_new:
            return
        copy = self._folder.path / "index.sqlite"
        if not copy.is_file():
            return
        atomic.sweep(path.parent)
        # Not atomic.writing, which would follow a link: whatever has this name is replaced itself.
        partial = atomic.partial_path(path)
        try:
            digest = _copied(copy, partial)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        self._is_new = False
        LEDGER.add(digest)
        LEDGER.flush()

    def _close(self) -> None:
        if hasattr(self, "rows"):
            self.rows.close()
        if self._folder is not None:
            self._folder.close()


def _copy_own(path: Path, copy: Path) -> bool:
    """Copy an index if this user's programs wrote it; SQLite sees no other."""
    try:
        if not path.is_symlink() and _copied(path, copy) in LEDGER:
            return True
    except (OSError, ForeignFileError):
        pass
    copy.unlink(missing_ok=True)
    return False


def _copied(path: Path, copy: Path) -> bytes:
    """Copy a file; returns what the ledger knows its content by."""
    sha256 = hashlib.sha256()
    with open_regular(path, largest=LARGEST) as source, copy.open("wb") as target:
        while block := source.read(BLOCK):
            sha256.update(block)
            target.write(block)
    return digest_of("index", sha256.hexdigest())


def _open(path: Path) -> sqlite3.Connection:
    rows = sqlite3.connect(path)
    # A copy of our own, which nobody else opens: no waiting for the disk.
    for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", TABLE):
        rows.execute(statement)
    rows.commit()
    return rows
