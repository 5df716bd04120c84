"""MTN: kernels, gate, attention bag and the four terms, each against a formula and switched off."""

import pytest
import torch

from score.bags.bags import Bags, BagSpec
from score.heads.base import HeadOutput
from score.heads.layers.masked_norm import MaskedBatchNorm
from score.heads.mtn import MTN, MTNConfig, NormalisedLayer

DIM = 6


def bags_of(rows, label, lengths=None):
    lengths = torch.full((len(rows),), rows.shape[1]) if lengths is None else torch.tensor(lengths)
    label = torch.as_tensor(label, dtype=torch.float32)
    return Bags({"rgb": rows}, torch.arange(rows.shape[1]) < lengths[:, None], label, label.long())


def build(**settings):
    torch.manual_seed(0)
    return MTN(
        MTNConfig(**{"width": 32, "kernels": (3, 5), "dropout": 0.0, **settings}), BagSpec({"rgb": DIM})
    )


def test_norm_statistics_exclude_padding():
    norm = MaskedBatchNorm(3).train()
    rows, mask = torch.randn(2, 5, 3), torch.tensor([[True] * 5, [True, True, False, False, False]])
    normal = norm(torch.where(mask[:, :, None], rows, 1e3), mask)
    chosen = rows[mask]
    expected = (chosen - chosen.mean(dim=0)) / (chosen.var(dim=0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(normal[mask], expected)
    assert not normal[~mask].any()
    torch.testing.assert_close(norm.running_mean, 0.1 * chosen.mean(dim=0))


def test_a_single_instance_is_normalised_with_running_statistics():
    norm = MaskedBatchNorm(2).train()
    norm.running_mean.fill_(1.0)
    normal = norm(torch.tensor([[[3.0, 1.0]]]), torch.tensor([[True]]))
    assert normal.flatten().tolist() == pytest.approx([2.0, 0.0], abs=1e-4)


@pytest.mark.parametrize("kernel, reach", [(1, 0), (3, 1), (17, 8)])
def test_a_branch_reaches_as_far_as_its_kernel(kernel, reach):
    torch.manual_seed(0)
    layer = NormalisedLayer(4, 64, kernel=kernel).eval()  # enough that the ReLU does not close all of them
    rows = torch.randn(1, 41, 4, requires_grad=True)
    layer(rows, torch.ones(1, 41, dtype=torch.bool))[0, 20].sum().backward()
    seen = rows.grad[0].abs().sum(dim=1).nonzero().flatten()
    assert (seen.min().item(), seen.max().item()) == (20 - reach, 20 + reach)


@pytest.mark.parametrize("kernels, reach", [((3,), 1), ((3, 5, 9, 17), 8)])
def test_the_longest_kernel_decides_what_a_score_depends_on(kernels, reach):
    head = build(kernels=kernels, width=64).eval()
    rows = torch.randn(1, 41, DIM)
    changed = rows.clone()
    changed[0, 20] = 5 * torch.randn(DIM)
    differs = head(bags_of(rows, [1])).segment_score - head(bags_of(changed, [1])).segment_score
    moved = differs[0].detach().abs().gt(1e-9).nonzero().flatten()
    assert (moved.min().item(), moved.max().item()) == (20 - reach, 20 + reach)


def test_the_gate_multiplies_and_can_be_left_out():
    head, bags = build().eval(), bags_of(torch.randn(2, 9, DIM), [0, 1])
    gate = head(bags).aux["gate"]
    assert gate.shape == (2, 9, 1) and 0 < gate.min() and gate.max() < 1
    with torch.no_grad():
        head.gate[1].weight.zero_()
        head.gate[1].bias.fill_(100.0)  # open everywhere
    ungated = build(gate=False).eval()
    assert ungated.gate is None and "gate" not in ungated(bags).aux
    ungated.load_state_dict(
        {name: rows for name, rows in head.state_dict().items() if not name.startswith("gate")}
    )
    torch.testing.assert_close(head(bags).segment_score, ungated(bags).segment_score)


def test_the_attention_bag_is_scored_like_an_instance_and_excludes_padding():
    head, bags = build().eval(), bags_of(torch.randn(2, 9, DIM), [0, 1], lengths=[9, 4])
    output = head(bags)
    attention = output.aux["attention"]
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(2))
    assert not attention[1, 4:].any()
    plain = build(pooling="mean").eval()(bags).aux["attention"]
    torch.testing.assert_close(plain[1], torch.tensor([0.25] * 4 + [0.0] * 5))
    with torch.no_grad():  # attention on one instance alone makes its score the bag's
        head.attention[2].weight.mul_(1e6)
        output = head(bags)
    for bag in range(2):
        alone = output.aux["attention"][bag].argmax()
        torch.testing.assert_close(output.video_score[bag], output.segment_score[bag, alone])


def test_the_terms_by_hand():
    head = build(bag_weight=2.0, instance_weight=3.0, smoothness_weight=0.5, sparsity_weight=0.25)
    score = torch.tensor([[0.2, 0.6, 0.9, 0.0], [0.3, 0.1, 0.1, 0.1]])
    mask = torch.tensor([[True, True, True, False], [True] * 4])
    bags = Bags({"rgb": torch.zeros(2, 4, DIM)}, mask, torch.tensor([1.0, 0.0]), torch.tensor([1, 0]))
    terms = head.losses(HeadOutput(score, torch.tensor([0.8, 0.4])), bags)
    log = lambda value: torch.tensor(value).log().item()  # noqa: E731
    assert terms["bag"].item() == pytest.approx(-2 * (log(0.8) + log(0.6)) / 2, rel=1e-5)
    # 3 // 16 + 1 = 1 highest instance: 0.9 and 0.3
    assert terms["instances"].item() == pytest.approx(-3 * (log(0.9) + log(0.7)) / 2, rel=1e-5)
    assert terms["smoothness"].item() == pytest.approx(0.5 * (0.16 + 0.09) / 2)
    assert terms["sparsity"].item() == pytest.approx(0.25 * 1.7 / 3)


def test_the_highest_are_a_sixteenth_and_one():
    head = build()
    score = torch.linspace(0.0, 0.5, 40)[None]
    bags = bags_of(torch.zeros(1, 40, DIM), [0])
    terms = head.losses(HeadOutput(score, torch.tensor([0.5])), bags)
    assert terms["instances"].item() == pytest.approx(-(1 - score[0, -3:].mean()).log().item(), rel=1e-5)


@pytest.mark.parametrize(
    "term, parts",
    [
        ("bag", {"embed", "pyramid", "gate", "describe", "scorer", "attention"}),
        ("instances", {"embed", "pyramid", "gate", "describe", "scorer"}),
        ("smoothness", {"embed", "pyramid", "gate", "describe", "scorer"}),
        ("sparsity", {"embed", "pyramid", "gate", "describe", "scorer"}),
    ],
)
def test_each_term_alone_reaches_what_it_should(term, parts):
    head, bags = build().train(), bags_of(torch.randn(4, 20, DIM), [0, 1, 0, 1])
    head.losses(head(bags), bags)[term].backward()
    moved = {
        name.split(".")[0]
        for name, each in head.named_parameters()
        if each.grad is not None and each.grad.any()
    }
    assert moved == parts


@pytest.mark.parametrize(
    "term, measure",
    [
        ("smoothness_weight", lambda score: score.diff(dim=1).square().mean()),
        ("sparsity_weight", lambda score: score.mean()),
    ],
)
def test_smoothness_and_sparsity_lower_what_they_name(term, measure):
    bags = bags_of(torch.randn(2, 20, DIM), [1, 1])
    weights = dict(bag_weight=0.0, instance_weight=0.0, smoothness_weight=0.0, sparsity_weight=0.0)
    head = build(**{**weights, term: 1.0})
    before = measure(head(bags).segment_score).item()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.005)
    for _ in range(20):
        optimizer.zero_grad()
        sum(head.losses(head(bags), bags).values()).backward()
        optimizer.step()
    assert measure(head(bags).segment_score).item() < before / 1.15


