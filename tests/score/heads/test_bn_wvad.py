"""BN-WVAD: divergence, selection and losses against formulas, and calibration of unbounded scores."""

import math

import pytest
import torch

from score.bags.bags import BagSpec
from score.heads.bn_wvad import BNWVAD, BNWVADConfig, divergence
from score.heads.layers.masked_norm import MaskedBatchNorm
from support.tiny_bags import PLANTED, bags_of, four_bags, moved_by, random_bags, taken, train

DIM = 6


def build(**settings):
    torch.manual_seed(0)
    values = dict(width=8, depth=1, heads=2, head_width=4, hidden=8, channels=(5, 4))
    return BNWVAD(BNWVADConfig(**{**values, **settings}), BagSpec({"rgb": DIM}))


def test_divergence_is_in_running_deviations_from_the_running_mean():
    norm = MaskedBatchNorm(2)
    norm.running_mean.copy_(torch.tensor([1.0, 2.0]))
    norm.running_var.copy_(torch.tensor([4.0, 9.0]))
    assert divergence(torch.tensor([3.0, 8.0]), norm).item() == pytest.approx(math.sqrt(1 + 4), rel=1e-5)


def test_running_means_exclude_padding():
    bags = random_bags([0, 1], lengths=[12, 5])
    padded = random_bags([0, 1], lengths=[12, 5])
    padded.features["rgb"][~padded.mask] = 1e3
    first, second = build().train(), build().train()
    first(bags), second(padded)
    for one, two in zip(first.norms, second.norms, strict=True):
        assert torch.equal(one.running_mean, two.running_mean)
        assert torch.equal(one.running_var, two.running_var)
    lone = build().train()
    rows = lone(bags).aux["rows_0"]
    torch.testing.assert_close(lone.norms[0].running_mean, 0.1 * rows[bags.mask].mean(dim=0))


@pytest.mark.parametrize(
    "shares, expected",
    [
        ((0.25, 0.0), [[0, 0, 0, 1], [0, 1, 0, 0]]),  # the farthest of each four
        ((0.0, 0.25), [[0, 0, 1, 1], [0, 0, 0, 0]]),  # the two farthest of all eight
        ((0.25, 0.25), [[0, 0, 1, 1], [0, 1, 0, 0]]),
    ],
)
def test_instances_are_selected_per_video_or_per_batch(shares, expected):
    head = build(sample_share=shares[0], batch_share=shares[1])
    distance = torch.tensor([[5.0, 6, 8, 9], [1, 4, 3, 2], [7, 1, 2, 9]])
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[2, 3] = False
    far, held = head._chosen(distance, mask, torch.tensor([True, True, False]))
    assert far[:2].int().tolist() == expected and not far[2].any()
    assert not held[:2].any()
    assert held[2].tolist() == [True, True, True, False]  # as many and one more, or all there are


@torch.no_grad()
def test_the_terms_are_those_of_the_paper():
    head = build(sample_share=0.2, batch_share=0.0, push_margin=2.0, normal_weight=0.5).eval()
    for norm in head.norms:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    bags = random_bags([0, 1, 0], lengths=[10, 10, 6])
    output = head(bags)
    terms, aux = head.losses(output, bags), output.aux
    length = (aux["classifier"][0, :10].norm() + aux["classifier"][2, :6].norm()) / 2
    assert terms["normal"].item() == pytest.approx(0.5 * length.item(), rel=1e-5)
    for number, weight in ((0, 5.0), (1, 20.0)):
        norm, rows = head.norms[number], aux[f"rows_{number}"]
        distance = ((rows - norm.running_mean) ** 2 / (norm.running_var + norm.eps)).sum(dim=2).sqrt()
        far = distance[1].sort().values[-2:]
        near = torch.cat([distance[0].sort().values[-2:], distance[2, :6].sort().values[-2:]])
        hinge = [max(0.0, float(2 - f + n)) for f in far for n in near]
        assert terms[f"push_{number}"].item() == pytest.approx(weight * sum(hinge) / 8, rel=1e-4)


