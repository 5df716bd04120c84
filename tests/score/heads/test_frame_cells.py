"""The cells of the whole frame in the head attributes: by brute force, and where no region is."""

import numpy as np
import pytest
import torch

from score.bags.bags import Bags, BagSpec
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.heads.attributes import Attributes
from score.heads.attributes_parts.frame_cells import CELLS, FrameCells, fastest_of_rows
from score.heads.attributes_parts.region_table import tables_of
from score.runs.checkpoint import build_head
from scripts.experiments.attribute_ablation import score_of
from support.tiny_regions import LENGTH, ODD, region_arrays

ROWS, COLUMNS = 6, 9
NO_REGIONS = "head.speed_weight=0", "head.steps_weight=0", "head.crop_weight=0"


def arrays_of(*, seed: int, fast: bool = False, odd: str = "") -> dict[str, np.ndarray]:
    """Regions, and cells that are faster lower in the picture. fast: a corner is so four times in ODD.

    odd: of the regions, see region_arrays.
    """
    random = np.random.default_rng(seed + 100)
    cells = random.uniform(0.1, 0.2, (LENGTH, ROWS, COLUMNS)) * (1 + np.arange(ROWS))[:, None]
    if fast:
        cells[ODD[0] : ODD[1], :2, :2] *= 4
    return region_arrays(seed=seed, odd=odd) | {"speed": cells.astype(np.float32)}


def bags_of(arrays: dict[str, np.ndarray], number: int = 0) -> Bags:
    rows = {name: torch.from_numpy(each)[None] for name, each in arrays.items()}
    label = torch.zeros(1)
    shown = torch.ones(1, len(arrays["region_track"]), dtype=torch.bool)
    return Bags({}, shown, label, label.long(), torch.tensor([number]), rows)


