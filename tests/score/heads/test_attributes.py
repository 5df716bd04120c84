"""The head attributes: places, tracks, neighbours and surprise by brute force; what scores may depend on."""

import dataclasses
import re

import numpy as np
import pytest
import torch

from data_lists import Video
from score.bags.bags import Bags, BagSpec
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.heads.attributes_parts.crop_space import CropSpace
from score.heads.attributes_parts.exemplars import Exemplars
from score.heads.attributes_parts.farthest_first import farthest_first
from score.heads.attributes_parts.gallery import NEIGHBOURS, Gallery
from score.heads.attributes_parts.normal_regions import NormalRegions, kept_crops, number_of
from score.heads.attributes_parts.place_scale import PlaceScale
from score.heads.attributes_parts.region_table import RegionTable
from score.heads.attributes_parts.surprise import Surprise
from score.runs.checkpoint import build_head, load_checkpoint
from score.scoring.anomaly_maps import anomaly_maps, explain
from score.scoring.scorer import Scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_regions import CROPS, DIM, LENGTH, MOST, ODD, make_region_store, region_arrays
from support.tiny_trainings import assert_same

SHAPES = {
    "region_box": (MOST, 4),
    "region_track": (MOST,),
    "region_speed": (MOST, 4),
    "region_second": (1,),
    "crop_slot": (CROPS,),
    "crop_feature": (CROPS, DIM),
}
NO_SPEED = "head.speed_weight=0", "head.steps_weight=0"
SPEC = BagSpec({}, ("Normal",), (3,), SHAPES)
TRAIN = [Video(f"n{number}") for number in range(4)]
TEST = [Video("a", "Anomaly", LENGTH, (ODD,)), Video("b")]


def bags_of(*videos: dict[str, np.ndarray], numbers=None, label=None) -> Bags:
    count = len(videos)
    names = [name for name in (*SHAPES, "region_pose") if name in videos[0]]
    arrays = {name: torch.stack([torch.from_numpy(video[name]) for video in videos]) for name in names}
    length = arrays["region_track"].shape[1]
    labels = torch.zeros(count) if label is None else torch.tensor(label)
    numbers = torch.arange(count) if numbers is None else torch.tensor(numbers)
    return Bags({}, torch.ones(count, length, dtype=torch.bool), labels, labels.long(), numbers, arrays)


def batches_of(count: int = 4, pieces: int = 1) -> list[Bags]:
    found = []
    for number in range(count):
        arrays = region_arrays(seed=number)
        for part in np.split(np.arange(LENGTH), pieces):
            found.append(bags_of({name: rows[part] for name, rows in arrays.items()}, numbers=[number]))
    return found


def fitted(*overrides: str, batches=None, spec=SPEC):
    head = build_head(resolve(preset_of("attributes"), overrides=["head.gallery=500", *overrides]), spec)
    head.fit(batches or batches_of())
    return head.eval()


@pytest.fixture(scope="module")
def head():
    return fitted()


def table_of(arrays) -> RegionTable:
    return RegionTable.of({name: torch.from_numpy(rows) for name, rows in arrays.items()})


@pytest.mark.parametrize("odd", ["speed", "crop"])
def test_what_is_odd_scores_higher_than_anything_normal(head, odd):
    normal = head(bags_of(region_arrays(seed=7))).segment_score
    found = head(bags_of(region_arrays(seed=8, odd=odd))).segment_score[0]
    inside = found[ODD[0] + 3 : ODD[1] - 3]
    assert inside.min() > normal.max() and inside.min() > found[0]
    assert found.min() >= 0 and found.max() < 1


def test_the_order_of_regions_does_not_change_a_score(head):
    arrays, order = region_arrays(seed=5, odd="crop"), np.array([2, 4, 0, 3, 1])
    place = np.append(np.argsort(order), -1).astype(np.int16)  # a slot of -1 stays -1
    regions = [name for name in arrays if name.startswith("region") and name != "region_second"]
    mixed = {name: arrays[name][:, order] for name in regions}
    mixed |= {"region_second": arrays["region_second"]}
    mixed |= {"crop_slot": place[arrays["crop_slot"]], "crop_feature": arrays["crop_feature"]}
    torch.testing.assert_close(head(bags_of(mixed)).segment_score, head(bags_of(arrays)).segment_score)


