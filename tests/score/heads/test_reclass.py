"""The head reclass: frames, motion and people, one-class, with two players in the common loop."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from data_lists import ListError, Video
from extract.store import FeatureStore, StoreError, VideoFeatures
from score.bags.bags import Bags
from score.bags.clip_cache import ClipCache
from score.config.presets import PRESETS, preset_of, presets_of
from score.config.run_config import ConfigError, resolve
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluation_settings import RunOptions
from score.evaluation.pixel_truth import PixelTruth
from score.export.onnx_export import export
from score.export.onnx_graph import ExportError
from score.heads.reclass_parts.clip_inputs import places_of
from score.heads.reclass_parts.error_maps import NOBODY, boxed, error_maps
from score.heads.reclass_parts.people_generator import normalised
from score.heads.reclass_parts.score_terms import GRAPH, NAMES, averaged, decibels, in_worst_patch, squashed
from score.heads.reclass_parts.term_statistics import STEP, PlaceErrors
from score.predict.predictor import Model
from score.runs.checkpoint import load_checkpoint
from score.scoring.scorer import Scorer
from score.training.loop import train_epoch, train_seed
from score.training.precision import forward_in
from score.training.training_data import prepare
from support.tiny_clips import HEIGHT, LENGTH, PERSONS, STRIDE, WIDTH, clip_arrays, clip_spec, make_clip_store
from support.tiny_reclass import TINY, build_tiny, clip_bags, training_on_clips
from support.tiny_stores import make_store

PEOPLE_TERMS = [NAMES.index(name) for name in GRAPH]


def standard_terms(head, bags) -> torch.Tensor:
    with torch.no_grad():
        return head.eval()(bags).aux["terms"]


@pytest.mark.parametrize(
    "overrides", [(), ("head.flow=false",), ("head.graph=false",), ("head.backdrop=false",)]
)
def test_every_term_of_both_players_has_a_gradient_and_together_they_reach_every_parameter(overrides):
    head, bags = build_tiny(*overrides).train(), clip_bags()
    for player in head.players:
        mine, reached = dict(getattr(head, player).named_parameters()), set()
        terms = head.losses(head(bags), bags, player)
        for term, value in terms.items():
            head.zero_grad(set_to_none=True)
            value.backward(retain_graph=True)
            moved = {name for name, each in mine.items() if each.grad is not None and each.grad.any()}
            assert moved and torch.isfinite(value), f"{term} moves nothing"
            reached |= moved
        assert reached == {name for name, each in mine.items() if each.requires_grad}
        if player == "generator":
            assert ("flow" in terms) == ("head.flow=false" not in overrides)
            people = {"nodes", "adjacency", "consistency", "people_adversarial"}
            assert (people <= set(terms)) == head.config.graph


def test_a_player_is_moved_by_its_own_losses_only():
    for player, other in (("generator", "discriminator"), ("discriminator", "generator")):
        training = training_on_clips([clip_bags()])
        training.optimizers = {player: training.optimizers[player]}
        training.validate = dict  # calibration would run the discriminator's power iterations
        before = copy.deepcopy(getattr(training.head, other).state_dict())
        train_epoch(training)
        after = dict(getattr(training.head, other).named_parameters())
        assert all(torch.equal(after[name], before[name]) for name in after)


def test_shapes_are_checked_without_weights_and_are_those_of_the_weights():
    with torch.device("meta"):
        without = build_tiny()
    shapes, expected = (
        {name: rows.shape for name, rows in head.state_dict().items()} for head in (without, build_tiny())
    )
    assert shapes == expected and all(rows.is_meta for rows in without.state_dict().values())


@pytest.mark.slow
def test_both_discriminators_stay_alive_for_200_steps():
    both = [clip_bags((1, 1, 1)), clip_bags((1, 1))]
    training = training_on_clips([both[step % 2] for step in range(25)], "train.epochs=8", "train.average=0")
    head = training.head.train()
    untrained = head.losses(head(both[0]), both[0], "generator")["reconstruction"].item()
    epochs = [train_epoch(training).loss for _ in range(8)]
    parts = {name: np.array([each[name] for each in epochs]) for name in epochs[0]}
    # 0.5 is a discriminator that guesses, 0 one that leaves nothing to learn.
    for name in ("frames", "people"):
        loss = parts[f"discriminator.{name}"]
        assert 0.002 < loss.min() and loss[1:].max() < 0.9
        assert parts[f"discriminator.{name}_accuracy"].max() > 0.75
    assert parts["generator.reconstruction"][-1] < untrained / 2


def test_scores_do_not_depend_on_other_bags_or_on_padding():
    head, bags = build_tiny("head.running=0.5", "head.clips_at_once=2").eval(), clip_bags()
    with torch.no_grad():
        together = head(bags)
        for bag, length in enumerate((2, 1, 3)):
            arrays = {name: rows[bag : bag + 1, :length] for name, rows in bags.arrays.items()}
            mask = bags.mask[bag : bag + 1, :length]
            alone = head(Bags({}, mask, torch.zeros(1), torch.zeros(1).long(), arrays=arrays))
            torch.testing.assert_close(together.segment_score[bag, :length], alone.segment_score[0])
            torch.testing.assert_close(together.video_score[bag], alone.video_score[0])
    assert (together.segment_score[~bags.mask] == 0).all() and together.segment_score.max() <= 1
    assert torch.equal(together.video_score, together.segment_score.amax(dim=1))


def test_nothing_about_people_depends_on_their_order_or_on_empty_places():
    head, bags = build_tiny().eval(), clip_bags((2, 2))
    order = torch.tensor([2, 0, 3, 1])
    mixed = dict(bags.arrays)
    mixed["nodes"], mixed["node_mask"] = mixed["nodes"][..., order, :], mixed["node_mask"][..., order]
    mixed["adjacency"] = mixed["adjacency"][..., order, :][..., order]
    longer = dict(bags.arrays)
    longer["nodes"] = torch.nn.functional.pad(longer["nodes"], (0, 0, 0, 3))
    longer["node_mask"] = torch.nn.functional.pad(longer["node_mask"], (0, 3))
    longer["adjacency"] = torch.nn.functional.pad(longer["adjacency"], (0, 3, 0, 3))
    expected = standard_terms(head, bags)
    losses = {player: head.losses(head(bags), bags, player) for player in head.players}
    for arrays in (mixed, longer):
        other = Bags({}, bags.mask, bags.label, bags.event_class, arrays=arrays)
        torch.testing.assert_close(standard_terms(head, other), expected, atol=1e-5, rtol=1e-4)
        for player in head.players:
            for name, value in head.losses(head(other), other, player).items():
                assert value.item() == pytest.approx(losses[player][name].item(), rel=1e-4, abs=1e-6), name


def test_a_clip_without_people_has_no_terms_about_people_and_trains():
    bags = clip_bags(people=0)
    training = training_on_clips([bags])
    head, loss = training.head, train_epoch(training).loss
    assert np.isfinite(list(loss.values())).all()
    assert all(loss[f"generator.{name}"] == 0 for name in ("nodes", "adjacency", "consistency"))
    head.statistics.mean += 3.0  # a normal clip is elsewhere than at zero
    assert (standard_terms(head, bags)[..., PEOPLE_TERMS] == 0).all()
    assert (standard_terms(head, clip_bags())[..., PEOPLE_TERMS][clip_bags().mask] != 0).any()


def test_anomalous_clips_and_copies_that_pad_a_clip_have_no_gradient():
    head = build_tiny().train()
    odd = clip_bags((1, 1), label=[1.0, 1.0])
    for player in head.players:
        assert not any(value.item() for value in head.losses(head(odd), odd, player).values())
    bags = clip_bags((1, 1))
    bags.arrays["frame_mask"][:, :, 2:] = False
    before = head.losses(head.eval()(bags), bags, "generator")
    bags.arrays["rgb"][:, :, 3:] = 0  # of the pairs of frames only (0, 1) is shown
    after = head.losses(head(bags), bags, "generator")
    for name in ("reconstruction", "prediction", "gradient", "flow", "nodes", "adjacency"):
        assert after[name].item() == pytest.approx(before[name].item(), rel=1e-5), name


@pytest.mark.parametrize("flow", [True, False])
def test_frames_after_a_cut_do_not_count(flow):
    """A new scene starts at frame 3 of the second clip; of frames 0, 2 and 3 the second precedes it."""
    head, bags = build_tiny(flow=flow).eval(), clip_bags((2,), flow=flow)
    head.calibrate([bags])
    before = standard_terms(head, bags)
    scene = torch.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).round().to(torch.uint8)
    bags.arrays["rgb"][0, 1, 3:] = scene[:, :, None]
    shown = head.clips(bags).shown
    assert shown.tolist() == [[1, 1, 1], [1, 0, 1 if flow else 0]]
    after = standard_terms(head, bags)
    assert torch.equal(after[0, 0], before[0, 0]) and not torch.equal(after[0, 1], before[0, 1])
    moving = clip_bags((2,), flow=flow)
    moving.arrays["rgb"][..., 3:, 5:15, 5:15, :] = 255  # somebody in a quarter of the frame is not a cut
    assert head.clips(moving).shown.all()


def test_terms_are_standardised_on_the_calibration_clips():
    head, bags = build_tiny().eval(), clip_bags((3, 3, 3))
    head.calibrate([bags])
    terms = standard_terms(head, bags).flatten(0, 1)
    torch.testing.assert_close(terms.mean(dim=0), torch.zeros(len(NAMES)), atol=1e-3, rtol=0)
    torch.testing.assert_close(terms.std(dim=0, correction=0), torch.ones(len(NAMES)), atol=1e-3, rtol=0)


@pytest.mark.parametrize("by_place", [True, False])
def test_errors_are_relative_to_what_is_normal_at_their_place(by_place):
    """One corner of normal clips flickers; with a background model it is anomalous elsewhere."""
    head, bags = (
        build_tiny(f"head.backdrop={by_place}".lower(), "head.flow=false").eval(),
        clip_bags((3, 3, 3)),
    )
    flicker = torch.randint(
        0, 256, (*bags.arrays["rgb"].shape[:3], 6, 6, 3), generator=torch.Generator().manual_seed(0)
    )
    bags.arrays["rgb"][:] = 128
    plain = copy.deepcopy(bags)
    here, there = (slice(2, 8), slice(2, 8)), (slice(HEIGHT - 8, HEIGHT - 2), slice(WIDTH - 8, WIDTH - 2))

    def flickering(place):
        one = copy.deepcopy(plain)
        one.arrays["rgb"][(..., *place, slice(None))] = flicker.to(torch.uint8)
        return one

    def peak(place):
        clips = head.clips(flickering(place))
        with torch.no_grad():
            maps = error_maps(clips, head.generate(clips), head.statistics)
        return maps["appearance"][(..., *place)].amax(dim=(2, 3)).mean().item()

    head.calibrate([flickering(here)])
    assert bool(head.statistics.picture_place.any()) == by_place
    usual, elsewhere = peak(here), peak(there)
    assert abs(usual) < 1  # on this scale 0 is usual and 1 what 99 % of normal frames stay below
    assert elsewhere > 3 if by_place else elsewhere < 3


@pytest.mark.parametrize("people", [0, 1, 3])
def test_a_map_of_people_is_unknown_without_two_people(people):
    head, bags = build_tiny().eval(), clip_bags((2, 2), people=people)
    head.calibrate([bags])
    clips = head.clips(bags)
    with torch.no_grad():
        maps = error_maps(clips, head.generate(clips), head.statistics)
    assert all(rows.isfinite().all() for rows in maps.values()) and head.statistics.peaks.isfinite().all()
    somebody = boxed(clips, torch.ones(clips.people.shape)) > 0
    said = maps["people"] > NOBODY
    assert torch.equal(said, somebody if people > 1 else torch.zeros_like(somebody)) and said.any() == (
        people > 1
    )


def test_pairs_have_no_score_where_training_had_none():
    head, bags = build_tiny().eval(), clip_bags((2, 2), people=3)
    head.calibrate([clip_bags((2, 2), people=1)])
    clips = head.clips(bags)
    with torch.no_grad():
        assert (error_maps(clips, head.generate(clips), head.statistics)["people"] == NOBODY).all()


def test_the_background_model_is_the_99th_percentile_of_the_errors_of_a_place():
    errors = torch.rand(2000, 4, 5, generator=torch.Generator().manual_seed(0)) ** 3 * torch.logspace(
        -5, 1, 5
    )
    places = PlaceErrors((4, 5), device=torch.device("cpu"))
    for part in errors.split(300):
        places.add(part)
    above = decibels(places.far()[None, None], errors.quantile(0.99, dim=0))
    assert (above > -0.05).all() and (above < STEP + 0.05).all()


def test_all_of_the_worst_patch_is_as_anomalous_as_its_middle():
    """24 pixels high, patches of 24 // 6 // 2 * 2 + 1 = 5."""
    values = torch.zeros(1, 24, 40)
    values[0, 10, 20], values[0, 0, 0] = 3.0, 1.0
    expected = torch.zeros(1, 24, 40)
    expected[0, 8:13, 18:23], expected[0, :3, :3] = 3.0, 1.0
    assert torch.equal(in_worst_patch(values), expected)


