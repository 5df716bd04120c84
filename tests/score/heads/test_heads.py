"""Laws that hold for every head in the table that takes features."""

import pytest
import torch

from score.bags.bags import Bags, BagSpec
from score.config.presets import PRESETS, preset_of
from score.config.run_config import RunConfig, resolve
from score.heads import FEATURE_HEADS, HEADS
from score.heads.base import Head
from score.runs.checkpoint import build_head

DIM = 12
BAG_SPEC = BagSpec({"rgb": DIM}, ("Normal", "Fight"), (4, 4))
every_head = pytest.mark.parametrize("name", FEATURE_HEADS)
FROZEN: dict[
    str, set[str]
] = {}  # head -> parameters that nothing trains; none has any (fixed projections are buffers)
every_preset = pytest.mark.parametrize(
    "preset", [name for name, config in PRESETS.items() if config.name in FEATURE_HEADS]
)


def build(name: str) -> Head:
    torch.manual_seed(0)
    return build_head(preset_of(name), BAG_SPEC)


def make_bags(lengths, *, labels=None, seed=0) -> Bags:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    rows = torch.randn(len(lengths), max(lengths), DIM, generator=generator) * mask[:, :, None]
    label = torch.tensor(labels if labels is not None else [float(n % 2) for n in range(len(lengths))])
    return Bags({"rgb": rows}, mask, label, label.long(), torch.arange(len(lengths)))


def take(bags: Bags, order) -> Bags:
    order = torch.as_tensor(order)
    features = {modality: rows[order] for modality, rows in bags.features.items()}
    return Bags(features, bags.mask[order], bags.label[order], bags.event_class[order], bags.video[order])


@every_head
def test_scores_have_the_shape_of_the_bags_and_lie_between_0_and_1(name):
    bags = make_bags([9, 5, 16, 3])
    output = build(name).eval()(bags)
    assert output.segment_score.shape == (4, 16) and output.video_score.shape == (4,)
    for score in (output.segment_score, output.video_score):
        assert torch.isfinite(score).all() and score.min() >= 0 and score.max() <= 1


@every_head
@pytest.mark.parametrize("length", [1, 2, 31, 2000])
def test_any_length_is_scored(name, length):
    with torch.no_grad():
        output = build(name).eval()(make_bags([length, length]))
    assert output.segment_score.shape == (2, length) and output.video_score.shape == (2,)
    for score in (output.segment_score, output.video_score):
        assert torch.isfinite(score).all() and score.min() >= 0 and score.max() <= 1


@every_head
def test_the_order_of_the_bags_does_not_matter(name):
    bags, order = make_bags([9, 5, 16, 3]), [2, 0, 3, 1]
    head = build(name).eval()
    with torch.no_grad():
        straight, mixed = head(bags), head(take(bags, order))
    torch.testing.assert_close(mixed.segment_score, straight.segment_score[order], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(mixed.video_score, straight.video_score[order], atol=1e-6, rtol=1e-5)


@every_head
def test_padding_does_not_change_a_score(name):
    together = make_bags([9, 5, 16, 3])
    together.features["rgb"][~together.mask] = 50.0  # what stands in the padding must not matter either
    head = build(name).eval()
    with torch.no_grad():
        padded = head(together)
        for bag, length in enumerate([9, 5, 16, 3]):
            single = take(together, [bag])
            alone = head(
                Bags(
                    {"rgb": single.features["rgb"][:, :length]},
                    single.mask[:, :length],
                    single.label,
                    single.event_class,
                    single.video,
                )
            )
            torch.testing.assert_close(
                padded.segment_score[bag, :length], alone.segment_score[0], atol=1e-6, rtol=1e-4
            )
            torch.testing.assert_close(padded.video_score[bag], alone.video_score[0], atol=1e-6, rtol=1e-4)


@every_head
def test_the_gradient_reaches_every_parameter(name):
    head = build(name).train()
    optimizers = {player: torch.optim.Adam(head.parameters_of(player), lr=1e-3) for player in head.players}
    reached = set()
    # Dropout may hide a few weights once, and a branch that starts at zero opens after a step.
    for seed in range(5):
        bags = make_bags([9, 16, 16, 12, 16, 7, 10, 16], seed=seed)
        for player, optimizer in optimizers.items():
            head.zero_grad(set_to_none=True)
            sum(head.losses(head(bags), bags, player).values()).backward()
            mine = {id(parameter) for parameter in head.parameters_of(player)}
            reached |= {
                label
                for label, parameter in head.named_parameters()
                if id(parameter) in mine and parameter.grad is not None and bool((parameter.grad != 0).any())
            }
            optimizer.step()
    assert reached == {label for label, _ in head.named_parameters()} - FROZEN.get(name, set())


@every_head
def test_every_term_of_the_loss_has_a_gradient_of_its_own(name):
    head = build(name).train()
    bags = make_bags([9, 16, 16, 12, 16, 7, 10, 16])
    for player in head.players:
        for term in head.losses(head(bags), bags, player):
            if getattr(head.config, f"{term}_weight", 1) == 0:
                continue  # the preset leaves it out
            head.zero_grad(set_to_none=True)
            head.losses(head(bags), bags, player)[term].backward()
            moved = [each for each in head.parameters_of(player) if each.grad is not None and each.grad.any()]
            assert moved, f"{term} moves nothing"


@every_head
def test_no_term_depends_on_the_order_of_the_bags_or_on_padding(name):
    bags, order = make_bags([9, 5, 16, 3, 12, 16]), [2, 0, 5, 3, 1, 4]
    filled = take(bags, order)
    filled.features["rgb"][~filled.mask] = 50.0
    head = build(name).eval()
    for player in head.players:
        straight, mixed = (head.losses(head(each), each, player) for each in (bags, filled))
        assert straight.keys() == mixed.keys()
        for term, value in straight.items():
            assert mixed[term].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-7), term


