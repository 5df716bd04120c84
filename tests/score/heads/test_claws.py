"""CLAWS and CLAWS+: each mechanism against its formula, and switched off."""

import pytest
import torch
import torch.nn.functional as F

from score.bags.bags import Bags, BagSpec
from score.heads.claws import CLAWS, CLAWSConfig
from score.heads.claws_plus import CLAWSPlus, CLAWSPlusConfig
from score.heads.layers.kmeans import cluster_centres, two_clusters

DIM = 6
BOTH = [(CLAWS, CLAWSConfig), (CLAWSPlus, CLAWSPlusConfig)]
both_heads = pytest.mark.parametrize("head_class, config_class", BOTH)


def bags_of(rows, label, lengths=None):
    lengths = torch.full((len(rows),), rows.shape[1]) if lengths is None else torch.tensor(lengths)
    label = torch.as_tensor(label, dtype=torch.float32)
    return Bags({"rgb": rows}, torch.arange(rows.shape[1]) < lengths[:, None], label, label.long())


def build(head_class=CLAWS, config_class=CLAWSConfig, **settings):
    torch.manual_seed(0)
    values = dict(
        window=8, hidden=(10, 5), dropout=0.0, gate_scale="mean1", temporal_batch="all", cluster_weight=1.0
    )
    return head_class(config_class(**{**values, **settings}), BagSpec({"rgb": DIM}))


def gated(rows, layer, scale):
    """The layer of one window by the formula: P = softmax over rows of X W, relu((X W1 + b1) * P)."""
    gate = torch.exp(rows @ layer.gate.weight.T)
    gate = gate / gate.sum(dim=0, keepdim=True)
    return F.relu((rows @ layer.linear.weight.T + layer.linear.bias) * gate * scale)


@pytest.mark.parametrize("gate_scale, scale", [("softmax", 1), ("mean1", 8)])
def test_one_window_is_scored_by_the_formula_of_the_paper(gate_scale, scale):
    head = build(gate_scale=gate_scale).eval()
    rows = torch.randn(1, 8, DIM)
    hidden = gated(gated(rows[0], head.first, scale), head.second, scale)
    expected = torch.sigmoid(hidden @ head.scorer.weight.T + head.scorer.bias).squeeze(1)
    torch.testing.assert_close(head(bags_of(rows, [1])).segment_score[0], expected)


def test_without_suppression_every_instance_is_scored_on_its_own():
    head = build(suppression=False).eval()
    assert all("gate" not in name for name, _ in head.named_parameters())
    rows, changed = torch.randn(1, 8, DIM), torch.randn(1, 8, DIM)
    changed[0, 3] = rows[0, 3]
    first, second = head(bags_of(rows, [1])), head(bags_of(changed, [1]))
    torch.testing.assert_close(first.segment_score[0, 3], second.segment_score[0, 3])


def test_with_suppression_a_stronger_instance_lowers_the_share_of_the_others():
    head = build().eval()
    with torch.no_grad():
        for layer in (head.first, head.second):  # a positive network whose gates follow the signal
            layer.linear.weight.abs_()
            layer.gate.weight.copy_(layer.linear.weight)
        head.scorer.weight.abs_()
    rows = torch.rand(1, 8, DIM)
    louder = rows.clone()
    louder[0, 2] += 2
    quiet, loud = (head(bags_of(each, [1])).segment_score[0] for each in (rows, louder))
    others = [place for place in range(8) if place != 2]
    assert loud[2] > quiet[2] and (loud[others] < quiet[others]).all()


def test_windows_are_scored_independently_and_training_sees_the_same_windows():
    head = build().eval()
    rows = torch.randn(1, 24, DIM)
    whole = head(bags_of(rows, [1])).segment_score[0]
    for begin in (0, 8, 16):
        alone = head(bags_of(rows[:, begin : begin + 8], [1])).segment_score[0]
        torch.testing.assert_close(whole[begin : begin + 8], alone)
    order = torch.cat([torch.arange(16, 24), torch.arange(0, 8), torch.arange(8, 16)])
    torch.testing.assert_close(head(bags_of(rows[:, order], [1])).segment_score[0], whole[order])
    torch.testing.assert_close(head.train()(bags_of(rows, [1])).segment_score[0], whole)


def test_a_short_last_window_is_filled_with_its_own_instances():
    head = build().eval()
    rows = torch.randn(1, 11, DIM)
    filled = torch.cat([rows[:, 8:], rows[:, 8:], rows[:, 8:10]], dim=1)
    expected = head(bags_of(filled, [1])).segment_score[0, :3]
    torch.testing.assert_close(head(bags_of(rows, [1])).segment_score[0, 8:], expected)


def test_mean1_keeps_the_scores_apart_where_the_published_scale_flattens_them():
    rows = torch.randn(4, 64, DIM)
    spread = {
        scale: build(gate_scale=scale, window=64)
        .eval()(bags_of(rows, [0, 1, 0, 1]))
        .segment_score.std()
        .item()
        for scale in ("softmax", "mean1")
    }
    assert spread["mean1"] > 500 * spread["softmax"]


