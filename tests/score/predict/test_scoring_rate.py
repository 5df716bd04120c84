"""predict --every: overlapping segments and segments by the clock, against means taken frame by frame."""

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from extract.presets import PRESETS
from extract.presets.segment_rate import with_segments_every
from extract.store import FeatureStore
from score.cli import main
from score.predict.scoring_rate import specs_every
from score.runs.checkpoint import load_run
from score.scoring.scorer import load_scorer
from support.tiny_checkpoints import train_head
from support.tiny_stores import make_features, make_videos
from support.video_corpus import write_video

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Heads on made rows of the preset motion, and a video that they have not seen."""
    root = tmp_path_factory.mktemp("trained")
    videos = make_videos(4, 4)
    store = FeatureStore.create(root / "store", PRESETS["motion"].spec())
    random = np.random.default_rng(0)
    for video in videos:
        store.write(make_features(video.video_id, random.normal(video.is_anomalous, size=(8, 69))))
    for name, more in (("run", []), ("changes", ["data.segments.changes=add"])):
        overrides = ["train.epochs=1", "data.segments.mode=none", *more]
        train_head(root / name, [store], videos, seeds=1, overrides=overrides)
    write_video(root / "new.mp4", 50, width=64, height=48)
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
    words = (*words, "--store", tmp_path / "store")
    predict(trained / "new.mp4", "--checkpoint", checkpoint, "--every", text, *words)
    # the same by hand: the head on the rows of such segments, and a loop over frames
    store = FeatureStore(tmp_path / "store")
    assert store.spec == with_segments_every(PRESETS["motion"], text).spec()
    video = store.read("new")
    starts = np.ceil(np.arange(len(video.frame_span)) * distance)
    assert video.frame_span[:, 0].tolist() == starts.tolist() and len(starts) > 3
    (seed,) = checkpoint.glob("seed_*")
    segment = load_scorer(seed, device="cpu").score(video).segment_score
    start, stop = video.frame_span.T
    expected = [
        segment[(start <= frame) & (frame < stop)].mean(dtype=np.float64) for frame in range(video.num_frames)
    ]
    np.testing.assert_allclose(frame_scores(tmp_path / "scores.csv"), expected, atol=1e-6)
    assert len(set(expected)) > 3
    assert "new" in (tmp_path / "page.html").read_text()


def test_the_distance_of_training_gives_the_specs_of_a_call_without_it(trained):
    (checkpoint,) = load_run(trained / "run")
    for text in (None, "16", "16 frames"):
        assert specs_every(checkpoint, text) == list(checkpoint.specs)


def test_a_head_on_changes_between_segments_keeps_their_distance(trained):
    said = predict(trained / "new.mp4", "--checkpoint", trained / "changes", "--every", "4", code=2)
    assert "which another distance would alter" in said
    said = predict(trained / "new.mp4", "--checkpoint", trained / "run", "--every", "often", code=2)
    assert "--every often: expected frames, like 8, or seconds, like 0.5s" in said
