"""vadclip against a transcription of its specification, and its losses against formulas of their own."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from extract.store.texts import ClassTexts
from score.bags.bags import BagSpec
from score.config.presets import PRESETS, preset_of
from score.heads.vadclip import VadCLIP, apart_loss, shared_probability, video_logits
from score.heads.vadclip_parts.vadclip_config import VadCLIPConfig
from score.runs.checkpoint import build_head
from support.tiny_bags import four_bags, moved_by, train
from support.vadclip_formulas import (
    CLASSES,
    LENGTHS,
    SMALL,
    SPEC,
    VECTORS,
    WINDOW,
    clip_videos,
    sigmoid,
    small_vadclip,
    softmax,
    top,
    transcribed,
    unit,
)

PUBLISHED = {"window": 256, "attention_window": 8, "similar": 0.7}


@pytest.mark.parametrize(
    "settings, lengths",
    [
        ({}, LENGTHS),
        ({"layers": 1, "attention_window": 16, "score": "text"}, LENGTHS),
        ({"texts": "adapter", "adapter_share": 0.6}, LENGTHS),
        (PUBLISHED, [256, 5, 300, 512]),
        ({**PUBLISHED, "layers": 1, "attention_window": 64, "score": "text"}, [256, 300, 70, 257]),
    ],
    ids=["ucf", "xd", "dsanet", "ucf, windows of 256", "xd, windows of 256"],
)
def test_scores_are_those_of_the_specification(settings, lengths):
    head = small_vadclip(**settings)
    rows, bags = clip_videos(lengths)
    with torch.no_grad():
        output = head(bags)
    for bag, each in enumerate(rows):
        _, s, m, _ = transcribed(head, each, VECTORS)
        score = 1 - softmax(m)[:, 0] if head.config.score == "text" else sigmoid(s)
        found = output.segment_score[bag].numpy()
        np.testing.assert_allclose(found[: len(each)], score, atol=1e-9)
        assert not found[len(each) :].any()
        assert output.video_score[bag].item() == pytest.approx(top(score, len(each) // 16 + 1), abs=1e-9)
        np.testing.assert_allclose(
            output.aux["class_probability"][bag, : len(each)].numpy(), softmax(m), atol=1e-9
        )


def test_losses_are_those_of_the_specification():
    head = small_vadclip(class_weight=5.0)
    rows, bags = clip_videos(LENGTHS)
    terms = head.losses(head(bags), bags)
    binary, fine = [], []
    for bag, each in enumerate(rows):
        _, s, m, texts = transcribed(head, each, VECTORS)
        k = len(each) // 16 + 1
        p = top(sigmoid(s), k)
        binary.append(-math.log(p if bag else 1 - p))
        logits = np.array([top(column, k) for column in m.T])
        fine.append(-math.log(softmax(logits)[bag]))
    apart = np.mean([abs(unit(texts[0]) @ unit(each)) for each in texts[1:]])
    assert terms["score"].item() == pytest.approx(np.mean(binary), abs=1e-6)
    assert terms["class"].item() == pytest.approx(5 * np.mean(fine), abs=1e-6)
    assert terms["apart"].item() == pytest.approx(0.1 * apart, abs=1e-6)
    assert set(terms) == {"score", "class", "apart"}


def test_padding_that_is_ignored_does_not_show_in_shorter_windows():
    # ours: a window as long as the video, and one of 32 with nothing behind it
    short = small_vadclip(padding="ignored")
    _, bags = clip_videos([9, 20])
    with torch.no_grad():
        expected = short(bags).segment_score
        short._window = lambda _length: WINDOW
        torch.testing.assert_close(short(bags).segment_score, expected, atol=1e-12, rtol=0)


def test_the_class_of_a_segment_shares_its_score():
    logit = torch.log(torch.tensor([[[9.0, 1.0, 3.0]]]))
    found = shared_probability(torch.tensor([[0.8]]), logit)
    torch.testing.assert_close(found, torch.tensor([[[0.2, 0.2, 0.6]]]))


def test_logits_of_a_video_are_chosen_for_each_class_alone():
    logit = torch.tensor([[[1.0, 5.0], [3.0, -1.0], [100.0, 100.0]]])
    assert video_logits(logit, torch.tensor([[True, True, False]])).tolist() == [[3.0, 5.0]]


def test_classes_apart_by_hand():
    # cosines of Normal with the others: 0 and -1
    assert apart_loss(torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])).item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    "preset, published", [("vadclip-aaai24", 12_642_305)], ids=["12.6 million without the text tower"]
)
def test_the_published_network_has_the_published_size(preset, published):
    # position, 2 layers, 2 graphs of 2, join, 2 networks, score, prompts of 77 x 512
    d = 512
    network = 2 * 4 * d * d + 5 * d
    layer = 4 * (d * d + d) + network + 4 * d
    graph = d * d // 2 + 5 * d * d // 2 + d // 2 + d * d // 4
    total = 256 * d + 2 * layer + 2 * graph + d * d + d + 2 * network + d + 1 + 77 * d
    assert total == published
    texts = ClassTexts(tuple(f"class {n}" for n in range(14)), np.ones((14, d), np.float32))
    spec = BagSpec({"rgb": d}, texts.classes, (1,) * 14, texts=texts)
    with torch.device("meta"):
        head = build_head(PRESETS[preset], replace(spec, event_classes=texts.classes))
    count = sum(each.numel() for each in head.parameters())
    assert count == published - 77 * d + 14 * d  # an offset per class instead of prompts
    assert abs(count / published - 1) < 0.01


@pytest.mark.parametrize("texts", [True, False], ids=["texts", "learnt vectors"])
def test_it_overfits_four_bags(texts):
    torch.manual_seed(0)
    given = ClassTexts(CLASSES[:2], VECTORS[:2]) if texts else None
    spec = BagSpec({"rgb": 6}, CLASSES[:2], (2, 2), texts=given)
    head, bags = build_head(preset_of("vadclip"), spec), four_bags()
    output = train(head, bags, steps=60, lr=0.003)
    assert output.video_score[:2].min() > 0.9 and output.video_score[2:].max() < 0.1
    named = output.aux["class_probability"][:2, :, 1].amax(dim=1)
    assert named.min() > 0.8


def test_each_term_moves_its_own_parts():
    torch.manual_seed(0)
    config = VadCLIPConfig(
        **SMALL, event_weight=1.0, normality={"weight": 1.0, "prototypes": 3, "layers": 2, "heads": 4}
    )
    head = VadCLIP(config, SPEC)
    _, bags = clip_videos([9, 20])
    bags = bags.with_features({"clip": bags.features["clip"].float()})
    bags.label = bags.label.float()
    assert moved_by(head, bags, "apart") == {"texts"}
    assert {"beside", "scorer", "encoder"} <= moved_by(head, bags, "score")
    assert {"prompt", "texts", "encoder"} <= moved_by(head, bags, "class")
    assert "prompt" not in moved_by(head, bags, "event")
    assert "normality" in moved_by(head, bags, "consistency")
    assert "normality" in moved_by(head, bags, "prototypes")


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"window": 10, "attention_window": 4}, "expected a multiple of attention_window 4"),
        ({"width": 12, "normality": {"weight": 1.0}}, "do not divide a width of 12"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        VadCLIPConfig(**{**SMALL, **settings})