def test_the_unit_of_speed_does_not_matter():
    scaled = batches_of()
    for bags in scaled:
        bags.arrays["region_speed"] *= 60
    other = region_arrays(seed=6, odd="speed")
    expected = fitted("head.crop_weight=0")(bags_of(other)).segment_score
    other["region_speed"] = other["region_speed"] * 60
    found = fitted("head.crop_weight=0", batches=scaled)(bags_of(other)).segment_score
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_scores_do_not_depend_on_the_rate_of_frames(head):
    arrays = region_arrays(seed=8, odd="speed")
    expected = head(bags_of(arrays)).segment_score[0]
    often = {name: rows.repeat(3, axis=0) for name, rows in arrays.items()}
    often["region_second"] = np.arange(3 * LENGTH)[:, None] / 30
    found = head(bags_of(often)).segment_score[0, 1::3]
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
    # Counted in frames, means would reach a third as far.
    often["region_second"] *= 3
    assert (head(bags_of(often)).segment_score[0, 1::3] - expected).abs().max() > 0.05


def test_what_goes_to_and_fro_by_long_steps_is_odd_for_its_steps(head):
    arrays = region_arrays(seed=8)
    arrays["region_speed"][ODD[0] : ODD[1], 0, 3] *= 4
    (first,) = head.reasons(bags_of(arrays), count=1)
    assert first.track == 0 and max(first.attributes, key=first.attributes.__getitem__) == "steps"
    three = {name: shape for name, shape in SHAPES.items()} | {"region_speed": (MOST, 3)}
    older = build_head(resolve(preset_of("attributes")), BagSpec({}, ("Normal",), (3,), three))
    assert older.names == ["speed", "crop"]


def test_pieces_of_videos_their_order_and_anomalous_videos_do_not_change_the_fit():
    whole, pieces = batches_of(), batches_of(pieces=3)
    # The pieces of a video come in order, the videos in any.
    mixed = [pieces[number] for video in (2, 0, 3, 1) for number in range(3 * video, 3 * video + 3)]
    odd = bags_of(region_arrays(seed=9, odd="speed"), numbers=[9], label=[1.0])
    one, other = fitted(batches=whole), fitted(batches=[odd, *mixed])
    for name, rows in one.state_dict().items():
        # The sign of a direction is settled; its last bits follow the order of sums.
        torch.testing.assert_close(rows, other.state_dict()[name], rtol=1e-3, atol=1e-3)


def test_means_along_tracks_are_those_of_the_same_track_nearby():
    random = np.random.default_rng(0)
    arrays = region_arrays(length=12)
    arrays["region_track"] = np.stack([random.permutation([0, 1, 2, 3, -1]) for _ in range(12)]).astype(
        np.int32
    )
    table, values = table_of(arrays), torch.from_numpy(random.random((12, MOST)))
    values[random.random((12, MOST)) < 0.5] = torch.nan
    found = table.along_tracks(values, reach=2)
    for frame in range(12):
        for place in range(MOST):
            track = int(table.track[frame, place])
            near = slice(max(0, frame - 2), frame + 3)
            own = values[near][table.track[near] == track].numpy()
            known = own[~np.isnan(own)] if track >= 0 else np.zeros(0)
            expected = known.mean() if len(known) else np.nan
            assert float(found[frame, place]) == pytest.approx(expected, nan_ok=True)


