"""The MIL head and its losses, against numbers worked out by hand."""

import math

import pytest
import torch

from score.bags.bags import Bags, BagSpec
from score.heads.base import HeadOutput
from score.heads.layers.top_k import moving_average, top_count, top_mean
from score.heads.losses import ranking_loss, smoothness_loss, sparsity_loss
from score.heads.mil import MIL, MILConfig


def bags_of(rows, label, mask=None):
    mask = torch.ones(rows.shape[:2], dtype=torch.bool) if mask is None else mask
    label = torch.as_tensor(label, dtype=torch.float32)
    return Bags({"rgb": rows}, mask, label, label.long())


def test_all_pairs_are_averaged_over_normal_and_summed_over_anomalous_bags():
    anomalous, normal = torch.tensor([0.9, 0.4]), torch.tensor([0.1, 0.3, 0.6])
    # 1 - a + n: 0.2 0.4 0.7 against 0.9 and 0.7 0.9 1.2 against 0.4, each mean over three: (1.3 + 2.8) / 3
    assert ranking_loss(anomalous, normal).item() == pytest.approx(4.1 / 3)
    assert ranking_loss(anomalous, normal, reduction="mean").item() == pytest.approx(4.1 / 6)


def test_matched_pairs_differ_from_all_pairs_where_the_hinge_is_flat():
    anomalous, normal = torch.tensor([0.9, 0.4]), torch.tensor([0.1, 0.6])
    # margin 0.5, max(0, 0.5 - a + n): (0.9, 0.1) 0, (0.9, 0.6) 0.2, (0.4, 0.1) 0.2, (0.4, 0.6) 0.7
    assert ranking_loss(anomalous, normal, pairs="matched", margin=0.5).item() == pytest.approx(0.7)
    assert ranking_loss(
        anomalous, normal, pairs="matched", margin=0.5, reduction="mean"
    ).item() == pytest.approx(0.35)
    assert ranking_loss(anomalous, normal, pairs="all", margin=0.5).item() == pytest.approx(1.1 / 2)


def test_matched_pairs_repeat_the_shorter_side():
    anomalous, normal = torch.tensor([0.5]), torch.tensor([0.1, 0.2, 0.3])
    assert ranking_loss(anomalous, normal, pairs="matched").item() == pytest.approx(0.6 + 0.7 + 0.8)


def test_without_one_class_the_ranking_is_zero_and_still_has_a_gradient():
    score = torch.rand(3, requires_grad=True)
    loss = ranking_loss(score[:0], score)
    loss.backward()
    assert loss.item() == 0 and torch.equal(score.grad, torch.zeros(3))


def test_smoothness_and_sparsity_exclude_padding():
    score = torch.tensor([[0.1, 0.4, 0.9], [0.5, 0.2, 0.8]])
    mask = torch.tensor([[True, True, True], [True, True, False]])
    # steps 0.3^2 + 0.5^2 and 0.3^2; sums 1.4 and 0.7
    assert smoothness_loss(score, mask).item() == pytest.approx(0.34 + 0.09)
    assert smoothness_loss(score, mask, reduction="mean").item() == pytest.approx(0.43 / 2)
    assert sparsity_loss(score, mask).item() == pytest.approx(2.1)


def test_top_mean_takes_the_highest_instances_and_no_padding():
    score = torch.tensor([[0.1, 0.9, 0.5, 0.7], [0.2, 0.3, 0.99, 0.99]])
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    assert top_mean(score, mask, 1).tolist() == pytest.approx([0.9, 0.3])
    assert top_mean(score, mask, 3).tolist() == pytest.approx([2.1 / 3, 0.25])  # the second bag has two
    assert top_count(mask, least=1, share=0.5).tolist() == [2, 1]


