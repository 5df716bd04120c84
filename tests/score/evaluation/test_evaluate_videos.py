"""An evaluation of videos: every named measure is there, with the intervals of its draws."""

import json
import time

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from data_lists import Video, frame_labels, load_split
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import OperatingPoint, Provenance, ScoredVideo
from score.evaluation.measure_names import CLASSES, NAMES, NEED_TRUTH, ONLINE, PIXELS
from score.metrics.bootstrap import draw_weights, interval
from score.metrics.thresholds import ThresholdRule
from score.report.evaluation_json import to_json
from score.report.summary import groups


def scored(seeds=2, count=10, seed=0):
    """Videos of 160 frames, every other one with an anomaly in frames 40-100 that scores higher."""
    rng = np.random.default_rng(seed)
    videos = []
    for index in range(count):
        label = np.zeros(160, np.uint8)
        frames = np.repeat(rng.random((seeds, 10)) * 0.6, 16, axis=1)
        if index % 2:
            label[40:100] = 1
            frames[:, 40:100] += 0.3
        video = Video(f"v{index}", "Fight" if index % 4 == 1 else "Arson" if index % 2 else "Normal")
        videos.append(ScoredVideo(video, label, frames, frames.max(axis=1)))
    return videos


def test_every_named_measure_is_there_and_nothing_else():
    found = evaluate_videos(scored(), Provenance("t"), resamples=20)
    # Classes and pixels need a head that predicts them, and --online asks for its own: see test_classes.py,
    # test_pixel_truth.py and the tests of evaluation/online
    assert set(found.summaries) == set(NAMES) - set(CLASSES) - set(PIXELS) - set(ONLINE)
    weak = [ScoredVideo(v.video, None, v.frame_score, v.video_score) for v in scored()]
    without = evaluate_videos(weak, Provenance("t"), resamples=20)
    assert set(without.summaries) == set(found.summaries)
    for name, summary in without.summaries.items():
        assert (summary.mean is None) == (name in NEED_TRUTH), name
        assert summary.mean is not None or "anomaly_spans" in summary.reason, name


def test_all_numbers_are_shares_and_go_into_json():
    found = evaluate_videos(scored(), Provenance("t"), resamples=50)
    values = json.loads(json.dumps(to_json(found), allow_nan=False))
    for name in found.summaries:
        assert (
            set(values[name]) == {"mean", "std", "per_seed", "interval"}
            and len(values[name]["per_seed"]) == 2
        )
        assert 0 <= values[name]["mean"] <= 1, name
        if values[name]["interval"] is not None:
            assert 0 <= values[name]["interval"][0] <= values[name]["interval"][1] <= 1, name
    assert [row["tiou"] for row in values["events"]] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert values["threshold"] == {
        "rule": "fixed:0.5",
        "source": "the default",
        "frame": [0.5],
        "video": [0.5],
    }


@pytest.mark.parametrize(
    "name", ["frame_f1", "video_f1", "false_alarm_rate", "event_f1", "frame_auc_macro", "map_tiou"]
)
def test_an_interval_is_that_of_evaluating_the_drawn_videos(name):
    videos = scored(seeds=1)
    rule = ThresholdRule.parse("fixed:0.55").choose([])
    found = evaluate_videos(
        videos, Provenance("t"), operating_point=OperatingPoint(rule), resamples=40, seed=7
    )
    values = []
    for weights in draw_weights(len(videos), resamples=40, seed=7):
        drawn = [video for video, weight in zip(videos, weights, strict=True) for _ in range(weight)]
        again = (
            evaluate_videos(drawn, Provenance("t"), operating_point=OperatingPoint(rule), resamples=0)
            .summaries[name]
            .mean
        )
        values.append(np.nan if again is None else again)
    assert found.summaries[name].interval == pytest.approx(interval(np.array(values)), abs=1e-12)


def test_videos_of_one_class_of_frames_are_said_not_hidden():
    found = evaluate_videos(scored(), Provenance("t"), resamples=0)
    assert found.macro_videos == 5
    own = [roc_auc_score(v.label, v.frame_score[0]) for v in found.videos if v.label.any()]
    assert found.summaries["frame_auc_macro"].per_seed[0] == pytest.approx(np.mean(own), abs=1e-12)
    rows = {line.name: line.text for _, lines in groups(found) for line in lines}
    assert rows["frame AUC, mean over videos"].endswith("(5 of 10; the others have one class of frames)")