def test_neighbours_are_those_of_brute_force_and_leave_out_the_own_video():
    random = torch.Generator().manual_seed(0)
    rows = [torch.randn(20, 3, generator=random) for _ in range(3)]
    arrays = region_arrays()
    frame, place = torch.arange(20), torch.zeros(20, dtype=torch.int64)
    examples = {video: Exemplars(each, frame, place) for video, each in enumerate(rows)}
    gallery = Gallery(100, 3)
    ratios = gallery.fit(examples, {video: table_of(arrays) for video in range(3)}, {0: 0, 1: 1, 2: 2})
    everything = torch.cat(rows)
    others = [torch.cat(rows[:video] + rows[video + 1 :]) for video in range(3)]
    apart = [torch.cdist(one, other).sort(dim=1).values for one, other in zip(rows, others, strict=True)]
    own = torch.cat([each[:, :NEIGHBOURS].mean(dim=1) for each in apart])
    torch.testing.assert_close(gallery.own[:60], own, rtol=1e-4, atol=1e-5)
    query = torch.randn(7, 3, generator=random)
    distance, number = torch.cdist(query, everything).sort(dim=1)
    found = gallery.compare(query)
    torch.testing.assert_close(found.distance, distance[:, 0], rtol=1e-4, atol=1e-5)
    assert found.number.tolist() == number[:, 0].tolist()
    expected = distance[:, :NEIGHBOURS].mean(dim=1) / own[number[:, :NEIGHBOURS]].mean(dim=1)
    torch.testing.assert_close(found.ratio, expected, rtol=1e-4, atol=1e-5)
    distances, numbers = torch.cdist(rows[1], others[1]).sort(dim=1)
    theirs = torch.cat([own[:20], own[40:]])[numbers[:, :NEIGHBOURS]].mean(dim=1)
    expected = distances[:, :NEIGHBOURS].mean(dim=1) / theirs
    torch.testing.assert_close(ratios[1][:20, 0], expected, rtol=1e-4, atol=1e-5)
    assert ratios[1][:, 1:].isnan().all()


def test_no_vector_is_farther_from_the_chosen_ones_than_the_radius_says():
    rows = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    chosen, radius = farthest_first(rows, 30)
    nearest = torch.cdist(rows, rows[chosen]).amin(dim=1)
    assert len(set(chosen.tolist())) == 30
    assert radius == pytest.approx(float(nearest.max()), rel=1e-4)
    # Chosen vectors lie as far apart: so no choice of 30 has less than half of the radius.
    apart = torch.cdist(rows[chosen], rows[chosen]) + torch.eye(30) * 1e9
    assert apart.min() >= radius * 0.999
    small = Gallery(30, 4)
    examples = {0: Exemplars(rows, torch.arange(200) % LENGTH, torch.zeros(200, dtype=torch.int64))}
    small.fit(examples, {0: table_of(region_arrays())}, {0: 0})
    assert float(small.radius) == pytest.approx(radius, rel=1e-4) and int(small.count) == 30


def test_surprise_is_minus_the_logarithm_of_the_share_of_normal_frames():
    highest = torch.from_numpy(np.random.default_rng(0).exponential(2.0, 20_000))
    surprise = Surprise()
    surprise.fit(highest)
    # Of exponential values it is the value in units of their mean.
    values = torch.tensor([0.2, 1.4, 4.0, 9.0, 40.0], dtype=torch.float64)
    torch.testing.assert_close(surprise(values).double(), values / 2, rtol=0.06, atol=0.03)
    ordered = surprise(torch.linspace(-3, 60, 500))
    assert (ordered.diff() >= 0).all() and ordered[0] == 0
    assert surprise(torch.tensor([torch.nan, -torch.inf])).tolist() == [0, 0]
    surprise.fit(torch.full((9,), 3.0))
    assert surprise(torch.tensor(3.5)) > 10 > 2.4 > surprise(torch.tensor(3.0))


def test_a_place_is_compared_with_its_like_and_rare_places_with_all():
    random = np.random.default_rng(0)
    bottom = torch.from_numpy(random.uniform(0.3, 0.9, 20_000))
    place = PlaceScale()
    place.fit(bottom * torch.from_numpy(random.uniform(0, 1, 20_000)), bottom, percentile=90, width=0.02)
    shown = torch.linspace(0.4, 0.8, 9)
    torch.testing.assert_close(place.at(shown), 0.9 * shown, rtol=0.04, atol=0.0)
    few = PlaceScale()
    few.fit(torch.tensor([1.0, 1.0, 1.0, 5.0]), torch.tensor([0.5, 0.5, 0.5, 0.9]), percentile=50, width=0.02)
    assert few.at(torch.tensor([0.1, 0.9])).tolist() == [1, 1]


