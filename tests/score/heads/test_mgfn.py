"""MGFN: the contrast of magnitudes by hand, each kind of block by its formula, and each switched off."""

import pytest
import torch
import torch.nn.functional as F

from score.bags.bags import BagSpec
from score.heads.mgfn import MGFN, Focus, MGFNConfig, contrast_loss
from support.tiny_bags import PLANTED, bags_of, four_bags, moved_by, random_bags, taken, train

DIM = 6
NONE, GLANCE, FOCUS = ("none", "none"), ("glance", "none"), ("focus", "none")


def build(**settings):
    torch.manual_seed(0)
    values = dict(
        blocks=("glance", "focus"),
        widths=(8, 12),
        depths=(1, 1),
        head_width=4,
        expansion=2,
        hidden_share=0.0,
        margin=10.0,
    )
    return MGFN(MGFNConfig(**{**values, **settings}), BagSpec({"rgb": DIM}))


def test_the_contrast_gathers_each_class_and_separates_both():
    anomalous, normal = (torch.tensor(each)[:, None, None] for each in ([7.0, 9.0], [1.0, 2.0, 4.0]))
    # pairs within: 2^2; 1, 3^2, 2^2 over three. Lacking of the margin 6: 7 -> 0 1 3, 9 -> 0 0 1
    expected = 0.5 * (1 + 9 + 1) / 6 + 4 + (1 + 9 + 4) / 3
    assert contrast_loss(anomalous, normal, margin=6.0, apart_weight=0.5).item() == pytest.approx(expected)
    assert contrast_loss(anomalous[:1], normal[:0], margin=6.0, apart_weight=0.5).item() == 0


@torch.no_grad()
def test_the_terms_are_those_of_the_paper():
    head = build(contrast_weight=0.5, apart_weight=0.1).eval()
    bags = random_bags([0, 1, 1, 0], lengths=[20, 20, 2, 11])
    output = head(bags)
    score, length, chosen = output.segment_score, output.aux["length"], []
    for bag, size in enumerate([20, 20, 2, 11]):
        chosen.append(length[bag, :size].argsort(descending=True)[:3])  # three, or all of a shorter video
    video = torch.stack([score[bag, places].mean() for bag, places in enumerate(chosen)])
    magnitude = torch.stack([length[bag, places].mean() for bag, places in enumerate(chosen)])
    torch.testing.assert_close(output.video_score, video)
    terms = {name: value.item() for name, value in head.losses(output, bags).items()}
    assert terms["score"] == pytest.approx(F.binary_cross_entropy(video, bags.label).item(), rel=1e-5)
    magnitude = magnitude[:, None, None]
    contrast = contrast_loss(magnitude[[1, 2]], magnitude[[0, 3]], margin=10.0, apart_weight=0.1)
    assert terms["contrast"] == pytest.approx(0.5 * contrast.item(), rel=1e-5)
    steps = (score[1].diff().square().sum() + (score[2, 0] - score[2, 1]) ** 2).item()
    assert terms["smoothness"] == pytest.approx(8e-4 * steps, rel=1e-4)
    assert terms["sparsity"] == pytest.approx(8e-3 * score[1:3].norm().item(), rel=1e-5)


def test_a_focus_block_shares_one_kernel_among_the_channels_of_a_head():
    torch.manual_seed(0)
    block = Focus(6, heads=2, head_width=3, kernel=5).eval()
    rows, mask = torch.randn(1, 9, 6), torch.arange(9)[None] < 7
    value = rows[0, :7] @ block.value.weight.T / (1 + block.norm.eps) ** 0.5  # [T, channel * 2 + head]
    mixed = torch.zeros(7, 6)
    for t in range(7):
        for place in range(6):
            head = place % 2
            near = [(k, t + k - 2) for k in range(5) if 0 <= t + k - 2 < 7]
            weighed = sum(block.kernel.weight[head, 0, k] * value[other, place] for k, other in near)
            mixed[t, place] = block.kernel.bias[head] + weighed
    torch.testing.assert_close(block(rows, mask)[0, :7], block.out(mixed))


def test_a_glance_covers_the_video_and_a_focus_its_neighbours():
    rows = random_bags([0], lengths=[40]).features["rgb"]
    changed = rows.clone()
    changed[0, 20] += 1
    reach = {}
    for blocks in (NONE, FOCUS, GLANCE):
        head = build(blocks=blocks).eval()
        first, second = (head(bags_of(each, [0])).segment_score[0] for each in (rows, changed))
        reach[blocks] = ((first != second).nonzero().flatten() - 20).abs().max().item()
    # convolutions of 3: the embedding (or the amplification next to it) and one per stage; the focus has 5
    assert reach == {NONE: 3, FOCUS: 5, GLANCE: 20}


