"""Runs of different heads that predict together: their mean, their threshold, and who they are."""

import json

import numpy as np
import pytest

from extract.store import FeatureStore
from score.predict.predictor import load_models
from score.scoring.ensemble import load_ensemble
from score.scoring.ensemble_scorer import EnsembleScorer
from support.tiny_checkpoints import make_features, train_head
from support.tiny_trainings import run_cli

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Motion features of eight videos, and runs of two heads on them that share their validation videos."""
    root = tmp_path_factory.mktemp("runs")
    store, videos = make_features(root, each=4)
    for name in ("mil", "mtn"):
        share = ["train.validation_share=0.3"]
        train_head(root / name, [store], videos, name=name, overrides=[*share, "train.epochs=1"])
    return root


def test_a_video_gets_the_mean_of_the_runs_and_its_threshold(trained, tmp_path):
    runs = ["--run", trained / "mil", "--run", trained / "mtn"]
    words = [
        "predict",
        trained / "videos" / "h0.mp4",
        "--run-weights",
        "0.25,0.75",
        "--store",
        tmp_path / "kept",
    ]
    files = [
        "--json",
        tmp_path / "p.json",
        "--viewer",
        tmp_path / "p.html",
        "--device",
        "cpu",
        "--workers",
        1,
    ]
    result = run_cli(*words, *runs, *files)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "p.json").read_text())
    assert [(each["head"], each["weight"]) for each in found["model"]["runs"]] == [
        ("mil", 0.25),
        ("mtn", 0.75),
    ]
    assert found["model"]["title"] == "0.25 mil on motion + 0.75 mtn on motion, 1 seed"
    assert (
        found["model"]["title"] in result.output
        and found["model"]["title"] in (tmp_path / "p.html").read_text()
    )
    ensemble = load_ensemble([trained / "mil", trained / "mtn"], weights="0.25,0.75")
    scorer, store = EnsembleScorer(ensemble, 0), FeatureStore(tmp_path / "kept")
    scores = scorer.score(*scorer.read(ensemble.match_stores([store]), "h0"))
    timeline = found["videos"][0]["timeline"]
    part = store.read("h0")
    middle = np.searchsorted(timeline["frame"], part.frame_span.mean(axis=1), side="right") - 1
    np.testing.assert_allclose(np.array(timeline["score"])[middle], scores.segment_score, atol=1e-6)
    assert found["videos"][0]["video_score"] == pytest.approx(scores.video_score)
    assert found["rule"]["threshold"] == pytest.approx(ensemble.thresholds().mean_frame)
    assert found["rule"]["threshold_from"] == "chosen on 2 validation videos"


def test_a_weight_of_one_predicts_what_the_run_predicts_alone(trained, tmp_path):
    alone = load_models([trained / "mil"])
    both = load_models([trained / "mil", trained / "mtn"], weights="1,0")
    assert both.threshold() == alone.threshold()
    common = [trained / "videos" / "h1.mp4", "--device", "cpu", "--workers", 1]
    for name, runs in (("alone", ["mil"]), ("both", ["mil", "mtn"])):
        words = [word for run in runs for word in ("--checkpoint", trained / run)]
        weights = ["--run-weights", "1,0"] if len(runs) > 1 else []
        assert run_cli("predict", *common, *words, *weights, "--json", tmp_path / name).exit_code == 0
    first, second = (json.loads((tmp_path / name).read_text()) for name in ("alone", "both"))
    assert first["videos"] == second["videos"]


def test_what_is_for_one_run_is_refused_in_one_line(trained):
    video = trained / "videos" / "h0.mp4"
    result = run_cli("predict", video, "--run", trained / "mil", "--run-weights", "equal")
    assert result.exit_code == 2 and "weighs several runs" in result.output
    runs = ["--run", trained / "mil", "--run", trained / "mtn"]
    result = run_cli("predict", video, *runs, "--text", "a person falls")
    assert result.exit_code == 2 and "--text is for one run" in result.output
    result = run_cli("predict", video, "--run", trained / "mil", "--run", trained / "mil" / "seed_0")
    assert result.exit_code == 2 and "are the same run" in result.output
