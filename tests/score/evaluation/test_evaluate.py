"""Evaluation end to end: a trained run on a store, files of scores, and everything that is refused."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import average_precision_score, roc_auc_score

from data_lists import ListError, Video, frame_labels, legacy_truth, load_split, write_list
from extract.store import FeatureSpec, FeatureStore, StoreError, VideoFeatures
from score.cli import main
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.evaluation.evaluate_files import evaluate_scores
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import Provenance, ScoredVideo
from score.evaluation.evaluation_settings import EvaluationSettings, RunOptions
from score.evaluation.foreign_scores.score_form import ScoreForm
from score.evaluation.foreign_scores.segment_rules import Segments
from score.evaluation.given_truth import read_given_truth
from score.report.evaluation_json import to_json
from score.runs.checkpoint import load_checkpoint
from score.scoring.scorer import load_scorer
from score.training.loop import train_seed
from score.training.training_data import prepare

SPEC = FeatureSpec(
    preset="made",
    backbone="made",
    weights="",
    modality="rgb",
    clip_length=16,
    segment_stride=16,
    feature_dim=4,
)
FOUR_KEYS = ("frame_auc", "frame_ap", "frame_auc_abnormal", "video_auc", "video_ap")
NUMBERS = ("oracle_frame_auc", "frames", "positives", "videos")


def listed(count, prefix):
    """Normal and anomalous videos in turn, of 70 to 149 frames, the anomaly in frames 20-52."""
    return [
        Video(
            f"{prefix}/v{index}",
            "Fight" if index % 2 else "Normal",
            num_frames=70 + 7 * index % 80,
            anomaly_spans=((20, 52),) if index % 2 else (),
        )
        for index in range(count)
    ]


def features(video, spec=SPEC, shift=2.0):
    starts = np.arange(0, video.num_frames, 16)
    spans = np.stack([starts, np.minimum(starts + 16, video.num_frames)], axis=1)
    rows = (
        np.random.default_rng(list(video.video_id.encode()))  # no two videos alike, or one would be a leak
        .normal(size=(len(spans), 1, spec.feature_dim))
        .astype(np.float32)
    )
    if video.is_anomalous:
        rows[1:4, :, 0] += shift
    return VideoFeatures(video.video_id, rows, spans, spans / 25.0, num_frames=video.num_frames, fps=25.0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store of training and test videos, and a run of two seeds on it."""
    root = tmp_path_factory.mktemp("trained")
    train, test = listed(16, "train"), listed(12, "test")
    store = FeatureStore.create(root / "store", SPEC)
    for video in (*train, *test):
        store.write(features(video))
    config = resolve(preset_of("mil", "default"), overrides=["train.epochs=2"])
    data = prepare(config, [store], train)
    for seed in (0, 1):
        train_seed(config, data, folder=root / "run" / f"seed_{seed}", seed=seed)
    write_list(root / "test.tsv", test)
    write_list(root / "train.tsv", train)
    return root, store, test


def test_evaluate_and_the_checkpoint_choose_the_same_threshold(trained):
    root, store, test = trained
    thresholds = evaluate_run(root / "run", [store], test, RunOptions(resamples=0)).thresholds
    kept = [load_checkpoint(root / "run" / f"seed_{seed}").validation["frame_threshold"] for seed in (0, 1)]
    assert thresholds.rule.startswith("best") and list(thresholds.frame) == pytest.approx(kept, abs=1e-6)


def command(*words):
    return CliRunner().invoke(main, ["evaluate", *map(str, words)])


def save_scores(folder, videos, make):
    for video in videos:
        path = folder / f"{video.video_id}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, make(video))
    return folder