@every_head
def test_two_modalities_are_one_longer_vector(name):
    bags = make_bags([9, 5, 16, 3])
    rows = bags.features["rgb"]  # names in order: flow before rgb
    parts = {"rgb": rows[:, :, 5:], "flow": rows[:, :, :5]}
    split = Bags(parts, bags.mask, bags.label, bags.event_class, bags.video)
    torch.manual_seed(0)
    spec = BagSpec({"rgb": DIM - 5, "flow": 5}, BAG_SPEC.event_classes, BAG_SPEC.class_counts)
    pair = build_head(preset_of(name), spec).eval()
    assert torch.equal(pair(split).segment_score, build(name).eval()(bags).segment_score)


@every_head
@pytest.mark.parametrize("labels", [[0.0] * 4, [1.0] * 4, [0.0, 1.0, 0.0, 1.0]])
def test_losses_are_finite_scalars_whatever_classes_a_batch_holds(name, labels):
    head = build(name).train()
    bags = make_bags([9, 5, 16, 3], labels=labels)
    for player in head.players:
        terms = head.losses(head(bags), bags, player)
        assert terms and all(term.shape == () and torch.isfinite(term) for term in terms.values())
        sum(terms.values()).backward()


@every_head
def test_the_same_call_twice_gives_the_same_scores_in_evaluation(name):
    head, bags = build(name).eval(), make_bags([9, 5])
    with torch.no_grad():
        assert torch.equal(head(bags).segment_score, head(bags).segment_score)


@every_head
def test_every_head_has_a_preset_of_its_own_name_and_a_description(name):
    assert preset_of(name).name == name and preset_of(name) is PRESETS[name]
    assert HEADS[name].__doc__


@every_preset
def test_every_preset_builds_and_survives_its_own_file(preset):
    config = PRESETS[preset]
    assert RunConfig.from_dict(config.to_dict()) == config
    assert isinstance(build_head(config, BAG_SPEC), HEADS[config.name])


# Settings with which heads look less far, beside their own presets.
NEARER = {
    "mil": ("head.feature_smoothing=5", "head.score_smoothing=3"),
    "rtfm": ("head.non_local=false",),
    "ur-dmu": ("head.attention=none",),
    "bn-wvad": ("head.attention=none",),
    "mgfn": ("head.blocks=[none, focus, focus]",),
    "vadclip": ("head.window=16", "head.attention_window=4"),
}


@pytest.mark.parametrize(
    "name, overrides", [*((name, ()) for name in FEATURE_HEADS), *NEARER.items()], ids=str
)
def test_a_score_looks_as_far_ahead_as_its_head_says(name, overrides):
    config = resolve(preset_of(name), overrides=overrides)
    torch.manual_seed(0)
    head, ahead = build_head(config, BAG_SPEC).eval(), HEADS[name].look_ahead(config.head)
    length = 70
    bags, farthest = make_bags([length]), -1
    with torch.no_grad():
        for parameter in head.parameters():  # some branches start at zero
            parameter.add_(torch.randn_like(parameter) * 0.05)
        before = head(bags).segment_score[0]
        for start in range(1, length, 3):  # the instances from here on change
            other = take(bags, [0])
            other.features["rgb"][:, start:] = 5.0
            moved = (head(other).segment_score[0] - before).abs()[:start] > 1e-6
            if moved.any():
                farthest = max(farthest, start - int(moved.nonzero()[0]))
    assert farthest <= (length if ahead is None else ahead)
    if ahead is None or ahead < 20:
        assert farthest > (20 if ahead is None else ahead - 3)  # it is not said without need
