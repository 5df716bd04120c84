"""Thresholds and smoothing of a run: chosen on its validation videos, refused where there are none."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from data_lists import ListError, write_list
from extract.store import StoreError
from score.cli import main
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluation_settings import RunOptions
from score.evaluation.operating_point import validation_videos
from score.metrics.thresholds import ThresholdRule, ValidationScores
from score.report.evaluation_json import to_json
from score.scoring.frame_scores import spread
from score.scoring.scorer import load_scorer
from score.scoring.smoothing import Smoothing
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_stores import make_store, make_videos

SETTINGS = ["train.epochs=2", "train.batch=8", "head.hidden=[4]", "train.validation_share=0.25"]

NO_SMOOTHING = Smoothing()


def with_spans(videos):
    """Every anomalous video is shifted in its segments 2 and 3."""
    return [replace(video, anomaly_spans=((32, 64),)) if video.is_anomalous else video for video in videos]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store, runs of two seeds with and without videos held out, and a test list."""
    root = tmp_path_factory.mktemp("decision")
    train, test = make_videos(12, 12), with_spans(make_videos(6, 6, prefix="test/"))
    store = make_store(root / "store", [*train, *test])
    for name, share in (("run", 0.25), ("all", 0.0)):
        config = resolve(
            preset_of("mil"),
            overrides=[
                *SETTINGS,
                f"train.validation_share={share}",
                *(["train.select=last"] if not share else []),
            ],
        )
        data = prepare(config, [store], train)
        for seed in (0, 1):
            train_seed(config, data, folder=root / name / f"seed_{seed}", seed=seed)
    write_list(root / "test.tsv", test)
    write_list(root / "val.tsv", with_spans(make_videos(3, 3)))
    return root, store, train, test


def held_out(root):
    return validation_videos(load_scorer(root / "run" / "seed_0").checkpoint.lists)


def scores_of(root, store, videos, smoothing=NO_SMOOTHING):
    """What seed 0 gives the videos, straight from its scorer."""
    scorer = load_scorer(root / "run" / "seed_0")
    frames, scores = [], []
    for video in videos:
        stored = store.read(video.video_id)
        result = scorer.score(stored)
        rows = smoothing(result.segment_score)
        frames.append(
            spread(rows, stored.frame_span, num_frames=stored.num_frames, video_id=video.video_id).score
        )
        scores.append(result.video_score)
    anomalous = np.array([video.is_anomalous for video in videos])
    return ValidationScores(anomalous, np.array(scores), tuple(frames))


def test_a_checkpoint_remembers_the_videos_held_out_with_their_classes(trained):
    root, _, train, _ = trained
    held = held_out(root)
    known = {video.video_id: video.event_class for video in train}
    assert len(held) == 6 and sum(video.is_anomalous for video in held) == 3
    assert all(known[video.video_id] == video.event_class for video in held)
    assert held_out(root) == validation_videos(load_scorer(root / "run" / "seed_1").checkpoint.lists)
    assert not validation_videos(load_scorer(root / "all" / "seed_0").checkpoint.lists)


@pytest.mark.parametrize("rule", ["best-f1", "percentile:80", "gmm"])
def test_thresholds_are_those_of_the_videos_held_out(trained, rule):
    root, store, _, test = trained
    found = evaluate_run(root / "run", [store], test, RunOptions(threshold=rule, resamples=0)).thresholds
    expected = ThresholdRule.parse(rule).choose([scores_of(root, store, held_out(root))])
    assert found.of_seed(0) == expected.of_seed(0)
    assert found.source == "6 validation videos" and len(found.frame) == 2


def test_the_default_threshold_is_the_best_on_validation_videos_or_one_half(trained):
    root, store, _, test = trained
    chosen = evaluate_run(root / "run", [store], test, RunOptions(resamples=0))
    assert (
        chosen.thresholds
        == evaluate_run(root / "run", [store], test, RunOptions(threshold="best-f1", resamples=0)).thresholds
    )
    assumed = evaluate_run(root / "all", [store], test, RunOptions(resamples=0)).thresholds
    assert assumed.of_seed(1) == (0.5, 0.5) and "held no video out" in assumed.source


