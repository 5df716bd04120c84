"""The multi-task head: relative positions, the fixed future, classes, VAE and ranking, each alone and
switched off.
"""

import pytest
import torch
import torch.nn.functional as F

from score.bags.bags import Bags, BagSpec
from score.heads.layers.relative_attention import EncoderLayer, RelativeAttention
from score.heads.layers.windows import cut_windows
from score.heads.multitask import Multitask
from score.heads.multitask_parts.event_classes import class_weights, focal_loss
from score.heads.multitask_parts.future import future_of, nearest_value
from score.heads.multitask_parts.multitask_config import MultitaskConfig, TaskWeights
from score.heads.multitask_parts.vae import WindowVAE

DIM = 6
TASKS = ("regression", "classification", "ranking", "reconstruction")
SMALL = dict(
    window=8,
    stride=4,
    width=16,
    recurrent=8,
    attention_heads=2,
    latent=3,
    dropout=0.0,
    class_dropout=0.0,
    recurrent_dropout=0.0,
)


def bags_of(rows, event_class, lengths=None):
    lengths = torch.full((len(rows),), rows.shape[1]) if lengths is None else torch.tensor(lengths)
    event_class = torch.as_tensor(event_class)
    mask = torch.arange(rows.shape[1]) < lengths[:, None]
    return Bags({"rgb": rows}, mask, (event_class > 0).float(), event_class)


def build(counts=(2, 2), **settings):
    torch.manual_seed(0)
    names = ("Normal", *(f"Event{number}" for number in range(1, len(counts))))
    return Multitask(MultitaskConfig(**{**SMALL, **settings}), BagSpec({"rgb": DIM}, names, tuple(counts)))


def only(task, value=1.0):
    return TaskWeights(**{name: value * (name == task) for name in TASKS})


def fit(head, bags, *, steps, lr=0.01):
    head.train()
    optimizer = torch.optim.Adam([each for each in head.parameters() if each.requires_grad], lr=lr)
    for _ in range(steps):
        terms = head.losses(head(bags), bags)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
    return head.eval()


def test_relative_attention_is_the_formula_of_shaw():
    torch.manual_seed(0)
    layer = RelativeAttention(4, 2, max_distance=2)
    rows = torch.randn(1, 5, 4)
    query, key, value = layer.inward(rows[0]).split(4, dim=1)  # [5, 4]: two heads of two
    expected = torch.zeros(5, 4)
    for head in range(2):
        part = slice(2 * head, 2 * head + 2)
        for i in range(5):
            logit = torch.stack(
                [
                    query[i, part] @ (key[j, part] + layer.distance[max(-2, min(2, j - i)) + 2]) / 2**0.5
                    for j in range(5)
                ]
            )
            expected[i, part] = logit.softmax(dim=0) @ value[:, part]
    torch.testing.assert_close(layer(rows)[0], layer.outward(expected))


@pytest.mark.parametrize("max_distance", [3, None])
def test_only_relative_positions_reveal_the_order_of_the_instances(max_distance):
    torch.manual_seed(0)
    layer = EncoderLayer(8, 2, hidden=16, dropout=0.0, max_distance=max_distance).eval()
    rows, order = torch.randn(2, 7, 8), torch.tensor([3, 1, 6, 0, 2, 5, 4])
    difference = (layer(rows[:, order]) - layer(rows)[:, order]).abs().max().item()
    assert difference > 1e-3 if max_distance else difference < 1e-5


