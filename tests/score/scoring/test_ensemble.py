"""Runs of different heads that score together: their scale, their weights, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from data_lists import write_list
from extract.store import FeatureStore
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluation_settings import RunOptions
from score.runs.checkpoint import load_checkpoint, save_checkpoint
from score.runs.checkpoint_error import CheckpointError
from score.runs.validation_record import MOST_SEGMENTS, ValidationRecord, shortened
from score.scoring.ensemble import load_ensemble
from score.scoring.ensemble_scorer import EnsembleScorer, on_grid
from score.scoring.run_weights import choose_weights, parse_weights, weight_grid
from score.scoring.score_scale import ScoreScale, blend
from score.scoring.scorer import load_scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_stores import make_features, make_spec, make_store, make_videos
from support.tiny_trainings import run_cli

SMALL = ["train.epochs=2", "train.batch=8", "head.hidden=[4]", "train.validation_share=0.34"]
TRAIN = make_videos(12, 12)
TEST = [
    replace(video, anomaly_spans=((32, 64),)) if video.is_anomalous else video
    for video in make_videos(4, 4, prefix="test/")
]


def train_run(root, name, store, *, seeds=2, overrides=(), videos=TRAIN):
    config = resolve(preset_of("mil"), overrides=[*SMALL, *overrides])
    data = prepare(config, [store], videos)
    for seed in range(seeds):
        train_seed(config, data, folder=root / name / f"seed_{seed}", seed=seed)
    return root / name


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store of segments of 16 frames and a finer one of 8 of the same videos, with a run on each."""
    root = tmp_path_factory.mktemp("ensemble")
    store = make_store(root / "coarse", [*TRAIN, *TEST])
    fine = FeatureStore.create(root / "fine", make_spec(preset="fine", segment_stride=8, clip_length=8))
    for name in store.ids():
        rows = np.repeat(np.asarray(store.read(name).features)[:, 0], 2, axis=0)
        noise = np.random.default_rng(len(name)).normal(size=rows.shape)
        fine.write(make_features(name, rows + noise, stride=8))
    write_list(root / "test.tsv", TEST)
    train_run(root, "one", store)
    train_run(root, "two", fine, overrides=["head.hidden=[8]"])
    return root, store, fine


def copied(source, target, change):
    """A run whose checkpoints are changed copies."""
    for seed in (0, 1):
        (target / f"seed_{seed}").mkdir(parents=True)
        checkpoint = load_checkpoint(source / f"seed_{seed}")
        save_checkpoint(change(checkpoint), target / f"seed_{seed}" / "checkpoint.pt")
    return target


# --- the scale


def test_a_scale_keeps_every_order_and_has_an_inverse():
    random = np.random.default_rng(0)
    for scores in (
        random.uniform(0.01, 0.03, 40),
        random.integers(0, 3, 50) / 2,
        np.full(5, 0.5),
        random.random(5000),
    ):
        scale = ScoreScale.of(scores)
        tried = np.r_[0.0, np.sort(random.random(200)), 1.0]
        ranks = scale.ranks(tried)
        inside = (tried >= scale.score[0]) & (tried <= scale.score[-1])
        assert (np.diff(ranks[inside]) > 0).all() and ranks.min() >= 0 and ranks.max() <= 1
        np.testing.assert_allclose(scale.scores(ranks), tried, atol=1e-9)


def test_a_rank_is_the_share_of_validation_scores_below():
    scale = ScoreScale.of(np.array([0.2, 0.4, 0.4, 0.8]))
    # Of four scores: half of the first, 1 + half of the two equal ones, 3 and a half.
    np.testing.assert_allclose(scale.ranks(np.array([0.0, 0.2, 0.4, 0.8, 1.0])), [0, 0.125, 0.5, 0.875, 1])


def test_the_mean_of_equal_heads_is_the_head_and_a_weight_of_one_is_it_to_the_bit():
    random = np.random.default_rng(1)
    rows, scale, other = random.random(300), ScoreScale.of(random.random(50)), ScoreScale.of(random.random(9))
    np.testing.assert_allclose(blend([rows, rows], [scale, scale], (0.3, 0.7)), rows, atol=1e-12)
    assert np.array_equal(blend([rows, random.random(300)], [scale, other], (1.0, 0.0)), rows)


def test_a_head_on_another_scale_counts_as_much():
    """A mean of plain scores would follow the second head alone, whose scores spread fifty times as far."""
    random = np.random.default_rng(2)
    order = random.random(200)
    narrow, wide = 0.01 + 0.02 * order, random.random(200)
    mean = blend([narrow, wide], [ScoreScale.of(narrow), ScoreScale.of(wide)], (0.5, 0.5))
    along = [np.corrcoef(mean, each)[0, 1] for each in (order, wide)]
    assert abs(along[0] - along[1]) < 0.1


# --- the weights


