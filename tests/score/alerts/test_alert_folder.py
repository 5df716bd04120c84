"""Retention: the oldest go first, and never anything that an alert of ours did not write."""

import json
import os

import pytest

from extract.runtime.line_files import append_line
from score.alerts.alert_event import iso_time
from score.alerts.alert_folder import AlertFolder, hold
from score.alerts.alert_names import NAME
from score.alerts.retention_clock import RetentionClock
from support.tiny_stores import make_spec

SPEC = make_spec()
DAY = 86_400.0
IDS = [f"2026113{day}T120000-yard-0000000{day}" for day in range(5)]


def filled(root, *, sizes=(1000,) * 5, **limits) -> AlertFolder:
    """A folder with five alerts, one a day, each with a clip of that many bytes and a picture of ten."""
    folder = AlertFolder(root, **limits)
    for day, (alert_id, size) in enumerate(zip(IDS, sizes, strict=True)):
        folder.record(alert_id, now=day * DAY)
        folder.clip(alert_id).write_bytes(b"c" * size)
        folder.write_picture(alert_id, b"p" * 10)
    return folder


def left(folder):
    return [alert_id for alert_id in IDS if folder.clip(alert_id).exists()]


def test_what_is_too_old_is_removed(tmp_path):
    folder = filled(tmp_path / "alerts", days=2.5)
    assert folder.prune(now=5 * DAY) == IDS[:3] and left(folder) == IDS[3:]
    assert not any(folder.picture(alert_id).exists() for alert_id in IDS[:3])
    assert [alert_id for alert_id, _ in folder.recorded()] == IDS[3:]
    assert folder.prune(now=5 * DAY) == []


def test_the_oldest_beyond_the_bytes_are_removed(tmp_path):
    folder = filled(tmp_path / "alerts", sizes=(1000, 2000, 3000, 400, 500), gigabytes=4e-6)
    # 6950 bytes in all: without the first 5940, without the second 3930
    assert folder.prune(now=0) == IDS[:2] and left(folder) == IDS[2:]


def test_open_and_held_alerts_stay_whatever_their_age_and_size(tmp_path):
    folder = filled(tmp_path / "alerts", days=0, gigabytes=0)
    hold(folder.root, IDS[1])
    assert folder.prune(open_ids={IDS[0]}, now=99 * DAY) == IDS[2:] and left(folder) == IDS[:2]