def test_a_run_is_evaluated_as_its_scores_by_hand(trained):
    root, store, test = trained
    found = evaluate_run(root / "run", [store], test, RunOptions(resamples=20))
    truth = np.concatenate([frame_labels(video, video.num_frames) for video in test])
    for seed in (0, 1):
        scorer = load_scorer(root / "run" / f"seed_{seed}")
        results = [scorer.score(store.read(video.video_id)) for video in test]
        frames = np.concatenate(
            [
                np.repeat(result.segment_score.astype(float), 16)[: video.num_frames]
                for video, result in zip(test, results, strict=True)
            ]
        )
        assert found.summaries["frame_auc"].per_seed[seed] == pytest.approx(roc_auc_score(truth, frames))
        assert found.summaries["frame_ap"].per_seed[seed] == pytest.approx(
            average_precision_score(truth, frames)
        )
        labels = [video.is_anomalous for video in test]
        assert found.summaries["video_auc"].per_seed[seed] == pytest.approx(
            roc_auc_score(labels, [each.video_score for each in results])
        )
    assert found.frames == len(truth) and found.positives == truth.sum() and found.num_anomalous == 6
    low, high = found.summaries["frame_auc"].interval
    assert low <= found.summaries["frame_auc"].mean <= high


def test_a_run_is_evaluated_by_a_truth_that_is_given(trained, tmp_path):
    """Times by the rates of the store, for a list without spans and frames."""
    root, store, test = trained
    rows = [
        f"{video.video_id}.mp4,{start / 25},{stop / 25}"
        for video in test
        for start, stop in video.anomaly_spans
    ]
    (tmp_path / "truth.csv").write_text("\n".join(["video,start_time,end_time", *rows]))
    bare = [Video(video.video_id, video.event_class) for video in test]
    given = read_given_truth(tmp_path / "truth.csv", bare, stores=[store])
    expected = evaluate_run(root / "run", [store], test, RunOptions(resamples=0))
    found = evaluate_run(root / "run", [store], given.videos, RunOptions(resamples=0, given=given))
    assert found.summaries == expected.summaries
    assert found.provenance.details["truth"] == str(tmp_path / "truth.csv")


@pytest.mark.slow
def test_the_command_writes_what_is_promised(trained):
    root, _, _ = trained
    result = command(
        root / "run",
        "--store",
        root / "store",
        "--list",
        root / "test.tsv",
        "--json",
        root / "out.json",
        "--report",
        root / "out.html",
        "--figures",
        root / "figures",
    )
    assert result.exit_code == 0, result.output
    assert "oracle" in result.output and "[" in result.output and "±" in result.output
    values = json.loads((root / "out.json").read_text())
    for name in FOUR_KEYS:
        assert set(values[name]) == {"mean", "std", "per_seed", "interval"}, name
        assert values[name]["mean"] == pytest.approx(np.mean(values[name]["per_seed"]))
        assert values[name]["std"] == pytest.approx(np.std(values[name]["per_seed"], ddof=1))
        assert len(values[name]["per_seed"]) == 2 and len(values[name]["interval"]) == 2
    assert all(isinstance(values[name], (int, float)) for name in NUMBERS) and values["videos"] == 12
    assert (root / "out.html").stat().st_size > 1000
    figures = {path.name for path in (root / "figures").iterdir()}
    for name in ("roc", "pr", "comparison", "f1_threshold", "calibration", "timelines", "training"):
        assert {f"{name}.png", f"{name}.svg"} <= figures, name
    assert 'id="training"' in (root / "out.html").read_text()


def test_one_seed_has_no_deviation(trained):
    root, store, test = trained
    found = evaluate_run(root / "run" / "seed_1", [store], test, RunOptions(resamples=0))
    assert found.summaries["frame_auc"].std == 0.0 and found.summaries["frame_auc"].interval is None
    assert len(found.summaries["frame_auc"].per_seed) == 1


def test_the_order_of_the_list_does_not_matter(trained):
    root, store, test = trained
    one, other = (
        evaluate_run(root / "run", [store], videos, RunOptions(resamples=0)) for videos in (test, test[::-1])
    )
    assert one.summaries["frame_auc"].mean == pytest.approx(other.summaries["frame_auc"].mean, abs=1e-12)


