"""UR-DMU: attention, memories and losses against their formulas, and each mechanism switched off."""

import math

import pytest
import torch
import torch.nn.functional as F

from score.bags.bags import BagSpec
from score.heads.layers.global_local import (
    BLOCK,
    EncoderConfig,
    GlobalLocalAttention,
    GlobalLocalEncoder,
    mean_of_near,
)
from score.heads.layers.prototype_memory import Memory
from score.heads.ur_dmu import URDMU, URDMUConfig, gaussian_divergence, memory_loss, triplet_loss
from support.tiny_bags import PLANTED, four_bags, moved_by, random_bags, taken, train

DIM = 6
TERMS = {"score", "normal_memory", "abnormal_memory", "triplet", "distance", "kl"}


def build(**settings):
    torch.manual_seed(0)
    values = dict(
        width=8,
        depth=1,
        heads=2,
        head_width=4,
        hidden=8,
        dropout=0.0,
        scorer_hidden=6,
        normal_memory=4,
        abnormal_memory=5,
        distance_margin=10.0,
    )
    return URDMU(URDMUConfig(**{**values, **settings}), BagSpec({"rgb": DIM}))


def test_a_memory_responds_with_sigmoids_of_scaled_dot_products():
    memory = Memory(2, 4)
    with torch.no_grad():
        memory.prototypes.copy_(torch.tensor([[2.0, 0, 0, 0], [0, 0, 0, -2.0]]))
    activity, read = memory(torch.tensor([[[3.0, 1, 1, 5]]]))
    strong, weak = 1 / (1 + math.exp(-3.0)), 1 / (1 + math.exp(5.0))  # 6 / sqrt(4) and -10 / sqrt(4)
    assert activity.item() == pytest.approx(strong)  # the highest 2 // 16 + 1 = 1
    assert read[0, 0].tolist() == pytest.approx([2 * strong, 0, 0, -2 * weak])


def test_the_activity_is_the_mean_of_more_responses_in_a_larger_memory():
    torch.manual_seed(0)
    memory, rows = Memory(60, 8), torch.randn(1, 3, 8)
    answer = torch.sigmoid(rows @ memory.prototypes.T / 8**0.5)
    torch.testing.assert_close(memory(rows).activity, answer.sort(dim=2).values[:, :, -4:].mean(dim=2))


def test_neighbours_are_weighted_by_the_exponential_of_their_distance():
    rows = random_bags([0], lengths=[7], dim=3).features["rgb"]
    mask = torch.arange(7)[None] < 5
    for i in range(5):
        weight = torch.tensor([math.exp(-abs(i - j) / math.e) for j in range(5)])
        expected = (weight[:, None] * rows[0, :5]).sum(dim=0) / weight.sum()
        torch.testing.assert_close(mean_of_near(rows, mask)[0, i], expected)


