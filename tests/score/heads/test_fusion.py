"""Several stores in one head: laws that hold for every head, and what each setting of fusion computes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from score.bags.bags import Bags, BagSpec
from score.config.presets import preset_of
from score.config.run_config import ConfigError, resolve
from score.heads import FEATURE_HEADS
from score.heads.fusion.score_weights import weights_by_auc
from score.heads.layers.modality_front import ModalityFront, modality_dropout
from score.pooling.modality_table import Part
from score.runs.checkpoint import build_head

# Two stores of one modality, one of them with frame differences behind the features of both, and sound.
TABLE = (
    Part("image", "rgb", ((0, 5), (9, 14))),
    Part("motion", "rgb", ((5, 9),)),
    Part("sound", "audio", ((0, 3),)),
)
SPEC = BagSpec({"rgb": 14, "audio": 3}, ("Normal", "Fight"), (4, 4), table=TABLE)
FUSIONS = {
    "early": ("fusion.norm={image: layer, sound: l2}", "fusion.width={image: 6}", "fusion.dropout=0.4"),
    "balance": ("fusion.norm=balance",),
    "late": ("fusion.mode=late", "fusion.norm=layer"),
}
every_head = pytest.mark.parametrize("name", FEATURE_HEADS)
every_fusion = pytest.mark.parametrize("fusion", FUSIONS)


def build(name, *overrides, spec=SPEC, seed=0):
    torch.manual_seed(seed)
    return build_head(resolve(preset_of(name), overrides=overrides), spec)


def make_bags(lengths, *, seed=0, fill=0.0):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    features = {
        name: torch.randn(len(lengths), max(lengths), dim, generator=generator).masked_fill(
            ~mask[:, :, None], fill
        )
        for name, dim in SPEC.feature_dims.items()
    }
    label = torch.tensor([float(number % 2) for number in range(len(lengths))])
    return Bags(features, mask, label, label.long(), torch.arange(len(lengths)))


@every_head
@every_fusion
def test_scores_are_in_range_repeat_in_evaluation_and_ignore_padding(name, fusion):
    head = build(name, *FUSIONS[fusion]).eval()
    bags, filled = make_bags([9, 5, 16]), make_bags([9, 5, 16], fill=50.0)
    with torch.no_grad():
        output, again, other = head(bags), head(bags), head(filled)
    assert output.segment_score.shape == (3, 16) and output.video_score.shape == (3,)
    for score in (output.segment_score, output.video_score):
        assert torch.isfinite(score).all() and 0 <= score.min() and score.max() <= 1
    assert torch.equal(output.segment_score, again.segment_score)  # nothing is dropped
    assert not output.segment_score[~bags.mask].any()
    torch.testing.assert_close(output.segment_score, other.segment_score, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(output.video_score, other.video_score, atol=1e-6, rtol=1e-4)


@every_head
@every_fusion
def test_every_parameter_is_trained(name, fusion):
    head = build(name, *FUSIONS[fusion]).train()
    optimizer, reached = torch.optim.Adam(head.parameters_of("head"), lr=1e-3), set()
    for seed in range(5):
        bags = make_bags([9, 16, 16, 12, 16, 7, 10, 16], seed=seed)
        optimizer.zero_grad()
        terms = head.losses(head(bags), bags)
        assert all(term.shape == () and torch.isfinite(term) for term in terms.values())
        sum(terms.values()).backward()
        reached |= {
            label for label, each in head.named_parameters() if each.grad is not None and each.grad.any()
        }
        optimizer.step()
    head.calibrate([bags])
    assert reached == {label for label, _ in head.named_parameters()}


@every_head
def test_one_store_without_settings_is_the_plain_head(name):
    alone = BagSpec({"rgb": 14}, SPEC.event_classes, SPEC.class_counts)
    bags = make_bags([9, 5]).with_features({"rgb": make_bags([9, 5]).features["rgb"]})
    plain = build(name, spec=alone).eval()
    for spec, settings in [
        (replace(alone, table=(Part("image", "rgb", ((0, 14),)),)), ()),
        (alone, ("fusion.norm=balance",)),
        (alone, ("fusion.mode=late",)),
    ]:
        head = build(name, *settings, spec=spec).eval()
        assert torch.equal(head(bags).segment_score, plain(bags).segment_score)
        assert torch.equal(head(bags).video_score, plain(bags).video_score)
        before, after = (sum(each.losses(each(bags), bags).values()).item() for each in (plain, head))
        assert after == before


@every_head
def test_the_order_of_the_stores_does_not_matter_in_late_fusion(name):
    order = [2, 0, 1]
    head = build(name, "fusion.mode=late").eval()
    head.score_weight.copy_(torch.tensor([0.5, 0.3, 0.2]))
    other = build(name, "fusion.mode=late", spec=replace(SPEC, table=tuple(TABLE[n] for n in order))).eval()
    weights = {name: rows for name, rows in head.state_dict().items() if not name.startswith("heads.")}
    weights["score_weight"] = head.score_weight[order]
    for place, number in enumerate(order):
        for key, rows in head.heads[number].state_dict().items():
            weights[f"heads.{place}.{key}"] = rows
    other.load_state_dict(weights)
    bags = make_bags([9, 5, 16])
    torch.testing.assert_close(other(bags).segment_score, head(bags).segment_score)
    mine, theirs = (each.losses(each(bags), bags) for each in (head, other))
    assert mine.keys() == theirs.keys()  # named by store
    for term, value in mine.items():
        torch.testing.assert_close(theirs[term], value)


@every_head
@pytest.mark.parametrize("fusion", [*FUSIONS, "late, sound alone"])
def test_a_video_without_sound_is_scored_and_late_fusion_leaves_its_sound_out(name, fusion):
    head = build(name, *FUSIONS[fusion.partition(",")[0]]).eval()
    bags = make_bags([9, 5])
    bags.features["audio"][0] = 0.0
    output = head(bags)
    assert torch.isfinite(output.segment_score).all() and torch.isfinite(output.video_score).all()
    if fusion == "late":
        scores = [head.heads[number](head._part(bags, number)) for number in (0, 1, 2)]
        silent = sum(each.segment_score for each in scores[:2]) / 2
        torch.testing.assert_close(output.segment_score[0], silent[0])
        torch.testing.assert_close(output.video_score[1], sum(each.video_score for each in scores)[1] / 3)
    if "alone" in fusion:  # whoever weighs nothing decides where nobody else can
        head.score_weight.copy_(torch.tensor([0.5, 0.5, 0.0]))
        bags.features["rgb"][1] = 0.0
        torch.testing.assert_close(
            head(bags).video_score[1], head.heads[2](head._part(bags, 2)).video_score[1]
        )


def front_of(norms, widths=(None, None, None), dropout=0.0):
    torch.manual_seed(0)
    return ModalityFront(TABLE, norms=norms, widths=widths, dropout=dropout)


def test_the_front_norms_each_store_alone():
    bags = make_bags([4, 3])
    rgb, audio = bags.features["rgb"], bags.features["audio"]
    image, motion = torch.cat([rgb[..., :5], rgb[..., 9:]], dim=2), rgb[..., 5:9]
    assert torch.equal(front_of(["none"] * 3)(bags), torch.cat([image, motion, audio], dim=2))
    balanced = front_of(["balance"] * 3)(bags)
    for begin, rows in ((0, image), (10, motion), (14, audio)):
        stop = begin + rows.shape[2]
        expected = rows * ((17 / 3) / rows.shape[2]) ** 0.5
        torch.testing.assert_close(balanced[..., begin:stop], expected)
    mixed = front_of(["layer", "l2", "none"], (None, None, 2))
    found = mixed(bags)
    assert found.shape[2] == mixed.width == 16
    centred = image - image.mean(dim=2, keepdim=True)
    layer = centred / (centred.square().mean(dim=2, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(found[0, :, :10], layer[0])
    torch.testing.assert_close(found[0, :, 10:14], motion[0] / motion[0].norm(dim=1, keepdim=True))
    linear = mixed.projections[2]
    torch.testing.assert_close(found[0, :, 14:], audio[0] @ linear.weight.T + linear.bias)
    assert not found[1, 3].any()  # a row of zeros stays one, whatever the bias


def test_dropout_hides_whole_stores_in_training_and_never_all():
    bags, front = make_bags([6] * 50), front_of(["layer"] * 3, (7, 7, 7), dropout=0.9)
    kept = front(bags).unflatten(2, (3, 7)).abs().sum(dim=3) > 0  # [B, T, stores]
    assert torch.equal(kept.all(dim=1), kept.any(dim=1))  # of a video all instances or none
    assert kept.any(dim=2).all() and not kept.all()
    assert torch.equal(front.eval()(bags), front_of(["layer"] * 3, (7, 7, 7)).eval()(bags))
    torch.manual_seed(0)
    many = modality_dropout(20000, 2, 0.4, device=torch.device("cpu"))
    assert many.float().mean().item() == pytest.approx(1 - 0.4 + 0.4**2 / 2, abs=0.01)
    assert not modality_dropout(100, 2, 0.0, device=torch.device("cpu")).logical_not().any()


def test_weights_of_scores_follow_the_better_one_and_are_equal_without_two_classes():
    random = np.random.default_rng(0)
    label = np.arange(60) % 2
    useful = np.clip(0.3 * label + random.uniform(0, 0.5, 60), 0, 1)
    weight = weights_by_auc(np.stack([random.uniform(size=60), useful], axis=1), label)
    assert weight.sum() == pytest.approx(1) and weight[1] > 0.8
    assert np.allclose(weights_by_auc(np.stack([useful, useful], axis=1), label), 0.5)
    assert np.allclose(weights_by_auc(random.uniform(size=(60, 4)), np.ones(60)), 0.25)


@pytest.mark.parametrize("weights", ["equal", "validation"])
def test_weights_are_chosen_only_where_they_are_to_be(weights):
    head = build("mil", "fusion.mode=late", f"fusion.weights={weights}").eval()
    bags = make_bags([9] * 12)
    # So little that the other stores' noise decides where all count equally.
    bags.features["rgb"][:, :, 5:9] = 0.02 * bags.label[:, None, None]
    with torch.no_grad():
        for rows in head.heads[1].parameters():
            rows.abs_()  # so that its score rises with its features
        head.fit_weights([bags])
    assert head.score_weight.sum().item() == pytest.approx(1)
    assert (head.score_weight.max() - head.score_weight.min() > 0.05) == (weights == "validation")


def test_settings_that_cannot_go_together_are_refused():
    for overrides, words in [
        (["fusion.mode=late", "fusion.dropout=0.2"], "dropout is 0.2 with mode late"),
        (["fusion.weights=validation"], "weights is validation with mode early"),
        (["fusion.norm=batch"], "fusion.norm"),
        (["data.exchange=1", "data.segments.zeros=missing"], "exchange is 1 with zeros=missing"),
    ]:
        with pytest.raises(ConfigError, match=words):
            resolve(preset_of("mil"), overrides=overrides)
    with pytest.raises(ConfigError, match="reclass trains on clips"):
        resolve(preset_of("reclass"), overrides=["fusion.norm=l2"])