def test_the_normalised_adjacency_is_the_one_of_the_paper():
    adjacency, mask = torch.zeros(1, 3, 3, 3), torch.tensor([[True, True, False]])
    adjacency[0, 0, 0, 1] = adjacency[0, 0, 1, 0] = 0.5
    adjacency[0, 1, 0, 1] = adjacency[0, 1, 1, 0] = 1.0
    # A = 0.5 (1 + 1) = 1 between both, 1 to oneself: degrees 2 and 2, and the absent one takes no part
    expected = torch.tensor([[[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 0]]])
    torch.testing.assert_close(normalised(adjacency, mask), expected)


def test_the_running_average_begins_with_the_first_and_squashing_keeps_the_order():
    found = averaged(torch.tensor([[1.0, 0.0, 0.0]]), 0.9)
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.9, 0.81]]))
    score = squashed(torch.tensor([-1e4, -3.0, 0.0, 50.0, 60.0, 1e4]))
    assert (score.diff() > 0).all() and score[2] == 0.5 and 0 <= score[0] and score[-1] <= 1


def test_frames_are_spread_over_the_clip_and_always_have_a_next_one():
    assert places_of(16, 4).tolist() == [0, 5, 9, 14]
    assert places_of(5, 9).tolist() == [0, 1, 2, 3] and places_of(2, 1).tolist() == [0]