@both_heads
def test_the_terms_of_one_window_are_those_of_the_paper(head_class, config_class):
    head = build(head_class, config_class, smoothness_weight=0.5, sparsity_weight=0.25).eval()
    bags = bags_of(
        torch.randn(2, 5, DIM), [1, 0], lengths=[5, 3]
    )  # eight places hold 5 and 3 instances of their own
    output = head(bags)
    terms, score = head.losses(output, bags), output.segment_score.detach()
    first, second = score[0], score[1, :3]
    regression = ((first - 1) ** 2).mean() / 2 + (second**2).mean() / 2
    smoothness = ((first[1:] - first[:-1]) ** 2).mean() / 2 + ((second[1:] - second[:-1]) ** 2).mean() / 2
    sparsity = first.mean() / 2 + second.mean() / 2
    assert terms["regression"].item() == pytest.approx(regression.item(), rel=1e-5)
    assert terms["smoothness"].item() == pytest.approx(0.5 * smoothness.item(), rel=1e-5)
    assert terms["sparsity"].item() == pytest.approx(0.25 * sparsity.item(), rel=1e-5)


def test_the_clustering_term_is_the_bounded_distance_or_its_inverse():
    head = build(cluster_bound=1.0)
    rows = torch.tensor([[[0.0, 0], [0.2, 0], [3.0, 4], [3.2, 4]]]).expand(2, -1, -1)
    # centres (0.1, 0) and (3.1, 4): 25 / 2 dimensions = 12.5; the normal video's is cut to 1
    mask = torch.ones(2, 4, dtype=torch.bool)
    terms = head.clustering(rows, mask, torch.tensor([True, False]))
    assert terms.tolist() == pytest.approx([1 / 12.500001, 1.0])
    near = rows * 0.1  # 0.125
    assert head.clustering(near, mask, torch.tensor([True, False])).tolist() == pytest.approx(
        [8.0, 0.125], rel=1e-4
    )


def test_the_cosine_clustering_term_by_hand():
    head = build(CLAWSPlus, CLAWSPlusConfig, cluster_reach=0.25, compactness_share=0.7)
    rows = torch.tensor([[[1.0, 0], [3.0, 0], [0, 2.0], [0, 1.0]]]).expand(2, -1, -1)
    mask = torch.ones(2, 4, dtype=torch.bool)
    # anomalous: centres (1, 0) and (0, 1), each row at distance 0 of its own and at right angles to the
    # other: 0.7 * 0 + 0.3 * (1 + 0). normal: the middle is at 45 degrees of every row, 1 - sqrt(1/2)
    terms = head.clustering(rows, mask, torch.tensor([True, False]))
    assert terms.tolist() == pytest.approx([0.3, 1 - 0.5**0.5], rel=1e-5)


def test_rows_out_of_reach_of_their_centre_do_not_count():
    head = build(CLAWSPlus, CLAWSPlusConfig, cluster_reach=0.25)
    angles = torch.tensor([0.0, 0.0, 0.0, 1.2, 1.6, 1.6, 1.6])
    rows = torch.stack([angles.cos(), angles.sin()], dim=1)[None].requires_grad_()
    mask = torch.ones(1, 7, dtype=torch.bool)
    head.clustering(rows, mask, torch.tensor([True])).sum().backward()
    near = rows.detach()[0, [0, 1, 2]], rows.detach()[0, [3, 4, 5, 6]]
    centres = [each.mean(dim=0) for each in near]
    distance = 1 - F.cosine_similarity(centres[0], centres[1], dim=0)
    reached = 1 - F.cosine_similarity(rows.detach()[0, 3], centres[1], dim=0)
    assert reached < 0.25 * distance  # at this reach the stray row counts
    with_stray = head.clustering(rows.detach(), mask, torch.tensor([True])).item()
    narrow = build(CLAWSPlus, CLAWSPlusConfig, cluster_reach=0.02)
    assert reached > 0.02 * distance
    assert narrow.clustering(rows.detach(), mask, torch.tensor([True])).item() < with_stray


@both_heads
@pytest.mark.parametrize("anomalous", [True, False])
def test_the_clustering_term_alone_moves_the_centres(head_class, config_class, anomalous):
    """Apart in an anomalous video and together in a normal one, which needs centres with a gradient."""
    bound = (
        {"cluster_bound": 100.0} if head_class is CLAWS else {}
    )  # the distance begins above the published bound
    head = build(head_class, config_class, window=32, hidden=(16, 4), **bound)
    rows = torch.randn(3, 30, DIM)
    rows[:, 10:15] += 2
    bags = bags_of(rows, [float(anomalous)] * 3)

    def parting():
        output = head(bags)
        hidden, mask = output.aux["representation"], output.aux["window_mask"].flatten(1)
        if head_class is CLAWSPlus:
            hidden = F.normalize(hidden, dim=2)
        centres = cluster_centres(hidden, mask, two_clusters(hidden, mask))
        if head_class is CLAWSPlus:
            return (1 - F.cosine_similarity(centres[:, 0], centres[:, 1], dim=1)).mean().item()
        return (centres[:, 0] - centres[:, 1]).square().mean(dim=1).mean().item()

    before = parting()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.005)
    for _ in range(60):
        term = head.losses(head(bags), bags)["clustering"]
        optimizer.zero_grad()
        term.backward()
        optimizer.step()
    assert parting() > 1.2 * before if anomalous else parting() < before / 1.2


