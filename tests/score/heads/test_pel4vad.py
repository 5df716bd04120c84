"""pel4vad against a transcription of its specification, and its losses against formulas of their own."""

import math

import numpy as np
import pytest
import torch
from scipy.special import erf

from extract.store.texts import ClassTexts
from score.bags.bags import Bags, BagSpec
from score.config.presets import PRESETS, preset_of
from score.heads.pel4vad import PEL4VAD, PEL4VADConfig, prompt_loss
from score.heads.pel4vad_parts import context_attention
from score.heads.pel4vad_parts.score_smoothing import block_mean, forward_mean, smoothed
from score.runs.checkpoint import build_head
from support.tiny_bags import four_bags, moved_by, train
from support.vadclip_formulas import layer_norm, linear, sigmoid, softmax, top, unit

DIM, WIDTH = 10, 7
CLASSES = ("Normal", "Fight", "Fire")
VECTORS = np.random.default_rng(5).normal(size=(3, WIDTH)).astype(np.float32)
SPEC = BagSpec({"i3d": DIM}, CLASSES, (4, 2, 1), texts=ClassTexts(CLASSES, VECTORS))
SMALL = {"attention": 6, "near": 5, "hidden": 8, "kernel": 3, "dropout": 0.0}
LENGTHS, OF_CLASS = [40, 9, 1, 23], [0, 1, 2, 1]


def made(**settings) -> PEL4VAD:
    torch.manual_seed(3)
    head = PEL4VAD(PEL4VADConfig(**{**SMALL, **settings}), SPEC)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return head.double()


def videos() -> tuple[list[np.ndarray], Bags]:
    random = np.random.default_rng(1)
    rows = [random.normal(size=(length, DIM)) for length in LENGTHS]
    padded = torch.full((len(rows), max(LENGTHS), DIM), 7.0, dtype=torch.float64)
    for bag, each in enumerate(rows):
        padded[bag, : len(each)] = torch.from_numpy(each)
    mask, event_class = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None], torch.tensor(OF_CLASS)
    return rows, Bags({"i3d": padded}, mask, (event_class > 0).double(), event_class)


def gelu(x):
    return x * (1 + erf(x / math.sqrt(2))) / 2


def transcribed(head, x):
    """(scores [N], xv [N, W]) of one video, as the specification says it."""
    weights = {name: value.detach().numpy() for name, value in head.state_dict().items()}
    q, k, v = (linear(weights, f"attention.{name}", x) for name in ("query", "key", "value"))
    place = np.arange(len(x))
    apart = place[:, None] - place
    near = np.exp(-np.abs(weights["attention.w"] * apart**2 - weights["attention.b"]))
    product = q @ k.T / math.sqrt(head.config.attention) + near
    local = np.full_like(product, -1e9)
    for i in range(len(x)):
        for step in range(head.config.near):
            j = min(max(i - head.config.near // 2 + step, 0), len(x) - 1)
            local[i, j] = product[i, j]
    a = sigmoid(weights["attention.mix"])
    o = a * softmax(product) @ v + (1 - a) * softmax(local) @ v
    if head.config.power_norm:
        o = np.sqrt(np.maximum(o, 0)) - np.sqrt(np.maximum(-o, 0))
        o = o / np.linalg.norm(o, axis=0)
    y = layer_norm(weights, "attention.norm", x + linear(weights, "attention.outward", o))
    xv = gelu(linear(weights, "embed", y))
    xe = gelu(linear(weights, "narrow", xv))
    kernel, before = weights["scorer.weight"][0], head.config.kernel - 1
    xe = np.concatenate([np.zeros((before, xe.shape[1])), xe])
    logit = [(kernel * xe[i : i + before + 1].T).sum() for i in range(len(x))]
    return sigmoid(np.array(logit) + weights["scorer.bias"]), xv


@pytest.mark.parametrize("power_norm", [True, False], ids=["ucf", "xd"])
def test_scores_are_those_of_the_specification(power_norm):
    head = made(power_norm=power_norm).eval()
    rows, bags = videos()
    with torch.no_grad():
        output = head(bags)
    for bag, each in enumerate(rows):
        score, xv = transcribed(head, each)
        np.testing.assert_allclose(output.segment_score[bag, : len(each)].numpy(), score, atol=1e-9)
        assert not output.segment_score[bag, len(each) :].any()
        # ours: the score is shared out over the classes but Normal
        shares = softmax(unit(xv) @ unit(VECTORS[1:]).T * math.exp(head.log_scale.item()))
        named = output.aux["class_probability"][bag, : len(each)].numpy()
        np.testing.assert_allclose(named, np.c_[1 - score, score[:, None] * shares], atol=1e-7)


def test_losses_are_those_of_the_specification():
    head = made(prompt_weight=9.0, kernel=2)
    rows, bags = videos()
    terms = head.losses(head(bags), bags)
    binary, pairs = [], []
    for each, label in zip(rows, OF_CLASS, strict=True):
        score, xv = transcribed(head, each)
        p = top(score, len(each) // 16 + 1 if label else 1)
        binary.append(-math.log(p if label else 1 - p))
        event, background = np.exp(10 * score) - 1, np.exp(10 * (1 - score)) - 1
        pairs.append((event / event.sum() @ xv, label))
        if label:
            pairs.append((background / background.sum() @ xv, 0))
    labels = np.array([label for _, label in pairs])
    texts = VECTORS.astype(np.float64)[labels]
    cosines = np.array([[unit(vector) @ unit(text) for text in texts] for vector, _ in pairs])
    target = softmax(10.0 * (labels[:, None] == labels))
    found = np.log(softmax(math.exp(head.log_scale.item()) * cosines))
    divergence = (target * (np.log(target) - found)).sum(axis=1).mean()
    assert terms["score"].item() == pytest.approx(np.mean(binary), rel=1e-6)
    assert terms["prompt"].item() == pytest.approx(9 * divergence, rel=1e-6)


def test_the_prompt_loss_is_zero_where_cosines_are_what_they_should_be():
    # two classes, orthogonal: logits of 10 where classes are equal, 0 elsewhere
    vectors = torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 0.0]])
    classes = torch.tensor([0, 1, 0])
    found = prompt_loss(vectors, torch.eye(2)[classes], classes, scale=torch.tensor(10.0))
    assert found.item() == pytest.approx(0.0, abs=1e-6)