def test_moving_average_shrinks_at_the_ends_and_at_padding():
    rows = torch.tensor([[[1.0], [2.0], [6.0], [100.0]]])
    mask = torch.tensor([[True, True, True, False]])
    assert moving_average(rows, mask, 3)[0, :, 0].tolist() == pytest.approx([1.5, 3.0, 4.0, 0.0])


def test_the_losses_of_the_head_are_those_of_the_paper():
    torch.manual_seed(0)
    head = MIL(MILConfig(hidden=(4, 3)), BagSpec({"rgb": 5})).eval()
    bags = bags_of(torch.randn(5, 7, 5), [0, 1, 0, 1, 1])
    output = head(bags)
    terms = head.losses(output, bags)
    score = output.segment_score.detach()
    peak = score.amax(dim=1)
    ranking = sum(max(0.0, 1 - peak[a] + peak[n]) for a in (1, 3, 4) for n in (0, 2)) / 2
    smooth = sum(float((score[a, t] - score[a, t + 1]) ** 2) for a in (1, 3, 4) for t in range(6))
    kernels = [parameter for name, parameter in head.named_parameters() if name.endswith("weight")]
    assert terms["ranking"].item() == pytest.approx(float(ranking), rel=1e-5)
    assert terms["smoothness"].item() == pytest.approx(8e-5 * smooth, rel=1e-5)
    assert terms["sparsity"].item() == pytest.approx(8e-5 * float(score[[1, 3, 4]].sum()), rel=1e-5)
    assert terms["kernel"].item() == pytest.approx(
        0.001 * sum(float((k.detach() ** 2).sum()) for k in kernels), rel=1e-5
    )


def test_the_published_network_has_one_relu_after_the_first_layer():
    head = MIL(MILConfig(dropout=0.0), BagSpec({"rgb": 8}))
    kinds = [type(layer).__name__ for layer in head.scorer if type(layer).__name__ != "Dropout"]
    assert kinds == ["Linear", "ReLU", "Linear", "Linear", "Sigmoid"]
    sizes = [tuple(layer.weight.shape) for layer in head.scorer if hasattr(layer, "weight")]
    assert sizes == [(512, 8), (32, 512), (1, 32)]


def test_all_pairs_do_not_depend_on_the_order_of_the_bags():
    torch.manual_seed(1)
    head = MIL(MILConfig(hidden=(8,)), BagSpec({"rgb": 4})).eval()
    rows, label = torch.randn(6, 5, 4), torch.tensor([1.0, 0, 1, 0, 0, 1])
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    first, second = bags_of(rows, label), bags_of(rows[order], label[order])
    one, two = (sum(head.losses(head(bags), bags).values()) for bags in (first, second))
    assert one.item() == pytest.approx(two.item(), rel=1e-6)


@pytest.mark.parametrize("objective", ["ranking", "bce"])
def test_it_overfits_four_bags_and_points_at_the_planted_instances(objective):
    torch.manual_seed(1)
    rows = 0.2 * torch.randn(4, 12, 6)  # little else tells the bags apart
    planted = [3, 9]
    for bag, place in enumerate(planted):
        rows[bag, place] += 3 * torch.tensor([1.0, -1, 1, -1, 1, -1])
    bags = bags_of(rows, [1, 1, 0, 0])
    # without dropout a network that begins with the planted instances lowest may settle on noise
    head = MIL(
        MILConfig(hidden=(16,), dropout=0.5, objective=objective, kernel_weight=0.0), BagSpec({"rgb": 6})
    )
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        sum(head.losses(head(bags), bags).values()).backward()
        optimizer.step()
    output = head.eval()(bags)
    assert output.segment_score[:2].argmax(dim=1).tolist() == planted
    assert output.video_score[:2].min() > 0.9 and output.video_score[2:].max() < 0.1


def test_an_even_smoothing_window_is_refused():
    with pytest.raises(ValueError, match="score_smoothing is 4, expected an odd number"):
        MILConfig(score_smoothing=4)