def test_decisions_are_those_at_the_chosen_thresholds(trained):
    root, store, _, test = trained
    found = evaluate_run(root / "run", [store], test, RunOptions(resamples=0))
    alarms = scores_of(root, store, test)
    frame, video = found.thresholds.of_seed(0)
    right = np.mean((alarms.video_score >= video) == alarms.anomalous)
    assert found.summaries["video_accuracy"].per_seed[0] == pytest.approx(right)
    normal = np.mean(alarms.normal_frames >= frame)
    assert found.summaries["false_alarm_rate_chosen"].per_seed[0] == pytest.approx(normal)


def test_the_test_list_chooses_nothing(trained):
    root, store, _, test = trained
    few, many = (
        evaluate_run(root / "run", [store], videos, RunOptions(smooth="auto", resamples=0))
        for videos in (test[3:9], test)
    )
    assert (
        few.thresholds == many.thresholds and few.operating_point.smoothing == many.operating_point.smoothing
    )


def test_smoothing_is_done_to_segments_before_frames(trained):
    root, store, _, test = trained
    rule = Smoothing.parse("ema:0.5")
    found = evaluate_run(root / "run", [store], test, RunOptions(smooth="ema:0.5", resamples=0))
    expected = scores_of(root, store, test, rule)
    for video, frames in zip(found.videos, expected.frame_score, strict=True):
        np.testing.assert_array_equal(video.frame_score[0], frames)
    plain = evaluate_run(root / "run", [store], test, RunOptions(resamples=0))
    assert (
        plain.operating_point.smoothing == Smoothing() and str(found.operating_point.smoothing) == "ema:0.5"
    )
    assert plain.summaries["video_auc"] == found.summaries["video_auc"]  # the head's own, not smoothed
    assert plain.thresholds.frame != found.thresholds.frame  # chosen on smoothed scores too


def test_choices_without_validation_videos_are_refused(trained):
    root, store, _, test = trained
    for words, message in (
        ({"threshold": "best-f1"}, "--threshold best-f1: the run held no video out"),
        ({"smooth": "auto"}, "--smooth auto: the run held no video out"),
        ({"threshold": "gmm", "smooth": "auto"}, "--threshold gmm and --smooth auto"),
    ):
        with pytest.raises(ValueError, match=message):
            evaluate_run(root / "all", [store], test, RunOptions(**words))
    fixed = evaluate_run(
        root / "all",
        [store],
        test,
        RunOptions(threshold="fixed:0.2", smooth="median:3", resamples=0),
    )
    assert fixed.thresholds.of_seed(0) == (0.2, 0.2) and str(fixed.operating_point.smoothing) == "median:3"


def test_a_store_without_the_validation_videos_leaves_one_half_and_says_so(trained, tmp_path):
    root, _, _, test = trained
    store = make_store(tmp_path / "test_only", test, seed=1)
    found = evaluate_run(root / "run", [store], test, RunOptions(resamples=0))
    assert found.thresholds.assumed and "lacks 6 of 6 validation videos" in found.thresholds.source
    with pytest.raises(ValueError, match="--threshold gmm: .*lacks 6 of 6"):
        evaluate_run(root / "run", [store], test, RunOptions(threshold="gmm"))


def test_a_list_of_its_own_may_bring_spans(trained):
    root, store, _, test = trained
    videos = with_spans(make_videos(3, 3, prefix="val/"))
    make_store(store.root, videos)
    found = evaluate_run(root / "all", [store], test, RunOptions(validation=videos, resamples=0))
    assert "by their spans" in found.thresholds.source and not found.thresholds.assumed
    weak = [replace(video, anomaly_spans=()) for video in videos]
    assert evaluate_run(
        root / "all", [store], test, RunOptions(validation=weak, resamples=0)
    ).thresholds.source == ("6 validation videos")
    with pytest.raises(ListError, match="val/n0"):
        evaluate_run(root / "all", [store], [*test, videos[0]], RunOptions(validation=videos))
    absent = [replace(videos[0], video_id="val/absent"), *videos]
    with pytest.raises(StoreError, match="lacks 1 of 7 validation videos: val/absent"):
        evaluate_run(root / "all", [store], test, RunOptions(validation=absent))