def test_rows_of_classes_by_hand():
    found = evaluate_videos(scored(), Provenance("t"), resamples=0)
    rows = {row.event_class: row for row in found.classes.rows}
    assert list(rows) == ["Arson", "Fight", "Normal"] and rows["Normal"].frame_auc is None
    normal = [v for v in found.videos if not v.label.any()]
    fights = [v for v in found.videos if v.video.event_class == "Fight"]
    label = np.concatenate([v.label for v in fights + normal])
    scores = np.concatenate([v.mean_score for v in fights + normal])
    assert rows["Fight"].frame_auc_with_normal == pytest.approx(roc_auc_score(label, scores), abs=1e-12)
    assert rows["Fight"].alarm_share == np.mean([v.video_score >= 0.5 for v in fights])


def test_a_threshold_that_nobody_chose_decides_nothing_outside_the_unit_interval():
    videos = [ScoredVideo(v.video, v.label, v.frame_score * 10, v.video_score * 10) for v in scored()]
    assumed = evaluate_videos(videos, Provenance("t"), resamples=0)
    for name in ("frame_f1", "video_f1", "event_f1", "temporal_iou", "false_alarm_rate_chosen"):
        assert assumed.summaries[name].mean is None and "[0, 1]" in assumed.summaries[name].reason, name
    assert assumed.summaries["map_tiou_0.3"].mean is not None  # needs no threshold
    given = evaluate_videos(
        videos,
        Provenance("t"),
        operating_point=OperatingPoint(ThresholdRule.parse("fixed:6").choose([])),
        resamples=0,
    )
    same = evaluate_videos(
        scored(),
        Provenance("t"),
        operating_point=OperatingPoint(ThresholdRule.parse("fixed:0.6").choose([])),
        resamples=0,
    )
    for name in ("frame_f1", "video_f1", "event_f1", "temporal_iou", "false_alarm_rate_chosen"):
        assert given.summaries[name].mean == pytest.approx(same.summaries[name].mean), name


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_equal_scores_everywhere_are_chance_and_break_nothing(score):
    videos = [
        ScoredVideo(v.video, v.label, np.full((1, 160), score), np.full(1, score)) for v in scored(seeds=1)
    ]
    found = evaluate_videos(videos, Provenance("t"), resamples=30)
    assert found.summaries["frame_auc"].mean == 0.5 and found.summaries["video_eer"].mean == 0.5
    assert found.summaries["map_tiou"].mean == 0.0  # nothing stands out, nothing is detected
    json.dumps(to_json(found), allow_nan=False)


def test_one_frame_and_one_video_are_evaluated_with_reasons():
    for event_class, label in (("Fight", 1), ("Normal", 0)):
        video = ScoredVideo(Video("v", event_class), np.array([label], np.uint8), np.ones((1, 1)), np.ones(1))
        found = evaluate_videos([video], Provenance("t"))
        assert found.summaries["frame_auc"].mean is None and found.summaries["frame_auc"].reason
        assert found.summaries["video_accuracy"].mean == label
        assert all(summary.mean is not None or summary.reason for summary in found.summaries.values())
        json.dumps(to_json(found), allow_nan=False)


@pytest.mark.slow
def test_a_test_list_of_the_size_of_ucf_crime_takes_seconds():
    rng = np.random.default_rng(0)
    videos = []
    for video in load_split("ucf_crime", "test"):
        label = frame_labels(video, video.num_frames)
        scores = np.repeat(rng.random(-(-video.num_frames // 16)), 16)[: video.num_frames]
        videos.append(ScoredVideo(video, label, (0.7 * scores + 0.3 * label)[None], scores.max()[None]))
    start = time.process_time()
    found = evaluate_videos(videos, Provenance("t"), resamples=1000)
    assert time.process_time() - start < 10  # measured: 2.8 s
    assert found.frames == 1_111_808 and found.summaries["frame_auc"].interval is not None


@pytest.mark.parametrize("beyond, clipped", [(1e-9, True), (1e-7, True), (1e-3, False)])
def test_scores_that_leave_0_to_1_by_rounding_are_clipped_and_a_note_says_so(beyond, clipped):
    def with_highest(value):
        videos = scored()
        for video in videos:
            video.frame_score[:, 50] = video.video_score[:] = value if video.label.any() else 0.3
        return evaluate_videos(videos, Provenance("t", notes=("before",)), resamples=0)

    exact, found = with_highest(1.0), with_highest(1 + beyond)
    for name in ("frame_f1", "video_precision", "temporal_iou", "event_f1", "false_alarm_rate"):
        assert (found.summaries[name].mean is not None) == clipped, name
        if clipped:
            assert found.summaries[name] == exact.summaries[name]
    assert exact.provenance.notes == ("before",)
    notes = "; ".join(found.provenance.notes)
    assert notes.startswith("before") and ("which is rounding; they were clipped" in notes) == clipped
