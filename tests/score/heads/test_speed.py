"""The head speed: one scale per row from all normal frames, scores by the design's formula, no gradient."""

import json

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from data_lists import Video, write_list
from score.bags.bags import Bags, BagSpec
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.heads.layers.map_scale import MapScale
from score.heads.speed_parts.row_percentiles import RowPercentiles
from score.heads.speed_parts.time_average import gaussian_average
from score.runs.checkpoint import build_head, load_checkpoint
from score.scoring.anomaly_maps import anomaly_maps, explain
from score.scoring.scorer import Scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_maps import COLUMNS, FAST, LENGTH, ROWS, make_speed_store, speed_maps
from support.tiny_trainings import assert_same, run_cli

SPEC = BagSpec({}, ("Normal",), (3,), {"speed": (ROWS, COLUMNS)})
TRAIN = [Video(f"n{number}") for number in range(3)]
TEST = [Video("a", "Anomaly", LENGTH, (FAST,)), Video("b")]


def bags_of(maps: list[np.ndarray], *, label=None) -> Bags:
    """Bags of maps; padding holds speeds that no frame has."""
    longest = max(map(len, maps))
    rows = torch.full((len(maps), longest, ROWS, COLUMNS), 1e5)
    for bag, each in enumerate(maps):
        rows[bag, : len(each)] = torch.from_numpy(each)
    mask = torch.arange(longest) < torch.tensor([len(each) for each in maps])[:, None]
    label = torch.zeros(len(maps)) if label is None else torch.tensor(label)
    return Bags({}, mask, label, label.long(), torch.arange(len(maps)), {"speed": rows})


def fitted(*overrides, batches=None):
    head = build_head(resolve(preset_of("speed"), overrides=overrides), SPEC)
    head.fit(batches or [bags_of([speed_maps(seed=n)]) for n in range(3)])
    return head.eval()


def test_percentiles_of_rows_are_those_of_all_values_to_one_percent():
    values = 0.001 + np.random.default_rng(0).gamma(0.5, size=(50, ROWS, COLUMNS)).astype(np.float32)
    rows = RowPercentiles(ROWS, device=torch.device("cpu"))
    for part in np.split(values, 5):
        rows.add(torch.from_numpy(part))
    for percentile in (1, 50, 99.9, 100):
        exact = np.percentile(values, percentile, axis=(0, 2), method="inverted_cdf")
        found = rows.at(percentile).numpy()
        assert (found >= exact * 0.9999).all() and (found <= exact * 1.0101).all()
    nothing = RowPercentiles(2, device=torch.device("cpu"))
    assert nothing.at(99).tolist() == [0, 0]
    nothing.add(torch.zeros(3, 2, 4))
    assert nothing.at(99).tolist() == [0, 0]


def test_the_average_along_time_is_scipys_and_ignores_padding():
    values = np.random.default_rng(0).random(40)
    weight = gaussian_filter1d(np.ones(40), 3, mode="constant", truncate=4)
    expected = gaussian_filter1d(values, 3, mode="constant", truncate=4) / weight
    padded = torch.full((1, 60), 1e6, dtype=torch.float64)
    padded[0, :40] = torch.from_numpy(values)
    mask = torch.arange(60)[None] < 40
    found = gaussian_average(padded.masked_fill(~mask, 7.0), mask, deviation=3.0)[0, :40]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert torch.equal(gaussian_average(padded, mask, deviation=0), padded)


def test_scores_follow_the_formula_of_the_design():
    head = fitted("head.smoothing=2", "head.line=false", "head.cells=8")
    train = np.concatenate([speed_maps(seed=n) for n in range(3)])
    scale = np.percentile(train, 99.9, axis=(0, 2), method="inverted_cdf")
    np.testing.assert_allclose(head.scale, scale, rtol=0.011)
    maps = speed_maps(seed=9, fast=True)
    ratio = np.sort((maps / head.scale.numpy()[:, None]).reshape(LENGTH, -1))[:, -8:].mean(axis=1)
    weight = gaussian_filter1d(np.ones(LENGTH), 2, mode="constant")
    value = gaussian_filter1d(ratio, 2, mode="constant") / weight
    output = head(bags_of([maps]))
    np.testing.assert_allclose(output.segment_score[0], value / (1 + value), rtol=1e-5)
    assert output.video_score[0] == output.segment_score.max()


