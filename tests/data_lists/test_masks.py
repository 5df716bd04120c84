"""Pixel masks are the same in every layout, lists made from them have their spans, and SAVD is read."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.io import savemat

from data_lists import ListError, read_list, resolve_lists
from data_lists.boxes import open_boxes, read_boxes
from data_lists.masks import open_masks, read_masks
from support.hostile_files import CONTENTS, IRREGULAR

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts/tools"


@pytest.fixture
def masks() -> np.ndarray:
    """bool [6, 8, 10]: nothing in frames 0, 3 and 4."""
    truth = np.zeros((6, 8, 10), bool)
    for frame in (1, 2, 5):
        truth[frame, 2 : 3 + frame, 4:9] = True
    return truth


def write(truth: np.ndarray, place: Path, layout: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    if layout == "npy":
        np.save(place.with_suffix(".npy"), truth.astype(np.uint8))
    elif layout == "npz":
        np.savez_compressed(place.with_suffix(".npz"), mask=truth)
    elif layout == "mat":
        cell = np.empty((1, len(truth)), object)
        cell[0] = list(truth.astype(np.uint8))
        path = place.with_name(f"{place.name.lstrip('0')}_label.mat")
        savemat(path, {"volLabel": cell}, do_compression=True)  # as MATLAB saves
    else:
        folder = place.with_name(place.name + ("_gt" if layout == "bmp" else ""))
        folder.mkdir()
        for number, mask in enumerate(truth, start=8):  # so 10.png must follow 9.png
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{number}.{layout}")
    return place


MATLAB = pytest.param("mat", marks=pytest.mark.slow)  # read in a process of its own


@pytest.mark.parametrize("layout", ["npy", "npz", MATLAB, "bmp", "png"])
def test_masks_of_every_layout_are_the_same(masks, layout, tmp_path):
    write(masks, tmp_path / "Test" / "07", layout)
    found = open_masks(tmp_path, "Test/07")
    assert len(found) == 6 and found.size == (10, 8)
    assert np.array_equal(np.stack(list(found)), masks) and found[5].dtype == bool
    assert found.spans() == ((1, 3), (5, 6))
    with pytest.raises(IndexError, match="frame 6 of 6"):
        found[6]


@pytest.mark.parametrize("layout", ["npz", MATLAB])
def test_masks_of_thirteen_seconds_are_read_although_they_shrink_to_a_thousandth(layout, tmp_path):
    truth = np.zeros((320, 360, 640), bool)  # more than ALWAYS_BYTES
    truth[200:210, 100:150, 300:340] = True
    write(truth, tmp_path / "07", layout)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_size < truth.size / 300
    found = open_masks(tmp_path, "07")
    assert len(found) == 320 and found.spans() == ((200, 210),)
    assert np.array_equal(found[205], truth[205])


def test_the_frames_beside_ucsds_masks_are_not_taken_for_masks(masks, tmp_path):
    write(masks, tmp_path / "Test001", "bmp")
    (tmp_path / "Test001").mkdir()
    Image.fromarray(np.zeros((8, 10), np.uint8)).save(tmp_path / "Test001" / "001.tif")
    assert open_masks(tmp_path, "Test001").path.name == "Test001_gt"


@pytest.mark.slow
def test_a_matlab_file_without_masks_is_refused(tmp_path):
    savemat(tmp_path / "a.mat", {"volLabel": np.zeros((3, 4)), "other": 1})
    (tmp_path / "b.mat").write_bytes(b"no")
    for name, message in (("a.mat", "volLabel is not a cell array"), ("b.mat", "the masks cannot be read")):
        with pytest.raises(ListError, match=f"{name}: {message}"):
            read_masks(tmp_path / name)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.mat", "a_label.mat", "a.csv", "a.txt"])
@pytest.mark.parametrize("kind", [kind for kind in IRREGULAR if kind not in ("folder", "missing")])
def test_masks_and_boxes_that_are_no_regular_files_are_refused_by_name(name, kind, tmp_path):
    IRREGULAR[kind](tmp_path / name)
    with pytest.raises(ListError, match=f"{name}: the (masks|boxes) cannot be (read|opened)") as caught:
        (open_boxes if name in ("a.csv", "a.txt") else open_masks)(tmp_path, "x/a")
    assert len(caught.value.problems) == 1 and str(caught.value).isprintable()


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.csv", "a.txt", "a_gt/1.png"])
def test_masks_and_boxes_of_other_bytes_are_one_line_with_their_name(name, kind, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(CONTENTS[kind])
    if (name, kind) == ("a.txt", "empty"):
        assert len(open_boxes(tmp_path, "a").frame) == 0
        return
    with pytest.raises(ListError, match=name) as caught:
        (open_boxes if name in ("a.csv", "a.txt") else open_masks)(tmp_path, "a")
    assert len(caught.value.problems) == 1 and str(caught.value).isprintable()


@pytest.mark.parametrize(
    "shape", [(1 << 29, 1, 1), (1, 1 << 14, 1 << 14), (0, 5, 5), (5, 0, 5), (5,), (1, 1, 1, 1)]
)
def test_masks_beyond_any_video_are_refused(shape, tmp_path):
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.truncate(file.seek(0, 2) + int(np.prod(shape)))  # a hole, which takes no room on the disk
    with pytest.raises(ListError, match="masks have shape .* expected"):
        open_masks(tmp_path, "a")


@pytest.mark.parametrize(
    "line, message",
    [
        ("nan,0,0,0,2,2", "frame nan, expected a whole number"),
        ("inf,0,0,0,2,2", "frame inf, expected a whole number"),
        ("-1,0,0,0,2,2", "frame -1, expected a whole number"),
        ("1.5,0,0,0,2,2", "frame 1.5, expected a whole number"),
        ("1e12,0,0,0,2,2", "below 268435456"),
        ("1,nan,0,0,2,2", "track_id nan, expected a whole number"),
        ("1,1e300,0,0,2,2", "track_id 1e.300, expected a whole number"),
        ("1,0,0,0,inf,2", "is not left, top, right, bottom"),
        ("1,0,2,0,2,2", "is not left, top, right, bottom"),
        ("1,0,0,0,2", "expected frame,track_id,x1,y1,x2,y2 as numbers"),
        ("1,0,0,0,2,", "expected frame,track_id,x1,y1,x2,y2 as numbers"),
        ("1,0,0,0,2,\x1b[31m", "expected frame,track_id,x1,y1,x2,y2 as numbers"),
    ],
)
def test_a_wrong_box_is_one_line_with_its_place(line, message, tmp_path):
    (tmp_path / "a.csv").write_text(f"frame,track_id,x1,y1,x2,y2\n0,1,0,0,2,2\n\n{line}\n")
    with pytest.raises(ListError, match=f"a.csv, line 4: .*{message}"):
        read_boxes(tmp_path / "a.csv")


def test_columns_of_others_beside_those_of_boxes_are_ignored(tmp_path):
    (tmp_path / "a.csv").write_text("\ufeffnote,y2,x2,y1,x1,track_id,frame\nx,4,3,2,1,7,5\ny,4,3,2,1,7,2,z\n")
    found = read_boxes(tmp_path / "a.csv")
    assert found.frame.tolist() == [2, 5] and found.box.tolist() == [[1, 2, 3, 4]] * 2


def test_missing_and_broken_masks_are_reported_in_one_line(masks, tmp_path):
    with pytest.raises(ListError, match="01: no masks; expected .npy, .npz, .mat or a folder"):
        open_masks(tmp_path, "01")
    write(masks, tmp_path / "01", "npy"), write(masks, tmp_path / "01", "npz")
    with pytest.raises(ListError, match="two mask files match"):
        open_masks(tmp_path, "01")
    for name, content in (("a.npy", b"no"), ("b.npz", b"no")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ListError, match=f"{name}: the masks cannot be read") as caught:
            read_masks(tmp_path / name)
        assert len(caught.value.problems) == 1 and "\n" not in str(caught.value)
    np.save(tmp_path / "flat.npy", np.zeros((4, 5), np.uint8))
    with pytest.raises(ListError, match=r"flat.npy: masks have shape \[4, 5\], expected \[frames, H, W\]"):
        read_masks(tmp_path / "flat.npy")


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_one_command_makes_the_lists_of_avenue(masks, tmp_path):
    root = tmp_path / "Avenue Dataset"
    for number in range(1, 22):
        write(masks, root / "ground_truth_demo" / "testing_label_mask" / f"{number:02d}", "mat")
    made = CliRunner().invoke(script("make_mask_lists"), ["avenue", str(root), str(tmp_path / "lists")])
    assert made.exit_code == 0, made.output
    train, test = (read_list(tmp_path / "lists" / f"{split}.tsv") for split in ("train", "test"))
    assert [len(train), len(test)] == [16, 21] and not any(video.is_anomalous for video in train)
    assert test[0].video_id == "testing_videos/01" and {video.anomaly_spans for video in test} == {
        ((1, 3), (5, 6))
    }
    refused = CliRunner().invoke(
        script("make_mask_lists"), ["avenue", str(tmp_path), str(tmp_path / "lists")]
    )
    assert refused.exit_code == 1 and "neither testing_label_mask nor" in refused.output


def test_masks_add_their_spans_to_an_own_list(masks, tmp_path):
    write(masks, tmp_path / "masks" / "a", "npy")
    (tmp_path / "test.tsv").write_text(
        "video_id\tevent_class\tnum_frames\tanomaly_spans\na\tRobbery\t\t\nb\tNormal\t\t\n"
    )
    arguments = ["own", str(tmp_path / "masks"), str(tmp_path / "out"), "--test", str(tmp_path / "test.tsv")]
    assert CliRunner().invoke(script("make_mask_lists"), arguments).exit_code == 0
    first, second = read_list(tmp_path / "out" / "test.tsv")
    assert (first.event_class, first.num_frames, first.anomaly_spans) == ("Robbery", 6, ((1, 3), (5, 6)))
    assert not second.is_anomalous


def test_savds_lists_are_read(tmp_path):
    (tmp_path / "splits").mkdir()
    for split, content in {
        "train": ["room1", "room2"],
        "test": [
            "room3",
            {"video": "room4", "label": "Normal"},
            {"video": "room5", "anomaly_spans": [[4, 9]], "num_frames": 20},
        ],
    }.items():
        (tmp_path / "splits" / f"{split}.json").write_text(json.dumps(content))
    train, test = (resolve_lists([tmp_path / "splits" / f"{split}.json"]) for split in ("train", "test"))
    assert [(video.video_id, video.event_class) for video in train] == [
        ("videos/room1/rgb", "Normal"),
        ("videos/room2/rgb", "Normal"),
    ]
    assert [video.has_frame_truth for video in test] == [False, True, True]  # room3 is not annotated
    assert test[2].anomaly_spans == ((4, 9),) and test[2].num_frames == 20


@pytest.mark.parametrize(
    "content, message",
    [
        ("{}", "expected a list of videos"),
        ("[", "cannot be read as JSON"),
        ("[3]", "3, expected the name"),
        ('["../a"]', "leaves the root"),
        ('[{"video": "a", "num_frames": "many"}]', "expected the name"),
        ('[{"video": "a", "num_frames": [1]}]', "expected the name"),
        ('[{"video": "a", "num_frames": 1e999}]', "expected the name"),
        ('[{"video": "a", "num_frames": 1000000000000}]', "num_frames is 1000000000000, expected at most"),
        ('[{"video": "a", "anomaly_spans": [[0, 1e999]]}]', "expected the name"),
        ('[{"video": "a", "anomaly_spans": [[0, 1000000000000]]}]', "ends after frame 268435456"),
        ('[{"video": "a", "anomaly_spans": 3}]', "expected the name"),
        ('["a", {"video": "a\\u001b[31m\\nforged", "label": "\\ud800"}]', "control character"),
        ("[" * 900 + "]" * 900, "expected the name"),
    ],
)
def test_a_wrong_savd_split_is_reported_with_its_location(content, message, tmp_path):
    (tmp_path / "train.json").write_text(content)
    with pytest.raises(ListError, match=f"train.json.*{message}") as caught:
        resolve_lists([tmp_path / "train.json"])
    assert all(problem.isprintable() for problem in caught.value.problems)
