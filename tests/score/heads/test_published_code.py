"""Paper presets do what the authors' code does where our defaults differ: each by an independent formula."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from score.bags.bags import BagSpec
from score.config.presets import preset_of
from score.heads import HEADS
from score.heads.layers.crop_groups import crops_of
from score.heads.layers.global_local import BLOCK, mean_of_near
from score.heads.losses import video_cross_entropy
from score.heads.mgfn import contrast_loss
from score.heads.rtfm import magnitude_loss
from score.heads.ur_dmu import gaussian_divergence, memory_loss
from score.pooling.rules import SegmentsConfig, spread
from support.tiny_bags import random_bags

LENGTH = 200  # instances of a bag in the presets of UR-DMU and BN-WVAD


def published(name, **settings):
    preset = preset_of(*name.split(":"))
    torch.manual_seed(0)
    return preset, HEADS[preset.name](replace(preset.head, **settings), BagSpec({"rgb": 16}))


@pytest.mark.parametrize("length", [9, BLOCK + 40])
def test_columns_of_the_neighbours_average_are_normalised(length):
    rows = torch.randn(1, length, 3, dtype=torch.float64)
    place = torch.arange(length, dtype=torch.float64)
    weight = torch.exp(-(place[:, None] - place).abs() / torch.e)
    found = mean_of_near(rows, torch.ones(1, length, dtype=torch.bool), weights="column")
    torch.testing.assert_close(found[0], (weight / weight.sum(dim=0)) @ rows[0])


def test_padding_has_no_share_in_a_column():
    rows = torch.randn(1, 12, 3)
    short = mean_of_near(rows[:, :7], torch.ones(1, 7, dtype=torch.bool), weights="column")
    padded = mean_of_near(rows, torch.arange(12)[None] < 7, weights="column")[:, :7]
    torch.testing.assert_close(padded, short)


@pytest.mark.parametrize("name", ["ur-dmu:ur-dmu-aaai23", "bn-wvad:bn-wvad-tcsvt24"])
def test_borders_of_a_constant_video_weigh_less_than_its_middle(name):
    preset, head = published(name)
    ones = torch.ones(1, LENGTH, 1)
    attention = head.encoder.attentions[0]
    found = mean_of_near(ones, ones[:, :, 0] > 0, weights=attention.near_weights)[0, :, 0]
    assert found[LENGTH // 2].item() == pytest.approx(1, abs=1e-4)
    assert found[0].item() == pytest.approx(0.8054, abs=1e-3)
    assert preset.data.crops == "random"


@pytest.mark.parametrize(
    "name, far",
    [("ur-dmu:ur-dmu-aaai23", True), ("bn-wvad:bn-wvad-tcsvt24", True), ("bn-wvad", True), ("ur-dmu", False)],
)
@torch.no_grad()
def test_published_encoders_see_the_whole_video_and_our_default_of_ur_dmu_what_is_near(name, far):
    _, head = published(name)
    bags = random_bags([1], lengths=[BLOCK + 40], dim=16)
    before = head.eval()(bags).segment_score[0]
    bags.features["rgb"][0, -1] += 10
    after = head(bags).segment_score[0]
    assert (before[0] != after[0]).item() == far and before[-1] != after[-1]


def test_published_bn_wvad_trains_its_classifier_on_normal_videos_alone_and_our_default_on_both():
    bags, terms = random_bags([0, 1], lengths=[32, 32], dim=16), {}
    for name in ("bn-wvad:bn-wvad-tcsvt24", "bn-wvad"):
        _, head = published(name)
        terms[name] = set(head.losses(head(bags), bags))
    assert terms["bn-wvad:bn-wvad-tcsvt24"] == {"normal", "push_0", "push_1"}
    assert terms["bn-wvad"] == {"normal", "push_0", "push_1", "video"}


def test_the_divergence_is_summed_over_time():
    mean, log_variance = torch.randn(2, 5, 7), torch.randn(2, 5, 7)
    each = -0.5 * (1 + log_variance - mean**2 - log_variance.exp())
    mask = torch.ones(2, 5, dtype=torch.bool)
    found = gaussian_divergence(mean, log_variance, mask, summed="time")
    torch.testing.assert_close(found, each.sum(dim=1).mean())
    # What our default sums over channels instead is D / T times as much.
    other = gaussian_divergence(mean, log_variance, mask, summed="channels")
    torch.testing.assert_close(other, found * 7 / 5)
    assert published("ur-dmu:ur-dmu-aaai23")[0].head.kl_sum == "time"


def test_claws_clusters_rows_before_the_gate_so_that_its_regression_counts():
    assert preset_of("claws", "claws-eccv20").head.cluster_rows == "ungated"
    bags, ratio = random_bags([0, 1], lengths=[64, 64], dim=16), {}
    for rows in ("gated", "ungated"):
        _, head = published("claws:claws-eccv20", cluster_rows=rows)
        terms = head.eval().losses(head(bags), bags)
        ratio[rows] = (terms["clustering"] / terms["regression"]).item()
    assert ratio["gated"] > 10
    assert ratio["ungated"] < 0.1


def test_mgfn_contrasts_vectors_of_l1_norms():
    preset, head = published("mgfn:mgfn-aaai23")
    bags = random_bags([0, 0, 1, 1], lengths=[32] * 4, dim=16)
    output = head.eval()(bags)
    rows = head.scorer[0](output.aux["rows"])
    order = output.aux["length"].argsort(dim=1, descending=True)[:, :3]
    norm = rows.abs().sum(dim=2).gather(1, order)  # [4, 3]
    assert 700 < norm.mean().item() < 900  # of 1,024 channels with mean square 1: 1,024 sqrt(2 / pi) = 817
    pair = [[F.relu(200 - (norm[a] - norm[n]).norm()) ** 2 for n in (0, 1)] for a in (2, 3)]
    within = ((norm[0] - norm[1]) ** 2).sum() + ((norm[2] - norm[3]) ** 2).sum()
    expected = 1e-3 * (1e-3 * sum(sum(row) for row in pair) / 4 + within)
    torch.testing.assert_close(head.losses(output, bags)["contrast"], expected, rtol=1e-4, atol=1e-7)
    assert preset.head.margin == 200


def test_contrast_and_magnitude_compare_a_crop_with_the_same_crop():
    anomalous, normal = torch.rand(2, 3, 4), torch.rand(5, 3, 4)
    single = [
        contrast_loss(anomalous[:, [c]], normal[:, [c]], margin=1.0, apart_weight=0.5).item()
        for c in range(3)
    ]
    found = contrast_loss(anomalous, normal, margin=1.0, apart_weight=0.5).item()
    assert found == pytest.approx(sum(single) / 3, rel=1e-5)
    pairs = [
        (abs(2 - a[c]) + n[c]) ** 2 for a in anomalous[:, :, 0] for n in normal[:, :, 0] for c in range(3)
    ]
    found = magnitude_loss(anomalous[:, :, 0], normal[:, :, 0], margin=2.0)
    torch.testing.assert_close(found, torch.stack(pairs).mean())


def test_rtfm_squares_magnitudes_crop_by_crop():
    _, head = published("rtfm:rtfm-iccv21")
    bags = random_bags([0, 0, 1, 1], lengths=[8] * 4, dim=16, video=[0, 0, 1, 1])
    bags.mask[:] = True
    output = head.eval()(bags)
    length = output.aux["representation"].norm(dim=1)
    pairs = [(100 - length[2 + crop]).abs() + length[crop] for crop in range(2)]
    expected = 1e-4 * sum(each**2 for each in pairs) / 2
    torch.testing.assert_close(head.losses(output, bags)["magnitude"], expected)
    assert len(crops_of(bags).first) == 2


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_saturated_wrong_score_keeps_its_gradient(label):
    logit = torch.tensor([20.0 if label == 0 else -20.0], dtype=torch.float64, requires_grad=True)
    video_cross_entropy(logit.sigmoid(), torch.tensor([label], dtype=torch.float64)).backward()
    assert abs(logit.grad.item()) == pytest.approx(1, abs=1e-3)


def test_memories_that_are_wrong_and_saturated_keep_theirs():
    activity = torch.tensor([[20.0, 20], [-20, -20]], dtype=torch.float64, requires_grad=True)
    mask = torch.ones(2, 2, dtype=torch.bool)
    memory_loss(activity.sigmoid(), mask, anomalous=torch.tensor([False, True])).backward()
    assert bool((activity.grad.abs().sum(dim=1) > 0.9).all())


def test_scores_of_the_port_go_back_by_rounded_bounds():
    segments = preset_of("mil", "learner").data.segments
    number = np.arange(32) / 32
    for count in (20, 32, 33, 100, 1000):
        edges = np.round(np.linspace(0, count, 33)).astype(int)
        expected = np.zeros(count)
        for part in range(32):
            expected[edges[part] : edges[part + 1]] = number[part]
        np.testing.assert_allclose(spread(number, count, segments), expected, atol=1e-7)
    floor = SegmentsConfig(mode="mean", n=32, rule="floor")
    assert int((spread(number, 100, segments) != spread(number, 100, floor)).sum()) == 14
