"""Figures say what their numbers say: points worked out by hand, and a file for each."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_curve

from data_lists import Video, frame_labels, load_split
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import Provenance, ScoredVideo, Summary
from score.evaluation.online.online_results import OnlineResults, OnlineThreshold
from score.metrics import Curve
from score.metrics.alert_curve import CurvePoint
from score.report.figures import FIGURES, LIGHT, Material, draw, write_figures
from score.report.figures.calibration import calibrate
from score.report.figures.comparison import comparison_rows
from score.report.figures.curves import GRID, oracle_corner, precision_on_grid, roc_on_grid
from score.report.figures.online import values_at
from score.report.figures.theme import plain, to_svg
from score.report.figures.threshold import f1_at
from score.report.figures.training import mean_by_epoch
from score.runs.training_log import SeedLog, read_training

CLASSES = ("Normal", "Fight", "Fire")


def scored(video_id, event_class="Normal", span=(), seeds=2, frames=40):
    rng = np.random.default_rng(sum(map(ord, video_id)))
    video = Video(video_id, event_class, frames, (span,) if span else ())
    scores = rng.random((seeds, frames))
    probability = rng.dirichlet(np.ones(3), size=seeds)
    return ScoredVideo(
        video, frame_labels(video, frames), scores, scores.max(axis=1), class_probability=probability
    )


def evaluation(**changes):
    videos = [scored("a", "Fight", (8, 18)), scored("b", "Fire", (20, 30)), scored("c"), scored("d")]
    options = {"resamples": 20, "event_classes": CLASSES} | changes
    return evaluate_videos(videos, Provenance("trial"), **options)


def with_online(found):
    """The same evaluation with a curve of three points for each seed, and a threshold without a number."""
    curve = (
        CurvePoint(0.9, 0.0, 1.0, None),
        CurvePoint(0.5, 10.0, 0.5, 2.0),
        CurvePoint(0.1, 30.0, 0.0, 1.0),
    )
    online = OnlineResults(
        2, 64, 5.0, "", 2, 0.1, (OnlineThreshold("chosen", (0.5, 0.5), "fixed"),), (curve, curve)
    )
    values = {"delay": 2.0, "missed": 0.5, "false_alarms": 10.0}
    summaries = {f"{name}_chosen": Summary((value, value)) for name, value in values.items()}
    summaries |= {f"{name}_at_{budget}": Summary((None, None)) for name in values for budget in (1, 5)}
    return replace(found, online=online, summaries=found.summaries | summaries)


def test_the_online_figure_takes_the_lowest_threshold_that_costs_no_more():
    curve = with_online(evaluation()).online.curves[0]
    grid = np.array([0.0, 9.9, 10.0, 29.0, 30.0, 99.0])
    assert values_at(curve, grid, "missed").tolist() == [1.0, 1.0, 0.5, 0.5, 0.0, 0.0]
    assert np.array_equal(
        values_at(curve, grid, "delay"), [np.nan, np.nan, 2.0, 2.0, 1.0, 1.0], equal_nan=True
    )


def logs():
    return [SeedLog(f"seed_{seed}", {"total": [2.0, 1.0]}, {"video_auc": [None, 0.7]}) for seed in (0, 1)]


@pytest.mark.slow
def test_every_figure_is_written_as_png_and_svg(tmp_path):
    written = write_figures(with_online(evaluation()), tmp_path / "figures", training=logs())
    assert {path.name for path in written} == {
        f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")
    }
    for path in written:
        start = path.read_bytes()[:200]
        assert start.startswith(b"\x89PNG") if path.suffix == ".png" else b"<svg" in path.read_bytes()[:600]


@pytest.mark.slow
def test_what_an_evaluation_has_nothing_for_is_not_drawn():
    weak = [ScoredVideo(Video("a", "Fight", 4), None, np.ones((1, 4)), np.ones(1)), scored("n", seeds=1)]
    assert set(draw(Material(evaluate_videos(weak, Provenance("t"), resamples=0)))) == {
        "roc",
        "pr",
        "f1_threshold",
        "timelines",
    }
    normal = evaluate_videos([scored("n", seeds=1)], Provenance("t"), resamples=0)
    assert set(draw(Material(normal))) == {"roc", "pr", "timelines", "calibration"}


def test_a_figure_is_the_same_bytes_again():
    roc = FIGURES["roc"]
    assert to_svg(roc(Material(evaluation()), LIGHT)) == to_svg(roc(Material(evaluation()), LIGHT))


def test_curves_on_a_grid_pass_through_the_points_of_the_curve():
    labels, scores = np.array([1, 0, 1, 0, 0]), np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    curve = Curve.of(labels, scores)
    # from the highest score: found, alarm, found, alarm, alarm
    at = {round(float(rate), 3): value for rate, value in zip(GRID, roc_on_grid(curve), strict=True)}
    assert at[0.0] == 0 and at[0.333] == pytest.approx(1.0, abs=0.01) and at[1.0] == 1
    precision, recall, _ = precision_recall_curve(labels, scores)
    on_grid = precision_on_grid(curve)
    assert (
        on_grid[500] == 1.0 and on_grid[501] == pytest.approx(2 / 3) and on_grid[-1] == pytest.approx(2 / 3)
    )
    assert precision[np.isclose(recall, 1.0)].max() == pytest.approx(2 / 3)


def test_f1_at_a_threshold_equals_sklearn():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 200), rng.integers(0, 20, 200) / 20
    grid = np.array([-1.0, 0.0, 0.05, 0.33, 0.5, 0.95, 0.951, 2.0])
    expected = [f1_score(labels, scores >= threshold, zero_division=0) for threshold in grid]
    assert f1_at(Curve.of(labels, scores), grid) == pytest.approx(expected, abs=1e-12)


def test_calibration_by_hand():
    found = calibrate(np.array([0, 1, 1, 0]), np.array([0.1, 0.3, 0.9, 1.0]), bins=2)
    # lower half: 0.1 and 0.3, one of two anomalous; upper half: 0.9 and 1.0, one of two
    assert found.frames.tolist() == [2, 2]
    assert found.score == pytest.approx([0.2, 0.95]) and found.share == pytest.approx([0.5, 0.5])
    assert found.error == pytest.approx((0.3 + 0.45) / 2)


def test_scores_outside_the_unit_have_no_calibration():
    video = scored("a", "Fight", (8, 18))
    wild = ScoredVideo(video.video, video.label, video.frame_score * 9, video.video_score)
    assert (
        FIGURES["calibration"](
            Material(evaluate_videos([wild, scored("c")], Provenance("t"), resamples=0)), LIGHT
        )
        is None
    )


def test_the_oracle_stands_in_its_corner():
    # 80 frames of anomalous videos, 20 of them anomalous; 80 normal frames elsewhere
    assert oracle_corner(evaluation()) == pytest.approx((60 / 140, 20 / 80))


def test_published_results_stand_beside_those_on_the_same_videos_only():
    assert [row.kind for row in comparison_rows(Material(evaluation()))[1]].count("ours") == 1
    assert len(comparison_rows(Material(evaluation()))[1]) == 2
    videos = [
        ScoredVideo(
            video, frame_labels(video, video.num_frames), np.zeros((1, video.num_frames)), np.zeros(1)
        )
        for video in load_split("shanghaitech", "test")
    ]
    measure, rows = comparison_rows(Material(evaluate_videos(videos, Provenance("all zero"), resamples=0)))
    named = {row.name: row.value for row in rows}
    assert measure == "frame_auc" and named["CLAWS 2020, C3D"] == 0.8967 and named["all zero"] == 0.5
    assert [row.value for row in rows] == sorted(row.value for row in rows)


def test_training_logs_are_read_and_averaged_over_the_seeds_that_got_there(tmp_path):
    for seed, epochs in ((10, 3), (2, 1)):
        folder = tmp_path / f"seed_{seed}"
        folder.mkdir()
        lines = [
            json.dumps({"epoch": epoch + 1, "loss": {"total": 1.0 * seed * epoch}, "validation": {}})
            for epoch in range(epochs)
        ]
        (folder / "metrics.jsonl").write_text("\n".join([*lines, '{"loss": {"to']))
    found = read_training(tmp_path)
    assert [log.seed for log in found] == ["seed_2", "seed_10"]
    assert [log.loss for log in found] == [{"total": [0.0]}, {"total": [0.0, 10.0, 20.0]}]
    assert [log.seed for log in read_training(tmp_path / "seed_2" / "checkpoint.pt")] == []
    assert [log.seed for log in read_training(tmp_path / "seed_2")] == ["seed_2"]
    assert mean_by_epoch([[1.0, None], [3.0, 5.0, 7.0]]).tolist() == [2.0, 5.0, 7.0]
    assert np.isnan(mean_by_epoch([[None], [None]])).all()


def test_words_from_outside_are_no_formulas_and_not_endless():
    assert plain("a$b$") == r"a\$b\$" and plain("a\x00b") == "a�b"
    for length in range(40, 60):  # wherever the cut falls, no dollar is left without its backslash
        assert not re.search(r"(?<!\\)\$", plain("$" + "y$" * length))
    assert len(plain("x" * 99)) == 44 and plain("x" * 99).startswith("…")
    hostile = evaluate_videos(
        [scored("$\\frac{$", "$x^$", (8, 18)), scored("n")], Provenance("$_{"), resamples=0
    )
    # the names of losses come from the log of a run, which may be anybody's
    log = SeedLog("seed_0", {"$\\frac{$.total": [1.0, 2.0], "b.total": [1.0, 2.0]}, {})
    for name, figure in draw(Material(hostile, [log])).items():
        assert to_svg(figure), name
