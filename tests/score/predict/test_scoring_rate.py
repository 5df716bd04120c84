"""predict --every: overlapping segments and segments by the clock, against means taken frame by frame."""

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from data_lists import Video
from extract.pipeline.extractor import run as extract
from extract.pipeline.run_settings import RunSettings
from extract.presets import PRESETS
from extract.presets.segment_rate import with_segments_every
from extract.runtime.progress import Progress
from extract.store import FeatureStore
from score.cli import main
from score.scoring.scorer import load_scorer
from support.tiny_checkpoints import block_video, make_features, train_head, write_h264

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("trained")
    store, videos = make_features(root)
    for name, more in (("run", []), ("changes", ["data.segments.changes=add"])):
        overrides = ["train.epochs=3", "data.segments.mode=none", *more]
        train_head(root / name, [store], videos, seeds=1, overrides=overrides)
    write_h264(root / "new.mp4", block_video(90, hectic=True))
    return root


def predict(*words, code=0) -> str:
    done = CliRunner().invoke(main, ["predict", *map(str, words), "--device", "cpu", "--workers", "1"])
    assert done.exit_code == code, done.output + done.stderr
    return done.output + done.stderr


def frame_scores(path: Path) -> np.ndarray:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["start_frame"]) for row in rows[1:]] == [int(row["stop_frame"]) for row in rows[:-1]]
    return np.concatenate(
        [np.full(int(row["stop_frame"]) - int(row["start_frame"]), float(row["score"])) for row in rows]
    )


@pytest.mark.parametrize("text, distance", [("4", 4), ("0.5s", 12.5)])
def test_frames_take_the_mean_of_the_segments_that_cover_them(trained, tmp_path, text, distance):
    checkpoint = trained / "run"
    words = ("--scores-csv", tmp_path / "scores.csv", "--viewer", tmp_path / "page.html")
    predict(trained / "new.mp4", "--checkpoint", checkpoint, "--every", text, *words)
    # the same by hand: another store, the head on its rows, and a loop over frames
    extract(
        with_segments_every(PRESETS["motion"], text),
        [Video("new")],
        root=trained,
        store_root=tmp_path / "store",
        settings=RunSettings(device="cpu", workers=1),
        progress=Progress(total=0, live=False),
    )
    video = FeatureStore(tmp_path / "store").read("new")
    starts = np.ceil(np.arange(len(video.frame_span)) * distance)
    assert video.frame_span[:, 0].tolist() == starts.tolist() and len(starts) > 5
    (seed,) = checkpoint.glob("seed_*")
    segment = load_scorer(seed, device="cpu").score(video).segment_score
    start, stop = video.frame_span.T
    expected = [
        segment[(start <= frame) & (frame < stop)].mean(dtype=np.float64) for frame in range(video.num_frames)
    ]
    np.testing.assert_allclose(frame_scores(tmp_path / "scores.csv"), expected, atol=1e-6)
    assert "new" in (tmp_path / "page.html").read_text()


def test_the_distance_of_training_gives_the_scores_of_a_call_without_it(trained, tmp_path):
    for name, words in (("plain", ()), ("every", ("--every", 16))):
        path = tmp_path / f"{name}.csv"
        predict(trained / "new.mp4", "--checkpoint", trained / "run", "--scores-csv", path, *words)
    assert (tmp_path / "plain.csv").read_bytes() == (tmp_path / "every.csv").read_bytes()


def test_a_head_on_changes_between_segments_keeps_their_distance(trained):
    said = predict(trained / "new.mp4", "--checkpoint", trained / "changes", "--every", "4", code=2)
    assert "which another distance would alter" in said
    said = predict(trained / "new.mp4", "--checkpoint", trained / "run", "--every", "often", code=2)
    assert "--every often: expected frames, like 8, or seconds, like 0.5s" in said
