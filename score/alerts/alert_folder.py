"""The folder of alerts: where clips, pictures and features lie, and which are removed after a time.

    alerts.jsonl            one line per event (event_log.py)
    clips/ID.mp4  pictures/ID.jpg  features/PRESET/ID.h5
    open/ID.json            the latest event of an alert that is open (interrupted_alerts.py)
    held/ID                 empty: nothing removes that alert (score.alerts.alert_folder.hold)
    .kept.jsonl             ids of what was written here; nothing else is ever removed

An id is checked against alert_names.NAME wherever it comes from: no line of a file leads out of the folder.
"""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from extract.runtime.atomic import sweep, write_bytes, write_text
from extract.runtime.file_lock import lock_exclusively
from extract.runtime.foreign.text_files import read_text
from extract.runtime.line_files import append_line
from extract.store import FeatureSpec
from extract.store.output_file import check_output, check_output_folder
from score.alerts.alert_names import NAME
from score.alerts.clips.clip_writer import ClipStores
from score.alerts.event_log import remove_old_lines
from score.alerts.retention_clock import RetentionClock

EVENTS, KEPT, HELD, LOCK = "alerts.jsonl", ".kept.jsonl", "held", ".lock"
CLIPS, PICTURES, FEATURES = "clips", "pictures", "features"
DAY_SECONDS = 86_400.0