def test_without_spans_there_is_a_video_auc_and_the_lack_is_said(trained, tmp_path):
    root, _, test = trained
    write_list(tmp_path / "weak.tsv", [replace(video, anomaly_spans=()) for video in test])
    result = command(
        root / "run",
        "--store",
        root / "store",
        "--list",
        tmp_path / "weak.tsv",
        "--json",
        tmp_path / "out.json",
        "--report",
        tmp_path / "out.html",
    )
    assert result.exit_code == 0, result.output
    assert "anomaly_spans" in result.output and "6 of 6 have none: test/v1" in result.output
    values = json.loads((tmp_path / "out.json").read_text())
    assert values["frame_auc"] == {"mean": None, "std": None, "per_seed": [None, None], "interval": None}
    assert values["positives"] is None and values["oracle_frame_auc"] is None
    assert values["video_auc"]["mean"] is not None and values["false_alarm_rate"]["mean"] is not None
    assert "anomaly_spans" in values["undefined"]["frame_auc"]


def test_one_anomalous_video_without_spans_is_not_left_out(trained):
    root, store, test = trained
    found = evaluate_run(
        root / "run",
        [store],
        [replace(test[1], anomaly_spans=()), *test[2:]],
        RunOptions(resamples=0),
    )
    assert (
        found.summaries["frame_auc"].mean is None
        and "1 of 6 have none: test/v1" in found.summaries["frame_auc"].reason
    )


def test_a_missing_video_is_refused_or_scored_zero_and_counted(trained, tmp_path):
    root, store, test = trained
    absent = Video("test/absent", "Fight", num_frames=90, anomaly_spans=((0, 9),))
    with pytest.raises(StoreError, match="lacks 1 of 13 test videos: test/absent;.*--missing zero"):
        evaluate_run(root / "run", [store], [*test, absent])
    found = evaluate_run(root / "run", [store], [*test, absent], RunOptions(missing="zero", resamples=0))
    assert (
        found.missing == ["test/absent"]
        and not found.videos[-1].frame_score.any()
        and found.videos[-1].num_frames == 90
    )
    assert any("1 video missing and scored 0: test/absent" in note for note in found.notes)
    write_list(tmp_path / "more.tsv", [*test, absent])
    assert (
        "missing and scored 0"
        in command(
            root / "run", "--store", root / "store", "--list", tmp_path / "more.tsv", "--missing", "zero"
        ).output
    )
    with pytest.raises(ListError, match="test/absent.*num_frames"):
        evaluate_run(
            root / "run",
            [store],
            [*test, replace(absent, num_frames=None)],
            RunOptions(missing="zero"),
        )
    with pytest.raises(StoreError, match="lacks 1 of 1"):
        evaluate_run(root / "run", [store], [absent], RunOptions(missing="zero"))


def test_another_number_of_frames_is_refused_naming_all_videos(trained):
    root, store, test = trained
    wrong = [replace(test[0], num_frames=71), replace(test[1], num_frames=99), *test[2:]]
    with pytest.raises(StoreError) as caught:
        evaluate_run(root / "run", [store], wrong)
    assert str(caught.value).splitlines() == [
        "test/v0: the store has 70 frames, the list says 71",
        "test/v1: the store has 77 frames, the list says 99",
    ]


def test_a_list_without_frame_counts_takes_those_of_the_store(trained):
    root, store, test = trained
    plain = evaluate_run(
        root / "run",
        [store],
        [replace(video, num_frames=None) for video in test],
        RunOptions(resamples=0),
    )
    assert plain.frames == sum(video.num_frames for video in test)
    late = replace(test[1], num_frames=None, anomaly_spans=((70, 80),))
    with pytest.raises(StoreError, match="test/v1: 77 frames, but an anomaly span ends at frame 80"):
        evaluate_run(root / "run", [store], [test[0], late])


def test_a_store_of_another_spec_is_refused(trained, tmp_path):
    root, _, test = trained
    other = FeatureStore.create(tmp_path / "other", replace(SPEC, clip_length=32))
    for video in test:
        other.write(features(video))
    with pytest.raises(ValueError, match="clip_length is 32, expected 16"):
        evaluate_run(root / "run", [other], test)