def empty(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same frames in which no region was found."""
    return arrays | {name: np.full_like(arrays[name], -1) for name in ("region_track", "crop_slot")}


def fitted(
    *overrides: str, without: tuple[str, ...] = (), regions: bool = True, device: str = "cpu"
) -> Attributes:
    videos = [arrays_of(seed=number) for number in range(4)]
    kept = [{name: rows for name, rows in video.items() if name not in without} for video in videos]
    spec = BagSpec({}, ("Normal",), (4,), {name: rows.shape[1:] for name, rows in kept[0].items()})
    head = build_head(resolve(preset_of("attributes"), overrides=["head.gallery=500", *overrides]), spec)
    assert isinstance(head, Attributes)
    shown = kept if regions else [empty(video) for video in kept]
    bags = [bags_of(video, number) for number, video in enumerate(shown)]
    head.to(device).fit([each.to(torch.device(device)) for each in bags])
    return head.eval()


@pytest.fixture(scope="module")
def head():
    return fitted()


def test_what_is_fast_where_no_region_is_scores_higher_than_anything_normal(head):
    normal = head(bags_of(arrays_of(seed=7))).segment_score
    odd = bags_of(arrays_of(seed=8, fast=True))
    assert head(odd).segment_score[0, ODD[0] + 3 : ODD[1] - 3].min() > normal.max()
    # Regions alone do not see it.
    alone = fitted("head.cells_weight=0")
    torch.testing.assert_close(
        alone(odd).segment_score, alone(bags_of(arrays_of(seed=8))).segment_score, rtol=0, atol=0
    )


def test_a_frame_is_its_highest_region_plus_its_four_fastest_cells():
    head, arrays = fitted("head.cells_weight=3", "head.smoothing=0"), arrays_of(seed=8, fast=True)
    (table,) = tables_of(bags_of(arrays))
    ratio = arrays["speed"] / head.cells.scale.numpy()[:, None]
    four = np.sort(ratio.reshape(LENGTH, -1), axis=1)[:, -CELLS:].mean(axis=1)
    regions = torch.stack([*head.region_values(table).values()]).sum(dim=0)
    highest = regions.masked_fill(~table.present, 0).amax(dim=1)
    expected = highest + 3 * head.surprise["cells"](torch.from_numpy(four))
    found = head(bags_of(arrays)).segment_score[0]
    torch.testing.assert_close(found, expected / (1 + expected), rtol=1e-4, atol=1e-5)


def test_cells_alone_are_a_head_too_and_stores_without_them_mean_what_they_did():
    alone, odd = fitted(*NO_REGIONS), bags_of(arrays_of(seed=8, fast=True))
    score = alone(odd).segment_score[0]
    assert score[ODD[0] + 3 : ODD[1] - 3].min() > score[: ODD[0] - 5].max()
    older = fitted(without=("speed",))
    assert not older.with_cells and "cells" not in older.surprise
    without = fitted("head.cells_weight=0")
    assert {each.track for each in without.reasons(odd, count=3)} == {0, 1, 2}
    expected = without(odd).segment_score
    torch.testing.assert_close(older(odd).segment_score, expected, rtol=0, atol=0)


def test_the_rows_that_are_kept_hold_the_fastest_cells_of_the_frame():
    maps = torch.rand(20, ROWS, COLUMNS, generator=torch.Generator().manual_seed(0))
    maps[:10, 2, 3:7] += 2  # all four in one row
    cells = FrameCells(ROWS, line=False)
    torch.testing.assert_close(cells(fastest_of_rows(maps)), cells(maps), rtol=0, atol=0)


def test_the_scale_is_the_percentile_of_each_row_or_a_line_through_these_and_never_below_the_least():
    random = np.random.default_rng(0)
    maps = random.uniform(0.1, 1, (400, ROWS, COLUMNS)) * np.array([1, 3, 2, 4, 5, 0.01])[:, None]
    cells = FrameCells(ROWS, line=False)
    cells.fit([torch.from_numpy(maps[:150]), torch.from_numpy(maps[150:])])
    expected = np.percentile(maps.swapaxes(0, 1).reshape(ROWS, -1), 99.9, axis=1)
    np.testing.assert_allclose(cells.scale.numpy(), expected, rtol=0.015)
    ratio = cells.ratio(torch.ones(ROWS, 1))[:, 0].numpy()
    np.testing.assert_allclose(ratio, 1 / np.maximum(expected, 0.02), rtol=0.015)
    lines = fitted("head.cells_line=true").cells.scale, fitted("head.cells_line=false").cells.scale
    # A line ends in 0.3 of its mean, far from the rows that were seen: here in the first one.
    bent = [float(scale[1:].diff().diff().abs().max() / scale.mean()) for scale in lines]
    assert bent[0] < 1e-5 < 1e-3 < bent[1]


def test_a_map_has_the_weighted_surprise_of_each_cell_and_0_for_the_highest_of_a_median_normal_frame():
    head = fitted("head.cells_weight=3")
    highest = torch.cat([head.frame_maps(bags_of(arrays_of(seed=number)))["regions"] for number in range(4)])
    assert highest.amax(dim=(-2, -1)).median().item() == pytest.approx(0, abs=0.05)
    arrays = empty(arrays_of(seed=8, fast=True))
    found = head.frame_maps(bags_of(arrays))["regions"][0]
    ratio = torch.from_numpy(arrays["speed"]) / head.cells.scale[:, None]
    expected = head.map_scale.of(3 * head.surprise["cells"](ratio))
    height, width = found.shape[1:]
    middle = found[:, height // ROWS // 2 :: height // ROWS, width // COLUMNS // 2 :: width // COLUMNS]
    torch.testing.assert_close(middle, expected, rtol=1e-4, atol=1e-5)


def test_reasons_and_maps_show_the_cells_that_are_fast(head):
    bags = bags_of(arrays_of(seed=8, fast=True))
    first, *others = head.reasons(bags, count=3)
    assert first.track == -1 and list(first.attributes) == ["cells"] and not first.nearest
    assert len(others) == 3 and all(each.track >= 0 for each in others)
    np.testing.assert_allclose(first.box, [0, 0, 2 / COLUMNS, 2 / ROWS], atol=1e-6)
    ratio = bags.arrays["speed"][0, first.row] / head.cells.scale[:, None]
    assert ODD[0] <= first.row < ODD[1]
    assert first.speed == pytest.approx(ratio.flatten().sort().values[-CELLS:].mean().item(), rel=1e-4)
    (maps,) = head.frame_maps(bags)["regions"]
    height, width = maps.shape[1:]
    corner = maps[first.row, : height * 2 // ROWS, : width * 2 // COLUMNS]
    assert corner.max() == maps[first.row].max() > head.map_threshold(99)
    assert corner.min() > maps[0].max()


def test_the_cells_are_explained_beside_the_tracks_even_where_these_are_more_anomalous():
    head, bags = fitted("head.cells_weight=0.5"), bags_of(arrays_of(seed=8, odd="speed"))
    first, last = head.reasons(bags, count=1)
    assert first.track == 0 and last.track == -1 and first.value > last.value > 0
    (table,) = tables_of(bags)
    highest = head.surprises(table)["cells"].max().item()
    assert last.attributes == {"cells": pytest.approx(highest)} and last.value == pytest.approx(highest / 2)


def test_cells_alone_need_no_region():
    head = fitted(*NO_REGIONS, regions=False)
    odd = bags_of(empty(arrays_of(seed=8, fast=True)))
    score = head(odd).segment_score[0]
    assert score[ODD[0] + 3 : ODD[1] - 3].min() > score[: ODD[0] - 5].max()
    assert [each.track for each in head.reasons(bags_of(arrays_of(seed=8, fast=True)), count=3)] == [-1]
    with pytest.raises(ValueError, match="no region in 4 normal videos"):
        fitted(regions=False)


@pytest.mark.cuda
def test_it_is_fitted_on_a_gpu_as_well():
    on_gpu, odd = fitted(device="cuda"), bags_of(arrays_of(seed=8, fast=True))
    assert on_gpu.cells.scale.is_cuda and on_gpu.gallery["crop"].rows.is_cuda
    expected = fitted()(odd)
    found = on_gpu(odd.to(torch.device("cuda")))
    torch.testing.assert_close(found.segment_score.cpu(), expected.segment_score, rtol=1e-3, atol=1e-4)


def test_an_attribute_alone_or_left_out_is_the_head_trained_without_the_others():
    arrays = arrays_of(seed=8, fast=True, odd="speed")
    head, (table,) = fitted(), tables_of(bags_of(arrays))
    surprises = head.surprises(table)
    for chosen, settings in (
        (["cells"], NO_REGIONS),
        (["speed", "steps", "crop"], ("head.cells_weight=0",)),
        (["speed", "cells"], NO_REGIONS[1:]),
    ):
        expected = fitted(*settings)(bags_of(arrays)).segment_score[0].numpy()
        np.testing.assert_allclose(score_of(head, table, surprises, chosen), expected, rtol=1e-5, atol=1e-6)


def test_cells_that_are_no_numbers_are_no_motion(head):
    broken, still = (arrays_of(seed=8, fast=True) for _ in range(2))
    broken["speed"][:, 3:], still["speed"][:, 3:] = np.nan, 0
    broken["speed"][:, 3:, ::2] = np.inf
    found, expected = (head(bags_of(arrays)).segment_score for arrays in (broken, still))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
