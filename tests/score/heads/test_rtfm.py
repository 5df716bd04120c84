"""RTFM: its losses by hand, its selection of instances, and each branch of its network switched off."""

import pytest
import torch
import torch.nn.functional as F

from score.bags.bags import BagSpec
from score.heads.layers.crop_groups import crops_of
from score.heads.layers.non_local import NonLocal
from score.heads.layers.time_conv import TimeConv
from score.heads.layers.top_weights import top_weights
from score.heads.rtfm import RTFM, RTFMConfig, magnitude_loss
from support.tiny_bags import PLANTED, bags_of, four_bags, moved_by, random_bags, taken, train

DIM = 6


def build(**settings):
    torch.manual_seed(0)
    values = dict(width=8, hidden=(10, 5), dropout=0.0, hidden_share=0.0, margin=5.0)
    return RTFM(RTFMConfig(**{**values, **settings}), BagSpec({"rgb": DIM}))


def opened(head):
    """The non-local block with a scale that is no longer 0."""
    torch.nn.init.ones_(head.network.non_local.norm.weight)
    return head


def test_the_magnitude_loss_takes_all_pairs():
    anomalous, normal = torch.tensor([3.0, 9.0]), torch.tensor([2.0, 0.5])
    # |4 - a| is 1 and 5; plus 2 and 0.5, squared: 9, 2.25, 49, 30.25
    assert magnitude_loss(anomalous, normal, margin=4.0).item() == pytest.approx(90.5 / 4)
    assert magnitude_loss(anomalous, normal[:0], margin=4.0).item() == 0


def test_every_term_equals_its_formula():
    head = build(magnitude_weight=0.5).eval()
    bags = random_bags([0, 1, 1, 0], lengths=[32, 32, 25, 32])
    output = head(bags)
    rows = head.network(bags.features["rgb"] * bags.mask[:, :, None], bags.mask).detach()
    score = output.segment_score.detach()
    video, length = [], []
    for bag, (size, k) in enumerate([(32, 3), (32, 3), (25, 2), (32, 3)]):
        order = sorted(range(size), key=lambda t: -float(rows[bag, t].norm()))[:k]
        video.append(sum(float(score[bag, t]) for t in order) / k)
        length.append(float(sum(rows[bag, t] for t in order).norm()) / k)
    assert output.video_score.tolist() == pytest.approx(video, rel=1e-5)
    terms = {name: value.item() for name, value in head.losses(output, bags).items()}
    label = torch.tensor([0.0, 1, 1, 0])
    expected = F.binary_cross_entropy(torch.tensor(video), label).item()
    assert terms["score"] == pytest.approx(expected, rel=1e-4)
    places = [(bag, t) for bag, size in ((1, 32), (2, 25)) for t in range(size - 1)]
    steps = sum(float((score[bag, t] - score[bag, t + 1]) ** 2) for bag, t in places)
    assert terms["smoothness"] == pytest.approx(8e-4 * steps, rel=1e-4)
    assert terms["sparsity"] == pytest.approx(8e-3 * float(score[1:3].square().sum()) ** 0.5, rel=1e-4)
    pairs = [(abs(5 - length[a]) + length[n]) ** 2 for a in (1, 2) for n in (0, 3)]
    assert terms["magnitude"] == pytest.approx(0.5 * sum(pairs) / 4, rel=1e-4)


def test_crops_of_a_video_share_their_instances_and_count_as_one_video():
    head = build().eval()
    bags = random_bags([0, 0, 1, 1], lengths=[20, 20, 14, 14], video=[7, 7, 3, 3])
    output = head(bags)
    weight, value = output.aux["weight"], output.aux["value"]
    assert torch.equal(weight[0], weight[1]) and torch.equal(weight[2], weight[3])
    assert weight[0].nonzero().flatten().tolist() == sorted((value[0] + value[1]).topk(2).indices.tolist())
    single = random_bags([0, 1], lengths=[20, 14])
    doubled = taken(single, [0, 0, 1, 1])
    doubled.video = torch.tensor([5, 5, 2, 2])
    once, twice = (head.losses(head(each), each) for each in (single, doubled))
    for name, value in once.items():
        assert twice[name].item() == pytest.approx(value.item(), rel=1e-5)


def test_crops_are_averaged_per_video_in_any_order():
    bags = random_bags([0, 1, 0], lengths=[2, 2, 2], video=[9, 4, 9])
    crops = crops_of(bags)
    mean = crops.mean(torch.tensor([1.0, 5.0, 3.0]))
    assert mean.tolist() == [5, 2] and crops.back(mean).tolist() == [2, 5, 2]
    assert crops.one(bags.label).tolist() == [1, 0]


def test_hidden_instances_are_selected_only_after_all_others():
    value, mask = torch.tensor([[5.0, 4.0, 3.0, 9.0]]).expand(200, 4), torch.tensor([True, True, True, False])
    torch.manual_seed(0)
    weight = top_weights(value, mask.expand(200, 4), 2, hidden_share=0.5)
    assert weight[:, 3].eq(0).all() and weight.sum(dim=1).eq(1).all()
    first = weight[:, 0].gt(0).float().mean()  # hidden and passed over by two others: 1/2 x 1/4
    assert first.item() == pytest.approx(7 / 8, abs=0.08)


def test_the_selection_changes_from_step_to_step_only_in_training():
    head, bags = build(hidden_share=0.7), random_bags([0, 1], lengths=[32, 32])
    drawn = [head.train()(bags).aux["weight"] for _ in range(4)]
    assert any(not torch.equal(drawn[0], each) for each in drawn[1:])
    head.eval()
    assert torch.equal(head(bags).aux["weight"], head(bags).aux["weight"])


