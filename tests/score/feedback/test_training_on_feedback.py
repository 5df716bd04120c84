"""Training with feedback: what was labelled counts, the old videos and their hold-out split stay."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from data_lists import write_list
from extract.store import FeatureStore
from score.bags.cache import read_cache
from score.bags.store_parts import joined_caches, read_parts, store_parts
from score.cli import main
from score.feedback.feedback_list import Feedback, FeedbackList
from score.pooling.rules import SegmentsConfig
from score.runs.checkpoint import load_checkpoint
from score.scoring.scorer import load_scorer
from support.tiny_stores import make_features, make_spec, make_store, make_videos

FAST = ("--set", "data.segments.mode=none", "--set", "train.batch=16")


def command(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A run, and a folder of alerts: two clips with something normal that the run takes for an anomaly."""
    root = tmp_path_factory.mktemp("watched")
    train = make_videos(12, 12)
    make_store(root / "store", train)
    write_list(root / "train.tsv", train)
    command(
        *("train", "--head", "mil", "--store", root / "store", "--list", root / "train.tsv", *FAST),
        *("--set", "train.epochs=30", "--out", root / "run"),
    )
    clips = FeatureStore.create(root / "alerts" / "features" / "made", make_spec())
    random, feedback = np.random.default_rng(9), FeedbackList(root / "alerts")
    for number in range(2):
        rows = random.normal(size=(8, 6))
        rows[3:5, 0] += 3.0  # as in a fight
        rows[3:5, 3] += 6.0  # and yet unlike one
        clips.write(make_features(f"alert{number}", rows))
    feedback.add(Feedback("alert0", "false alarm", camera="gate"))
    return root


@pytest.mark.slow
def test_a_labelled_false_alarm_and_its_like_score_lower_and_fights_do_not(watched):
    root = watched
    clips = FeatureStore(root / "alerts" / "features" / "made")
    test = make_videos(20, 20, prefix="t")
    tested = make_store(root / "tested", test, seed=5)
    said = command(
        *("train", "--from", root / "run", "--store", root / "store", "--list", root / "train.tsv"),
        *("--store", clips.root, "--list", root / "alerts" / "feedback.tsv", "--out", root / "again"),
    )
    assert "feedback: the last epoch is kept" in said

    def highest(run, store, name):
        return load_scorer(root / run / "seed_0").score(store.read(name)).segment_score.max()

    for name in ("alert0", "alert1"):
        assert highest("again", clips, name) < highest("run", clips, name) - 0.1
    fights = [
        np.mean([highest(run, tested, each.video_id) for each in test if each.is_anomalous])
        - np.mean([highest(run, tested, each.video_id) for each in test if not each.is_anomalous])
        for run in ("run", "again")
    ]
    assert fights[1] > fights[0] - 0.1
    old, new = (load_checkpoint(root / run / "seed_0") for run in ("run", "again"))
    assert old.lists["train"]["held_out"] == new.lists["train"]["held_out"]
    assert "alert0" in new.lists["train"]["video_ids"] and new.config.train.select == "last"


def test_stores_with_different_videos_are_read_as_one(tmp_path):
    videos, more = make_videos(3, 3), make_videos(2, 1, prefix="m")
    first, second = make_store(tmp_path / "a", videos), make_store(tmp_path / "b", more, seed=1)
    whole = FeatureStore.create(tmp_path / "whole", make_spec())
    for store, own in ((first, videos), (second, more)):
        for video in own:
            whole.write(store.read(video.video_id))
    options = {"segments": SegmentsConfig(n=4), "event_classes": ("Normal", "Fight"), "moments": True}
    parts = store_parts([first, second], [*videos, *more])
    assert parts == [[first], [second]]
    found, moments = read_parts(parts, [*videos, *more], **options)
    expected, expected_moments = read_cache([whole], [*videos, *more], **options)
    assert found.video_ids == expected.video_ids and found.start.equal(expected.start)
    assert all(found.features[name].equal(rows) for name, rows in expected.features.items())
    assert moments["rgb"].mean == pytest.approx(expected_moments["rgb"].mean)
    assert joined_caches([found]) is found


def test_repeated_videos_are_a_share_of_their_class_and_no_row_is_copied(tmp_path):
    videos = make_videos(9, 6)
    store = make_store(tmp_path / "a", videos)
    cache, _ = read_cache([store], videos, segments=SegmentsConfig(n=4), event_classes=("Normal", "Fight"))
    found = cache.repeating({"n0", "a0", "a1"}, 0.5)
    assert found.features is cache.features
    assert found.video_ids.count("n0") == 8 and found.video_ids.count("n1") == 1
    assert found.video_ids.count("a0") == found.video_ids.count("a1") == 2
    assert cache.repeating({"n0"}, 0).video_ids == cache.video_ids
    again = found.bags(found.start.new_tensor([len(found) - 1]))
    assert again.features["rgb"].equal(cache.bags(found.start.new_tensor([10])).features["rgb"])


@pytest.mark.slow
def test_review_prints_moments_for_programs_and_takes_keys(watched, tmp_path, monkeypatch):
    root = watched
    usual = ("review", root / "store", "--checkpoint", root / "run", "--seconds", "2", "--top", "4")
    values = json.loads(command(*usual, "--json").split("\n", 1)[1])
    assert len(values["chosen"]) == 4 and values["labelled"] == 0
    assert values["chosen"] == json.loads(command(*usual, "--json").split("\n", 1)[1])["chosen"]
    keys = iter("fxmusq")  # a label, a slip, a label that is taken back, a skip
    monkeypatch.setattr("click.getchar", lambda: next(keys))
    monkeypatch.setattr("score.commands.review.is_terminal", lambda: True)
    said = command(*usual, "--feedback", tmp_path / "labels")
    assert "1 label written" in said
    rows = FeedbackList(tmp_path / "labels").rows()
    assert [(each.video_id, each.label) for each in rows] == [(values["chosen"][0]["id"], "false alarm")]
    kept = FeatureStore(tmp_path / "labels" / "features" / "made")
    clip = kept.verify(rows[0].video_id)
    start, stop = values["chosen"][0]["frames"]
    assert clip.num_frames == stop - start
    again = json.loads(command(*usual, "--json", "--feedback", tmp_path / "labels").split("\n", 1)[1])
    assert rows[0].video_id not in [each["id"] for each in again["chosen"]] and again["labelled"] == 1


def test_a_review_without_a_place_for_labels_or_without_a_terminal_is_refused(watched, tmp_path):
    root = watched
    usual = ["review", str(root / "store"), "--checkpoint", str(root / "run")]
    for words, message in (
        ([], "give --feedback DIR"),
        (["--json", "--sheet", str(tmp_path / "s.png")], "--sheet and --videos go together"),
        (["--feedback", str(tmp_path / "labels")], "needs a terminal"),
    ):
        result = CliRunner().invoke(main, usual + words)
        assert result.exit_code == 2 and message in result.output
    assert not (tmp_path / "labels").exists()
