"""The head reclass scoring frame by frame: speeds and errors relative to their height of the picture."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from data_lists import Video
from extract.presets import PRESETS
from extract.store import FeatureStore, VideoFeatures
from score.bags.bags import Bags, BagSpec
from score.config.presets import preset_of
from score.config.run_config import ConfigError, resolve
from score.heads.layers.perspective import LEAST_SHARE, line_through
from score.heads.reclass_parts.clip_inputs import clips_of
from score.heads.reclass_parts.median_picture import MedianPicture
from score.heads.reclass_parts.training_windows import cut, draw_windows, on_cells
from score.runs.checkpoint import build_head
from score.scoring.anomaly_maps import anomaly_maps, explain
from score.scoring.scorer import Scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_clips import HEIGHT, PERSONS, WIDTH, clip_arrays
from support.tiny_clips import LENGTH as CLIP
from support.tiny_maps import COLUMNS, FAST, ROWS, speed_maps

SMALL = (
    "head.width=4",
    "head.judge_width=4",
    "head.window=12",
    "head.smoothing=2",
    "train.epochs=2",
    "train.steps_per_epoch=2",
    "train.batch=2",
)
SPAN = 2 * CLIP  # native frames of a clip, see tiny_clips


def frame_arrays(count: int, *, seed: int = 0, fast: bool = False) -> dict[str, np.ndarray]:
    """A clip and a speed map for each of `count` frames; those of FAST are fast in a corner."""
    arrays = clip_arrays(count, seed=seed, people=0, flow=False)
    arrays["clip_frame"] = np.arange(count)[:, None] + 2 * np.arange(CLIP)
    return arrays | {"speed": speed_maps(seed=seed, fast=fast, length=count)}


def bags_of(*videos: dict[str, np.ndarray], label=None, number=None) -> Bags:
    """Padding holds speeds and pixels that no clip has."""
    lengths = [len(each["speed"]) for each in videos]
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    arrays = {}
    for name, rows in videos[0].items():
        padded = np.full((len(videos), max(lengths), *rows.shape[1:]), 200).astype(rows.dtype)
        for bag, each in enumerate(videos):
            padded[bag, : lengths[bag]] = each[name]
        arrays[name] = torch.from_numpy(padded)
    label = torch.zeros(len(videos)) if label is None else torch.tensor(label)
    number = torch.arange(len(videos)) if number is None else torch.tensor(number)
    return Bags({}, mask, label, label.long(), number, arrays)


def head_of(*overrides):
    torch.manual_seed(0)
    shapes = {name: rows.shape[1:] for name, rows in frame_arrays(1).items()}
    config = resolve(preset_of("reclass", "reclass-frames"), overrides=(*SMALL, *overrides))
    return build_head(config, BagSpec({}, ("Normal",), (4,), shapes))


def fitted(*overrides, batches=None):
    head = head_of(*overrides).eval()
    with torch.no_grad():
        head.calibrate(batches or [bags_of(frame_arrays(20, seed=seed), number=[seed]) for seed in range(3)])
    return head


def score(head, bags) -> torch.Tensor:
    with torch.no_grad():
        return head(bags).segment_score


def test_the_line_of_the_perspective_is_that_of_numpy_and_ends_above_zero():
    random = np.random.default_rng(0)
    values, weight = 3 + 0.2 * np.arange(12) + random.normal(0, 0.1, 12), random.integers(0, 50, 12)
    weight[3] = 0
    expected = np.polyval(np.polyfit(np.arange(12), values, 1, w=np.sqrt(weight)), np.arange(12))
    found = line_through(torch.from_numpy(values), torch.from_numpy(weight))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    steep = line_through(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 1.0]))
    assert steep[0] == pytest.approx(LEAST_SHARE * 1.5) and steep[2] == pytest.approx(2.0)
    assert line_through(torch.ones(4), torch.zeros(4)).tolist() == [0.0] * 4
    assert line_through(torch.tensor([5.0, 2.0]), torch.tensor([0.0, 3.0])).tolist() == [2.0, 2.0]


def test_the_background_becomes_the_median_of_what_is_seen():
    """Somebody who stands at a place for two fifths of the time leaves no trace there."""
    torch.manual_seed(0)
    background, median = torch.rand(3, 4, 5), MedianPicture((4, 5))
    for _ in range(200):
        frames = background.repeat(5, 1, 1, 1) + 0.01 * torch.randn(5, 3, 4, 5)
        frames[torch.randperm(5)[:2]] = 1.0
        median.update(frames)
    assert (median.picture - background).abs().max() < 0.02
    before = median.picture.clone()
    median.update(frames[:0])
    assert torch.equal(median.picture, before)


def test_windows_lie_in_the_frame_around_what_moves():
    speed = torch.zeros(2, ROWS, COLUMNS)
    speed[0, 2, 5], speed[1, 5, 0] = 4.0, 4.0
    windows = draw_windows(speed, size=(60, 80), side=24, count=50)
    assert windows[:, 0].tolist() == [0] * 50 + [1] * 50
    assert (windows[:, 1] >= 0).all() and (windows[:, 1] <= 60 - 24).all()
    assert (windows[:, 2] >= 0).all() and (windows[:, 2] <= 80 - 24).all()
    for clip, row, column in ((0, 2, 5), (1, 5, 0)):
        corner = torch.tensor([10 * row, 10 * column])
        off = windows[windows[:, 0] == clip, 1:] - corner
        assert ((off <= 0) & (off >= 10 - 24)).all(dim=1).float().mean() > 0.9
    frames = torch.rand(2, 3, 60, 80)
    clip, top, left = windows[60].tolist()
    assert torch.equal(cut(frames, windows, 24)[60], frames[clip, :, top : top + 24, left : left + 24])
    assert draw_windows(speed, size=(20, 30), side=64, count=1)[:, 1:].tolist() == [[0, 0]] * 2


def test_cells_are_means_of_their_pixels():
    maps = torch.rand(2, 3, 12, 16)
    expected = maps.reshape(2, 3, 6, 2, 8, 2).mean(dim=(3, 5))
    torch.testing.assert_close(on_cells(maps, (6, 8)), expected)


@pytest.mark.parametrize("window", [0, 12])
def test_both_players_learn_everything_from_the_windows_that_were_generated(window):
    head, bags = head_of(f"head.window={window}").train(), bags_of(frame_arrays(3), frame_arrays(2, seed=1))
    output = head(bags)
    torch.manual_seed(7)  # losses draw no windows of their own
    terms = head.losses(output, bags, "generator")
    made = output.aux["now"]
    frames = clips_of(
        {name: rows[bags.mask] for name, rows in bags.arrays.items()}, frames=2, flow=False, graph=False
    ).frames
    if window:
        assert made.shape[-2:] == (12, 12) and len(made) == 5 * head.config.windows
        frames = cut(frames, output.aux["windows"], window)
    assert terms["reconstruction"].item() == pytest.approx((made - frames).abs().mean().item(), rel=1e-5)
    for player in head.players:
        head.zero_grad(set_to_none=True)
        sum(head.losses(head(bags), bags, player).values()).backward()
        mine = dict(getattr(head, player).named_parameters())
        assert all(each.grad is not None for each in mine.values() if each.requires_grad)
    odd = bags_of(frame_arrays(3), label=[1.0])
    assert not any(value.item() for value in head.losses(head(odd), odd, "generator").values())


def test_scores_follow_the_formula():
    """Speeds alone: a line through the 99.9th percentiles of rows, four cells, a Gaussian, normal frames."""
    head = fitted("head.appearance_share=0")
    train = [frame_arrays(20, seed=seed)["speed"] for seed in range(3)]
    every = np.concatenate(train)
    rows = np.percentile(every, 99.9, axis=(0, 2), method="inverted_cdf")
    moving = (every > head.config.least_speed).sum(axis=(0, 2))
    line = np.polyval(np.polyfit(np.arange(ROWS), rows, 1, w=np.sqrt(moving)), np.arange(ROWS))

    def value(maps):
        cells = np.sort((maps / line[:, None]).reshape(len(maps), -1))[:, -4:].mean(axis=1)
        weight = gaussian_filter1d(np.ones(len(maps)), 2, mode="constant")
        return gaussian_filter1d(cells, 2, mode="constant") / weight

    normal = np.sort(np.concatenate([value(each) for each in train]))
    median, far = (normal[int(np.ceil(share * (len(normal) - 1)))] for share in (0.5, 0.99))
    found = score(head, bags_of(frame_arrays(24, seed=9, fast=True)))[0]
    standard = (value(frame_arrays(24, seed=9, fast=True)["speed"]) - median) / (far - median)
    np.testing.assert_allclose(found, 0.5 * (1 + standard / (1 + np.abs(standard))), atol=0.02)
    assert found[FAST[0] : FAST[1]].min() > found[:6].max()


def test_what_was_predicted_badly_raises_the_score_and_its_place():
    """A new object of another grey in the last frames, with the speeds of normal ones."""
    head, video = fitted(), frame_arrays(20, seed=9)
    odd = copy.deepcopy(video)
    odd["rgb"][12:, :, :8, :8] = 255
    terms = []
    with torch.no_grad():
        for each in (video, odd):
            terms.append(head(bags_of(each)).aux["terms"][0])
        maps = head.frame_maps(bags_of(odd))["appearance"][0]
    assert torch.equal(terms[0][:, 0], terms[1][:, 0]) and (terms[1][14:, 1] > terms[0][14:, 1] + 1).all()
    assert (score(head, bags_of(odd))[0, 14:] > score(head, bags_of(video))[0, 14:]).all()
    assert maps[15, :2, :2].min() > maps[15, 4:, 4:].max()


def test_other_bags_and_padding_do_not_change_a_score_and_pieces_not_the_statistics():
    head, videos = fitted(), [frame_arrays(length, seed=length) for length in (9, 4, 6)]
    together = score(head, bags_of(*videos))
    for bag, each in enumerate(videos):
        count = len(each["speed"])
        torch.testing.assert_close(together[bag, :count], score(head, bags_of(each))[0])
        assert not together[bag, count:].any()
    whole = fitted(batches=[bags_of(*videos, frame_arrays(5, seed=3, fast=True), label=[0.0, 0.0, 0.0, 1.0])])
    pieces = [
        bags_of({name: rows[part] for name, rows in each.items()}, number=[number])
        for number, each in enumerate(videos)
        for part in (slice(0, 3), slice(3, None))
    ]
    parts = fitted(batches=pieces).state_dict()
    for name, rows in whole.state_dict().items():
        torch.testing.assert_close(rows, parts[name], rtol=1e-4, atol=1e-6, msg=name)


def test_without_normal_frames_and_with_broken_speeds_scores_are_finite():
    broken = frame_arrays(5)
    broken["speed"][1], broken["speed"][2] = np.nan, np.inf
    for head in (fitted(), fitted(batches=[bags_of(frame_arrays(4), label=[1.0])])):
        found = score(head, bags_of(broken))
        assert torch.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
    still = frame_arrays(5)
    still["frame_mask"][:, 1:] = False  # nothing follows any frame
    assert torch.isfinite(score(fitted(), bags_of(still))).all()


def make_store(root, videos: list[Video], *, count: int = 24) -> FeatureStore:
    changes = {"clip_length": CLIP, "frame_stride": 2}
    store = FeatureStore.create(root, replace(PRESETS["reclass-frames"].spec(), **changes))
    start = np.arange(count)
    span = np.stack([start, start + SPAN], axis=1)
    for number, video in enumerate(videos):
        store.write(
            VideoFeatures(
                video.video_id,
                None,
                span,
                span / 25.0,
                num_frames=count + SPAN - 1,
                fps=25.0,
                width=WIDTH,
                height=HEIGHT,
                arrays=frame_arrays(count, seed=number, fast=video.is_anomalous),
            )
        )
    return store


@pytest.mark.slow
def test_maps_belong_to_the_middle_of_overlapping_clips_and_training_resumes(tmp_path):
    train, odd = [Video("n0"), Video("n1")], Video("a", "Anomaly", 24, (FAST,))
    config = resolve(preset_of("reclass", "reclass-frames"), overrides=SMALL)
    data = prepare(config, [make_store(tmp_path / "store", [*train, odd])], train)
    trained = train_seed(config, data, folder=tmp_path / "run", seed=0)
    again = train_seed(config, data, folder=tmp_path / "again", seed=0)
    assert all(torch.equal(rows, again.weights[name]) for name, rows in trained.weights.items())
    scorer = Scorer(trained)
    video = FeatureStore(tmp_path / "store").read("a")
    found = explain(scorer, video)
    assert found.frame.tolist() == [(SPAN - 1) // 2 + number for number in range(24)]
    assert set(found.maps) == {"speed", "appearance"} and found.attention.max() == 1
    assert np.array_equal(anomaly_maps(scorer, video).maps["speed"], found.maps["speed"])
    fast = found.maps["speed"][FAST[0] : FAST[1]]
    assert fast[:, :3, :3].min() > 1 > np.median(fast[:, 3:, 3:])
    assert scorer.head.map_threshold(99) > 0 and PERSONS == 4


@pytest.mark.parametrize(
    ("overrides", "match"),
    [
        (("head.graph=true",), "knows neither people"),
        (("head.scoring=clips",), "window and median_background are for"),
        (("head.percentile=0",), "percentile"),
    ],
)
def test_settings_that_do_not_fit_are_refused(overrides, match):
    with pytest.raises(ConfigError, match=match):
        resolve(preset_of("reclass", "reclass-frames"), overrides=overrides)


def test_a_store_without_speeds_is_refused():
    shapes = {name: rows.shape[1:] for name, rows in frame_arrays(1).items() if name != "speed"}
    with pytest.raises(ValueError, match="no speed maps; extract with --preset reclass-frames"):
        build_head(preset_of("reclass", "reclass-frames"), BagSpec({}, ("Normal",), (4,), shapes))