def test_validation_videos_that_were_trained_on_are_reported(trained):
    root, store, train, test = trained
    found = evaluate_run(
        root / "all", [store], test, RunOptions(validation=train[:2] + train[-2:], resamples=0)
    )
    assert any("4 of 4 validation videos were trained on" in note for note in found.notes)
    assert not any(
        "trained on" in note
        for note in evaluate_run(root / "run", [store], test, RunOptions(resamples=0)).notes
    )


def test_the_command_prints_what_was_chosen(trained, tmp_path):
    root, _, _, _ = trained
    words = [
        "evaluate",
        root / "run",
        "--store",
        root / "store",
        "--list",
        root / "test.tsv",
        "--json",
        tmp_path / "o",
    ]
    result = CliRunner().invoke(main, [*map(str, words), "--smooth", "auto"])
    assert result.exit_code == 0 and "(best-f1: 6 validation videos)" in result.output, result.output
    assert "--smooth auto chose" in result.output
    values = json.loads((tmp_path / "o").read_text())
    assert values["threshold"]["rule"] == "best-f1" and len(values["threshold"]["frame"]) == 2
    result = CliRunner().invoke(main, [*map(str, words), "--verbose", "--threshold", "fixed:0.4"])
    for text in (
        "decisions at 0.4 (fixed:0.4: given)",
        "video F1",
        "event F1 at tIoU 0.5",
        "mAP@0.3",
        "6 of 12",
    ):
        assert text in result.output, (text, result.output)
    result = CliRunner().invoke(main, [*map(str, words), "--threshold", "best"])
    assert result.exit_code == 2 and "expected fixed:T, percentile:P, gmm or best-f1" in result.output


def test_a_head_that_predicts_classes_gets_a_confusion_matrix(trained, tmp_path):
    root, store, train, test = trained
    train = [
        replace(video, event_class="Arson") if video.video_id in ("a0", "a3", "a5") else video
        for video in train
    ]
    config = resolve(
        preset_of("multitask"),
        overrides=[
            "train.epochs=1",
            "head.width=8",
            "head.recurrent=4",
            "head.layers=1",
            "head.attention_heads=2",
        ],
    )
    train_seed(config, prepare(config, [store], train), folder=tmp_path / "run" / "seed_0", seed=0)
    test = [replace(test[-1], event_class="Shooting"), *test[:-1]]
    found = evaluate_run(tmp_path / "run", [store], test, RunOptions(resamples=0))
    report = found.classes.report
    assert report.event_classes == ("Normal", "Arson", "Fight", "Shooting")
    assert report.confusion.sum(axis=1).tolist() == [6, 0, 5, 1] and report.confusion[:, 3].sum() == 0
    values = to_json(found)
    assert values["confusion"]["confusion"] == report.confusion.tolist()
    assert values["class_accuracy"]["mean"] == pytest.approx(np.trace(report.confusion) / 12)
    assert values["class_map_tiou"]["mean"] == pytest.approx(
        np.mean([values[f"class_map_tiou_{tiou}"]["mean"] for tiou in (0.1, 0.2, 0.3, 0.4, 0.5)])
    )
    without = to_json(evaluate_run(root / "run", [store], test[1:], RunOptions(resamples=0)))
    assert without["confusion"] is None and "class_map_tiou" not in without


@pytest.mark.parametrize(
    "words, message",
    [
        (["--threshold", "gmm"], "--threshold gmm needs validation videos; for --scores give fixed:T"),
        (["--smooth", "auto"], "--smooth is for RUN"),
        (["--val", "v.tsv"], "--val is for RUN"),
        (["--threshold", "half"], "--threshold half: unknown"),
    ],
)
def test_files_of_scores_choose_nothing(trained, tmp_path, words, message):
    root, _, _, test = trained
    for video in test:
        (tmp_path / video.video_id).parent.mkdir(exist_ok=True)
        np.save(tmp_path / f"{video.video_id}.npy", np.linspace(0, 9, 64 + 16 * (len(video.video_id) % 2)))
    common = ["evaluate", "--scores", tmp_path, "--list", root / "test.tsv"]
    result = CliRunner().invoke(main, [*map(str, common), *words])
    assert result.exit_code == 2 and message in result.output and "Traceback" not in result.output
    result = CliRunner().invoke(main, [*map(str, common), "--threshold", "fixed:5"])
    assert result.exit_code == 0 and "threshold 5 (fixed:5: given)" in result.output, result.output