def test_long_videos_are_attended_to_in_blocks(monkeypatch):
    head, (_, bags) = made().eval(), videos()
    with torch.no_grad():
        whole = head(bags).segment_score
        monkeypatch.setattr(context_attention, "BLOCK", 7)
        torch.testing.assert_close(head(bags).segment_score, whole, atol=1e-12, rtol=0)


def test_smoothing_by_hand():
    score = torch.tensor([[0.3, 0.6, 0.9, 0.3, 0.5]])
    # means of 3 from each place on, zeros past the end
    expected = torch.tensor([[1.8, 1.8, 1.7, 0.8, 0.5]]) / 3
    torch.testing.assert_close(forward_mean(score, 3), expected)
    # the last block has a zero past the end
    torch.testing.assert_close(block_mean(score, 3), torch.tensor([[0.6] * 3 + [0.8 / 3] * 2]))
    mask = torch.tensor([[True, True, True, True, False]])
    found = smoothed(score, mask, kind="blocks", width=3)
    torch.testing.assert_close(found, torch.tensor([[0.6, 0.6, 0.6, 0.1, 0.0]]))


def test_smoothing_is_for_scores_after_training():
    head, (_, bags) = made(smoothing="forward", smoothing_width=7), videos()
    raw = head.train()(bags)
    smooth = head.eval()(bags)
    torch.testing.assert_close(smooth.aux["score"], raw.segment_score)
    expected = forward_mean(raw.segment_score, 7) * bags.mask
    torch.testing.assert_close(smooth.segment_score, expected)
    named = smooth.aux["class_probability"]  # of the score that is shown
    torch.testing.assert_close(named[:, :, 1:].sum(dim=2), expected)
    torch.testing.assert_close(named[:, :, 0], (1 - expected) * bags.mask)
    assert head.losses(smooth, bags)["score"].item() == head.losses(raw, bags)["score"].item()


def test_the_published_network_has_the_published_size():
    texts = ClassTexts(tuple(f"class {n}" for n in range(14)), np.ones((14, 512), np.float32))
    spec = BagSpec({"i3d": 1024}, texts.classes, (1,) * 14, texts=texts)
    with torch.device("meta"):
        head = build_head(PRESETS["pel4vad-tip24"], spec)
    count = sum(each.numel() for each in head.parameters())
    # q, k, v, out, norm, two convolutions of width 1, one of 9, and w, b, a, tau
    expected = 3 * (1024 * 128 + 128) + 128 * 1024 + 1024 + 2 * 1024
    expected += 1024 * 512 + 512 + 512 * 300 + 300 + 300 * 9 + 1 + 4
    assert count == expected and abs(count / 1.21e6 - 1) < 0.01


@pytest.mark.parametrize("texts", [True, False], ids=["texts", "learnt vectors"])
def test_it_overfits_four_bags(texts):
    torch.manual_seed(0)
    given = ClassTexts(CLASSES[:2], VECTORS[:2]) if texts else None
    spec = BagSpec({"rgb": 6}, CLASSES[:2], (2, 2), texts=given)
    head, bags = build_head(preset_of("pel4vad"), spec), four_bags()
    output = train(head, bags, steps=60, lr=0.01)
    assert output.video_score[:2].min() > 0.9 and output.video_score[2:].max() < 0.1
    assert output.aux["class_probability"][:2, :, 1].amax(dim=1).min() > 0.8


def test_the_prompt_loss_leaves_the_scorer_alone_where_the_event_is_even():
    head, (_, bags) = made(), videos()
    assert "texts" not in moved_by(head, bags, "prompt")  # a given matrix stays as it is
    assert {"embed", "attention", "log_scale"} <= moved_by(head, bags, "prompt")
    assert {"scorer", "narrow", "embed", "attention"} <= moved_by(head, bags, "score")


def test_an_even_window_is_refused():
    with pytest.raises(ValueError, match="near is 4, expected an odd number"):
        PEL4VADConfig(near=4)