def test_only_our_own_regular_files_are_removed(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("p")
    (tmp_path / "elsewhere").mkdir()
    folder = filled(tmp_path / "alerts", days=0)
    other = "20200101T000000-other-12345678"  # has the form of ours, but was not written here
    folder.clip(other).write_bytes(b"o")
    (folder.root / "clips" / "holiday.mp4").write_bytes(b"h")
    folder.clip(IDS[0]).unlink()
    folder.clip(IDS[0]).symlink_to(precious)  # a link in place of a clip
    folder.clip(IDS[1]).unlink()
    folder.clip(IDS[1]).mkdir()  # a folder in place of one
    moved = tmp_path / "elsewhere" / "pictures"
    os.rename(folder.root / "pictures", moved)
    (folder.root / "pictures").symlink_to(moved)  # a link in place of a folder
    assert folder.prune(now=9 * DAY) == IDS
    assert precious.read_text() == "p" and folder.clip(IDS[0]).is_symlink() and folder.clip(IDS[1]).is_dir()
    assert folder.clip(other).exists() and (folder.root / "clips" / "holiday.mp4").exists()
    assert len(list(moved.iterdir())) == 5 and left(folder) == IDS[:2]


class Times:
    """A wall clock that can be set, and seconds that cannot."""

    def __init__(self, wall: float):
        self.wall, self.steady = wall, 500.0

    def pass_by(self, seconds: float) -> None:
        self.wall, self.steady = self.wall + seconds, self.steady + seconds

    def folder(self, root, **limits) -> AlertFolder:
        clock = RetentionClock(lambda: self.wall, lambda: self.steady)
        return AlertFolder(root, days=30, clock=clock, **limits)


def keep(folder, name):
    folder.record(name)
    folder.clip(name).write_bytes(b"c")


def test_a_clock_that_jumps_forward_for_a_while_removes_nothing(tmp_path):
    times = Times(2000 * DAY)
    first = times.folder(tmp_path / "alerts")
    keep(first, IDS[0])
    first.close()
    times.pass_by(DAY)
    folder = times.folder(tmp_path / "alerts")
    keep(folder, IDS[1])
    times.wall += 4000 * DAY
    assert folder.prune() == []
    times.pass_by(0.9 * DAY)
    assert folder.prune() == []
    times.wall -= 4000 * DAY
    assert folder.prune() == [] and left(folder) == IDS[:2]
    times.pass_by(28.5 * DAY)  # 30.4 and 29.4 days after they were recorded
    assert folder.prune() == IDS[:1]
    times.pass_by(DAY)
    assert folder.prune() == IDS[1:2] and left(folder) == []


def test_a_clock_that_is_set_right_after_the_start_removes_nothing_early_now_or_in_the_next_watch(tmp_path):
    times = Times(0.0)  # a machine without a battery for its clock
    folder = times.folder(tmp_path / "alerts")
    keep(folder, IDS[0])
    times.pass_by(60)
    times.wall += 2000 * DAY
    for _ in range(3):
        times.pass_by(DAY)
        assert folder.prune() == []
    folder.close()
    folder = times.folder(tmp_path / "alerts")
    times.pass_by(26 * DAY)
    assert folder.prune() == [] and left(folder) == IDS[:1]
    times.pass_by(2 * DAY)
    assert folder.prune() == IDS[:1]


def test_a_step_forward_that_lasts_is_believed(tmp_path):
    times = Times(2000 * DAY)
    first = times.folder(tmp_path / "alerts")
    keep(first, IDS[0])
    first.close()
    folder = times.folder(tmp_path / "alerts")
    times.wall += 40 * DAY
    assert folder.prune() == []
    times.pass_by(DAY)
    assert folder.prune() == IDS[:1]


def write_events(folder, *events):
    """events: (id, event, day)."""
    for name, event, day in events:
        line = {"id": name, "event": event, "time": iso_time(day * DAY)}
        append_line(folder.events, json.dumps(line))


def lines_of(folder):
    found = [json.loads(line) for line in folder.events.read_text().splitlines()]
    return [(each["id"], each["event"]) for each in found]


def test_lines_of_old_alerts_go_as_a_whole_and_those_of_open_and_held_ones_stay(tmp_path):
    folder = AlertFolder(tmp_path / "alerts", days=2.5)
    hold(folder.root, IDS[3])
    write_events(
        folder,
        *((name, "new", 0) for name in IDS),
        (IDS[0], "end", 1),  # over, and old
        (IDS[1], "end", 3),  # over for less than two and a half days
        (IDS[3], "end", 0),  # held
        (IDS[4], "end", 0),  # open says the watch, as after an end that was sent twice
        ("20261130T120000-yard-00000009", "missed", 0),
        ("no id of ours", "end", 0),
    )
    append_line(folder.events, '{"my": "own line"}')
    folder.prune(open_ids={IDS[4]}, now=5 * DAY)
    *kept, own = folder.events.read_text().splitlines()
    assert own == '{"my": "own line"}'
    append_line(folder.events, own)
    kept = [(each["id"], each["event"]) for each in map(json.loads, kept)]
    assert kept == [
        *((name, "new") for name in IDS[1:]),
        *((name, "end") for name in (IDS[1], IDS[3], IDS[4])),
        ("no id of ours", "end"),
    ]


def test_lines_are_looked_at_once_a_day_and_age_by_the_clock_that_does_not_jump(tmp_path):
    times = Times(2000 * DAY)
    folder = times.folder(tmp_path / "alerts")
    for name in IDS[:2]:
        folder.record(name)
        write_events(folder, (name, "end", 2000))
    times.wall += 400 * DAY
    folder.prune()
    assert len(lines_of(folder)) == 2
    times.pass_by(30.5 * DAY)
    folder.prune()
    assert lines_of(folder) == []
    write_events(folder, (IDS[2], "end", 0))
    folder.prune()
    assert lines_of(folder) == [(IDS[2], "end")]
    times.pass_by(DAY)
    folder.prune()
    assert lines_of(folder) == []


HOSTILE = ["../../precious", "/etc/passwd", IDS[0] + "/../../x", IDS[0] + "\n", "", "..", None, 7, ["a"]]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_line_of_a_file_leads_out_of_the_folder(tmp_path, name):
    precious = tmp_path / "precious.mp4"
    precious.write_text("p")
    folder = filled(tmp_path / "alerts", days=0)
    lines = [json.dumps({"id": name, "time": 0}), "[", "7", "{}", '{"id": "a", "time": "b"}', "[" * 9999]
    (folder.root / ".kept.jsonl").write_text("\n".join(lines) + "\n")
    assert folder.prune(now=9 * DAY) == [] and left(folder) == IDS and precious.exists()
    if isinstance(name, str):
        assert not NAME.fullmatch(name)
        for method in (folder.clip, folder.picture, folder.record):
            with pytest.raises(ValueError, match="is not the id of an alert"):
                method(name)


def test_a_second_watch_and_a_folder_of_something_else_are_refused(tmp_path):
    first = AlertFolder(tmp_path / "alerts")
    with pytest.raises(ValueError, match="another watch writes its alerts here"):
        AlertFolder(tmp_path / "alerts")
    first.close()
    AlertFolder(tmp_path / "alerts", [SPEC]).close()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "alerts.jsonl").write_text("my own notes\n")
    with pytest.raises(ValueError, match="which this would replace"):
        AlertFolder(tmp_path / "notes")
    with pytest.raises(ValueError, match="lies in the feature store"):
        AlertFolder(tmp_path / "alerts" / "features" / SPEC.preset / "alerts")