class AlertFolder:
    """Opens or makes the folder; one process at a time. Raises ValueError, StoreError and OSError.

    days, gigabytes: what is older, and the oldest beyond so much, is removed by `prune`; 0 keeps nothing but
    open and held alerts.
    """

    def __init__(
        self,
        root: Path,
        specs: Sequence[FeatureSpec] = (),
        *,
        days: float = 30.0,
        gigabytes: float = 10.0,
        clock: RetentionClock | None = None,
    ):
        check_output_folder(Path(root), option="--alerts")
        # The folder may be named by a link; below it none is followed.
        self.root, self.days, self.gigabytes = Path(os.path.realpath(root)), days, gigabytes
        self.root.mkdir(parents=True, exist_ok=True)
        check_output(self.root / EVENTS, "alerts", option="--alerts")
        self._recording, self._clock = threading.Lock(), clock or RetentionClock()
        self._lines_due = self._clock.steady()
        self._lock = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            lock_exclusively(self._lock, str(self.root), wait=False)
        except BlockingIOError:
            os.close(self._lock)
            raise ValueError(
                f"{self.root}: another watch writes its alerts here; name another folder"
            ) from None
        for name in (CLIPS, PICTURES, HELD):
            (self.root / name).mkdir(exist_ok=True)
            sweep(self.root / name)
        self.stores = ClipStores(self.root / FEATURES, specs)
        for store in self.stores.stores:
            store.remove_stale()

    @property
    def events(self) -> Path:
        return self.root / EVENTS

    def clip(self, alert_id: str) -> Path:
        return self.root / CLIPS / f"{_checked(alert_id)}.mp4"

    def picture(self, alert_id: str) -> Path:
        return self.root / PICTURES / f"{_checked(alert_id)}.jpg"

    def record(self, alert_id: str, *, now: float | None = None) -> None:
        """Note that files of an alert will be written, before they are. now: Unix time."""
        with self._recording:
            now = self._clock.stamp(_checked(alert_id)) if now is None else now
            kept = {"id": _checked(alert_id), "time": round(now, 3)}
            append_line(self.root / KEPT, json.dumps(kept))

    def write_picture(self, alert_id: str, jpeg: bytes) -> str:
        """The path of the picture below the root."""
        write_bytes(self.picture(alert_id), jpeg, durable=False)
        return f"{PICTURES}/{alert_id}.jpg"

    def recorded(self) -> list[tuple[str, float]]:
        """(id, Unix time) of what was written here and not removed, oldest first."""
        try:
            lines = read_text(self.root / KEPT).splitlines() if (self.root / KEPT).exists() else []
        except ValueError:  # not a text file of ours any more: then nothing is ours
            return []
        found: dict[str, float] = {}
        for line in lines:
            try:
                kept = json.loads(line)
                alert_id, when = kept["id"], float(kept["time"])
            except (ValueError, TypeError, KeyError, RecursionError):
                continue
            if isinstance(alert_id, str) and NAME.fullmatch(alert_id) and when == when:
                found.setdefault(alert_id, when)
        return sorted(found.items(), key=lambda each: each[1])

    def prune(self, *, open_ids: Collection[str] = (), now: float | None = None) -> list[str]:
        """Remove the files of alerts that are too old or too many, oldest first; returns their ids.

        Lines of alerts that are too old go too, once a day. now: Unix time, None for that of a clock whose
        jumps remove nothing early.
        """
        with self._recording:
            return self._prune(open_ids, now)

    def _prune(self, open_ids: Collection[str], now: float | None) -> list[str]:
        recorded = dict(self.recorded())
        ages = {
            name: self._clock.age(name, when) if now is None else now - when
            for name, when in recorded.items()
        }
        self._remove_lines(ages, open_ids, now)
        sizes = {name: self._size(name) for name in recorded}
        total, most = sum(sizes.values()), self.gigabytes * 1e9
        gone: list[str] = []
        for alert_id in sorted(ages, key=lambda name: ages[name], reverse=True):
            if not (ages[alert_id] > self.days * DAY_SECONDS or total > most):
                continue
            if alert_id in open_ids or is_held(self.root, alert_id):
                continue
            for path in self._files(alert_id):
                _remove_regular(self.root, path)
            total -= sizes[alert_id]
            self._clock.forget(alert_id)
            gone.append(alert_id)
        left = {name: when for name, when in recorded.items() if name not in set(gone)}
        if now is None:  # else the next watch would take the age by a clock that was wrong
            left = {name: round(self._clock.corrected(name, when), 3) for name, when in left.items()}
        if left != recorded:
            lines = [json.dumps({"id": name, "time": when}) for name, when in left.items()]
            write_text(self.root / KEPT, "".join(f"{line}\n" for line in lines))
        return gone

    def _remove_lines(self, ages: Mapping[str, float], open_ids: Collection[str], now: float | None) -> None:
        # The file may be long, and a day more or less does not matter.
        if self._clock.steady() < self._lines_due:
            return
        self._lines_due = self._clock.steady() + DAY_SECONDS

        def is_old(alert_id: str, when: float) -> bool:
            age = self._clock.age(alert_id, when) if now is None else now - when
            old = ages.get(alert_id, age) > self.days * DAY_SECONDS
            return old and alert_id not in open_ids and not is_held(self.root, alert_id)

        remove_old_lines(self.events, is_old)

    def close(self) -> None:
        """Let another process write here."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _files(self, alert_id: str) -> list[Path]:
        stored = [path / f"{_checked(alert_id)}.h5" for _, path in self.stores.places]
        return [self.clip(alert_id), self.picture(alert_id), *stored]

    def _size(self, alert_id: str) -> int:
        return sum(found.st_size for path in self._files(alert_id) if (found := _regular(self.root, path)))


def hold(root: Path, alert_id: str) -> None:
    """Keep the files of an alert whatever their age, for example because somebody has labelled it."""
    (Path(root) / HELD).mkdir(exist_ok=True)
    write_text(Path(root) / HELD / _checked(alert_id), "")


def is_held(root: Path, alert_id: str) -> bool:
    return os.path.lexists(Path(root) / HELD / _checked(alert_id))


def _checked(alert_id: str) -> str:
    if not NAME.fullmatch(alert_id):
        raise ValueError(f"{alert_id!r:.80} is not the id of an alert")
    return alert_id


def _regular(root: Path, path: Path) -> os.stat_result | None:
    """What a file is, unless it or a folder between it and the root is a link or something else."""
    try:
        for folder in path.relative_to(root).parents:
            if not stat.S_ISDIR(os.lstat(root / folder).st_mode):
                return None
        found = os.lstat(path)
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _remove_regular(root: Path, path: Path) -> None:
    if _regular(root, path) is not None:
        path.unlink(missing_ok=True)
