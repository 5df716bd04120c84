"""What is in a store, file by file: an SQLite file that may be deleted at any time and is then rebuilt.

A row is valid while its file has the same size and time of change, so a question about a million videos opens
only the new files. The store itself never depends on the index.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from extract.store import FeatureStore, StoreError
from extract.store.store_files import SUFFIX

INDEX_FILE = ".index.sqlite"
BATCH = 10_000  # rows per transaction
COMMIT_EVERY = 500  # verified files
LOCK_SECONDS = 30.0
TABLE = """
CREATE TABLE IF NOT EXISTS videos (
    video_id TEXT PRIMARY KEY, bytes INTEGER, changed INTEGER,
    segments INTEGER, frames INTEGER, decoder TEXT, messages INTEGER, complete INTEGER,
    problem TEXT,     -- why the file cannot be read; empty for a sound one
    verified INTEGER  -- 1 once every byte was read against its checksum
) WITHOUT ROWID
"""
PROBE = "SELECT video_id, verified FROM videos LIMIT 1"  # fails on the table of another version
OUTDATED = (
    "SELECT seen.video_id, seen.bytes, seen.changed FROM seen LEFT JOIN videos USING (video_id) WHERE "
    "videos.video_id IS NULL OR videos.bytes != seen.bytes OR videos.changed != seen.changed LIMIT ?"
)


class StoreIndex:
    """The index of one store, up to date as of its opening; a context manager."""

    def __init__(self, store: FeatureStore):
        self.store = store
        self.rows = _connect(self._path())
        try:
            self._update()
        except sqlite3.OperationalError:  # locked, or a full disk: no reason to discard it
            self.rows.close()
            raise
        except sqlite3.DatabaseError:  # damaged beyond the rows that _connect read
            self.rows.close()
            self.rows = _connect(self._path(), rebuild=True)
            self._update()
        except BaseException:
            self.rows.close()
            raise

    def __enter__(self) -> StoreIndex:
        return self

    def __exit__(self, *error) -> None:
        # On a disk that cannot be written to, the next index reads the headers again.
        with contextlib.suppress(sqlite3.Error):
            self.rows.commit()
        self.rows.close()

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

    def ids(self, condition: str = "1") -> list[str]:
        """Ids for which an SQL condition over the columns of the table holds, sorted."""
        rows = self.rows.execute(f"SELECT video_id FROM videos WHERE {condition} ORDER BY video_id")
        return [video_id for (video_id,) in rows]

    def verify(self, *, again: bool) -> Iterator[tuple[str, str]]:
        """Read every byte of the files; yields (video id, problem or ""). again: also of verified files."""
        for number, video_id in enumerate(self.ids("1" if again else "verified = 0"), start=1):
            if number % COMMIT_EVERY == 0:  # a run that is interrupted keeps what it has verified
                with contextlib.suppress(sqlite3.OperationalError):
                    self.rows.commit()
            try:
                self.store.verify(video_id)
                problem = ""
            except StoreError as error:
                problem = str(error)
            # If another process holds the lock, the result is reported and not kept.
            with contextlib.suppress(sqlite3.OperationalError):
                self.rows.execute(
                    "UPDATE videos SET verified = ?, problem = ? WHERE video_id = ?",
                    (not problem, problem, video_id),
                )
            yield video_id, problem

    def _update(self) -> None:
        """List the store once; read the headers of new and changed files."""
        self.rows.execute(
            "CREATE TEMP TABLE seen (video_id TEXT PRIMARY KEY, bytes INTEGER, changed INTEGER) WITHOUT ROWID"
        )
        listing = ((name.removesuffix(SUFFIX), size, changed) for name, size, changed in self._listing())
        self.rows.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", listing)
        self.rows.execute("DELETE FROM videos WHERE video_id NOT IN (SELECT video_id FROM seen)")
        while batch := self.rows.execute(OUTDATED, (BATCH,)).fetchall():
            rows = (self._row(*each) for each in batch)
            self.rows.executemany("INSERT OR REPLACE INTO videos VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", rows)
            with contextlib.suppress(sqlite3.OperationalError):
                self.rows.commit()

    def _listing(self) -> Iterator[tuple[str, int, int]]:
        if not self.store.packed:
            yield from self.store.files.listing()
            return
        size = Path(self.store.root).stat().st_size
        ids = self.store.ids()
        for number, video_id in enumerate(ids):  # shares that add up to the size of the file
            yield video_id, size * (number + 1) // len(ids) - size * number // len(ids), 0

    def _row(self, video_id: str, size: int, changed: int) -> tuple:
        try:
            video = self.store.header(video_id)
        except StoreError as error:
            return video_id, size, changed, 0, 0, "", 0, 0, str(error)
        decode = video.decode
        return (
            *(video_id, size, changed, video.num_segments, video.num_frames),
            decode.get("decoder", "imported"),
            int(decode.get("messages", 0)),
            int(decode.get("complete", True)),
            "",
        )

    def _path(self) -> Path | None:
        """Where the index lies; None for a packed store, whose index is in memory."""
        return None if self.store.packed else self.store.files.index_path(INDEX_FILE)


def _connect(path: Path | None, *, rebuild: bool = False) -> sqlite3.Connection:
    """The index of an earlier run if it is usable, otherwise an empty one; in memory where nothing can be
    written.

    rebuild: the earlier one is damaged.
    """
    if path is not None:
        if rebuild:
            _delete(path)
        for _ in range(2):  # once more after a damaged file is deleted
            try:
                return _open(path)
            except sqlite3.OperationalError:  # read-only, locked for long, or no folder for it
                break
            except sqlite3.DatabaseError:
                _delete(path)
    rows = sqlite3.connect(":memory:")
    if path is not None and not rebuild:
        # What an earlier run found saves reading headers.
        with contextlib.suppress(sqlite3.Error, OSError):
            uri = f"{path.absolute().as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as before:
                before.execute(PROBE).fetchone()
                before.backup(rows)
    rows.execute(TABLE)
    return rows


def _open(path: Path) -> sqlite3.Connection:
    rows = sqlite3.connect(path, timeout=LOCK_SECONDS)
    rows.execute(TABLE)
    rows.execute(PROBE).fetchone()
    rows.execute("BEGIN IMMEDIATE")  # of two processes here, the second waits and then finds the work done
    return rows


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