def test_less_precision_and_recomputing_change_little():
    head, bags = build_tiny().eval(), clip_bags((1, 1))
    again = build_tiny("head.recompute=true").eval()
    grads = []
    for each in (head, again):
        sum(each.losses(each(bags), bags, "generator").values()).backward()
        grads.append([parameter.grad for parameter in each.parameters_of("generator")])
    torch.testing.assert_close(grads[0], grads[1])
    rounded, exact = forward_in("bfloat16", head, bags), head(bags)
    for player in head.players:
        for name, value in head.losses(exact, bags, player).items():
            other = head.losses(rounded, bags, player)[name]
            assert other.dtype == torch.float32
            assert other.item() == pytest.approx(value.item(), rel=0.1, abs=0.02)


@pytest.fixture
def corpus(tmp_path):
    videos = [Video(f"n{number}") for number in range(5)]
    tested = [Video("t0"), Video("t1", "Fight", anomaly_spans=((0, 10),), num_frames=20)]
    return make_clip_store(tmp_path / "store", [*videos, *tested]), videos, tested


@pytest.mark.slow
def test_training_resumes_where_it_stopped_and_evaluate_scores_every_frame(tmp_path, corpus):
    store, videos, tested = corpus
    config = resolve(preset_of("reclass"), overrides=TINY)
    data = prepare(config, [store], videos)
    whole = train_seed(config, data, folder=tmp_path / "run/seed_0", seed=0)

    def stop(_record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_seed(config, data, folder=tmp_path / "half", seed=0, on_epoch=stop)
    resumed = train_seed(config, prepare(config, [store], videos), folder=tmp_path / "half", seed=0)
    assert all(torch.equal(rows, resumed.weights[name]) for name, rows in whole.weights.items())
    loss = json.loads((tmp_path / "half/metrics.jsonl").read_text().splitlines()[-1])["loss"]
    assert {"generator.total", "discriminator.frames_accuracy", "generator.adjacency"} <= set(loss)
    loaded = load_checkpoint(tmp_path / "run/seed_0")
    assert loaded.bag_spec == whole.bag_spec
    assert loaded.bag_spec.array_shapes["rgb"] == (LENGTH, HEIGHT, WIDTH, 3)
    result = evaluate_run(tmp_path / "run", [store], tested, RunOptions(resamples=10))
    assert [video.frame_score.shape for video in result.videos] == [(1, 40), (1, 20)]
    assert result.summaries["frame_auc"].mean is not None
    assert any("only the names of training videos were compared" in note for note in result.notes)
    with pytest.raises(ExportError, match="reclass takes clips of pixels"):
        export(loaded, tmp_path / "head.onnx")


@pytest.mark.slow
def test_normal_videos_alone_choose_the_threshold_of_a_one_class_head(tmp_path, corpus):
    store, videos, tested = corpus
    config = resolve(preset_of("reclass"), overrides=TINY)
    train_seed(config, prepare(config, [store], videos[:3]), folder=tmp_path / "run/seed_0", seed=0)
    options = {"resamples": 10, "validation": videos[3:]}
    scorer = Scorer(load_checkpoint(tmp_path / "run/seed_0"))
    scores = np.concatenate([scorer.score(store.read(video.video_id)).segment_score for video in videos[3:]])
    for rule in ("percentile:100", "gmm"):
        found = evaluate_run(
            tmp_path / "run", [store], tested, RunOptions(threshold=rule, **options)
        ).thresholds
        assert scores.min() < found.frame[0] <= np.nextafter(scores.max(), 2) and found.rule == rule
    with pytest.raises(ValueError, match="all 2 validation videos are normal"):
        evaluate_run(tmp_path / "run", [store], tested, RunOptions(threshold="best-f1", **options))


def test_without_validation_the_threshold_is_the_99th_percentile_of_normal_training_clips(tmp_path, corpus):
    store, videos, tested = corpus
    config = resolve(preset_of("reclass"), overrides=TINY)
    done = train_seed(config, prepare(config, [store], videos), folder=tmp_path / "run/seed_0", seed=0)
    scores = [Scorer(done).score(store.read(video.video_id)) for video in videos]
    frame, source = Model((done,)).threshold()
    assert frame == pytest.approx(
        max(each.segment_score.max() for each in scores), abs=1e-6
    )  # 99 % of 14 are all
    assert "normal training" in source
    found = evaluate_run(tmp_path / "run", [store], tested, RunOptions(resamples=10)).thresholds
    assert found.frame == (frame,) and found.video[0] == pytest.approx(
        max(each.video_score for each in scores), abs=1e-6
    )
    assert found.rule == "percentile:99" and found.source.startswith("normal training videos")
    few = {"resamples": 10, "validation": videos[:1]}
    known = evaluate_run(tmp_path / "run", [store], tested, RunOptions(**few)).thresholds
    assert (
        known.frame[0] == pytest.approx(scores[0].segment_score.max(), abs=1e-6)
        and "1 validation video" in known.source
    )


@pytest.mark.slow
def test_long_videos_are_scored_completely_for_that_threshold(tmp_path):
    """Three chunks of clips: a running average that restarted in each would reach higher."""
    videos, spec = [Video(f"n{number}") for number in range(3)], clip_spec()
    store, start = FeatureStore.create(tmp_path / "store", spec), np.arange(70) * STRIDE
    span = np.stack([start, start + STRIDE], axis=1)
    for number, video in enumerate(videos):
        store.write(
            VideoFeatures(
                video.video_id,
                None,
                span,
                span / 25.0,
                num_frames=70 * STRIDE,
                fps=25.0,
                width=WIDTH,
                height=HEIGHT,
                arrays=clip_arrays(70, seed=number),
            )
        )
    config = resolve(preset_of("reclass"), overrides=(*TINY, "head.running=0.9"))
    done = train_seed(config, prepare(config, [store], videos), folder=tmp_path / "run", seed=0)
    scores = np.concatenate(
        [Scorer(done).score(store.read(video.video_id)).segment_score for video in videos]
    )
    assert done.validation["usual_frame_score"] == pytest.approx(
        np.quantile(scores, 0.99, method="higher"), abs=1e-6
    )


def test_a_store_without_the_normal_validation_videos_keeps_the_threshold_of_training(tmp_path, corpus):
    store, videos, tested = corpus
    config = resolve(preset_of("reclass"), overrides=TINY)
    done = train_seed(
        config, prepare(config, [store], videos[:3], videos[3:]), folder=tmp_path / "run/seed_0", seed=0
    )
    assert done.validation["video_auc"] is None
    alone = FeatureStore.create(tmp_path / "alone", store.spec)
    for video in tested:
        alone.write(store.read(video.video_id))
    there, lacking = (
        evaluate_run(tmp_path / "run", [each], tested, RunOptions(resamples=0)).thresholds
        for each in (store, alone)
    )
    assert there.source.startswith("2 validation videos") and lacking.source.startswith(
        "normal training videos"
    )
    assert lacking.frame[0] == done.validation["usual_frame_score"]


def test_frames_of_another_size_are_refused_before_training(corpus):
    store, videos, tested = corpus
    other = store.read("n1")
    other.arrays["rgb"], other.arrays["flow"] = (other.arrays[name][:, :, :, :-4] for name in ("rgb", "flow"))
    store.write(replace(other, width=WIDTH - 4))
    config = resolve(preset_of("reclass"), overrides=TINY)
    message = r"n1: its clips' (rgb|flow) has shape .* that of n0 .*resize.mode=exact"
    with pytest.raises(StoreError, match=message):
        prepare(config, [store], videos)
    with pytest.raises(StoreError, match=message):
        prepare(config, [store], [videos[0]], [videos[1]])


def test_copies_in_videos_slower_than_the_clips_are_not_compared():
    head, bags = build_tiny().eval(), clip_bags((1,))
    bags.arrays["clip_frame"][0, 0] = torch.tensor([0, 0, 1, 1, 2])
    assert head.clips(bags).shown.tolist() == [
        [0, 0, 1]
    ]  # frames 0, 2 and 3 of the clip are seen, with the next one


def test_a_video_of_one_frame_is_scored_and_evaluated_with_masks_too(tmp_path, corpus):
    store, videos, tested = corpus
    short = store.read("n4")
    short.arrays["frame_mask"][:] = False
    store.write(replace(short, video_id="short"))
    config = resolve(preset_of("reclass"), overrides=TINY)
    train_seed(config, prepare(config, [store], videos), folder=tmp_path / "run/seed_0", seed=0)
    masks = np.zeros((20, HEIGHT, WIDTH), np.uint8)
    masks[:10, 5:9, 5:9] = 1
    np.save(tmp_path / "t1.npy", masks)
    options = {"resamples": 0, "pixel_truth": PixelTruth(tmp_path)}
    found = evaluate_run(tmp_path / "run", [store], [*tested, Video("short")], RunOptions(**options))
    without = evaluate_run(tmp_path / "run", [store], tested, RunOptions(**options))
    assert len(found.videos) == 3
    assert (
        found.summaries["pixel_auc"].mean >= without.summaries["pixel_auc"].mean > 0
    )  # more frames without an alarm


def test_spans_may_end_one_frame_after_a_video_whose_length_no_list_gives(tmp_path, corpus):
    store, videos, _ = corpus
    config = resolve(preset_of("reclass"), overrides=TINY)
    train_seed(config, prepare(config, [store], videos), folder=tmp_path / "run/seed_0", seed=0)
    tested = [Video("t0"), Video("t1", "Fight", anomaly_spans=((10, 15), (20, 21)))]
    found = evaluate_run(tmp_path / "run", [store], tested, RunOptions(resamples=0))
    assert found.videos[1].label.tolist() == [0] * 10 + [1] * 5 + [0] * 4 + [1]
    assert any("1 frame after the video, cut there: t1" in note for note in found.notes)
    for wrong in (replace(tested[1], anomaly_spans=((10, 22),)), replace(tested[1], num_frames=21)):
        with pytest.raises((StoreError, ListError), match="20"):
            evaluate_run(tmp_path / "run", [store], [tested[0], wrong], RunOptions(resamples=0))


def test_validation_scores_complete_videos_of_clips(tmp_path, corpus):
    store, videos, tested = corpus
    config = resolve(preset_of("reclass"), overrides=(*TINY, "train.select=best", "train.average=0"))
    data = prepare(config, [store], videos, tested)
    done = train_seed(config, data, folder=tmp_path / "run", seed=0)
    scorer = Scorer(done)
    scores = [scorer.score(store.read(video.video_id)).video_score for video in tested]
    assert done.validation["video_auc"] == float(scores[1] > scores[0])


def test_clips_that_are_kept_or_read_again_are_the_same(corpus):
    store, videos, _ = corpus
    options = {"names": build_tiny().arrays, "event_classes": ("Normal",)}
    kept, read = (ClipCache(store, videos, kept_bytes=size, **options) for size in (1 << 30, 0))
    for _ in range(2):
        for one, other in zip(kept.chunks(2), read.chunks(2), strict=True):
            assert all(torch.equal(one.arrays[name], other.arrays[name]) for name in one.arrays)
    assert not read._kept and len(kept._kept) == int(kept.length.sum()) == sum(map(len, read.chunks(1)))
    torch.manual_seed(0)
    drawn = kept.bags(torch.tensor([0, 1, 2]), window=1)
    assert drawn.arrays["rgb"].dtype == torch.uint8 and drawn.mask.shape == (3, 1)
    whole = kept.bags(torch.tensor([2, 0]))
    assert whole.mask.tolist() == [[True] * 4, [True] * 2 + [False] * 2]
    np.testing.assert_array_equal(whole.arrays["rgb"][0], store.read("n2").arrays["rgb"])


def test_a_store_without_flow_trains_without_and_one_of_features_is_refused(tmp_path):
    videos = [Video("a"), Video("b")]
    config = resolve(preset_of("reclass"), overrides=TINY)
    still = make_clip_store(tmp_path / "still", videos, flow=False, people=0)
    data = prepare(config, [still], videos)
    done = train_seed(config, data, folder=tmp_path / "run", seed=0)
    assert not done.build_head().with_flow and "motion" in NAMES
    features = make_store(tmp_path / "features", videos)
    with pytest.raises(StoreError, match="has no rgb, nodes.*--preset reclass"):
        prepare(config, [features], videos)
    with pytest.raises(StoreError, match="takes one, of clips"):
        prepare(config, [still, features], videos)


def test_it_has_a_preset_of_its_paper_and_none_of_those_for_features():
    assert list(presets_of("reclass")) == ["default", "reclass-frames", "reclass-paper"]
    with pytest.raises(ConfigError, match="unknown preset 'fight'"):
        preset_of("reclass", "fight")
    assert PRESETS["reclass-paper"].train.precision == "bfloat16" and PERSONS == 4