def build(**settings):
    torch.manual_seed(0)
    return MIL(MILConfig(**{"hidden": (4, 3), **settings}), BagSpec({"rgb": 5})).eval()


def scored(head, rows):
    """The instances' scores [B, T] as the scorer gives them."""
    return head.scorer(rows).squeeze(2)


@torch.no_grad()
def test_instances_are_averaged_before_or_after_they_are_scored():
    rows = torch.randn(1, 6, 5)
    bags = bags_of(rows, [1])
    before, after = build(feature_smoothing=3), build(score_smoothing=3)
    mean = lambda values: moving_average(values, bags.mask, 3)  # noqa: E731
    torch.testing.assert_close(before(bags).segment_score, scored(before, mean(rows)))
    torch.testing.assert_close(after(bags).segment_score, mean(scored(after, rows)[:, :, None]).squeeze(2))


@torch.no_grad()
def test_a_video_score_is_the_mean_of_the_top_k_or_of_a_share():
    bags = bags_of(torch.randn(2, 10, 5), [1, 0])
    both = {"top_k": 4, "top_share": 0.3}
    for settings, count in (({}, 1), ({"top_k": 4}, 4), ({"top_share": 0.3}, 3), (both, 4)):
        output = build(**settings)(bags)
        torch.testing.assert_close(output.video_score, output.segment_score.topk(count).values.mean(dim=1))


def test_all_layers_may_have_a_relu_and_dropout_comes_first_by_option():
    kinds = [type(layer).__name__ for layer in build(activations="all", input_dropout=0.25).scorer]
    assert kinds == ["Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear", "Sigmoid"]
    rates = [layer.p for layer in build(input_dropout=0.25, dropout=0.5).scorer if hasattr(layer, "p")]
    assert rates == [0.25, 0.5, 0.5]


@torch.no_grad()
def test_matched_pairs_means_and_the_margin_are_options_of_the_head():
    head = build(pairs="matched", reduction="mean", margin=0.3, smoothness_weight=1.0, sparsity_weight=1.0)
    bags = bags_of(torch.randn(4, 7, 5) * 5, [0, 1, 0, 1])
    score = head(bags).segment_score
    terms = head.losses(head(bags), bags)
    peak = score.amax(dim=1)
    hinge = [max(0.0, float(0.3 - peak[a] + peak[n])) for a, n in ((1, 0), (3, 2))]
    assert sum(hinge) > 0 and terms["ranking"].item() == pytest.approx(sum(hinge) / 2, rel=1e-5)
    steps = [float(((score[a, 1:] - score[a, :-1]) ** 2).sum()) for a in (1, 3)]
    assert terms["smoothness"].item() == pytest.approx(sum(steps) / 2, rel=1e-5)
    assert terms["sparsity"].item() == pytest.approx(float(score[[1, 3]].sum()) / 2, rel=1e-5)


def test_cross_entropy_by_hand():
    head = build(objective="bce")
    score = torch.tensor([[0.2, 0.8], [0.1, 0.4]])
    bags = bags_of(torch.zeros(2, 2, 5), [1, 0])
    terms = head.losses(HeadOutput(score, torch.tensor([0.8, 0.4])), bags)
    assert terms["bce"].item() == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2, rel=1e-5)


@pytest.mark.parametrize(
    "term, measure",
    [
        ("smoothness", lambda score: score.diff(dim=1).square().mean()),
        ("sparsity", lambda score: score.mean()),
    ],
)
def test_each_regulariser_alone_lowers_what_it_names_in_anomalous_videos(term, measure):
    bags = bags_of(3 * torch.randn(4, 12, 5), [0, 1, 0, 1])
    head = build(**{f"{term}_weight": 1.0})
    before = measure(head(bags).segment_score[1::2]).item()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(40):
        optimizer.zero_grad()
        head.losses(head(bags), bags)[term].backward()
        optimizer.step()
    assert measure(head(bags).segment_score[1::2]).item() < before / 2
