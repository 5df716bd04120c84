"""Masks and boxes of test videos: whose they are, what regions and tracks they hold, and what maps are worth
against them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from data_lists import ListError, Video
from data_lists.boxes import open_boxes, read_boxes
from data_lists.masks import open_masks
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import Provenance, ScoredVideo
from score.evaluation.pixel_scores import VideoPixels
from score.evaluation.pixel_truth import PixelTruth, regions_of_masks
from score.report.evaluation_json import to_json
from score.report.summary import groups

HEIGHT, WIDTH, FRAMES = 24, 32, 10
FIGHT = Video("t/a", "Fight")


def walking() -> np.ndarray:
    """bool [10, 24, 32]: one square walks right in frames 1 to 7, another stands in frames 4 to 8."""
    truth = np.zeros((FRAMES, HEIGHT, WIDTH), bool)
    for frame in range(1, 8):
        truth[frame, 2:8, 3 + 2 * frame : 9 + 2 * frame] = True
    truth[4:9, 14:22, 20:24] = True
    return truth


def truth_of(masks: np.ndarray | None, folder, video=FIGHT, **given):
    if masks is not None:
        (folder / "t").mkdir(exist_ok=True)
        np.save(folder / "t" / "a.npy", masks)
        given["masks"] = folder
    return PixelTruth(**given).of_video(video, num_frames=FRAMES, size=(WIDTH, HEIGHT))


def test_connected_pixels_are_regions_and_go_on_their_track():
    masks = {frame: mask for frame, mask in enumerate(walking()) if mask.any()}
    found = regions_of_masks(masks, (WIDTH, HEIGHT))
    assert found.frame.tolist() == [1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8]
    walker = found.value == found.value[0]
    assert walker.sum() == 7 and len(np.unique(found.value)) == 2
    pixels = found.box[walker] * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    assert np.allclose(pixels, [[3 + 2 * frame, 2, 9 + 2 * frame, 8] for frame in range(1, 8)])
    gap = {frame: mask for frame, mask in masks.items() if frame != 3}
    assert (
        len(np.unique(regions_of_masks(gap, (WIDTH, HEIGHT)).value)) == 3
    )  # unseen for a frame: another track


def test_one_region_that_covers_two_continues_the_larger():
    masks = np.zeros((2, HEIGHT, WIDTH), bool)
    masks[0, 2:6, 2:6] = masks[0, 2:6, 10:22] = masks[1, 2:6, 2:22] = True
    found = regions_of_masks(dict(enumerate(masks)), (WIDTH, HEIGHT))
    assert found.value[2] == found.value[1] != found.value[0]


def write_boxes(folder, suffix: str):
    rows = [(1, 7, 5, 2, 11, 8), (2, 7, 7, 2, 13, 8), (2, 9, 20, 14, 24, 22)]
    if suffix == "csv":
        lines = ["frame,track_id,x1,y1,x2,y2", *(",".join(map(str, row)) for row in rows)]
    else:
        lines = [
            ",".join(map(str, (row[1], row[0], *row[2:]))) for row in sorted(rows, key=lambda row: row[1])
        ]
    (folder / f"a.{suffix}").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("suffix", ["csv", "txt"])
def test_boxes_of_both_layouts_are_the_same(suffix, tmp_path):
    write_boxes(tmp_path, suffix)
    found = open_boxes(tmp_path, "testing/frames/a")  # by the end of its id
    assert found.frame.tolist() == [1, 2, 2] and sorted(found.track.tolist()) == [7, 7, 9]
    regions = truth_of(None, tmp_path, boxes=tmp_path).regions
    assert np.allclose(regions.box[0], [5 / WIDTH, 2 / HEIGHT, 11 / WIDTH, 8 / HEIGHT])


@pytest.mark.parametrize(
    "name, content, problem",
    [
        ("a.csv", "frame,x1,y1,x2,y2\n", "line 1: column track_id is missing"),
        ("a.csv", "frame,track_id,x1,y1,x2,y2\n0,1,2,3,no,4\n", "line 2: expected frame,track_id"),
        ("a.txt", "0,1,2,3,4,5\n0,1,2\n", "line 2: expected track_id,frame"),
        ("a.txt", "0,1.5,2,3,4,5\n", "line 1: frame 1.5, expected a whole number"),
        ("a.txt", "0,1,9,3,4,5\n", "is not left, top, right, bottom"),
    ],
)
def test_wrong_boxes_are_reported_with_their_line(name, content, problem, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(ListError, match=f"{name}, {problem}" if problem.startswith("line") else problem):
        read_boxes(tmp_path / name)


def test_all_problems_of_the_truth_are_reported_before_anything_is_scored(tmp_path):
    np.save(tmp_path / "a.npy", walking())
    np.save(tmp_path / "c.npy", walking()[:4])
    write_boxes(tmp_path, "csv")
    names = ("x/a", "y/a", "b", "c")
    videos = [Video(name, "Fight") for name in names] + [Video("n")]
    lengths = dict.fromkeys((*names, "n"), FRAMES)
    with pytest.raises(ListError) as problem:
        PixelTruth(tmp_path, tmp_path).check(videos, lengths)
    text = str(problem.value)
    assert "a.npy: found for x/a and y/a" in text and "c.npy: 4 masks, but c has 10 frames" in text
    assert "b: no masks" in text and "b: no boxes" in text and "n:" not in text
    PixelTruth(tmp_path).check([Video("a", "Fight")], {"a": FRAMES + 1})  # decoders disagree by a frame
    with pytest.raises(ListError, match="a box in frame 2, but a has 2 frames"):
        PixelTruth(boxes=tmp_path).check([Video("a", "Fight")], {"a": 2})


def test_frames_are_not_taken_for_masks(tmp_path):
    folder = tmp_path / "testing" / "frames" / "01"
    folder.mkdir(parents=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8), dtype=np.uint8)).save(
        folder / "000.jpg"
    )
    problem = "000.jpg: a grey image, but masks are black and white; .*looked for in 01_gt"
    with pytest.raises(ListError, match=problem):
        open_masks(tmp_path, "testing/frames/01")
    dark = np.full((8, 8), 20, np.uint8)
    dark[:2] = 255  # a frame of a dark street, not a mask
    Image.fromarray(dark).save(folder / "000.jpg")
    with pytest.raises(ListError, match=problem):
        open_masks(tmp_path, "testing/frames/01")


def maps_of(masks: np.ndarray, *, inside=6.0, outside=-1.0) -> np.ndarray:
    """float32 at half size: a deviation inside the masks and one outside."""
    small = masks[:, ::2, ::2]
    return np.where(small, inside, outside).astype(np.float32)


def scored(video: Video, pixels, seeds: int) -> ScoredVideo:
    label = np.zeros(FRAMES, np.uint8)
    if video.is_anomalous:
        label[1:9] = 1
    return ScoredVideo(video, label, np.tile(label * 1.0, (seeds, 1)), np.ones(seeds), pixels=pixels)


def test_maps_that_are_the_masks_are_perfect_and_those_of_other_places_find_nothing(tmp_path):
    masks, shown = walking(), np.arange(FRAMES)
    truth = truth_of(masks, tmp_path)
    right, wrong = maps_of(masks), maps_of(masks[:, ::-1, ::-1])
    normal = Video("t/n")
    nothing = PixelTruth(tmp_path).of_video(normal, num_frames=FRAMES, size=(WIDTH, HEIGHT))
    flat = np.full_like(right, -1.0)
    quiet = VideoPixels.of(flat, shown, nothing)
    pixels = tuple(VideoPixels.of(maps, shown, truth) for maps in (right, wrong))
    result = evaluate_videos(
        [scored(Video("t/a", "Fight"), pixels, 2), scored(normal, (quiet, quiet), 2)],
        Provenance("t"),
        resamples=0,
    )
    perfect, mirrored = zip(
        *(result.summaries[name].per_seed for name in ("pixel_auc", "rbdc", "tbdc")), strict=True
    )
    assert perfect == (1.0, 1.0, 1.0)
    assert max(mirrored) < 0.6 and mirrored[1] < 0.1
    assert to_json(result)["pixel_auc"]["per_seed"][0] == 1.0
    assert any("pixel AUC" in line.name for _, lines in groups(result) for line in lines)


def test_boxes_alone_give_regions_and_videos_are_drawn_again(tmp_path):
    """Three videos with the same three regions on two tracks: found at 4, found at 2, never.

    The fourth video has a false region at 3 in every frame. Up to 0.25 false regions per frame a third is
    found, then two thirds.
    """
    write_boxes(tmp_path, "csv")
    scores = []
    for name, value, event_class in (
        ("x", 4, "Fight"),
        ("y", 2, "Fight"),
        ("z", -2, "Fight"),
        ("n", 3, "Normal"),
    ):
        video, maps = Video(f"{name}/a", event_class), np.full((FRAMES, 12, 16), -2.0, np.float32)
        if video.is_anomalous:
            maps[1, 1:4, 2:6] = maps[2, 1:4, 3:7] = maps[2, 7:11, 10:12] = value
        else:
            maps[:, 3:6, 3:6] = value
        truth = PixelTruth(boxes=tmp_path).of_video(video, num_frames=FRAMES, size=(WIDTH, HEIGHT))
        scores.append(scored(video, (VideoPixels.of(maps, np.arange(FRAMES), truth),), 1))
    result = evaluate_videos(scores, Provenance("t"), resamples=50)
    assert "pixel_auc" not in result.summaries
    for name in ("rbdc", "tbdc"):
        assert result.summaries[name].mean == pytest.approx(0.25 / 3 + 0.75 * 2 / 3)
        low, high = result.summaries[name].interval
        assert 0 <= low < result.summaries[name].mean < high <= 1
    without = evaluate_videos([replace(each, pixels=()) for each in scores], Provenance("t"), resamples=0)
    assert "rbdc" not in without.summaries