def test_the_line_is_the_least_squares_fit_through_the_rows_weighted_by_what_moved():
    rows, line = fitted("head.line=false"), fitted()
    train = np.concatenate([speed_maps(seed=n) for n in range(3)])
    moving = (train > line.config.least).sum(axis=(0, 2))
    fit = np.polynomial.Polynomial.fit(np.arange(ROWS), rows.scale.numpy(), 1, w=np.sqrt(moving))
    mean = (moving * rows.scale.numpy()).sum() / moving.sum()
    np.testing.assert_allclose(line.scale, np.maximum(fit(np.arange(ROWS)), 0.3 * mean), rtol=1e-4)


def test_padding_order_and_other_bags_do_not_change_a_score():
    head, maps = fitted(), [speed_maps(seed=n, length=length) for n, length in enumerate((30, 4, 17))]
    together = head(bags_of(maps))
    for bag, each in enumerate(maps):
        alone = head(bags_of([each]))
        torch.testing.assert_close(together.segment_score[bag, : len(each)], alone.segment_score[0])
        torch.testing.assert_close(together.video_score[bag], alone.video_score[0])
        assert not together.segment_score[bag, len(each) :].any()


def test_only_normal_frames_set_the_scale_and_pieces_do_not_matter():
    normal, fast = [speed_maps(seed=n) for n in range(3)], speed_maps(seed=5, fast=True)
    whole = fitted(batches=[bags_of([*normal, fast], label=[0.0, 0.0, 0.0, 1.0])])
    parts = fitted(batches=[bags_of([piece]) for each in normal for piece in np.split(each, 3)])
    assert all(torch.equal(rows, parts.state_dict()[name]) for name, rows in whole.state_dict().items())


def test_broken_speeds_and_rows_without_motion_have_finite_scores():
    still = np.zeros((5, ROWS, COLUMNS), np.float32)
    head = fitted(batches=[bags_of([still])])
    broken = still.copy()
    broken[1], broken[2], broken[3] = np.nan, np.inf, 0.01
    score = head(bags_of([broken])).segment_score
    assert torch.isfinite(score).all() and score.min() >= 0 and score.max() <= 1


def test_the_scale_of_maps_is_that_of_the_highest_values_of_normal_frames():
    highest = torch.from_numpy(np.random.default_rng(0).normal(5, 2, 2000)).float()
    scale = MapScale()
    scale.fit(highest)
    assert scale.of(highest.median()).abs() < 0.01
    for percentile in (50.0, 99.0, 100.0):
        threshold = scale.threshold(percentile)
        assert (scale.of(highest) >= threshold).float().mean() <= 1 - percentile / 100 + 1e-6
    scale.fit(torch.full((10,), 3.0))
    assert scale.of(torch.tensor(3.0)) == 0 and scale.threshold(99) > 0
    scale.fit(torch.zeros(0))


def training(root):
    config = preset_of("speed")
    return config, prepare(config, [make_speed_store(root / "store", [*TRAIN, *TEST])], TRAIN)


def test_every_seed_is_the_same_and_resuming_changes_nothing(tmp_path):
    config, data = training(tmp_path)
    first = train_seed(config, data, folder=tmp_path / "seed_0", seed=0)
    second = train_seed(config, data, folder=tmp_path / "seed_1", seed=1)
    assert_same(first, second)
    again = train_seed(config, data, folder=tmp_path / "seed_0", seed=0)
    assert_same(first, again)
    assert_same(first, load_checkpoint(tmp_path / "seed_0"))
    (line,) = (tmp_path / "seed_0/metrics.jsonl").read_text().splitlines()
    assert json.loads(line)["loss"] == {}
    several = resolve(config, overrides=["train.epochs=3"])
    assert torch.equal(
        train_seed(several, data, folder=tmp_path / "more", seed=0).weights["scale"], first.weights["scale"]
    )