@torch.no_grad()
def test_the_video_term_is_the_cross_entropy_of_the_highest_classifier_scores():
    head = build(video_weight=0.7, top_share=0.3).eval()
    bags = random_bags([0, 1], lengths=[10, 7])
    output = head(bags)
    normal = output.aux["classifier"][0, :10].topk(3).values.mean()
    anomalous = output.aux["classifier"][1, :7].topk(2).values.mean()
    expected = -0.7 * ((1 - normal).log() + anomalous.log()) / 2
    assert head.losses(output, bags)["video"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert "video" not in build().losses(output, bags)


@torch.no_grad()
def test_the_video_term_takes_the_mean_of_crops():
    head = build(video_weight=1.0, top_share=0.3).eval()
    bags = random_bags([0, 0, 1, 1], lengths=[10] * 4, video=[0, 0, 1, 1])
    output = head(bags)
    crops = output.aux["classifier"].unflatten(0, (2, 2)).mean(dim=1)
    normal, anomalous = crops.topk(3, dim=1).values.mean(dim=1)
    expected = -((1 - normal).log() + anomalous.log()) / 2
    assert head.losses(output, bags)["video"].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("score", ["both", "classifier", "divergence"])
def test_the_score_is_the_classifier_the_divergence_or_their_product(score):
    head, bags = build(score=score).eval(), random_bags([0, 1], lengths=[9, 7])
    output = head(bags)
    divergences = output.aux["divergence_0"] + output.aux["divergence_1"]
    value = {
        "classifier": output.aux["classifier"],
        "divergence": divergences,
        "both": output.aux["classifier"] * divergences,
    }[score]
    expected = value if score == "classifier" else value / (value + 1)
    torch.testing.assert_close(output.segment_score, expected * bags.mask)


def test_calibration_scores_normal_instances_below_one_half_and_keeps_the_order():
    head = build().eval()
    bags = random_bags([0, 1, 0], lengths=[200, 200, 50])
    bags.features["rgb"][1] *= 5
    before = head(bags).segment_score
    head.calibrate([taken(bags, [0, 1]), taken(bags, [2])])
    after = head(bags).segment_score
    normal = torch.cat([after[0], after[2, :50]])
    assert (normal < 0.5).float().mean().item() == pytest.approx(0.95, abs=0.01)
    assert torch.equal(before[0].argsort(), after[0].argsort()) and not torch.allclose(before, after)


def test_calibration_without_normal_videos_leaves_the_scale_at_one():
    head = build().eval()
    head.calibrate([random_bags([1], lengths=[8])])
    assert head.usual.item() == 1


def test_every_mechanism_can_be_left_out():
    bags = random_bags([0, 1], lengths=[20, 14])
    whole = build().eval()
    state = whole.state_dict()
    parts = {"attention": ("none", "local", "global"), "score": ("classifier", "divergence")}
    for settings in ({name: value} for name, values in parts.items() for value in values):
        part = build(**settings).eval()
        part.load_state_dict(
            {
                name: state[name] if name in state and state[name].shape == value.shape else value
                for name, value in part.state_dict().items()
            }
        )
        assert not torch.allclose(whole(bags).segment_score, part(bags).segment_score)
    held = build(push_weights=(0.0, 0.0), sample_share=0.0, batch_share=0.0)
    assert set(held.losses(held(bags), bags)) == {"normal"}
    with pytest.raises(ValueError, match="sample_share and batch_share are 0"):
        build(sample_share=0.0, batch_share=0.0)


def test_each_term_moves_the_parameters_it_is_about():
    head, bags = build(), random_bags([0, 1, 1, 0], lengths=[20, 14, 9, 20])
    seen = {"embed", "encoder", "layers"}
    assert moved_by(head, bags, "normal") == seen | {"norms", "classifier"}
    assert moved_by(head, bags, "push_0") == seen
    assert moved_by(head, bags, "push_1") == seen | {"norms"}
    assert moved_by(build(video_weight=1.0), bags, "video") == seen | {"norms", "classifier"}


def test_the_push_alone_drives_planted_instances_from_the_means():
    head = build(attention="none", sample_share=0.1, batch_share=0.0)
    aux = train(head, four_bags(), steps=80, lr=0.01, terms=["push_0", "push_1"]).aux
    for number in (0, 1):
        assert aux[f"divergence_{number}"][:2].argmax(dim=1).tolist() == PLANTED


def test_the_normal_term_alone_lowers_the_scores_of_normal_videos():
    head, bags = build(), four_bags()
    before = head.eval()(bags).aux["classifier"][2:].mean()
    after = train(head, bags, steps=40, lr=0.02, terms=["normal"]).aux["classifier"][2:].mean()
    assert before > 0.3 and after < 0.1


def test_the_video_term_alone_raises_the_classifier_at_planted_instances():
    head = build(attention="none", video_weight=1.0)
    found = train(head, four_bags(), steps=80, lr=0.02, terms=["video"]).aux["classifier"]
    assert found[:2].argmax(dim=1).tolist() == PLANTED and found[2:].max() < 0.3
    assert all(found[bag, place] > 0.7 for bag, place in enumerate(PLANTED))


def test_it_overfits_four_bags_and_points_at_the_planted_instances():
    head, bags = build(attention="none", sample_share=0.1, batch_share=0.1), four_bags()
    train(head, bags, steps=100, lr=0.01)
    head.calibrate([bags])
    output = head(bags)
    assert output.segment_score[:2].argmax(dim=1).tolist() == PLANTED
    assert output.video_score[:2].min() > 0.95 and output.video_score[2:].max() < 0.8


def test_a_distant_instance_has_a_score_below_one():
    head = build().eval()
    rows = torch.full((1, 3, DIM), 1e4)
    assert head(bags_of(rows, [1])).segment_score.max() <= 1


def test_a_video_score_is_the_mean_of_the_top_k_or_of_a_share():
    bags = random_bags([0, 1], lengths=[20, 20])
    for settings, count in (({}, 1), ({"top_k": 4}, 4), ({"top_share": 0.3}, 6)):
        output = build(**settings).eval()(bags)
        torch.testing.assert_close(output.video_score, output.segment_score.topk(count).values.mean(dim=1))