def test_a_convolution_along_time_ignores_padding():
    torch.manual_seed(0)
    layer = TimeConv(DIM, 4, 3, dilation=2)
    bags = random_bags([0, 1], lengths=[9, 5])
    rows = bags.features["rgb"]
    seen = layer(rows, bags.mask)
    alone = torch.nn.Conv1d.forward(layer, rows[1:, :5].transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(seen[1, :5], alone[0])
    assert seen[1, 5:].eq(0).all()
    with pytest.raises(ValueError, match="kernel is 4, expected an odd number"):
        TimeConv(2, 2, 4)


def test_the_non_local_block_weighs_all_instances_by_dot_products_and_begins_as_identity():
    torch.manual_seed(0)
    block = NonLocal(4).eval()
    rows, mask = torch.randn(1, 7, 4), torch.arange(7)[None] < 5
    torch.testing.assert_close(block(rows, mask), rows)
    torch.nn.init.ones_(block.norm.weight)
    own = rows[0, :5]
    weight = block.query(own) @ block.key(own).T / 5
    expected = own + block.out(weight @ block.value(own)) / (1 + block.norm.eps) ** 0.5
    torch.testing.assert_close(block(rows, mask)[0, :5], expected)


def test_each_branch_reaches_as_far_as_it_says():
    """Instance 20 changes: dilations 1, 2 and 4 reach 4 instances and the fusing convolution 1 more."""
    rows = random_bags([0], lengths=[40]).features["rgb"]
    changed = rows.clone()
    changed[0, 20] += 1
    short = {"non_local": False, "dilations": (1,)}
    for settings, reach in (({}, 40), ({"non_local": False}, 5), (short, 2)):
        head = build(**settings).eval()
        if head.network.non_local is not None:
            opened(head)
        first, second = (head(bags_of(each, [0])).segment_score[0] for each in (rows, changed))
        places = (first != second).nonzero().flatten()
        assert (places - 20).abs().max().item() == min(reach, 20)
    alone = build(non_local=False, dilations=()).eval()
    first, second = (alone(bags_of(each, [0])).segment_score[0] for each in (rows, changed))
    assert (first != second).nonzero().flatten().tolist() == [20]


def test_without_magnitude_instances_are_selected_by_score():
    bags = random_bags([0, 1], lengths=[30, 30])
    with_length, without = build().eval(), build(magnitude=False).eval()
    by_score = without(bags)
    torch.testing.assert_close(by_score.video_score, by_score.segment_score.topk(3).values.mean(dim=1))
    assert not torch.allclose(with_length(bags).video_score, by_score.video_score)
    assert "magnitude" not in without.losses(by_score, bags)


def test_each_term_moves_the_parameters_it_is_about():
    bags = random_bags([0, 1, 1, 0], lengths=[16, 16, 12, 16])
    head = opened(build())
    assert moved_by(head, bags, "magnitude") == {"network"}
    for term in ("score", "smoothness", "sparsity"):
        assert moved_by(head, bags, term) == {"network", "scorer"}


def test_the_magnitude_term_alone_separates_the_lengths():
    head, bags = build(), four_bags()
    output = train(head, bags, steps=60, lr=0.03, terms=["magnitude"])
    length = torch.linalg.vector_norm(output.aux["representation"], dim=1)
    assert length[:2].min() > 4 and length[2:].max() < 2


def test_it_overfits_four_bags_and_points_at_the_planted_instances():
    output = train(build(dropout=0.3), four_bags(), steps=80, lr=0.02)
    assert output.segment_score[:2].argmax(dim=1).tolist() == PLANTED
    assert output.video_score[:2].min() > 0.8 and output.video_score[2:].max() < 0.3


@torch.no_grad()
def test_the_network_adds_what_its_branches_find_to_its_input():
    network = opened(build()).network.eval()
    for norm in (each for each in network.modules() if isinstance(each, torch.nn.BatchNorm1d)):
        norm.running_mean.normal_()  # so that it matters what stands before and behind a norm
    rows, mask = torch.randn(1, 9, DIM), torch.ones(1, 9, dtype=torch.bool)

    def layer(part, rows, dilation):
        weight, bias = part.convolution.weight, part.convolution.bias
        seen = F.conv1d(rows.transpose(1, 2), weight, bias, padding=dilation, dilation=dilation).relu()
        return (seen.transpose(1, 2) - part.norm.running_mean) / (1 + part.norm.eps) ** 0.5

    branches = [layer(network.pyramid[number], rows, 2**number) for number in range(3)]
    reduced = (rows @ network.reduce.weight[:, :, 0].T).relu()
    branches.append(network.non_local(reduced, mask))
    expected = rows + layer(network.fuse, torch.cat(branches, dim=2), 1)
    torch.testing.assert_close(network(rows, mask), expected)


def test_dropout_precedes_each_layer_of_the_scorer_and_top_k_is_an_option():
    head = build(dropout=0.4, top_k=5, top_share=0.5)
    assert [each.p for each in head.modules() if isinstance(each, torch.nn.Dropout)] == [0.4] * 3
    bags = random_bags([0, 1], lengths=[20, 6])
    assert head.eval()(bags).aux["weight"].gt(0).sum(dim=1).tolist() == [10, 5]
    head.train()
    value = head(bags).aux["value"][bags.mask]
    assert not torch.equal(value, head(bags).aux["value"][bags.mask])  # the vectors lose channels themselves
