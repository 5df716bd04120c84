"""A window of the last segments gives the scores of the whole recording, for every kind of head."""

import numpy as np
import pytest
import torch

from extract.pipeline.live_rows import LiveRow
from score.bags.bags import BagSpec
from score.config.look_ahead import look_ahead
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.live.score_window import Reach, ScoreWindow
from score.runs.checkpoint import Checkpoint, build_head
from score.scoring.scorer import Scorer
from support.tiny_stores import make_features, make_spec

LENGTH = 61
HEADS = {
    "mil": ["data.segments.mode=none", "head.feature_smoothing=5", "head.score_smoothing=3"],
    "mtn": [],
    "claws": ["head.window=8"],
    "multitask": ["head.window=8", "head.stride=3", "head.width=16", "head.recurrent=8"],
    "vadclip": ["head.window=8"],
    "ur-dmu": ["head.attention=none"],
}


def untrained(name, overrides) -> Scorer:
    torch.manual_seed(0)
    config = resolve(preset_of(name), overrides=overrides)
    bags = BagSpec({"rgb": 6})
    weights = build_head(config, bags).state_dict()
    return Scorer(Checkpoint(config, bags, (make_spec(),), weights, None, {}, seed=0, epoch=0))


def live(scorers, reach, rows):
    """[(after how many segments it was known, Scored)]."""
    window, found, most = ScoreWindow(scorers, reach, "camera"), [], 0
    for number, row in enumerate(rows):
        span = (16 * number, 16 * number + 16)
        scored = window.add((LiveRow(span, (span[0] / 25, span[1] / 25), row[None]),))
        found += [(number + 1, each) for each in scored]
        most = max(most, len(window._rows))
    return found + [(len(rows), each) for each in window.end()], most


@pytest.mark.parametrize(
    "name, changes", [*((name, "none") for name in HEADS), ("mil", "only"), ("ur-dmu", "only")]
)
def test_scores_are_those_of_the_whole_recording(name, changes):
    scorer = untrained(name, [*HEADS[name], f"data.segments.changes={changes}"])
    ahead = look_ahead(scorer.checkpoint.config)
    assert ahead is not None
    rows = np.random.default_rng(0).normal(size=(LENGTH, 6)).astype(np.float32)
    expected = scorer.score(make_features("whole", rows)).segment_score
    reach = Reach.of(scorer.checkpoint.config)
    assert reach.exact and reach.ahead == ahead
    found, most = live([scorer, scorer], reach, rows)
    assert [each.number for _, each in found] == list(range(LENGTH))
    np.testing.assert_allclose([each.score for _, each in found], expected, atol=1e-6)
    # Each as early as the head allows, and nothing is kept for longer than it is needed.
    assert [known for known, _ in found] == [min(n + 1 + ahead, LENGTH) for n in range(LENGTH)]
    assert most <= 2 * ahead + 2 + reach.grid


def test_fewer_segments_ahead_are_earlier_and_no_longer_exact():
    scorer = untrained("mil", HEADS["mil"])
    rows = np.random.default_rng(0).normal(size=(LENGTH, 6)).astype(np.float32)
    found, _ = live([scorer], Reach.of(scorer.checkpoint.config, at_most=0), rows)
    assert [known for known, _ in found] == list(range(1, LENGTH + 1))
    # By hand: the newest score of each beginning.
    for count in (1, 7, 40):
        expected = scorer.score(make_features("beginning", rows[:count])).segment_score[-1]
        assert found[count - 1][1].score == pytest.approx(expected, abs=1e-6)