def test_maps_show_the_region_that_a_score_rests_on(head):
    arrays = region_arrays(seed=8, odd="speed")
    bags = bags_of(arrays)
    (maps,), attention = head.frame_maps(bags)["regions"], head.frame_attention(bags)[0]
    frame = ODD[0] + 4
    height, width = maps.shape[1:]
    rows, columns = np.nonzero(maps[frame].numpy() == maps[frame].max().item())
    left, top, right, bottom = arrays["region_box"][frame, 0]
    assert columns.min() == round(left * width) and columns.max() == round(right * width) - 1
    assert rows.min() == round(top * height) and rows.max() == round(bottom * height) - 1
    assert attention[frame].sum() == len(rows)
    quiet = head.frame_maps(bags_of(region_arrays(seed=7)))["regions"]
    assert maps[frame].max() > head.map_threshold(99) and quiet.amax(
        dim=(-2, -1)
    ).median() < head.map_threshold(99)


@pytest.mark.parametrize("odd", ["speed", "crop"])
def test_reasons_name_the_track_the_attribute_and_the_nearest_normal_crop(head, odd):
    arrays = region_arrays(seed=8, odd=odd)
    (first, *others) = head.reasons(bags_of(arrays), count=3)
    assert first.track == 0 and len({each.track for each in [first, *others]}) == 3
    assert ODD[0] - 8 <= first.row < ODD[1] + 8
    assert max(first.attributes, key=first.attributes.__getitem__) in {odd, {"speed": "steps"}.get(odd)}
    np.testing.assert_allclose(first.box, arrays["region_box"][first.row, 0])
    nearest, gallery = first.nearest["crop"], head.gallery["crop"]
    examples = head.examples(table_of(arrays))["crop"]
    own = examples.frame[examples.place == 0]
    chosen = int(own[(own - first.row).abs().argmin()])
    rows = examples.rows[(examples.frame == chosen) & (examples.place == 0)]
    distance = torch.cdist(rows, gallery.rows[: int(gallery.count)])[0]
    assert nearest.distance == pytest.approx(float(distance.min()), rel=1e-3)
    assert nearest.frame == int(gallery.origin[int(distance.argmin()), 1]) and nearest.uncertainty == 0


def test_stores_without_crops_are_scored_by_speed_and_without_anything_else_refused():
    shapes = {name: shape for name, shape in SHAPES.items() if name.startswith("region")}
    spec = BagSpec({}, ("Normal",), (3,), shapes)
    batches = batches_of()
    for bags in batches:
        del bags.arrays["crop_slot"], bags.arrays["crop_feature"]
    alone = fitted(batches=batches, spec=spec)
    assert alone.names == ["speed", "steps"]
    with pytest.raises(ValueError, match="the weights leave only attributes that the store lacks"):
        build_head(
            resolve(preset_of("attributes"), overrides=["head.speed_weight=0", "head.steps_weight=0"]), spec
        )


def test_broken_numbers_have_finite_scores(head):
    arrays = region_arrays(seed=3)
    arrays["region_speed"][2], arrays["region_box"][3], arrays["crop_slot"][4] = np.nan, np.inf, 99
    arrays["crop_feature"][6] = np.nan
    arrays["region_track"][5] = -1
    score = head(bags_of(arrays)).segment_score
    assert torch.isfinite(score).all() and score.min() >= 0 and score.max() < 1


def test_the_same_speed_is_odd_far_away_and_normal_nearby():
    head, arrays = fitted("head.crop_weight=0"), region_arrays(seed=0)
    arrays["region_track"][:, 2] = -1
    for place, bottom in enumerate((0.85, 0.5)):
        arrays["region_box"][:, place, 3], arrays["region_speed"][:, place] = bottom, 0.85
    near, far = head.region_values(table_of(arrays))["speed"][:, :2].T
    assert far.min() > 3 * near.max()