def test_amplification_adds_the_convolved_magnitude():
    bags = random_bags([0, 1], lengths=[12, 9])
    amplified, plain = build(amplification=0.5).eval(), build(amplification=0.0).eval()
    state = amplified.state_dict()
    plain.load_state_dict({name: value for name, value in state.items() if "amplify" not in name})
    assert not torch.allclose(amplified(bags).segment_score, plain(bags).segment_score)
    with torch.no_grad():
        for parameter in amplified.amplify.parameters():
            parameter.zero_()
    torch.testing.assert_close(amplified(bags).segment_score, plain(bags).segment_score)
    torch.nn.init.constant_(amplified.amplify.weight[:, :, 1], 1.0)  # the middle of the kernel alone
    louder = bags_of(bags.features["rgb"] * 2, bags.label)
    seen = []
    amplified.stages[0].register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    plain.stages[0].register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    amplified(louder), plain(louder)
    expected = 0.5 * louder.features["rgb"].norm(dim=2, keepdim=True).expand(-1, -1, 8)
    torch.testing.assert_close(seen[0] - seen[1], expected, atol=1e-5, rtol=1e-5)


def test_without_magnitude_instances_are_selected_by_score_and_without_contrast_lengths_are_free():
    head, bags = build(magnitude=False, contrast_weight=0.0).eval(), random_bags([0, 1], lengths=[20, 20])
    output = head(bags)
    torch.testing.assert_close(output.video_score, output.segment_score.topk(3).values.mean(dim=1))
    assert not torch.allclose(build().eval()(bags).video_score, output.video_score)
    assert set(head.losses(output, bags)) == {"score", "smoothness", "sparsity"}


def test_losses_select_videos_by_label_and_not_by_position():
    head, bags = build().eval(), random_bags([0, 1, 1, 0, 0], lengths=[20, 9, 13, 20, 4])
    mixed = taken(bags, [3, 1, 4, 0, 2])
    one, two = (head.losses(head(each), each) for each in (bags, mixed))
    for name, value in one.items():
        assert two[name].item() == pytest.approx(value.item(), rel=1e-4)


def test_each_term_moves_the_parameters_it_is_about():
    head, bags = build(), random_bags([0, 1, 1, 0], lengths=[20, 14, 9, 20])
    seen = {"embed", "amplify", "stages", "widen"}
    assert moved_by(head, bags, "contrast") == seen
    for term in ("score", "smoothness", "sparsity"):
        assert moved_by(head, bags, term) == seen | {"scorer"}


def test_the_contrast_alone_separates_the_classes_by_the_margin_and_gathers_each():
    head = build(contrast_weight=1.0, apart_weight=1.0)
    output = train(head, four_bags(), steps=80, lr=0.01, terms=["contrast"])
    length = (output.aux["weight"] * output.aux["length"]).sum(dim=1)
    assert (length[0] - length[1]).abs() < 2 and (length[2] - length[3]).abs() < 2
    assert (length[:2].mean() - length[2:].mean()).abs() > 7


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 blocks, 1 widths and 2 depths, expected as many of each"):
        build(widths=(8,))
    with pytest.raises(ValueError, match="width 10 is not a multiple of head_width 4"):
        build(widths=(8, 10))
    with pytest.raises(ValueError, match="focus_kernel is 4, expected an odd number"):
        build(focus_kernel=4)


def test_it_overfits_four_bags_and_points_at_the_planted_instances():
    output = train(build(top_k=1), four_bags(), steps=80, lr=0.01)
    places = output.segment_score[:2].argmax(dim=1).tolist()  # a convolution may know it by its neighbour
    assert all(abs(place - planted) <= 1 for place, planted in zip(places, PLANTED, strict=True))
    assert output.video_score[:2].min() > 0.9 and output.video_score[2:].max() < 0.1


@torch.no_grad()
def test_a_stage_adds_convolution_mixer_and_network_one_after_another():
    for kind in ("glance", "focus"):
        head = build(blocks=(kind,), widths=(8,), depths=(1,), amplification=0.0).eval()
        bags = random_bags([0, 1], lengths=[9, 9])
        rows, stage = head.embed(bags.features["rgb"], bags.mask), head.stages[0]
        rows = rows + stage.convolutions[0](rows, bags.mask)
        rows = rows + stage.mixers[0](rows, bags.mask)
        rows = rows + stage.networks[0](rows)
        output = head(bags)
        torch.testing.assert_close(output.aux["length"], rows.norm(dim=2))
        torch.testing.assert_close(output.segment_score, head.scorer(rows).squeeze(2))


def test_stages_are_joined_by_a_norm_and_a_wider_layer():
    head = build()
    assert [type(each).__name__ for each in head.widen[0]] == ["LayerNorm", "Linear"]
    assert head.widen[0][1].weight.shape == (12, 8)


def test_the_top_k_or_a_share_are_selected_and_some_hidden_only_in_training():
    bags = random_bags([0, 1], lengths=[20, 20])
    for settings, count in (({"top_k": 2}, 2), ({"top_k": 1, "top_share": 0.5}, 10)):
        assert build(**settings).eval()(bags).aux["weight"].gt(0).sum(dim=1).tolist() == [count] * 2
    head = build(hidden_share=0.7)
    drawn = [head.train()(bags).aux["weight"] for _ in range(4)]
    assert any(not torch.equal(drawn[0], each) for each in drawn[1:])
    head.eval()
    assert torch.equal(head(bags).aux["weight"], head(bags).aux["weight"])
