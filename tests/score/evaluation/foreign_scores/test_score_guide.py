"""Each line of the guide's table of score forms, run as a command."""

import csv
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from data_lists import Video, frame_labels, write_list
from score.cli import main

GUIDE = Path(__file__).resolve().parents[4] / "score/README.md"
ROW = re.compile(r"^\| (.+) \| `(--scores .+)` \|$", re.MULTILINE)
CLIP, FPS = 16, 30
# 480 frames are 30 clips and 16 seconds; so are the 240 of each half.
VIDEOS = [Video("Abuse/one_x264", "Abuse", 480, ((240, 480),)), Video("two", "Normal", 480)]
PERFECT = {video.video_id: frame_labels(video, 480).astype(float) for video in VIDEOS}


def table(path, head, step, place=lambda start: (start,), shuffled=True):
    rows = [
        (name, *place(start), values[start])
        for name, values in PERFECT.items()
        for start in range(0, 480, step)
    ]
    order = np.random.default_rng(0).permutation(len(rows)) if shuffled else range(len(rows))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head.split(), *(rows[number] for number in order)])


def folder(path):
    path.mkdir()
    for name, values in PERFECT.items():
        np.save(path / f"{name.rsplit('/', 1)[-1]}.npy", values)


def prediction(path):
    videos = [
        {"video": name, "timeline": {"frame": [0, 240, 480], "score": [values[0], values[240]]}}
        for name, values in PERFECT.items()
    ]
    path.write_text(json.dumps({"format_version": 1, "videos": videos}))


def long(path, step):
    np.save(path, np.concatenate([values[::step] for values in PERFECT.values()]))


def backwards(path):
    np.save(path, np.concatenate(list(PERFECT.values())[::-1]))
    (path.parent / "names.txt").write_text("two.mp4\nAbuse/one_x264.mp4\n")


WRITERS = {
    "folder": folder,
    "rows.csv": lambda path: table(path, "video score", 1, lambda _start: (), shuffled=False),
    "frames.csv": lambda path: table(path, "video frame score", 1),
    "spans.csv": lambda path: table(path, "video start end score", CLIP, lambda start: (start, start + CLIP)),
    "segments.csv": lambda path: table(path, "video segment score", CLIP, lambda start: (start // CLIP,)),
    "seconds.csv": lambda path: table(path, "video time score", CLIP, lambda start: (round(start / FPS, 3),)),
    "numbers.json": lambda path: path.write_text(
        json.dumps({name: each.tolist() for name, each in PERFECT.items()})
    ),
    "prediction.json": prediction,
    "named.npz": lambda path: np.savez(path, one=PERFECT["Abuse/one_x264"], two=PERFECT["two"]),
    "long.npy": backwards,
    "clips.npy": lambda path: long(path, CLIP),
    "parts.npy": lambda path: long(path, 240),
    "each_second.npy": lambda path: long(path, FPS),
    "normality.json": lambda path: path.write_text(
        json.dumps({name: (1 - each).tolist() for name, each in PERFECT.items()})
    ),
}
LINES = [options for _, options in ROW.findall(GUIDE.read_text())]


def test_the_table_has_a_line_for_each_form():
    assert [shlex.split(options)[1] for options in LINES] == list(WRITERS)


@pytest.mark.parametrize("options", LINES)
def test_a_line_of_the_table_evaluates_its_form(tmp_path, monkeypatch, options):
    words = shlex.split(options)
    WRITERS[words[1]](tmp_path / words[1])
    write_list(tmp_path / "test.tsv", VIDEOS)
    monkeypatch.chdir(tmp_path)
    common = ["--list", "test.tsv", "--resamples", "0", "--json", "out.json"]
    result = CliRunner().invoke(main, ["evaluate", *words, *common])
    assert result.exit_code == 0, result.output
    assert json.loads(Path("out.json").read_text())["frame_auc"]["mean"] == 1.0
