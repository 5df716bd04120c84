"""What is in a store, file by file: an SQLite file that may be deleted at any time and is then rebuilt.

A row is valid while its file is unchanged, so a question about a million videos opens only the new files, and
of these only what others wrote (extract.store.header_summary). The store itself never depends on the index.

Files are compared in blocks of a folder: a block whose names and states have the digest of last time needs no
look at its rows.

A store may come from a stranger, and its index with it. So only an index that this user's programs wrote is
opened, which its digest shows; any other one is replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from extract.runtime import atomic
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.ledger import LEDGER, digest_of
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.temp_folder import TempFolder
from extract.store import FeatureStore, StoreError
from extract.store.header_summary import (
    HeaderSummary,
    StoredFile,
    read_summaries,
    remembered_summaries,
    summary_of,
)
from extract.store.store_files import SUFFIX, FileBlock, blocks_of
from extract.store.video_features import REMARKS

INDEX_FILE = ".index.sqlite"
SAVE_SECONDS = 120.0  # what a verification or a building of hours found is kept this often
LARGEST = 1 << 34  # bytes of an index that is read; ten million videos have 2 GB
BLOCK = 1 << 20
TABLES = (
    """
    CREATE TABLE IF NOT EXISTS videos (
        video_id TEXT PRIMARY KEY, bytes INTEGER, state TEXT,
        segments INTEGER, frames INTEGER, decoder TEXT,
        remarks TEXT,     -- keys of extract.store.video_features.REMARKS, each between commas
        problem TEXT,     -- why the file cannot be read; empty for a sound one
        verified INTEGER  -- 1 once every byte was read against its checksum
    ) WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS remarked ON videos (remarks) WHERE remarks != ''",
    "CREATE INDEX IF NOT EXISTS broken ON videos (problem) WHERE problem != ''",
    "CREATE TABLE IF NOT EXISTS blocks (name TEXT PRIMARY KEY, digest BLOB) WITHOUT ROWID",
    # Sums over the videos; no row if there is no video or they were not counted since a change.
    """
    CREATE TABLE IF NOT EXISTS sums (
        decoder TEXT, is_intact INTEGER, videos INTEGER, segments INTEGER, frames INTEGER, bytes INTEGER
    )
    """,
)
PROBES = (  # which fail on the tables of another version
    "SELECT video_id, state, remarks, verified FROM videos LIMIT 1",
    "SELECT name, digest FROM blocks LIMIT 1",
    "SELECT decoder, is_intact, videos, segments, frames, bytes FROM sums LIMIT 1",
)
COUNT = (
    "INSERT INTO sums SELECT decoder, problem = '', COUNT(*), SUM(segments), SUM(frames), SUM(bytes) "
    "FROM videos GROUP BY 1, 2"
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
        self._count()
        videos, segments, frames = self.rows.execute(
            "SELECT COALESCE(SUM(videos), 0), COALESCE(SUM(segments), 0), COALESCE(SUM(frames), 0) FROM sums "
            "WHERE is_intact"
        ).fetchone()
        (size,) = self.rows.execute("SELECT COALESCE(SUM(bytes), 0) FROM sums").fetchone()
        return {"videos": videos, "segments": segments, "frames": frames, "bytes": size}

    def decoders(self) -> dict[str, int]:
        """How many videos each decoder read."""
        self._count()
        return dict(
            self.rows.execute("SELECT decoder, videos FROM sums WHERE is_intact ORDER BY decoder").fetchall()
        )

    def remarks(self) -> dict[str, list[str]]:
        """Keys of REMARKS -> ids of the intact videos for which they hold, sorted."""
        found: dict[str, list[str]] = {key: [] for key in REMARKS}
        for video_id, remarks in self.rows.execute(
            "SELECT video_id, remarks FROM videos WHERE remarks != '' AND problem = '' ORDER BY video_id"
        ):
            for key in remarks.strip(",").split(",,"):
                if key in found:
                    found[key].append(video_id)
        return found

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
            self._has_changed()
            self.rows.execute(
                "UPDATE videos SET verified = ?, problem = ? WHERE video_id = ?",
                (not problem, problem, video_id),
            )
            self._save_in_time()
            yield video_id, problem

    def _update(self) -> None:
        """List the store once; learn what the headers of new and changed files say."""
        known = dict(self.rows.execute("SELECT name, digest FROM blocks"))
        found: dict[str, bytes] = {}
        listed = 0
        for block in self._blocks(self.problems.append):
            listed += len(block.rows)
            found[block.name] = block.digest()
            if known.get(block.name) != found[block.name]:
                self._learn([each for each in _stored_files(block) if self._is_outdated(each)])
        (rows,) = self.rows.execute("SELECT COUNT(*) FROM videos").fetchone()
        if rows != listed:
            self._forget_removed()
        if found != known:
            self._has_changed()
            self.rows.execute("DELETE FROM blocks")
            self.rows.executemany("INSERT INTO blocks VALUES (?, ?)", found.items())
        self.rows.commit()

    def _blocks(self, on_problem: Callable[[str], None]) -> Iterator[FileBlock]:
        if not self.store.packed:
            return self.store.blocks(on_problem)
        size = Path(self.store.root).stat().st_size
        ids = self.store.ids(on_problem)
        ends = [size * number // max(len(ids), 1) for number in range(len(ids) + 1)]
        shares = (stop - start for start, stop in pairwise(ends))
        names = (video_id + SUFFIX for video_id in ids)
        return blocks_of("", zip(names, shares, strict=True), lambda _row: "")

    def _is_outdated(self, file: StoredFile) -> bool:
        found = self.rows.execute("SELECT bytes, state FROM videos WHERE video_id = ?", (file.video_id,))
        return found.fetchone() != (file.bytes, file.state)

    def _learn(self, files: list[StoredFile]) -> None:
        """Put rows of new and changed files into the index."""
        if not files:
            return
        self._has_changed()
        unknown = files
        if isinstance(self.store.root, Path) and not self.store.packed:
            known = list(zip(files, remembered_summaries(files), strict=True))
            self._put((each, summary, "") for each, summary in known if summary)
            others, unknown = [each for each, summary in known if not summary], []
            for each, summary in read_summaries(others, self.store.path, self.store.spec):
                if summary:
                    self._put([(each, summary, "")])
                else:
                    unknown.append(each)
                self._save_in_time()
        for each in unknown:
            try:
                self._put([(each, summary_of(self.store.header(each.video_id)), "")])
            except StoreError as error:
                self._put([(each, HeaderSummary(0, 0, "", ""), str(error))])
        self.rows.commit()

    def _put(self, learnt: Iterable[tuple[StoredFile, HeaderSummary, str]]) -> None:
        rows = ((*file, *summary, problem) for file, summary, problem in learnt)
        self.rows.executemany("INSERT OR REPLACE INTO videos VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", rows)

    def _forget_removed(self) -> None:
        self._has_changed()
        self.rows.execute("CREATE TEMP TABLE listed (video_id TEXT PRIMARY KEY) WITHOUT ROWID")
        blocks = self._blocks(lambda _problem: None)
        ids = ((video_id,) for block in blocks for video_id in block.ids())
        self.rows.executemany("INSERT OR IGNORE INTO listed VALUES (?)", ids)
        self.rows.execute("DELETE FROM videos WHERE video_id NOT IN (SELECT video_id FROM listed)")

    def _count(self) -> None:
        if self.rows.execute("SELECT 1 FROM sums LIMIT 1").fetchone() is None:
            self.rows.execute(COUNT)

    def _has_changed(self) -> None:
        self._is_new = True
        self.rows.execute("DELETE FROM sums")

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
                    for statement in PROBES:
                        rows.execute(statement).fetchone()
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

    def _save_in_time(self) -> None:
        """Keep what a run has found that may be killed after hours."""
        if time.monotonic() > self._saved + SAVE_SECONDS:
            with contextlib.suppress(sqlite3.Error, OSError):
                self._save()

    def _close(self) -> None:
        if hasattr(self, "rows"):
            self.rows.close()
        if self._folder is not None:
            self._folder.close()


def _stored_files(block: FileBlock) -> list[StoredFile]:
    return [StoredFile(each.name.removesuffix(SUFFIX), each.bytes, each.state) for each in block.files()]


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
    for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", *TABLES):
        rows.execute(statement)
    rows.commit()
    return rows