@both_heads
def test_the_clustering_term_reaches_the_first_layer_and_can_be_left_out(head_class, config_class):
    head = build(head_class, config_class)
    bags = bags_of(torch.randn(4, 20, DIM), [0, 1, 0, 1])
    head.losses(head(bags), bags)["clustering"].backward()
    moved = {
        name
        for name, parameter in head.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    assert moved == {"first.linear.weight", "first.linear.bias", "first.gate.weight"}
    without = build(head_class, config_class, cluster_weight=0.0)
    assert "clustering" not in without.losses(without(bags), bags)


@both_heads
def test_a_video_of_one_segment_has_no_clusters(head_class, config_class):
    head = build(head_class, config_class)
    bags = bags_of(torch.randn(2, 1, DIM), [0, 1])
    assert head.losses(head(bags), bags)["clustering"].item() == 0


def test_one_random_temporal_batch_per_video_trains_and_all_are_drawn():
    head = build(temporal_batch="one", cluster_weight=0.0, smoothness_weight=0.0, sparsity_weight=0.0)
    bags = bags_of(torch.randn(1, 20, DIM), [1])
    torch.manual_seed(3)
    seen = set()
    for _ in range(60):
        output = head(bags)
        loss = head.losses(output, bags)["regression"]
        means = [(output.segment_score[0, begin : begin + 8] - 1).square().mean() for begin in (0, 8, 16)]
        matches = [number for number, mean in enumerate(means) if abs(mean.item() - loss.item()) < 1e-7]
        assert len(matches) == 1
        seen |= set(matches)
    assert seen == {0, 1, 2}
    everything = build(cluster_weight=0.0).losses(head(bags), bags)["regression"].item()
    assert everything == pytest.approx(sum(mean.item() for mean in means) / 3, rel=1e-5)


@both_heads
def test_the_loss_does_not_depend_on_the_order_of_the_bags(head_class, config_class):
    head = build(head_class, config_class)
    rows, label, lengths = torch.randn(4, 20, DIM), torch.tensor([0.0, 1, 1, 0]), [20, 9, 13, 5]
    order = torch.tensor([2, 0, 3, 1])
    first, second = (
        bags_of(rows, label, lengths),
        bags_of(rows[order], label[order], [lengths[n] for n in order]),
    )
    one, two = (head.losses(head(bags), bags) for bags in (first, second))
    for name in one:
        assert one[name].item() == pytest.approx(two[name].item(), rel=1e-4)


@both_heads
def test_it_overfits_four_bags_and_points_at_the_planted_instances(head_class, config_class):
    torch.manual_seed(0)
    rows, planted = (
        torch.randn(1, 12, DIM).repeat(4, 1, 1),
        [
            3,
            9,
        ],
    )  # equal elsewhere: nothing else separates the labels
    for bag, place in enumerate(planted):
        rows[bag, place, 0] += 6
    bags = bags_of(rows, [1, 1, 0, 0])
    head = build(
        head_class, config_class, window=12, hidden=(32, 8), cluster_weight=0.01, sparsity_weight=0.1
    )
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        sum(head.losses(head(bags), bags).values()).backward()
        optimizer.step()
    output = head.eval()(bags)
    assert output.segment_score[:2].argmax(dim=1).tolist() == planted
    assert output.video_score[:2].min() > 0.9 > 0.3 > output.video_score[2:].max()


@both_heads
def test_a_video_score_is_the_mean_of_the_top_k_or_of_a_share(head_class, config_class):
    bags = bags_of(torch.randn(2, 20, DIM), [0, 1])
    for settings, count in (({}, 1), ({"top_k": 4}, 4), ({"top_share": 0.3}, 6)):
        output = build(head_class, config_class, **settings).eval()(bags)
        torch.testing.assert_close(output.video_score, output.segment_score.topk(count).values.mean(dim=1))


def test_dropout_follows_each_module_while_training():
    head, bags = build(dropout=0.5).train(), bags_of(torch.randn(1, 8, DIM), [1])
    scores = [head(bags).segment_score for _ in range(2)]
    assert not torch.equal(*scores)
    torch.manual_seed(5)
    drawn = head(bags).segment_score[0]
    torch.manual_seed(5)
    hidden = F.dropout(head.first(bags.features["rgb"])[0], 0.5)
    hidden = F.dropout(head.second(hidden)[0], 0.5)
    torch.testing.assert_close(drawn, head.scorer(hidden).sigmoid()[0, :, 0])