def test_weights_add_up_to_one_and_are_read_as_given():
    assert parse_weights("auto", 3) is None
    assert parse_weights("equal", 4) == (0.25,) * 4
    assert parse_weights("3,1", 2) == (0.75, 0.25)
    assert parse_weights("1e308,1e308", 2) == (0.5, 0.5)  # whose sum is infinite
    for runs in range(2, 9):
        grid = weight_grid(runs)
        assert 2 <= len(grid) <= 300 and (grid >= 0).all()
        np.testing.assert_allclose(grid.sum(axis=1), 1)
    for text in ("best", "0.5", "1,-1", "0,0", "nan,1", "0.2,0.3,0.5"):
        with pytest.raises(ValueError, match="--run-weights"):
            parse_weights(text, 2)


def test_a_useless_run_gets_a_low_weight_and_equal_runs_share():
    random = np.random.default_rng(3)
    anomalous = np.arange(60) % 2 == 0
    good = (random.normal(size=(3, 60)) + 1.5 * anomalous)[:, :, None]
    noise = random.normal(size=(3, 60))
    useful = np.argsort(np.argsort(good[..., 0])) / 60
    ranks = np.argsort(np.argsort(noise)) / 60
    weights = choose_weights([useful, ranks], anomalous)
    assert weights[1] < 0.25 and sum(weights) == pytest.approx(1)
    np.testing.assert_allclose(choose_weights([useful, useful], anomalous), 0.5, atol=1e-9)
    assert choose_weights([useful, ranks], anomalous) == weights
    with pytest.raises(ValueError, match="all 60 videos .* are normal"):
        choose_weights([useful, ranks], np.zeros(60, dtype=bool))


# --- what checkpoints record


def test_a_checkpoint_records_what_its_head_gives_the_validation_videos(made):
    root, store, _ = made
    scorer = load_scorer(root / "one" / "seed_1")
    record = scorer.checkpoint.validation_record
    assert sorted(record.video_ids) == sorted(scorer.checkpoint.lists["train"]["held_out"]["video_ids"])
    for name, flag, video, rows in zip(
        record.video_ids, record.anomalous, record.video_score, record.segment_score, strict=True
    ):
        found = scorer.score(store.read(name))
        assert flag == name.startswith("a")
        assert found.video_score == pytest.approx(video, abs=1e-6)
        np.testing.assert_allclose(found.segment_score, rows, atol=1e-6)


def test_a_record_of_a_long_video_keeps_its_highest_scores():
    rows = np.random.default_rng(0).random(3 * MOST_SEGMENTS + 7)
    short = shortened(rows)
    assert len(short) == MOST_SEGMENTS and short.max() == rows.max() and set(short) <= set(rows)
    record = ValidationRecord(("a",), np.array([True]), np.array([0.5]), (short,))
    with pytest.raises(ValueError, match="twice"):
        ValidationRecord(("a", "a"), np.array([True, True]), np.ones(2), (short, short))
    with pytest.raises(ValueError, match="scores of"):
        ValidationRecord.from_dict(
            record.to_dict() | {"segment_score": record.to_dict()["segment_score"][1:]}
        )


# --- evaluation


def test_a_run_with_a_weight_of_one_is_evaluated_to_the_bit_as_alone(made):
    root, store, fine = made
    alone = evaluate_run(root / "one", [store], TEST, RunOptions(resamples=0))
    both = evaluate_run(
        [root / "one", root / "two"], [fine, store], TEST, RunOptions(resamples=0, run_weights="1,0")
    )
    for one, two in zip(alone.videos, both.videos, strict=True):
        assert np.array_equal(one.frame_score, two.frame_score)
        assert np.array_equal(one.video_score, two.video_score)
    assert alone.thresholds.frame == both.thresholds.frame


def test_the_mean_of_a_run_and_its_copy_is_the_run(made, tmp_path):
    root, store, _ = made
    copy = copied(root / "one", tmp_path / "copy", lambda checkpoint: checkpoint)
    alone = evaluate_run(root / "one", [store], TEST, RunOptions(resamples=0))
    both = evaluate_run([root / "one", copy], [store], TEST, RunOptions(resamples=0))
    for one, two in zip(alone.videos, both.videos, strict=True):
        np.testing.assert_allclose(one.frame_score, two.frame_score, atol=1e-6)
    assert both.provenance.details["ensemble"]["runs"][0]["weight"] == pytest.approx(0.5)