def test_the_relative_table_has_a_gradient_and_can_be_left_out():
    bags = bags_of(torch.randn(4, 20, DIM), [0, 1, 0, 1])
    head = build()
    sum(head.losses(head(bags), bags).values()).backward()
    tables = [parameter for name, parameter in head.named_parameters() if "distance" in name]
    assert len(tables) == 2 and all(table.grad.any() for table in tables)
    assert tables[0].shape == (2 * 7 + 1, 16 // 2)  # 7 is the largest distance in a window of 8
    assert not any("distance" in name for name, _ in build(relative=False).named_parameters())


def test_the_published_sizes():
    head = Multitask(MultitaskConfig(), BagSpec({"rgb": 1280}, tuple(map(str, range(14))), (1,) * 14))
    lstm = head.encoder.recurrent
    assert (lstm.input_size, lstm.hidden_size, lstm.num_layers, lstm.bidirectional) == (512, 256, 2, True)
    assert len(head.encoder.layers) == 2 and head.encoder.layers[0].attention.heads == 8
    assert head.encoder.layers[0].attention.distance.shape == (
        2 * 15 + 1,
        64,
    )  # K = 32, a window has 16 places
    assert head.projection.shape == (1280, 256) and head.classify[-1].out_features == 14
    assert MultitaskConfig().weights == TaskWeights(1.0, 0.5, 0.3, 0.3)


def test_the_future_is_horizon_instances_after_the_last_of_a_window():
    windows = cut_windows(torch.tensor([[True] * 14, [True] * 9 + [False] * 5]), 8, stride=4, tail="shift")
    # windows 0-7, 4-11, 6-13; the second bag has 0-7 and 1-8
    place, known = future_of(windows, torch.tensor([14, 9]), 3)
    assert place[0, :1].tolist() == [10] and known.tolist() == [[True, False, False], [False, False, False]]
    place, known = future_of(windows, torch.tensor([14, 9]), 1)
    assert place[0, :2].tolist() == [8, 12] and known[0].tolist() == [True, True, False]
    assert place[1, 0].item() == 8 and known[1].tolist() == [True, False, False]


def test_the_projection_is_orthonormal_fixed_and_kept():
    head = build(future_dim=4)
    torch.testing.assert_close(head.projection.T @ head.projection, torch.eye(4), atol=1e-5, rtol=0)
    before = head.projection.clone()
    fit(head, bags_of(torch.randn(4, 20, DIM), [0, 1, 0, 1]), steps=2)
    assert torch.equal(head.projection, before) and "projection" in head.state_dict()


def test_the_regression_term_is_the_distance_to_the_projected_future():
    head = build(weights=only("regression", 2.0), expected="all", horizon=2, future_dim=3).eval()
    rows = torch.randn(1, 12, DIM)
    terms = head.losses(head(bags_of(rows, [1])), bags_of(rows, [1]))
    hidden = head.encoder(torch.stack([rows[0, 0:8], rows[0, 4:12]]))
    forecast, truth = (
        head.regress(hidden[0, 7]),
        rows[0, 9] @ head.projection,
    )  # the second window has no future
    assert list(terms) == ["regression"]
    assert terms["regression"].item() == pytest.approx(2 * F.smooth_l1_loss(forecast, truth).item(), rel=1e-5)


@pytest.mark.slow
def test_the_regression_beats_the_mean_where_the_future_follows_from_the_past():
    time = torch.arange(40) * 0.35
    phase = torch.rand(12, 1) * 6.28
    turning = torch.stack([(time + phase).sin(), (time + phase).cos()], dim=2)  # [12, 40, 2]
    rows = torch.cat([turning, turning @ torch.randn(2, DIM - 2)], dim=2)
    train, test = bags_of(rows[:8], [0] * 8), bags_of(rows[8:], [0] * 4)
    head = fit(build(weights=only("regression")), train, steps=150)
    aux = head(test).aux
    error = aux["future_error"][aux["future_known"]].mean().item()
    target = rows @ head.projection
    mean = F.smooth_l1_loss(target[8:], target[:8].mean(dim=(0, 1)).expand_as(target[8:])).item()
    assert error < mean / 5


def test_the_focal_loss_by_hand():
    logit = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    shares = [1 / (1 + torch.tensor(-2.0).exp()), torch.tensor(0.5)]
    expected = sum(-w * (1 - p) ** 2 * p.log() for w, p in zip((0.5, 1.5), shares, strict=True)) / 2
    loss = focal_loss(logit, torch.tensor([0, 1]), class_weight=torch.tensor([0.5, 1.5]), gamma=2.0)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    plain = focal_loss(logit, torch.tensor([0, 1]), class_weight=torch.ones(2), gamma=0.0)
    assert plain.item() == pytest.approx(F.cross_entropy(logit, torch.tensor([0, 1])).item(), rel=1e-5)


def test_classes_weigh_by_their_rarity_and_absent_ones_weigh_nothing():
    # 1/80, 1/20 and 1/5 have the mean 0.0875
    assert class_weights((80, 20, 0, 5)).tolist() == pytest.approx(
        [0.0125 / 0.0875, 0.05 / 0.0875, 0.0, 0.2 / 0.0875]
    )
    assert build(counts=(80, 20, 0, 5)).class_weight.tolist() == class_weights((80, 20, 0, 5)).tolist()
    assert build(counts=(80, 20), class_weight="none").class_weight.tolist() == [1.0, 1.0]


@pytest.mark.slow
def test_fourteen_classes_are_learned():
    torch.manual_seed(0)
    event_class = torch.arange(14).repeat_interleave(2)
    rows = torch.randn(28, 12, DIM) * 0.3
    rows[torch.arange(28), 4:8] += (torch.randn(14, DIM)[event_class] * 3)[:, None]
    bags = bags_of(rows, event_class)
    head = fit(
        build(counts=(2,) * 14, weights=only("classification"), width=32, recurrent=16), bags, steps=150
    )
    output = head(bags)
    found = head._video_logit(output.aux["class_logit"], output.aux["window_used"]).argmax(dim=1)
    assert (found == event_class).float().mean() > 0.9


def test_the_most_anomalous_windows_make_the_class_of_a_video():
    head = build(window_share=0.5)
    logit = torch.tensor([[[3.0, 0.0], [0.0, 1.0], [0.0, 5.0], [0.0, 9.0]]])
    used = torch.tensor([[True, True, True, False]])  # half of three windows is one
    assert head._video_logit(logit, used).tolist() == [[0.0, 5.0]]


def test_the_vae_terms_by_hand():
    torch.manual_seed(0)
    vae = WindowVAE(8, 3, dropout=0.0).eval()
    rows = torch.randn(5, 8)
    error, divergence = vae(rows)
    hidden = vae.encoder(rows)
    mean, deviation = vae.mean(hidden), (vae.log_variance(hidden) / 2).exp()
    posterior = torch.distributions.Normal(mean, deviation)
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(divergence, expected)
    torch.testing.assert_close(error, (vae.decoder(mean) - rows).square().mean(dim=1))
    assert not torch.equal(vae.train()(rows)[0], vae(rows)[0])  # sampled while training


def test_the_vae_does_not_move_the_encoder():
    head, bags = build(weights=only("reconstruction")), bags_of(torch.randn(4, 20, DIM), [0, 1, 0, 1])
    head.losses(head(bags), bags)["reconstruction"].backward()
    moved = {
        name.split(".")[0]
        for name, each in head.named_parameters()
        if each.grad is not None and each.grad.any()
    }
    assert moved == {"vae"}


def test_the_ranking_term_by_hand():
    head = build(margin=0.5, floor=0.5, floor_weight=3.0)
    term = head._ranking(torch.tensor([0.4, 0.9, 0.3, 0.6]), torch.tensor([True, True, False, False]))
    # 0.5 - a + n: 0.4 0.7 for a = 0.4, 0 0.2 for a = 0.9; below the floor: 0.1 and 0
    assert term.item() == pytest.approx((0.4 + 0.7 + 0.0 + 0.2) / 4 + 3 * 0.1 / 2)


@pytest.mark.parametrize("task, part", list(zip(TASKS, ("regress", "classify", "rank", "vae"), strict=True)))
def test_each_task_alone_moves_its_own_part_and_a_task_left_out_is_frozen(task, part):
    bags = bags_of(torch.randn(4, 20, DIM), [0, 1, 0, 1])
    head = build(weights=only(task))
    terms = head.losses(head(bags), bags)
    assert list(terms) == [task]
    terms[task].backward()
    moved = {
        name.split(".")[0]
        for name, each in head.named_parameters()
        if each.grad is not None and each.grad.any()
    }
    assert moved == ({part} if task == "reconstruction" else {part, "encoder"})
    trained = {name.split(".")[0] for name, each in head.named_parameters() if each.requires_grad}
    assert trained == {part, "encoder"}


def test_errors_are_standardised_on_normal_training_videos():
    head = build().eval()
    parts = [bags_of(torch.randn(3, 25, DIM), [0, 1, 0], lengths=[25, 20, 9]) for _ in range(3)]
    head.calibrate(iter(parts))
    errors = torch.cat(
        [head(part).aux["error_reconstruction"][part.mask & (part.label < 0.5)[:, None]] for part in parts]
    )
    assert head.error_mean[1].item() == pytest.approx(errors.mean().item(), rel=1e-4)
    assert head.error_deviation[1].item() == pytest.approx(errors.std().item(), rel=1e-4)
    score = torch.cat(
        [head(part).aux["score_reconstruction"][part.mask & (part.label < 0.5)[:, None]] for part in parts]
    )
    torch.testing.assert_close(
        score, ((errors - errors.mean()) / errors.std()).sigmoid(), atol=1e-4, rtol=1e-3
    )


def test_an_instance_takes_the_error_of_the_nearest_prediction():
    values, place = torch.tensor([[1.0, 2.0], [5.0, 6.0]]), torch.tensor([[2, 7], [3, 4]])
    spread, some = nearest_value(values, place, torch.tensor([[True, True], [False, False]]), 9)
    assert spread[0].tolist() == [1.0] * 5 + [2.0] * 4 and spread[1].tolist() == [0.0] * 9
    assert some.tolist() == [True, False]


def test_four_scores_are_named_and_their_mean_is_weighted():
    weights = TaskWeights(regression=1.0, classification=2.0, ranking=0.0, reconstruction=1.0)
    bags = bags_of(torch.randn(2, 20, DIM), [0, 1])
    output = build(score_weights=weights).eval()(bags)
    each = {task: output.aux[f"score_{task}"] for task in TASKS}
    assert all(score.shape == (2, 20) and score.min() >= 0 and score.max() <= 1 for score in each.values())
    expected = (each["regression"] + 2 * each["classification"] + each["reconstruction"]) / 4
    torch.testing.assert_close(output.segment_score, expected)


def test_a_task_that_is_not_trained_is_not_in_the_score():
    bags = bags_of(torch.randn(2, 20, DIM), [0, 1])
    output = build(weights=TaskWeights(0.0, 0.0, 1.0, 0.0)).eval()(bags)
    torch.testing.assert_close(output.segment_score, output.aux["score_ranking"])
    nothing = build(weights=only("ranking"), score_weights=only("regression"))
    with pytest.raises(ValueError, match="so there is no score"):
        nothing(bags)


def test_only_normal_videos_are_learned_unless_all_are_asked_for():
    bags = bags_of(torch.randn(2, 20, DIM), [1, 1])
    for expected, learnt in (("normal", False), ("all", True)):
        head = build(expected=expected).eval()
        terms = head.losses(head(bags), bags)
        assert (terms["regression"].item() > 0) is learnt and (terms["reconstruction"].item() > 0) is learnt


def test_training_skips_windows_of_padding():
    head, bags = build(), bags_of(torch.randn(3, 40, DIM), [0, 1, 0], lengths=[40, 9, 20])
    torch.testing.assert_close(
        head.train()(bags).aux["score_ranking"], head.eval()(bags).aux["score_ranking"]
    )


@pytest.mark.slow
def test_it_overfits_four_bags_and_points_at_the_planted_instances():
    torch.manual_seed(0)
    rows, planted = torch.randn(1, 24, DIM).repeat(4, 1, 1), [5, 17]
    for bag, place in enumerate(planted):
        rows[bag, place - 1 : place + 2, 0] += 6
    bags = bags_of(rows, [1, 1, 0, 0])
    head = fit(build(weights=TaskWeights(1.0, 0.5, 1.0, 0.3), score_weights=only("ranking")), bags, steps=100)
    output = head(bags)
    for bag, place in enumerate(planted):
        assert abs(output.segment_score[bag].argmax().item() - place) <= 1
    assert output.video_score[:2].min() > output.video_score[2:].max() + 0.4


@torch.no_grad()
def test_every_term_covers_used_windows_only():
    weights = TaskWeights(1.0, 0.5, 0.3, 0.2)
    head = build(counts=(3, 1), weights=weights, kl_weight=0.7, margin=0.4, top_share=0.25).eval()
    bags = bags_of(2 * torch.randn(3, 20, DIM), [0, 1, 0], lengths=[20, 14, 9])
    output = head(bags)
    terms = {name: value.item() for name, value in head.losses(output, bags).items()}
    aux = output.aux
    used = [(0, window) for window in range(4)] + [(2, 0), (2, 1)]  # of normal videos; 9 segments need two
    vae = sum(aux["reconstruction_error"][at] + 0.7 * aux["divergence"][at] for at in used) / 6
    assert terms["reconstruction"] == pytest.approx(0.2 * vae.item(), rel=1e-5)
    error = sum(aux["future_error"][0, window] for window in range(3)) / 3  # the last has none after it
    assert terms["regression"] == pytest.approx(error.item(), rel=1e-5)
    logit = head._video_logit(aux["class_logit"], aux["window_used"])
    focal = focal_loss(logit, bags.event_class, class_weight=class_weights((3, 1)), gamma=2.0)
    assert terms["classification"] == pytest.approx(0.5 * focal.item(), rel=1e-5)
    score = aux["score_ranking"]
    highest = [score[bag, :length].topk(count) for bag, length, count in ((0, 20, 5), (1, 14, 3), (2, 9, 2))]
    video = torch.stack([each.values.mean() for each in highest])
    hinge = (0.4 - video[1] + video[[0, 2]]).clamp(min=0).mean() + 3 * (0.5 - video[1]).clamp(min=0)
    assert terms["ranking"] == pytest.approx(0.3 * hinge.item(), rel=1e-5)


def test_a_video_without_a_future_has_a_neutral_regression_score():
    bags = bags_of(torch.randn(2, 20, DIM), [0, 1], lengths=[20, 9])  # windows of 8, four segments ahead
    score = build().eval()(bags).aux["score_regression"]
    assert score[1].eq(0.5).all() and not score[0].eq(0.5).any()


def test_an_instance_is_as_anomalous_as_its_windows_are_not_normal():
    head, bags = build(window=8, stride=8).eval(), bags_of(torch.randn(1, 16, DIM), [1])
    aux = head(bags).aux
    normal = aux["class_logit"][0].softmax(dim=1)[:, 0]  # of two windows
    torch.testing.assert_close(aux["score_classification"][0], (1 - normal).repeat_interleave(8))


def test_dropout_is_where_the_framework_has_it():
    config = MultitaskConfig(dropout=0.3, class_dropout=0.4, recurrent_dropout=0.5)
    head = Multitask(config, BagSpec({"rgb": DIM}))

    def rates(part):
        return {each.p for each in part.modules() if isinstance(each, torch.nn.Dropout)}

    assert head.encoder.recurrent.dropout == 0.5
    assert rates(head.classify) == {0.4}
    assert rates(head.regress) == rates(head.vae) == rates(head.encoder.layers) == {0.3}


def test_an_encoder_layer_normalises_after_each_sum():
    torch.manual_seed(0)
    layer = EncoderLayer(8, 2, hidden=16, dropout=0.0, max_distance=3).eval()
    for norm in layer.norms:
        torch.nn.init.uniform_(norm.weight)
    rows = torch.randn(2, 7, 8)
    first = layer.norms[0](rows + layer.attention(rows))
    torch.testing.assert_close(layer(rows), layer.norms[1](first + layer.network(first)))
