"""The MIL head and its losses, against numbers worked out by hand."""
import pytest
import torch

from score.bags import Bags, BagSpec
from score.heads.mil import MIL, MILConfig
from score.instances import moving_average, top_count, top_mean
from score.losses import ranking_loss, smoothness_loss, sparsity_loss


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


def test_matched_pairs_start_the_shorter_side_over():
    anomalous, normal = torch.tensor([0.5]), torch.tensor([0.1, 0.2, 0.3])
    assert ranking_loss(anomalous, normal, pairs="matched").item() == pytest.approx(0.6 + 0.7 + 0.8)


def test_without_one_class_the_ranking_is_zero_and_still_has_a_gradient():
    score = torch.rand(3, requires_grad=True)
    loss = ranking_loss(score[:0], score)
    loss.backward()
    assert loss.item() == 0 and torch.equal(score.grad, torch.zeros(3))


def test_smoothness_and_sparsity_leave_padding_out():
    score = torch.tensor([[0.1, 0.4, 0.9], [0.5, 0.2, 0.8]])
    mask = torch.tensor([[True, True, True], [True, True, False]])
    # steps 0.3^2 + 0.5^2 and 0.3^2; sums 1.4 and 0.7
    assert smoothness_loss(score, mask).item() == pytest.approx(0.34 + 0.09)
    assert smoothness_loss(score, mask, reduction="mean").item() == pytest.approx(0.43 / 2)
    assert sparsity_loss(score, mask).item() == pytest.approx(2.1)


def test_top_mean_takes_the_highest_instances_that_are_no_padding():
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
