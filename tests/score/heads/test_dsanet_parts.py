"""What DSANet adds to vadclip, against a transcription of its specification."""

import numpy as np
import pytest
import torch

from support.vadclip_formulas import (
    LENGTHS,
    VECTORS,
    clip_videos,
    rebuilt_of,
    sigmoid,
    small_vadclip,
    softmax,
    transcribed,
    unit,
)


def test_event_and_background_of_dsanet_are_those_of_the_specification():
    head = small_vadclip(texts="adapter", event_weight=0.5)
    rows, bags = clip_videos(LENGTHS)
    terms = head.losses(head(bags), bags)
    event, background = [], []
    for bag, each in enumerate(rows):
        x, s, _, texts = transcribed(head, each, VECTORS)
        for found, p, target in (
            (event, sigmoid(s), np.eye(4)[bag]),
            (background, 1 - sigmoid(s), np.array([1, 0.01, 0.01, 0.01]) / 1.03),
        ):
            weight = np.exp(10 * p) - 1
            vector = (weight / weight.sum()) @ x
            log_share = np.log(softmax(unit(texts) @ unit(vector) / 0.07))
            found.append(-((0.9 * target + 0.1 / 4) * log_share).sum())
    assert terms["event"].item() == pytest.approx(0.5 * np.mean(event), rel=1e-6)
    assert terms["background"].item() == pytest.approx(0.5 * np.mean(background), rel=1e-6)


def test_normality_of_dsanet_is_that_of_the_specification():
    head = small_vadclip(normality={"weight": 0.5, "prototypes": 3, "layers": 2, "heads": 4})
    rows, bags = clip_videos([20, 9, 32])
    weights = {name: value.numpy() for name, value in head.state_dict().items()}
    terms = head.losses(head.train()(bags), bags)  # without dropout
    gaps, distances = [], []
    for each in rows:
        x, s, _, _ = transcribed(head, each, VECTORS)
        chosen = np.argsort(sigmoid(s), kind="stable")[: int(0.8 * len(each))]
        p, r = rebuilt_of(weights, x, np.sort(chosen), heads=4, layers=2)
        distances += list((1 - unit(x[chosen]) @ unit(p).T).min(axis=1))
        gaps += list((sigmoid(s) - (1 - (unit(x) * unit(r)).sum(axis=1)) / 2) ** 2)
    assert terms["consistency"].item() == pytest.approx(0.5 * np.mean(gaps), rel=1e-6)
    assert terms["prototypes"].item() == pytest.approx(0.5 * np.mean(distances), rel=1e-6)


def test_class_probabilities_of_dsanet_are_those_of_the_specification():
    head = small_vadclip(texts="adapter", probability="shared", softness=5.0)
    rows, bags = clip_videos(LENGTHS)
    with torch.no_grad():
        output = head(bags)
    for bag, each in enumerate(rows):
        _, s, m, _ = transcribed(head, each, VECTORS)
        share, p = softmax(m / 5)[:, 1:], sigmoid(s / 5)[:, None]
        expected = np.c_[1 - p, p * share / share.sum(axis=1, keepdims=True)]
        found = output.aux["class_probability"][bag].numpy()
        np.testing.assert_allclose(found[: len(each)], expected, atol=1e-9)
        assert not found[len(each) :].any()
        # the score itself is not softened
        np.testing.assert_allclose(output.segment_score[bag, : len(each)].numpy(), sigmoid(s), atol=1e-9)


def test_the_gradient_reaches_every_parameter_with_all_parts_on():
    head = small_vadclip(
        texts="adapter",
        event_weight=1.0,
        normality={"weight": 1.0, "prototypes": 3, "layers": 2, "heads": 4},
    )
    _, bags = clip_videos([40, 9, 32, 20])
    sum(head.losses(head.train()(bags), bags).values()).backward()
    still = [name for name, each in head.named_parameters() if each.grad is None or not each.grad.any()]
    assert still == []