def test_a_moment_counts_as_much_as_its_share_of_the_track():
    head, arrays = fitted("head.crop_weight=0", "head.reach=4"), region_arrays(seed=0)
    arrays["region_speed"][:, 0] = arrays["region_box"][:, :1, 3]
    quiet = head.region_values(table_of(arrays))["speed"][:, 0]
    arrays["region_speed"][15, 0] *= 10
    found = head.region_values(table_of(arrays))["speed"][:, 0]
    torch.testing.assert_close(found[11:20], found[15].expand(9))
    assert found[15] > quiet.max() + 1
    torch.testing.assert_close(found[:11], quiet[:11])
    # (8 + 10) / 9 = 2
    arrays["region_speed"][:, 0] = 2 * arrays["region_box"][:, :1, 3]
    torch.testing.assert_close(found[15], head.region_values(table_of(arrays))["speed"][15, 0])


def test_scores_are_geometric_means_along_time():
    bags, deviation = bags_of(region_arrays(seed=8, odd="speed")), 2.0
    plain = fitted("head.smoothing=0")(bags).segment_score[0].double().numpy()
    value, time = -np.log1p(-plain), np.arange(LENGTH)
    weight = np.exp(-0.5 * ((time[:, None] - time) / deviation) ** 2)
    weight[np.abs(time[:, None] - time) > 8] = 0
    expected = 1 - np.exp(-(weight @ value) / weight.sum(axis=1))
    found = fitted(f"head.smoothing={deviation}")(bags).segment_score[0].numpy()
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_weights_count_in_the_sum_of_the_attributes():
    weights, arrays = ("head.speed_weight=2", "head.crop_weight=0.5"), region_arrays(seed=8)
    arrays["region_speed"][:, 1, 3] *= 1.5
    arrays["region_speed"][:, 2, 3] *= 0.5
    table = table_of(arrays)
    head = fitted(*weights, "head.motion=sum")
    values = head.region_values(table)
    expected = 2 * values["speed"] + values["steps"] + 0.5 * values["crop"]
    torch.testing.assert_close(head.combined(values, table), expected)
    higher = torch.where(values["speed"] > values["steps"], values["speed"], values["steps"])
    assert (higher > values["speed"]).any() and (higher > values["steps"]).any()
    found = fitted(*weights, "head.motion=higher").combined(values, table)
    torch.testing.assert_close(found, 3 * higher + 0.5 * values["crop"])
    only = {name: values[name] for name in ("speed", "crop")}  # a store without steps
    for motion in ("sum", "higher"):
        found = fitted(*weights, f"head.motion={motion}").combined(only, table)
        torch.testing.assert_close(found, 2 * values["speed"] + 0.5 * values["crop"])


def test_normal_crops_vary_as_much_in_each_direction_and_in_no_two_together():
    scale = torch.linspace(0.01, 3, DIM)
    features = torch.randn(LENGTH, CROPS, DIM, generator=torch.Generator().manual_seed(0)) * scale + 4
    table = dataclasses.replace(
        table_of(region_arrays()), slot=torch.zeros(LENGTH, CROPS, dtype=torch.int64), feature=features
    )
    normal, space = NormalRegions(), CropSpace(DIM, DIM)
    normal.add(0, table)
    space.fit(normal)
    rows = features.flatten(0, 1)
    variance = torch.linalg.eigvalsh(rows.double().T.cov(correction=0)).flip(0)
    # Directions in which nothing varied do not outweigh the others.
    expected = variance / (variance + 1e-3 * variance.mean())
    found = space(rows).double()
    torch.testing.assert_close(found.T.cov(correction=0), expected.diag(), atol=2e-3, rtol=0)
    assert found.mean(dim=0).abs().max() < 1e-3 and expected[-1] < 0.9