def test_a_video_of_the_training_list_is_refused(trained):
    root, store, test = trained
    leaked = [*test, *listed(2, "train")]
    with pytest.raises(
        ListError, match="2 of 14 test videos were used in training.*train/v0, train/v1.*--allow-leak"
    ):
        evaluate_run(root / "run", [store], leaked)
    found = evaluate_run(root / "run", [store], leaked, RunOptions(allow_leak=True, resamples=0))
    assert any(note.startswith("LEAK: 2 of 14") for note in found.notes)
    result = command(
        root / "run",
        "--store",
        root / "store",
        "--list",
        root / "test.tsv",
        "--list",
        root / "train.tsv",
        "--allow-leak",
    )
    assert result.exit_code == 0 and "LEAK: 16 of 28" in result.output


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "give RUN with --store, or --scores FILE|DIR"),
        (["run", "--scores", "x"], "give RUN with --store"),
        (["run"], "RUN needs --store"),
        (["run", "--store", "x", "--segment-length", "16"], "goes with --scores"),
        (["nothing", "--store", "STORE"], "holds no run"),
        (["--scores", "nowhere"], "nowhere: no such folder"),
        (["--scores", ".", "--convention", "gt-sh"], "which are those of shanghaitech/test"),
    ],
)
def test_wrong_usage_ends_in_a_line_and_status_2(trained, words, message, monkeypatch, tmp_path):
    root, _, _ = trained
    monkeypatch.chdir(tmp_path)
    result = command(
        *[str(root / "store") if word == "STORE" else word for word in words], "--list", root / "test.tsv"
    )
    assert result.exit_code == 2 and message in result.output and "Traceback" not in result.output


def test_scores_of_another_program(tmp_path):
    videos = listed(6, "t")
    folder = save_scores(tmp_path / "scores", videos, lambda video: np.arange(video.num_frames) % 9 * 3.0 - 5)
    write_list(tmp_path / "test.tsv", videos)
    result = command("--scores", folder, "--list", tmp_path / "test.tsv", "--json", tmp_path / "out.json")
    assert result.exit_code == 0, result.output
    assert "the video score is the highest frame score" in result.output and "±" not in result.output
    values = json.loads((tmp_path / "out.json").read_text())
    truth = np.concatenate([frame_labels(video, video.num_frames) for video in videos])
    scores = np.concatenate([np.arange(video.num_frames) % 9 * 3.0 - 5 for video in videos])
    assert values["frame_auc"]["per_seed"] == [pytest.approx(roc_auc_score(truth, scores))]
    assert values["frame_auc"]["std"] == 0.0 and values["video_auc"]["mean"] == 0.5
    assert values["false_alarm_rate"]["mean"] is None and "[0, 1]" in values["undefined"]["false_alarm_rate"]


