"""The table on a terminal: a row per camera with its latest numbers, and names that cannot draw on it."""

import io

import numpy as np
from rich.console import Console

from score.alerts.watch_events import CameraState, LiveSegment
from score.live.status_lines import StatusLines
from score.live.status_table import StatusTable


def state(camera, connection="live", *, skipped=0, detail=""):
    return CameraState(camera, connection, detail, 0.0, 90, skipped, 10.0, (0.25, 0.5, 0.75), 3, 9.5)


def segment(camera, score):
    return LiveSegment(
        camera, 0, (0, 16), (0.0, 1.6), (0.0, 1.6), (np.zeros((1, 2)),), score, None, 0.1, False
    )


def test_the_last_table_has_a_row_per_camera_with_its_latest_numbers():
    screen = io.StringIO()
    table = StatusTable(Console(file=screen, force_terminal=True, width=120))
    table.state(state("gate"))
    table.segment(segment("gate", 0.125))
    table.state(state("yard\x1b[2J", "lost", skipped=7))
    table.state(state("gate", skipped=41))
    table.close()
    text = screen.getvalue()
    assert "\x1b[2J" not in text  # a name that would clear the screen
    rows = [line.split() for line in text[text.rindex("camera") :].splitlines()[1:3]]
    assert rows[0] == ["gate", "live", "10.0", "9.5", "41", "3", *"0.25 s 0.50 s 0.75 s".split(), "0.125"]
    assert rows[1][1:6] == ["lost", "10.0", "9.5", "7", "3"] and "0.125" not in rows[1]


def test_a_log_has_a_line_per_change_and_none_in_between(capsys):
    lines = StatusLines()
    for each in (
        state("gate", "connecting"),
        state("gate"),
        state("gate", skipped=5),
        state("gate", "lost", detail="no route"),
    ):
        lines.state(each)
    assert capsys.readouterr().err == "gate: live\ngate: lost: no route\n"