def test_it_overfits_four_bags_and_points_at_the_planted_instances():
    torch.manual_seed(0)
    rows, planted = torch.randn(1, 24, DIM).repeat(4, 1, 1), [5, 17]
    for bag, place in enumerate(planted):
        rows[bag, place - 1 : place + 2, 0] += 6
    bags = bags_of(rows, [1, 1, 0, 0])
    head = build().train()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.005)
    for _ in range(120):
        optimizer.zero_grad()
        sum(head.losses(head(bags), bags).values()).backward()
        optimizer.step()
    output = head.eval()(bags)
    for bag, place in enumerate(planted):
        assert abs(output.segment_score[bag].argmax().item() - place) <= 1
    assert output.video_score[:2].min() > 0.9 and output.video_score[2:].max() < 0.3


def test_kernels_and_width_must_fit():
    with pytest.raises(ValueError, match="kernels are .3, 4., expected odd numbers"):
        MTNConfig(kernels=(3, 4))
    with pytest.raises(ValueError, match="width is 100, expected a multiple of 4 x 3 kernels"):
        MTNConfig(width=100, kernels=(3, 5, 7))


@pytest.mark.parametrize("residual", [True, False])
@torch.no_grad()
def test_scores_follow_the_layers_in_their_order(residual):
    head = build(residual=residual, gate=False, pooling="mean").eval()
    bags = bags_of(3 * torch.randn(2, 9, DIM), [0, 1], lengths=[9, 5])
    normal = torch.nn.functional.layer_norm(bags.features["rgb"], (DIM,))
    rows = (normal @ head.embed[1].weight.T + head.embed[1].bias) * bags.mask[:, :, None]
    seen = head.pyramid(rows, bags.mask) + rows * residual
    for layer in head.describe:
        seen = layer(seen, bags.mask)
    output = head(bags)
    torch.testing.assert_close(output.segment_score, head.scorer(seen).squeeze(2) * bags.mask)
    middle = torch.stack([seen[0].mean(dim=0), seen[1, :5].mean(dim=0)])
    torch.testing.assert_close(output.video_score, head.scorer(middle).squeeze(1))


def test_dropout_is_in_the_scorer():
    rates = [each.p for each in build(dropout=0.3).modules() if isinstance(each, torch.nn.Dropout)]
    assert sorted(rates) == [0, 0, 0, 0.3, 0.3, 0.3]  # three layers of the pyramid have none
    head, bags = build(dropout=0.5), bags_of(torch.randn(2, 9, DIM), [0, 1])
    for layer in head.describe:
        layer.norm.eval()
        rows = torch.randn(2, 9, layer.convolution.in_channels)
        assert not torch.equal(layer(rows, bags.mask), layer(rows, bags.mask))