def test_scores_of_segments_are_spread(tmp_path):
    videos = listed(4, "t")
    rng = np.random.default_rng(0)
    by_segment = {video.video_id: rng.random(-(-video.num_frames // 16)) for video in videos}
    save_scores(tmp_path / "segments", videos, lambda video: by_segment[video.video_id])
    save_scores(
        tmp_path / "frames",
        videos,
        lambda video: np.repeat(by_segment[video.video_id], 16)[: video.num_frames],
    )
    segments = evaluate_scores(
        tmp_path / "segments", videos, EvaluationSettings(resamples=0), form=ScoreForm(Segments(16))
    )
    frames = evaluate_scores(tmp_path / "frames", videos, EvaluationSettings(resamples=0))
    assert segments.summaries["frame_auc"] == frames.summaries["frame_auc"]
    save_scores(
        tmp_path / "short", videos, lambda video: by_segment[video.video_id][: video.num_frames // 16]
    )
    short = evaluate_scores(
        tmp_path / "short", videos, EvaluationSettings(resamples=0), form=ScoreForm(Segments(16))
    )
    left = sum(video.num_frames % 16 for video in videos)
    assert any(f"{left} frames of 4 videos belong to no segment" in note for note in short.notes)


class Hostile:
    def __reduce__(self):
        return (sys.exit, (99,))


def test_positions_in_seconds_take_the_rate_of_the_store(tmp_path):
    videos = listed(4, "t")
    store = FeatureStore.create(tmp_path / "store", SPEC)
    for video in videos:
        store.write(features(video))  # 25 frames per second
    rows = [
        f"{video.video_id},{second},{float(video.is_anomalous and second in (1, 2))}"
        for video in videos
        for second in range(-(-video.num_frames // 25))
    ]
    (tmp_path / "s.csv").write_text("\n".join(["video,second,score", *rows]) + "\n")
    write_list(
        tmp_path / "test.tsv",
        [replace(video, anomaly_spans=((25, 75),) if video.is_anomalous else ()) for video in videos],
    )
    words = ["--scores", tmp_path / "s.csv", "--list", tmp_path / "test.tsv", "--json", tmp_path / "out.json"]
    refused = command(*words)
    assert refused.exit_code == 2 and "second is in seconds" in refused.output
    result = command(*words, "--store", tmp_path / "store")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out.json").read_text())["frame_auc"]["mean"] == 1.0


def test_every_wrong_score_file_is_named_at_once(tmp_path):
    videos = listed(12, "t")
    wrong = {
        0: np.array([np.nan] + [0.0] * 69),
        1: np.full(77, np.inf),
        2: np.zeros(83),
        3: np.zeros((91, 2)),
        4: np.array([Hostile()], dtype=object),
        5: np.zeros(105, dtype=complex),
        6: np.zeros(0),
        7: np.array(["a"] * 119),
    }
    folder = save_scores(tmp_path, videos, lambda video: np.zeros(video.num_frames))
    for index, scores in wrong.items():
        np.save(folder / f"t/v{index}.npy", scores, allow_pickle=True)
    (folder / "t/v8.npy").write_bytes(b"\x93NUMPY\x01\x00")
    (folder / "t/v9.npy").write_text("0.5 0.25")
    np.savez(folder / "t/v10.npz", np.zeros(3))
    (folder / "t/v10.npz").rename(folder / "t/v10.npy")
    (folder / "t/v11.npy").unlink()
    with pytest.raises(ValueError) as caught:
        evaluate_scores(folder, videos)
    lines = str(caught.value).splitlines()
    expected = {
        0: "1 of 70 scores are NaN",
        1: "77 of 77",
        2: "83 scores, but the video has 84 frames",
        3: r"shape [91, 2]",
        4: "Python objects",
        5: "complex",
        6: "no score",
        7: "real numbers",
        8: "cannot be read",
        9: "cannot be read",
        10: "archive",
        11: "no such name",
    }
    assert len(lines) == 12
    for index, text in expected.items():
        name = f"t/v{index}" if index == 11 else f"t/v{index}.npy"
        assert any(name in line and text in line for line in lines), (index, text, lines)


def test_scores_of_a_wrong_segment_length_are_refused(tmp_path):
    videos = listed(2, "t")
    save_scores(tmp_path, videos, lambda _video: np.zeros(9))
    with pytest.raises(ValueError, match="holds 9 scores, but 70 frames in segments of 16 need 5, or 4"):
        evaluate_scores(tmp_path, videos, form=ScoreForm(Segments(16)))


def test_a_list_without_frame_counts_is_said_to_be_unchecked(tmp_path):
    videos = listed(4, "t")
    save_scores(tmp_path, videos, lambda video: np.arange(video.num_frames))
    found = evaluate_scores(
        tmp_path, [replace(video, num_frames=None) for video in videos], EvaluationSettings(resamples=0)
    )
    assert found.frames == sum(video.num_frames for video in videos)
    assert any("no num_frames for 4 videos" in note for note in found.notes)
    save_scores(tmp_path, videos[1:2], lambda _video: np.zeros(30))
    with pytest.raises(ValueError, match="t/v1: 30 frames, but an anomaly span ends at frame 52"):
        evaluate_scores(tmp_path, [replace(video, num_frames=None) for video in videos])


@pytest.mark.parametrize(
    "convention, dataset, frames, positives",
    [
        ("gt-ucf", "ucf_crime", 1_109_680, 84_128),
        ("floor16", "ucf_crime", 1_109_824, None),
        ("rtfm", "ucf_crime", 1_114_144, None),
        ("gt-sh", "shanghaitech", 142_912, None),
        ("native", "ucf_crime", 1_111_808, 84_338),
    ],
)
def test_a_convention_counts_its_own_frames(tmp_path, convention, dataset, frames, positives):
    videos = load_split(dataset, "test")
    folder = save_scores(
        tmp_path,
        videos,
        lambda video: np.repeat(np.arange(-(-video.num_frames // 16)) % 7 / 7, 16)[: video.num_frames],
    )
    found = evaluate_scores(folder, videos, EvaluationSettings(convention=convention, resamples=0))
    assert found.frames == frames and positives in (None, found.positives)
    if convention != "native":
        assert any(f"truth of {convention}" in note for note in found.notes)
        assert any(
            "cut to its lengths" in note or "repeated up to its lengths" in note for note in found.notes
        )


@pytest.mark.parametrize(
    "convention, dataset", [("gt-ucf", "ucf_crime"), ("gt-sh", "shanghaitech"), ("gt-xd", "xd_violence")]
)
def test_perfect_scores_under_a_convention_are_perfect(tmp_path, convention, dataset):
    truth = dict(legacy_truth(convention))
    videos = load_split(dataset, "test")
    folder = save_scores(tmp_path, videos, lambda video: truth[video.video_id])
    found = evaluate_scores(folder, videos, EvaluationSettings(convention=convention, resamples=0))
    assert found.frames == sum(map(len, truth.values())) and not any("cut" in note for note in found.notes)
    assert found.summaries["frame_auc"].mean == 1.0 and found.summaries["frame_ap"].mean == 1.0


def test_a_convention_does_not_stretch_scores_of_another_video(tmp_path):
    videos = load_split("ucf_crime", "test")[:3]
    save_scores(tmp_path, videos, lambda video: np.zeros(video.num_frames // 2))
    with pytest.raises(ValueError) as caught:
        evaluate_scores(tmp_path, videos, EvaluationSettings(convention="gt-ucf"))
    assert len(str(caught.value).splitlines()) == 3 and "not the same video" in str(caught.value)


def test_part_of_a_convention_is_said_to_be_no_published_number(tmp_path):
    videos = load_split("ucf_crime", "test")[:3]
    save_scores(tmp_path, videos, lambda video: np.zeros(video.num_frames))
    found = evaluate_scores(tmp_path, videos, EvaluationSettings(convention="gt-ucf", resamples=0))
    assert any("only 3 of its 290 videos" in note for note in found.notes)


def test_evaluation_needs_scores_of_one_shape():
    video = ScoredVideo(Video("a"), np.zeros(3, np.uint8), np.zeros((2, 3)), np.zeros(2))
    with pytest.raises(ValueError, match="no video"):
        evaluate_videos([], Provenance("t"))
    with pytest.raises(ValueError, match="different numbers of seeds"):
        evaluate_videos(
            [video, ScoredVideo(Video("b"), np.zeros(3, np.uint8), np.zeros((1, 3)), np.zeros(1))],
            Provenance("t"),
        )
    with pytest.raises(ValueError, match="b: 4 frame scores, but the truth has 3 frames"):
        ScoredVideo(Video("b"), np.zeros(3, np.uint8), np.zeros((1, 4)), np.zeros(1))


def test_one_anomalous_video_has_no_interval():
    videos = [
        ScoredVideo(Video(f"n{index}"), np.zeros(4, np.uint8), np.full((1, 4), index / 9), np.ones(1))
        for index in range(5)
    ]
    videos.append(
        ScoredVideo(
            Video("a", "Fight", 4, ((0, 2),)), np.array([1, 1, 0, 0], np.uint8), np.ones((1, 4)), np.ones(1)
        )
    )
    values = to_json(evaluate_videos(videos, Provenance("t")))
    assert values["frame_auc"]["interval"] is None and values["frame_auc"]["mean"] is not None


def test_evaluating_files_loads_no_torch():
    modules = "score.evaluation.evaluate_files, score.report.html.report_page"
    code = f"import sys, {modules}; print({{'torch', 'torchvision', 'decord'}} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr
