"""evaluate --online: measures by hand, thresholds of validation videos, and everything that is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from sklearn.metrics import roc_auc_score

from data_lists import frame_labels, write_list
from extract.store import StoreError
from score.cli import main
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluation_settings import RunOptions
from score.metrics.online_alerts import AlertRaiser
from score.report.evaluation_json import SCHEMA
from score.scoring.scorer import load_scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_stores import make_features, make_spec, make_store, make_videos

SPAN = (32, 64)  # frames of the two segments that make_store shifts


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two seeds that looks one segment ahead, its store, and annotated test videos in it."""
    root = tmp_path_factory.mktemp("online")
    train, test = make_videos(8, 8), make_videos(4, 4, prefix="t")
    store = make_store(root / "store", [*train, *test])
    test = [
        replace(
            video,
            num_frames=store.header(video.video_id).num_frames,
            anomaly_spans=(SPAN,) if video.is_anomalous else (),
        )
        for video in test
    ]
    overrides = ("head.score_smoothing=3", "train.epochs=4", "data.segments.mode=none")
    config = resolve(preset_of("mil"), overrides=overrides)
    data = prepare(config, [store], train)
    for seed in (0, 1):
        train_seed(config, data, folder=root / "run" / f"seed_{seed}", seed=seed)
    write_list(root / "test.tsv", test)
    write_list(root / "train.tsv", train)
    return root, store, test


def simple_alerts(scores, threshold):
    """Every high score raises an alert, unless another one was at most 5 s before."""
    high = [place for place, score in enumerate(scores.score) if score >= threshold]
    first = [
        place
        for number, place in enumerate(high)
        if not number or scores.time_span[place, 0] - scores.time_span[high[number - 1], 1] > 5
    ]
    return np.array([(scores.time_span[place, 0], scores.known[place]) for place in first]).reshape(-1, 2)


SIMPLE = AlertRaiser(simple_alerts, 5.0)


def command(*words):
    return CliRunner().invoke(main, ["evaluate", *map(str, words)])


def test_online_measures_are_those_worked_out_by_hand(trained):
    root, store, test = trained
    found = evaluate_run(root / "run", [store], test, RunOptions(resamples=20, online=SIMPLE))
    online, summaries = found.online, found.summaries
    assert online.look_ahead == 1 and online.events == 4
    threshold = dict((each.name, each.threshold) for each in online.thresholds)["chosen"]
    assert threshold == found.thresholds.frame
    for seed in (0, 1):
        scorer = load_scorer(root / "run" / f"seed_{seed}")
        held, labels, delays, false = [], [], [], 0
        for video in test:
            scores = scorer.score(store.read(video.video_id)).segment_score.astype(float)
            # 16 frames at 25 a second; a score is known one segment late, or with the end of the video.
            known = [min(place + 2, len(scores)) * 16 for place in range(len(scores))]
            for frame in range(video.num_frames):
                seen = [score for score, after in zip(scores, known, strict=True) if after <= frame + 1]
                held += seen[-1:]
            labels.append(frame_labels(video, video.num_frames)[known[0] - 1 :])
            high = [place for place in range(len(scores)) if scores[place] >= threshold[seed]]
            # Videos of at most 12 segments: 7.7 s, so that alerts may be 5 s apart in two ways at most.
            alerts = [
                (place * 16, known[place])
                for number, place in enumerate(high)
                if not number or (place - high[number - 1] - 1) * 0.64 > 5
            ]
            true = [raised for start, raised in alerts if video.is_anomalous and start < 64 and raised > 32]
            false += len(alerts) - len(true)
            delays += [(min(true) - 32) / 25] if true else []
        assert summaries["held_frame_auc"].per_seed[seed] == pytest.approx(
            roc_auc_score(np.concatenate(labels), held)
        )
        # The head gives its score of the whole video, later.
        assert summaries["causal_frame_auc"].per_seed[seed] == summaries["frame_auc"].per_seed[seed]
        assert summaries["missed_chosen"].per_seed[seed] == 1 - len(delays) / 4
        hours = sum(video.num_frames - 32 * video.is_anomalous for video in test) / 25 / 3600
        assert summaries["false_alarms_chosen"].per_seed[seed] == pytest.approx(false / hours)
        if delays:
            assert summaries["delay_chosen"].per_seed[seed] == pytest.approx(np.mean(delays))
    assert summaries["causal_frame_auc"].interval is not None


def test_thresholds_of_a_budget_come_from_normal_validation_videos(trained):
    root, store, test = trained
    options = RunOptions(resamples=0, online=SIMPLE)
    found = evaluate_run(root / "run", [store], test, options).online
    # So short videos allow no alarm at one an hour: the threshold is above every score of theirs.
    validation = load_scorer(root / "run" / "seed_0").checkpoint.lists["train"]["held_out"]
    normal = [
        name
        for name, label in zip(validation["video_ids"], validation["event_classes"], strict=True)
        if label == "Normal"
    ]
    for each in found.thresholds[1:]:
        for seed, threshold in enumerate(each.threshold):
            scorer = load_scorer(root / "run" / f"seed_{seed}")
            highest = max(scorer.score(store.read(name)).segment_score.max() for name in normal)
            assert threshold == np.nextafter(float(highest), np.inf)
    assert f"{len(normal)} normal validation video" in found.thresholds[1].source


@pytest.mark.slow
def test_the_command_prints_and_writes_online_measures(trained, tmp_path):
    root, _, _ = trained
    result = command(
        *(root / "run", "--store", root / "store", "--list", root / "test.tsv", "--online"),
        *("--resamples", 10, "--json", tmp_path / "e.json", "--report", tmp_path / "e.html"),
    )
    assert result.exit_code == 0, result.output
    for words in (
        "frame AUC, causal",
        "seconds from event to alert, at the threshold",
        "known 1 segment after",
    ):
        assert words in result.output
    values = json.loads((tmp_path / "e.json").read_text())
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(values)
    assert values["online"]["look_ahead"] == 1 and len(values["online"]["curves"]) == 2
    assert "As if the videos were live" in (tmp_path / "e.html").read_text()


def test_what_cannot_be_measured_online_is_refused_in_one_line(trained, tmp_path):
    root, store, test = trained
    usual = (root / "run", "--store", root / "store", "--online", "--list")
    write_list(tmp_path / "weak.tsv", [replace(video, anomaly_spans=()) for video in test])
    write_list(tmp_path / "more.tsv", [*test, replace(test[0], video_id="absent")])
    for words, message in (
        ((*usual, root / "test.tsv", "--smooth", "median:3"), "which may look ahead"),
        ((*usual, root / "test.tsv", "--smooth", "auto"), "which may look ahead"),
        ((*usual, tmp_path / "weak.tsv"), "4 have none: ta0, ta1, ta2, ta3"),
        ((*usual, tmp_path / "more.tsv", "--missing", "zero"), "1 video missing (absent)"),
        (("--scores", tmp_path, "--online", "--list", root / "test.tsv"), "--online is for RUN"),
    ):
        result = command(*words)
        assert result.exit_code == 2 and message in result.output, result.output
        assert len(result.output.splitlines()) in (1, 4)  # the error alone, or after the usage


def test_a_store_without_a_clock_is_refused(trained, tmp_path):
    root, store, _ = trained
    still = type(store).create(tmp_path / "still", make_spec())
    video = make_features("s", np.random.default_rng(0).normal(size=(6, 6)))
    still.write(replace(video, time_span=np.zeros_like(video.time_span), fps=0.0))
    tested = [replace(make_videos(1, 0)[0], video_id="s", num_frames=96)]
    with pytest.raises(StoreError, match="its segments have no times"):
        evaluate_run(root / "run", [still], tested, RunOptions(online=SIMPLE))