def test_maps_are_high_where_it_is_fast_and_attention_is_what_the_score_rests_on(tmp_path):
    config, data = training(tmp_path)
    scorer = Scorer(train_seed(config, data, folder=tmp_path / "run", seed=0))
    video = make_speed_store(tmp_path / "other", TEST).read("a")
    found = anomaly_maps(scorer, video)
    assert found.frame.tolist() == list(range(LENGTH)) and found.highest.shape == (LENGTH, ROWS, COLUMNS)
    fast = np.zeros((LENGTH, ROWS, COLUMNS), bool)
    fast[FAST[0] : FAST[1], :3, :3] = True
    assert found.highest[fast].min() > 1 and (found.highest[~fast] > 1).mean() < 0.01
    assert [bool(boxes) for boxes in found.boxes(2.0)] == fast.any(axis=(1, 2)).tolist()
    attention = explain(scorer, video).attention
    assert attention.min() >= 0 and attention.max() == 1
    assert ((attention > 0).sum(axis=(1, 2)) == config.head.cells).all() and attention[fast].mean() > 0.35


def test_the_command_line_trains_and_evaluates_it_with_masks(tmp_path):
    make_speed_store(tmp_path / "store", [*TRAIN, *TEST])
    for name, videos in (("train", TRAIN), ("test", TEST)):
        write_list(tmp_path / f"{name}.tsv", videos)
    masks = np.zeros((LENGTH, 60, 80), bool)
    masks[FAST[0] : FAST[1], :30, :30] = True
    (tmp_path / "masks").mkdir()
    np.save(tmp_path / "masks/a.npy", masks)
    words = ("--store", tmp_path / "store", "--list")
    trained = run_cli("train", "--head", "speed", *words, tmp_path / "train.tsv", "--out", tmp_path / "run")
    assert trained.exit_code == 0 and "90 maps of speed of 6x8" in trained.output, trained.output
    report = tmp_path / "report.json"
    outputs = ("--json", report, "--resamples", 0)
    shown = run_cli(
        "evaluate", tmp_path / "run", *words, tmp_path / "test.tsv", "--masks", tmp_path / "masks", *outputs
    )
    assert shown.exit_code == 0, shown.output
    found = json.loads(report.read_text())
    assert min(found[name]["mean"] for name in ("frame_auc", "pixel_auc", "tbdc")) > 0.9


def test_settings_and_stores_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="percentile is 0"):
        resolve(preset_of("speed"), overrides=["head.percentile=0"])
    with pytest.raises(ValueError, match="rows and columns of cells"):
        build_head(preset_of("speed"), BagSpec({}, ("Normal",), (1,), {"speed": (3,)}))
    from support.tiny_stores import make_store

    with pytest.raises(Exception, match="has no speed; .* vad-extract run --preset speed creates"):
        prepare(preset_of("speed"), [make_store(tmp_path / "s", TRAIN)], TRAIN)


@pytest.mark.slow
def test_it_finds_the_anomalies_of_ped2(test_data, tmp_path):
    """One test video against two training videos: enough for a bicycle to be the fastest."""
    from click.testing import CliRunner

    from extract.cli import main as extract_main

    lists = {"train": [Video(f"Train/Train{n:03}") for n in (1, 9)]}
    lists["test"] = [Video("Test/Test001", "Anomaly", 180, ((60, 180),))]
    for name, videos in lists.items():
        write_list(tmp_path / f"{name}.tsv", videos)
    words = [
        "run",
        "--preset",
        "speed",
        "--videos",
        str(test_data / "ucsd_ped2"),
        "--store",
        str(tmp_path / "s"),
    ]
    words += [word for name in lists for word in ("--list", str(tmp_path / f"{name}.tsv"))]
    assert CliRunner().invoke(extract_main, words).exit_code == 0
    store = ("--store", tmp_path / "s", "--list")
    assert not run_cli(
        "train", "--head", "speed", *store, tmp_path / "train.tsv", "--out", tmp_path / "run"
    ).exit_code
    report = tmp_path / "report.json"
    done = run_cli(
        "evaluate", tmp_path / "run", *store, tmp_path / "test.tsv", "--json", report, "--resamples", 0
    )
    assert done.exit_code == 0, done.output
    assert json.loads(report.read_text())["frame_auc"]["mean"] > 0.9