@pytest.mark.parametrize("length", [BLOCK, BLOCK + 1, 2 * BLOCK + 90])
def test_long_bags_have_the_near_mean_of_the_dense_formula(length):
    """Padding at the end and instances left out in between; gradients too."""
    generator = torch.Generator().manual_seed(length)
    rows = torch.randn(2, length, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    mask = torch.rand(2, length, generator=generator) < 0.8
    mask[1, length // 2 :] = False
    weight = torch.exp(-(torch.arange(length)[:, None] - torch.arange(length)).abs() / math.e).double()
    weight = weight * mask[:, None, :]  # [B, T, T]
    expected = (weight @ rows / weight.sum(dim=2, keepdim=True).clamp(min=1e-300))[mask]
    found = mean_of_near(rows, mask)[mask]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    seen, wanted = (torch.autograd.grad(each.square().sum(), rows)[0] for each in (found, expected))
    torch.testing.assert_close(seen, wanted, atol=1e-6, rtol=0)


def test_the_near_mean_of_hours_of_video_needs_memory_in_proportion():
    """A dense matrix would have 160 GB."""
    found = mean_of_near(torch.ones(1, 200_000, 1), torch.ones(1, 200_000, dtype=torch.bool))
    assert found.shape == (1, 200_000, 1) and (found - 1).abs().max() < 1e-6


def test_a_head_of_the_encoder_is_a_softmax_over_the_bag_beside_the_near_mean():
    torch.manual_seed(0)
    layer = GlobalLocalAttention(6, heads=1, head_width=4)
    rows, mask = torch.randn(1, 7, 6), torch.arange(7)[None] < 5
    query, key, value = (rows[0, :5] @ weight.T for weight in layer.attended.weight.chunk(3))
    weight = torch.softmax(query @ key.T / 2, dim=1)
    near = mean_of_near(layer.near(rows[:, :5]), mask[:, :5])[0]
    expected = layer.out(torch.cat([weight @ value, near], dim=1))
    torch.testing.assert_close(layer(rows, mask)[0, :5], expected)


def test_a_memory_finds_nothing_in_a_normal_video_and_something_in_an_anomalous_one():
    seen = torch.tensor([[0.1, 0.5, 0.9], [0.2, 0.6, 0.9]])
    mask = torch.tensor([[True, True, True], [True, True, False]])
    # 3 // 16 + 1 = 1 instance of the anomalous first video: 0.9; the normal second one has 0.2 and 0.6
    expected = -math.log(0.9) - (math.log(0.8) + math.log(0.4)) / 2
    loss = memory_loss(seen, mask, anomalous=torch.tensor([True, False]))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_triplet_takes_all_pairs_of_unit_vectors():
    anchor = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    positive, negative = torch.tensor([[5.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    # first anchor: at the positive, sqrt 2 from the negative; second: the other way round
    expected = (max(0, 1 - math.sqrt(2)) + 1 + math.sqrt(2)) / 2
    assert triplet_loss(anchor, positive, negative, margin=1.0).item() == pytest.approx(expected, rel=1e-5)
    assert triplet_loss(anchor[:0], positive, negative, margin=1.0).item() == 0


def test_the_divergence_from_the_standard_gaussian_is_0_for_it_and_known_elsewhere():
    mean, log_variance = torch.zeros(1, 2, 3), torch.zeros(1, 2, 3)
    mask = torch.tensor([[True, False]])
    assert gaussian_divergence(mean, log_variance, mask, summed="channels").item() == 0
    mean[0, 0, 0], log_variance[0, 0, 1], mean[0, 1] = 2.0, math.log(4.0), 50.0
    # 2^2 / 2 in one channel, (4 - 1 - log 4) / 2 in another; the second instance is padding
    assert gaussian_divergence(mean, log_variance, mask, summed="channels").item() == pytest.approx(
        2 + (3 - math.log(4)) / 2
    )


@torch.no_grad()
def test_the_terms_are_those_of_the_paper():
    head = build(memory_weight=0.3, triplet_weight=0.7, distance_weight=0.5, kl_weight=0.2).eval()
    bags = random_bags([0, 1, 1], lengths=[20, 20, 9])
    output = head(bags)
    terms, aux = head.losses(output, bags), output.aux
    assert set(terms) == TERMS

    def unit(rows):
        return rows / rows.norm()

    def top(bag, by, rows, k):
        order = aux[by][bag][bags.mask[bag]].argsort(descending=True)[:k]
        return aux[rows][bag][order].mean(dim=0)

    anchor, length = top(0, "normal_activity", "rows", 2), top(0, "normal_activity", "normal_read", 2).norm()
    triplet, distance = 0.0, 0.0
    for bag, k in ((1, 2), (2, 1)):
        near = (unit(anchor) - unit(top(bag, "normal_activity", "rows", k))).norm()
        far = (unit(anchor) - unit(top(bag, "abnormal_activity", "rows", k))).norm()
        triplet += max(0.0, float(1 + near - far)) / 2
        other = top(bag, "abnormal_activity", "abnormal_read", k).norm()
        distance += max(0.0, float(10 - other + length)) / 2
    assert terms["triplet"].item() == pytest.approx(0.7 * triplet, rel=1e-4)
    assert terms["distance"].item() == pytest.approx(0.5 * distance, rel=1e-4)
    normal = gaussian_divergence(aux["mean"][:1], aux["log_variance"][:1], bags.mask[:1], summed="channels")
    assert terms["kl"].item() == pytest.approx(0.2 * normal.item(), rel=1e-5)
    label = torch.tensor([0.0, 1, 1])
    counts = ((0, 2), (1, 2), (2, 1))
    video = torch.stack([output.segment_score[bag].topk(k).values.mean() for bag, k in counts])
    assert terms["score"].item() == pytest.approx(F.binary_cross_entropy(video, label).item(), rel=1e-4)


def test_losses_select_videos_by_label_and_not_by_position():
    head, bags = build().eval(), random_bags([0, 1, 1, 0, 0], lengths=[20, 9, 13, 20, 4])
    mixed = taken(bags, [3, 1, 4, 0, 2])
    one, two = (head.losses(head(each), each) for each in (bags, mixed))
    for name in TERMS:
        assert two[name].item() == pytest.approx(one[name].item(), rel=1e-4)


def test_only_normal_videos_in_training_recall_a_random_sample():
    head, bags = build().train(), random_bags([0, 1], lengths=[8, 8])
    first, second = head(bags), head(bags)
    assert not torch.equal(first.segment_score[0], second.segment_score[0])
    assert torch.equal(first.segment_score[1], second.segment_score[1])
    head.eval()
    assert torch.equal(head(bags).segment_score, head(bags).segment_score)


@pytest.mark.parametrize(
    "settings, gone",
    [
        ({"normal_memory": 0}, {"normal_memory", "triplet", "distance", "kl"}),
        ({"abnormal_memory": 0}, {"abnormal_memory", "triplet", "distance"}),
        ({"normal_memory": 0, "abnormal_memory": 0}, TERMS - {"score"}),
        ({"uncertainty": False}, {"kl"}),
        ({"attention": "none"}, set()),
        ({"attention": "global"}, set()),
        ({"attention": "local"}, set()),
    ],
)
def test_every_mechanism_can_be_left_out(settings, gone):
    bags = random_bags([0, 1], lengths=[20, 14])
    whole, part = build(), build(**settings)
    names = {name for name, _ in part.named_parameters()}
    same = {name: value for name, value in whole.state_dict().items() if name in names}
    part.load_state_dict(
        {
            **part.state_dict(),
            **{name: value for name, value in same.items() if value.shape == part.state_dict()[name].shape},
        }
    )
    assert not torch.allclose(whole.eval()(bags).segment_score, part.eval()(bags).segment_score)
    terms = part.train().losses(part(bags), bags)
    assert set(terms) == TERMS - gone
    sum(terms.values()).backward()
    assert all(parameter.grad is not None for parameter in part.parameters())


def test_each_term_moves_the_parameters_it_is_about():
    head, bags = build(), random_bags([0, 1, 1, 0], lengths=[20, 14, 9, 20])
    seen = {"embed", "encoder"}
    assert moved_by(head, bags, "normal_memory") == seen | {"normal_memory"}
    assert moved_by(head, bags, "abnormal_memory") == seen | {"abnormal_memory"}
    assert moved_by(head, bags, "triplet") == seen
    assert moved_by(head, bags, "kl") == seen | {"normal_memory", "encode_mean", "encode_log_variance"}
    assert {"normal_memory", "abnormal_memory", "encode_mean"} < moved_by(head, bags, "distance")
    assert "scorer" in moved_by(head, bags, "score")


def test_the_memory_terms_alone_teach_what_is_normal():
    head = build(attention="none")
    aux = train(head, four_bags(), steps=100, lr=0.03, terms=["normal_memory", "abnormal_memory"]).aux
    for bag, place in enumerate(PLANTED):
        assert aux["abnormal_activity"][bag, place] > 0.8 > 0.2 > aux["normal_activity"][bag, place]
    assert aux["normal_activity"][2:].min() > 0.6 and aux["abnormal_activity"][2:].max() < 0.4


def test_the_distance_term_alone_separates_the_lengths_of_what_is_recalled():
    head, bags = build(distance_weight=1.0), four_bags()
    before = head.losses(head(bags), bags)["distance"].item()
    after = head.losses(train(head, bags, steps=60, lr=0.03, terms=["distance"]), bags)["distance"].item()
    assert before > 5 and after < 0.5 * before


def test_it_overfits_four_bags_and_points_at_the_planted_instances():
    output = train(build(), four_bags(), steps=80, lr=0.02)
    assert output.segment_score[:2].argmax(dim=1).tolist() == PLANTED
    assert output.video_score[:2].min() > 0.9 and output.video_score[2:].max() < 0.1


@torch.no_grad()
def test_an_instance_is_scored_beside_the_sum_of_what_both_memories_recall():
    head, bags = build().eval(), random_bags([0, 1], lengths=[9, 6])
    output = head(bags)
    rows = output.aux["rows"]
    recalled = sum(head.encode_mean(each(rows).read) for each in (head.normal_memory, head.abnormal_memory))
    expected = head.scorer(torch.cat([rows, recalled], dim=2)).squeeze(2) * bags.mask
    torch.testing.assert_close(output.segment_score, expected)


@torch.no_grad()
def test_the_sample_has_the_mean_and_the_deviation_that_are_encoded():
    head, bags = build().train(), random_bags([0], lengths=[3])
    drawn = torch.stack([head(bags).aux["normal_read"] for _ in range(400)])
    aux = head(bags).aux
    error = (drawn.mean(dim=0) - aux["mean"]) / (aux["log_variance"] / 2).exp()
    assert error.abs().max() < 5 / 20  # in deviations of a mean of 400
    ratio = drawn.std(dim=0) / (aux["log_variance"] / 2).exp()
    assert 0.8 < ratio.min() and ratio.max() < 1.2


def test_the_encoder_adds_attention_and_network_after_their_norms():
    torch.manual_seed(0)
    encoder = GlobalLocalEncoder(EncoderConfig(width=6, depth=1, heads=2, head_width=3, hidden=8)).eval()
    torch.nn.init.uniform_(encoder.norms[0].weight)
    rows, mask = torch.randn(1, 5, 6), torch.ones(1, 5, dtype=torch.bool)
    seen = rows + encoder.attentions[0](encoder.norms[0](rows), mask)
    torch.testing.assert_close(encoder(rows, mask), seen + encoder.networks[0](seen))