def test_frames_get_the_blend_of_the_runs_frame_by_frame(made):
    """The finer run's segments carry the scores: two of them share one segment of the other."""
    root, store, fine = made
    ensemble = load_ensemble([root / "one", root / "two"], weights="0.4,0.6")
    scorer = EnsembleScorer(ensemble, 1)
    stores = ensemble.match_stores([fine, store])
    assert [each.root for each in stores] == [store.root, fine.root]
    parts = scorer.read(stores, "test/a1")
    found = scorer.score(*parts)
    coarse = load_scorer(root / "one" / "seed_1").score(store.read("test/a1")).segment_score
    finer = load_scorer(root / "two" / "seed_1").score(fine.read("test/a1")).segment_score
    expected = blend([np.repeat(coarse, 2), finer], ensemble.scales[1].segment, (0.4, 0.6))
    assert parts[0].num_segments == len(finer) == 2 * len(coarse)
    np.testing.assert_allclose(found.segment_score, expected, atol=1e-6)
    # And from the finer to the coarser: means of two.
    part, grid = fine.read("test/a1"), store.read("test/a1")
    np.testing.assert_allclose(on_grid(finer, part, grid), finer.reshape(-1, 2).mean(axis=1), atol=1e-6)


def test_json_and_text_name_the_runs_and_their_weights(made, tmp_path):
    root, store, fine = made
    words = ["evaluate", "--run", root / "one", "--run", root / "two", "--store", store.root]
    words += ["--store", fine.root, "--list", root / "test.tsv", "--resamples", 0]
    result = run_cli(*words, "--json", tmp_path / "e.json", "--report", tmp_path / "e.html")
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "e.json").read_text())
    runs = found["details"]["ensemble"]["runs"]
    assert [each["run"] for each in runs] == [str(root / "one"), str(root / "two")]
    assert sum(each["weight"] for each in runs) == pytest.approx(1)
    assert (
        "mil on made" in found["title"]
        and "mil on fine" in found["title"]
        and found["title"] in result.output
    )
    page = (tmp_path / "e.html").read_text()
    assert "mil on made" in page and "mil on fine" in page and str(root / "two") in page
    assert len(found["threshold"]["frame"]) == 2 and found["threshold"]["rule"] == "best-f1"
    (note,) = [note for note in found["notes"] if "chosen by the AUC on 8 videos" in note]
    assert all(f"{each['weight']:.2f} {each['run']}" in note for each in runs)


def test_a_video_that_one_run_trained_on_is_a_leak_of_all(made, tmp_path):
    root, store, fine = made
    record = load_checkpoint(root / "two" / "seed_0").lists["train"]
    without = {"train": record | {"video_ids": [name for name in record["video_ids"] if name != "n0"]}}
    two = copied(root / "two", tmp_path / "two", lambda each: replace(each, lists=without, fingerprints=None))
    evaluate_run(two, [fine], [*TEST, TRAIN[0]], RunOptions(resamples=0))  # it did not see n0
    with pytest.raises(ValueError, match="1 of 9 test videos were used in training"):
        evaluate_run([two, root / "one"], [store, fine], [*TEST, TRAIN[0]])


# --- what is refused


def test_runs_that_do_not_go_together_are_refused(made, tmp_path):
    root, store, fine = made
    one = root / "one"
    with pytest.raises(CheckpointError, match="are the same run"):
        load_ensemble([one, one / "seed_1"])
    named = lambda checkpoint: replace(  # noqa: E731
        checkpoint, bag_spec=replace(checkpoint.bag_spec, event_classes=("Normal", "Fire"))
    )
    with pytest.raises(CheckpointError, match="event classes Normal, Fight .* Normal, Fire"):
        load_ensemble([one, copied(one, tmp_path / "fire", named)])
    old = copied(one, tmp_path / "old", lambda checkpoint: replace(checkpoint, validation_record=None))
    with pytest.raises(CheckpointError, match="no recorded scores"):
        load_ensemble([one, old])
    record = load_checkpoint(one / "seed_0").validation_record
    other = replace(record, video_ids=tuple(f"x{name}" for name in record.video_ids))
    strange = copied(one, tmp_path / "x", lambda checkpoint: replace(checkpoint, validation_record=other))
    with pytest.raises(CheckpointError, match="no video validated every run"):
        load_ensemble([one, strange])
    swapped = replace(record, anomalous=~record.anomalous)
    strange = copied(one, tmp_path / "y", lambda checkpoint: replace(checkpoint, validation_record=swapped))
    with pytest.raises(CheckpointError, match="disagree about which videos are anomalous"):
        load_ensemble([one, strange])
    third = train_run(tmp_path, "three", store, seeds=3)
    with pytest.raises(CheckpointError, match="has 3 seeds and .* has 2"):
        load_ensemble([one, third])
    with pytest.raises(CheckpointError, match="no run was trained on the features of"):
        load_ensemble([one, third / "seed_0"]).match_stores([store, fine])
    with pytest.raises(CheckpointError, match="no store has the features of"):
        load_ensemble([one, root / "two"]).match_stores([store])


def test_wrong_usage_is_one_line(made):
    root, store, _ = made
    words = ["evaluate", root / "one", "--store", store.root, "--list", root / "test.tsv"]
    result = run_cli(*words, "--run-weights", "equal")
    assert result.exit_code == 2 and "weighs several runs" in result.output
    result = run_cli(*words, "--run", root / "two", "--run-weights", "1,2,3")
    assert result.exit_code == 2 and "3 weights for 2 runs" in result.output
