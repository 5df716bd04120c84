"""What is in a store, file by file: an SQLite file that may be thrown away at any time and is then made anew.

A row holds while its file has the same size and time of change, so that asking about a million videos opens only what
is new. The store itself never depends on it.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from extract.store import FeatureStore, StoreError
from extract.store.local_files import SUFFIX, LocalFiles

INDEX_FILE = ".index.sqlite"
BATCH = 10_000  # rows at once
KEPT_EVERY = 500  # verified files
TABLE = """
CREATE TABLE IF NOT EXISTS videos (
    video_id TEXT PRIMARY KEY, bytes INTEGER, changed INTEGER,
    segments INTEGER, frames INTEGER, decoder TEXT, messages INTEGER, complete INTEGER,
    problem TEXT,     -- why the file cannot be read; empty for a sound one
    verified INTEGER  -- 1 once every byte was read against its checksum
) WITHOUT ROWID
"""
LOCK_SECONDS = 30.0


class StoreIndex:
    """The index of one store, up to date as of its opening. Use as a context manager."""

    def __init__(self, store: FeatureStore):
        self.store = store
        self.rows = _connect(_place(store))
        try:
            self._update()
        except sqlite3.OperationalError:  # locked, or a full disk: no reason to throw it away
            self.rows.close()
            raise
        except sqlite3.DatabaseError:  # damaged further in: away with it
            self.rows.close()
            self.rows = _connect(_place(store), anew=True)
            self._update()
        except BaseException:
            self.rows.close()
            raise

    def __enter__(self) -> StoreIndex:
        return self

    def __exit__(self, *error) -> None:
        with contextlib.suppress(
            sqlite3.Error
        ):  # a disk that cannot be written to: the next one reads the headers again
            self.rows.commit()
        self.rows.close()

    def totals(self) -> dict[str, int]:
        """Sums over the sound files: videos, segments, frames, and the bytes of all."""
        videos, segments, frames = self.rows.execute(
            "SELECT COUNT(*), COALESCE(SUM(segments), 0), COALESCE(SUM(frames), 0) FROM videos WHERE problem = ''"
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
        return [
            name
            for (name,) in self.rows.execute(
                f"SELECT video_id FROM videos WHERE {condition} ORDER BY video_id"
            )
        ]

    def verify(self, *, again: bool) -> Iterator[tuple[str, str]]:
        """Read every byte of the files; yields (video id, what is wrong with it or ""). again: verified ones too."""
        for number, video_id in enumerate(self.ids("1" if again else "verified = 0"), start=1):
            if number % KEPT_EVERY == 0:  # whoever stops it keeps what is known
                with contextlib.suppress(sqlite3.OperationalError):
                    self.rows.commit()
            try:
                self.store.verify(video_id)
                problem = ""
            except StoreError as error:
                problem = str(error)
            with contextlib.suppress(
                sqlite3.OperationalError
            ):  # another process has it: this one's knowledge is not kept
                self.rows.execute(
                    "UPDATE videos SET verified = ?, problem = ? WHERE video_id = ?",
                    (not problem, problem, video_id),
                )
            yield video_id, problem

    def _update(self) -> None:
        """One pass over the names; headers are read of what is new or has changed."""
        self.rows.execute(
            "CREATE TEMP TABLE seen (video_id TEXT PRIMARY KEY, bytes INTEGER, changed INTEGER) WITHOUT ROWID"
        )
        listing = ((name.removesuffix(SUFFIX), size, changed) for name, size, changed in self._listing())
        self.rows.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", listing)
        self.rows.execute("DELETE FROM videos WHERE video_id NOT IN (SELECT video_id FROM seen)")
        new = (
            "SELECT seen.video_id, seen.bytes, seen.changed FROM seen LEFT JOIN videos USING (video_id) WHERE "
            "videos.video_id IS NULL OR videos.bytes != seen.bytes OR videos.changed != seen.changed LIMIT ?"
        )
        while batch := self.rows.execute(new, (BATCH,)).fetchall():
            rows = (self._row(*each) for each in batch)
            self.rows.executemany("INSERT OR REPLACE INTO videos VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", rows)
            with contextlib.suppress(sqlite3.OperationalError):
                self.rows.commit()

    def _listing(self) -> Iterator[tuple[str, int, int]]:
        if not self.store.packed:
            yield from self.store.files.listing()
            return
        size = self.store.root.stat().st_size
        ids = self.store.ids()
        for number, video_id in enumerate(ids):  # the shares add up to the whole file
            yield video_id, size * (number + 1) // len(ids) - size * number // len(ids), 0

    def _row(self, video_id: str, size: int, changed: int) -> tuple:
        try:
            video = self.store.header(video_id)
        except StoreError as error:
            return video_id, size, changed, 0, 0, "", 0, 0, str(error)
        decode = video.decode
        return (
            video_id,
            size,
            changed,
            video.num_segments,
            video.num_frames,
            decode.get("decoder", "imported"),
            int(decode.get("messages", 0)),
            int(decode.get("complete", True)),
            "",
        )


def _place(store: FeatureStore) -> Path | None:
    """Where the index lies: in the store's folder; beside the local copies for an address; nowhere for a packed store."""
    if store.packed:
        return None
    if isinstance(store.files, LocalFiles):
        return store.root / INDEX_FILE
    return store.files.cache() / f"{hashlib.sha256(str(store.root).encode()).hexdigest()[:16]}{INDEX_FILE}"


def _connect(place: Path | None, *, anew: bool = False) -> sqlite3.Connection:
    """The index of an earlier time where it can be used, else an empty one; a copy in memory where nothing can be written.

    anew: the earlier one is damaged.
    """
    if anew and place is not None:
        with contextlib.suppress(OSError):
            place.unlink()
    for attempt in (place, place, None):
        if attempt is None:
            break
        try:
            rows = sqlite3.connect(attempt, timeout=LOCK_SECONDS)
            rows.execute(TABLE)
            rows.execute("SELECT video_id, verified FROM videos LIMIT 1").fetchone()
            rows.execute("BEGIN IMMEDIATE")  # of two at once the second waits and then finds the work done
            return rows
        except sqlite3.OperationalError:  # read-only, locked for long, or no place for it
            break
        except sqlite3.DatabaseError:  # damaged: throw it away
            with contextlib.suppress(OSError):
                attempt.unlink()
    rows = sqlite3.connect(":memory:")
    with contextlib.suppress(sqlite3.Error, OSError):  # what an earlier time found out saves reading headers
        if place is not None and not anew:
            with contextlib.closing(
                sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro", uri=True)
            ) as before:
                before.execute("SELECT video_id, verified FROM videos LIMIT 1").fetchone()
                before.backup(rows)
    rows.execute(TABLE)
    return rows