def test_parts_of_a_single_video_stand_for_videos():
    rows = torch.randn(LENGTH, 3, generator=torch.Generator().manual_seed(0))
    frame, gallery = torch.arange(LENGTH), Gallery(100, 3)
    examples = {7: Exemplars(rows, frame, torch.zeros_like(frame))}
    ratios = gallery.fit(examples, {7: table_of(region_arrays())}, {7: 1})
    apart = torch.cdist(rows, rows)
    apart[frame[:, None] // 3 == frame // 3] = torch.inf  # ten parts of three frames
    own = apart.sort(dim=1).values[:, :NEIGHBOURS].mean(dim=1)
    torch.testing.assert_close(gallery.own[:LENGTH], own, rtol=1e-4, atol=1e-5)
    assert ratios[7][:, 0].isfinite().all()


def test_of_too_many_crops_every_few_are_kept():
    batches = batches_of(2)
    every = kept_crops(batches, lambda rows: rows, every=1)
    thinned = kept_crops(batches, lambda rows: rows, every=3)
    for video, examples in every.items():
        for name in ("rows", "frame", "place"):
            torch.testing.assert_close(getattr(thinned[video], name), getattr(examples, name)[::3])


def posed(seed: int, *, lying: bool = False, unsure: bool = False) -> dict[str, np.ndarray]:
    arrays, random = region_arrays(seed=seed), np.random.default_rng(seed)
    joints = np.stack([np.full(17, 0.5), np.linspace(0.05, 0.95, 17)], axis=1)
    pose = np.zeros((LENGTH, MOST, 17, 3), np.float16)
    pose[..., :2], pose[..., 2] = joints + random.normal(0, 0.03, (LENGTH, MOST, 17, 2)), 0.9
    if lying:
        pose[ODD[0] : ODD[1], 0, :, :2] = pose[ODD[0] : ODD[1], 0, :, 1::-1]
    if unsure:
        pose[:, 0, 5:, 2], pose[:, 0, 5:, :2] = 0.1, -9
    return arrays | {"region_pose": pose}


def test_poses_that_no_normal_video_has_are_odd_and_those_that_are_not_seen_are_not():
    spec = BagSpec({}, ("Normal",), (3,), SHAPES | {"region_pose": (MOST, 17, 3)})
    batches = [bags_of(posed(number), numbers=[number]) for number in range(3)]
    head = fitted(*NO_SPEED, "head.crop_weight=0", batches=batches, spec=spec)
    assert head.names == ["pose"]
    normal, lying = (head.region_values(table_of(posed(8, lying=each)))["pose"] for each in (False, True))
    assert lying[ODD[0] + 4 : ODD[1] - 4, 0].min() > normal.max()
    unsure = head.region_values(table_of(posed(8, unsure=True)))["pose"]
    assert not unsure[:, 0].any() and torch.equal(unsure[:, 1:], normal[:, 1:])
    # A joint that is not seen lies in the middle, wherever the detector puts it.
    part, other = posed(8), posed(8)
    for arrays, where in ((part, -9), (other, 0.5)):
        arrays["region_pose"][:, 0, :4, 2], arrays["region_pose"][:, 0, :4, :2] = 0.1, where
    other["region_pose"][:, 0, :4, 2] = 0.9
    found = [head.region_values(table_of(arrays))["pose"] for arrays in (part, other)]
    torch.testing.assert_close(*found)
    part["region_pose"][:] = np.nan
    assert not head.region_values(table_of(part))["pose"].any()


def test_normal_videos_without_any_region_are_refused_and_a_single_frame_is_not():
    batches = batches_of()
    for bags in batches:
        bags.arrays["region_track"][:], bags.arrays["crop_slot"][:] = -1, -1
    with pytest.raises(ValueError, match="no region in 4 normal videos: there is nothing to compare with"):
        fitted(batches=batches)
    one = {name: rows[:1] for name, rows in region_arrays().items()}
    assert torch.isfinite(fitted(batches=[bags_of(one)])(bags_of(one)).segment_score).all()


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("region_box", (MOST + 1, 4), "region_box has the shape (6, 4) a frame, expected (5, 4)"),
        (
            "region_speed",
            (MOST, 2),
            "region_speed has the shape (5, 2) a frame, expected 5 rows of 3",
        ),
        ("region_track", (MOST, 2), "region_track has the shape (5, 2) a frame, expected (5,)"),
        ("crop_feature", (CROPS + 1, DIM), "crop_feature has the shape (6, 12) a frame, expected 5 rows"),
        ("region_pose", (MOST, 9, 3), "region_pose has the shape (5, 9, 3) a frame, expected (5, 17, 3)"),
        ("speed", (6,), "speed has the shape (6,) a frame, expected rows and columns of cells"),
        ("crop_slot", None, "crop_slot and crop_feature belong together"),
    ],
)
def test_arrays_of_other_shapes_are_refused(name, shape, message):
    shapes = {key: each for key, each in (SHAPES | {name: shape}).items() if each is not None}
    with pytest.raises(ValueError, match=re.escape(message)):
        build_head(resolve(preset_of("attributes")), BagSpec({}, ("Normal",), (3,), shapes))


