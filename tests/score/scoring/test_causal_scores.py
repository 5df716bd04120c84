"""Causal scores against videos that really end: every head is given no more than it may look at."""

import numpy as np
import pytest
import torch

from score.bags.bags import BagSpec
from score.config.look_ahead import look_ahead
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.heads import FEATURE_HEADS
from score.runs.checkpoint import Checkpoint, build_head
from score.scoring.causal_scores import causal_scores
from score.scoring.chunks import segments_of
from score.scoring.scorer import Scorer
from support.tiny_stores import make_features, make_spec

DIM, LENGTH = 6, 45
NEARER = {
    "mil": ("head.feature_smoothing=5", "head.score_smoothing=3"),
    "rtfm": ("head.non_local=false",),
    "ur-dmu": ("head.attention=none",),
    "mgfn": ("head.blocks=[none, focus, focus]",),
    "vadclip": ("head.window=8", "head.attention_window=4"),
}
ALL = ("data.segments.mode=none",)


def scorer_of(name, overrides=()):
    config = resolve(preset_of(name), overrides=overrides)
    spec = BagSpec({"rgb": DIM}, ("Normal", "Fight", "Fire"), (3, 2, 2))
    torch.manual_seed(0)
    head = build_head(config, spec).eval()
    with torch.no_grad():
        for parameter in head.parameters():  # some branches start at zero
            parameter.add_(torch.randn_like(parameter) * 0.05)
    weights = {key: value.clone() for key, value in head.state_dict().items()}
    checkpoint = Checkpoint(
        config=config,
        bag_spec=spec,
        specs=(make_spec(),),
        weights=weights,
        lists={},
        standardisation=None,
        seed=0,
        epoch=1,
    )
    return Scorer(checkpoint)


def video(seed=0, length=LENGTH):
    return make_features("v", np.random.default_rng(seed).normal(size=(length, DIM)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, overrides",
    [*((name, ALL) for name in FEATURE_HEADS), *((name, (*more, *ALL)) for name, more in NEARER.items())],
    ids=str,
)
def test_a_score_is_that_of_a_video_which_ends_when_it_is_known(name, overrides):
    scorer, part = scorer_of(name, overrides), video()
    found, ahead = causal_scores(scorer, [part], window=10), look_ahead(scorer.checkpoint.config)
    for place in range(0, LENGTH, 3):
        last = min(place + (ahead or 0), LENGTH - 1)
        assert found.known_after[place] == last
        begin = 0 if ahead is not None else max(0, last - 9)
        ended = scorer.score(segments_of(part, begin, last + 1)).segment_score
        assert found.segment_score[place] == pytest.approx(ended[place - begin], abs=1e-6)


def test_a_head_that_pools_the_video_knows_nothing_of_what_follows():
    scorer, part = scorer_of("mil", ("data.segments.n=4", "data.scoring=pooled")), video()
    assert look_ahead(scorer.checkpoint.config) is None
    before = causal_scores(scorer, [part]).segment_score
    part.features[30:] = 5.0
    after = causal_scores(scorer, [part]).segment_score
    offline = scorer.score(part).segment_score
    assert np.array_equal(before[:30], after[:30]) and not np.array_equal(after, offline)


def test_windows_in_one_batch_score_as_one_by_one():
    scorer, part = scorer_of("rtfm", ALL), video(length=12)
    alone = causal_scores(scorer, [part], window=5).segment_score
    scorer.rows_at_once = 20
    together = causal_scores(scorer, [part], window=5).segment_score
    assert together == pytest.approx(alone, abs=1e-6)
