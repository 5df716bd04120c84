"""The comparison of review with chance: one line per training, the same ones when it continues."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from data_lists import write_list
from scripts.experiments.review_effect import BEFORE, NOTHING, RANDOM, REVIEW, main
from support.tiny_stores import make_store, make_videos

pytestmark = pytest.mark.slow
SPAN = (32, 64)  # frames of the two segments that make_store shifts


def test_every_choice_is_measured_once_on_videos_that_no_training_saw(tmp_path):
    videos = [
        replace(video, anomaly_spans=(SPAN,) if video.is_anomalous else ())
        for video in make_videos(10, 10, groups=10)
    ]
    make_store(tmp_path / "store", videos)
    write_list(tmp_path / "list.tsv", videos)
    words = f"--store {tmp_path}/store --list {tmp_path}/list.tsv --out {tmp_path}/out --pools 1 --seeds 1"
    words = [*words.split(), *"--seconds 1.3 --labels 1 --labels 3 --set train.epochs=1".split()]
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "results.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    expected = [(BEFORE, 0), (NOTHING, 0), (REVIEW, 1), (REVIEW, 3), (RANDOM, 1), (RANDOM, 3)]
    assert [(row["choice"], row["labels"]) for row in rows] == expected
    assert all(len(row["frame_auc"]) == 1 and 0 <= row["frame_auc"][0] <= 1 for row in rows)
    lists = sorted((tmp_path / "out").glob("pool_0_*/labels/feedback.tsv"))
    assert len(lists) == 4
    for path in lists:
        for line in path.read_text().splitlines()[1:]:
            video_id, _, frames = line.split("\t")[0].rpartition("/")
            start, stop = map(int, frames.split("-"))
            (video,) = (each for each in videos if each.video_id == video_id)
            sees = video.is_anomalous and min(stop, SPAN[1]) - max(start, SPAN[0]) >= 12
            assert ("false alarm" in line) != sees
    again = CliRunner().invoke(main, words, catch_exceptions=False)
    assert again.output == result.output and (tmp_path / "out" / "results.jsonl").read_text() == text