def test_a_store_of_broken_numbers_can_be_fitted_to():
    batches = batches_of()
    broken = region_arrays(seed=0)
    broken["crop_feature"][3], broken["crop_feature"][5] = np.inf, np.nan
    broken["crop_slot"][7], broken["region_speed"][9], broken["region_box"][11] = -99, np.inf, np.nan
    batches[0] = bags_of(broken, numbers=[0])
    head = fitted(batches=batches)
    assert all(torch.isfinite(each).all() for each in head.state_dict().values())
    odd = head(bags_of(region_arrays(seed=8, odd="speed"))).segment_score[0]
    assert odd[ODD[0] + 3 : ODD[1] - 3].min() > head(bags_of(region_arrays(seed=7))).segment_score.max()


@pytest.mark.parametrize(
    "groups, apart, expected",
    [
        ("xxyy", "groups", "xxyy"),
        ("xxyy", "videos", "0123"),
        ("xxxx", "groups", "0123"),  # a single camera
        ("    ", "groups", "0123"),  # a list without groups
    ],
)
def test_normal_crops_are_compared_with_those_of_other_cameras(tmp_path, groups, apart, expected):
    videos = [
        dataclasses.replace(video, group=group.strip() or None)
        for video, group in zip(TRAIN, groups, strict=True)
    ]
    overrides = ["head.gallery=500", "head.crop_width=8", f"head.apart={apart}"]
    config = resolve(preset_of("attributes"), overrides=overrides)
    data = prepare(config, [make_region_store(tmp_path / "store", videos)], videos)
    gallery = Scorer(train_seed(config, data, folder=tmp_path / "seed_0", seed=0)).head.gallery["crop"]
    count = int(gallery.count)
    place = {number_of(video.video_id): group for video, group in zip(videos, expected, strict=True)}
    group = [place[number] for number in gallery.origin[:count, 0].tolist()]
    assert count and set(group) == set(expected)
    distance = torch.cdist(gallery.rows[:count], gallery.rows[:count])
    same = torch.tensor([[one == other for other in group] for one in group])
    own = distance.masked_fill(same, torch.inf).sort(dim=1).values[:, :NEIGHBOURS].mean(dim=1)
    torch.testing.assert_close(gallery.own[:count], own, rtol=1e-3, atol=1e-4)


def test_training_names_the_videos_of_normal_examples_and_every_seed_is_the_same(tmp_path):
    config = resolve(preset_of("attributes"), overrides=["head.gallery=100", "head.crop_width=8"])
    store = make_region_store(tmp_path / "store", [*TRAIN, *TEST])
    data = prepare(config, [store], TRAIN)
    first = train_seed(config, data, folder=tmp_path / "seed_0", seed=0)
    assert_same(first, train_seed(config, data, folder=tmp_path / "seed_1", seed=1))
    assert_same(first, load_checkpoint(tmp_path / "seed_0"))
    scorer = Scorer(first)
    known = {number_of(video.video_id) for video in TRAIN}
    origin = scorer.head.gallery["crop"].origin[:100, 0]
    assert set(origin.tolist()) == known
    scores = {video: scorer.score(store.read(video)).segment_score for video in ("a", "b")}
    assert scores["a"][ODD[0] + 3 : ODD[1] - 3].min() > scores["b"].max()
    found = explain(scorer, store.read("a"))
    assert found.maps["regions"].shape == found.attention.shape and len(found.frame) == LENGTH
    assert anomaly_maps(scorer, store.read("b")).highest.max() < found.highest.max()
