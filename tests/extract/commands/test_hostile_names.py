"""Folders and stores whose names are not UTF-8, or hold escapes and line breaks, through the commands."""

import json
import os

import pytest
from click.testing import CliRunner

from extract.cli import main
from support.video_corpus import write_video

HEADER = "video_id\tevent_class\tnum_frames\tanomaly_spans\n"


def run(*arguments):
    """Exit code and lines, each of which is printable."""
    done = CliRunner().invoke(main, list(map(str, arguments)))
    lines = done.output.splitlines()
    assert all(line.isprintable() for line in lines), lines
    return done.exit_code, lines


@pytest.mark.slow
def test_a_store_and_videos_in_folders_of_any_name_work(tmp_path):
    videos, store, packed = (
        tmp_path / os.fsdecode(name) for name in (b"v\xff\n\x1b[2J", b"s\xff\nerror: forged", b"p\xff.h5")
    )
    videos.mkdir()
    write_video(videos / "a.mp4", 20)
    (tmp_path / "l.tsv").write_text(HEADER + "a\tNormal\t20\t\nmissing\tNormal\t\t\n")
    code, lines = run(
        "run", "--preset", "motion", "--videos", videos, "--list", tmp_path / "l.tsv", "--store", store
    )
    assert code == 1 and [
        line for line in lines if r"v\xff\n\x1b[2J" in line and line.startswith("failed: missing")
    ]
    assert not [line for line in lines if line.startswith("error")]
    code, lines = run("inspect", store)
    assert code == 0 and lines[0].startswith("1 videos, ")
    code, lines = run("inspect", "--json", store)
    assert code == 0 and json.loads("\n".join(lines))["failures"][0]["video_id"] == "missing"
    assert run("verify", store) == (0, ["1 videos intact, 0 damaged"])
    code, lines = run("pack", store, packed)
    assert code == 0 and lines == [f"1 videos packed: {tmp_path}/p\\xff.h5"]
    assert run("inspect", packed)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "no\udcff\x1b[31m"),
        ("inspect", "no\n\udcff"),
        ("flow", "no\x1b\n.mp4", "--out", "out"),
        ("run", "--preset", "motion", "--videos", ".", "--list", "no\udcff\n.tsv", "--store", "s"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_is_missing_is_named_in_printable_lines(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, lines = run(*arguments)
    assert code in (1, 2) and [line for line in lines if "no\\x" in line or "no\\n" in line]
