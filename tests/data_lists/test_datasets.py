"""The lists of the published data sets: their counts, and the frame truths that papers used."""

import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import data_lists
from data_lists import CONVENTIONS, DATASETS, ListError, digest, frame_labels, legacy_truth, load_split
from data_lists.official import clip_spans
from data_lists.shanghaitech.parser import parse as shanghaitech
from data_lists.ucf_crime.parser import parse as ucf_crime
from data_lists.video_checks import video_problems
from data_lists.xd_violence.parser import parse as xd_violence
from support.hostile_files import IRREGULAR

ROOT = Path(data_lists.__file__).parent

# (data set, split): videos, anomalous videos, frames of the videos with a frame count, frames inside spans.
COUNTS = {
    ("ucf_crime", "train"): (1610, 810, 12_656_615, 0),
    ("ucf_crime", "test"): (290, 140, 1_111_808, 84_338),
    ("shanghaitech", "train"): (238, 63, 23_319, 9_364),
    ("shanghaitech", "test"): (199, 44, 141_870, 7_962),
    ("shanghaitech_one_class", "train"): (330, 0, 124_398, 0),
    ("shanghaitech_one_class", "test"): (107, 107, 40_791, 17_326),
    ("xd_violence", "train"): (3954, 1905, 0, 0),
    ("xd_violence", "test"): (800, 500, 0, 538_324),
    ("ucsd_ped1", "train"): (34, 0, 6_800, 0),
    ("ucsd_ped1", "test"): (36, 36, 7_200, 4_045),
    ("ucsd_ped2", "train"): (16, 0, 0, 0),
    ("ucsd_ped2", "test"): (12, 12, 2_010, 1_648),
}
# Checkpoints store these, so a list must not change by accident.
DIGESTS = {
    ("ucf_crime", "train"): "ab82fe77bdc1467179ec8a071d9de16d9a03dd4a5b21e61c255f6f8c9ce060b1",
    ("ucf_crime", "test"): "37a5434d028902b7862bf4b1d5e435b7550c78da74b93ce42ac4b66fc03fd59c",
    ("shanghaitech", "train"): "d711d111ad9ceaba510a5b8bb984a0aa5545accc39a6ff2ea34750283b991c42",
    ("shanghaitech", "test"): "f41b0acfb328ac9a9393265d0f6bc79d226001f40af7cd595af2e139ab2bbd5b",
    ("shanghaitech_one_class", "train"): "712a002735f28ed9dff453ed99c08b29256d83be6c1d11d887ae35d3150a1efe",
    ("shanghaitech_one_class", "test"): "de82ed565d48be2f8575b078d29bdefad7e9caedf86639841d79b905f1d89e29",
    ("xd_violence", "train"): "fc2720afd2970ea3c239bdb7be1aaefca9a61f734b0c592317a8e0bcbcf5d069",
    ("xd_violence", "test"): "1e7bf2beeed95d90a1495e6bd999e378059afaec4c472c5b9b25183d17035745",
    ("ucsd_ped1", "train"): "b3ea17a23da0472234b81a38ad7da8d4d2e4bce16b6d74e8268dada377fec357",
    ("ucsd_ped1", "test"): "abda6a7e78c165f0cbfd9b21f54d64733284665855b05ccd4db12a3d82c1d4e5",
    ("ucsd_ped2", "train"): "7ecfb3e22010131af03c98a6f68319bd4b6f6a7bd7ae42cbc1a5668b0c4962dd",
    ("ucsd_ped2", "test"): "42bc5c079146551eb3af0df86cd4b0273bd125033ebd334228ba606bb2ff7c8f",
}
# Convention: videos, frames, positive frames.
LEGACY_COUNTS = {
    "gt-ucf": (290, 1_109_680, 84_128),
    "floor16": (290, 1_109_824, 84_160),
    "gt-rtfm": (290, 1_114_144, 84_343),
    "gt-vadclip": (290, 1_109_872, 84_160),
    "rtfm": (290, 1_114_144, 84_343),
    "gt-sh": (199, 142_912, 8_028),
    "gt-xd": (800, 2_330_384, 537_805),
}
ARRAYS = {
    "gt-ucf": "lists/ucf_crime/gt-ucf_1109680.npy",
    "gt-sh": "lists/shanghaitech/gt-sh.npy",
    "gt-xd": "lists/xd_violence/gt-xd_2330384.npy",
}


def test_every_data_set_has_both_splits_on_disk():
    on_disk = {(path.parent.name, path.stem) for path in ROOT.glob("*/t[re]*.tsv")}
    assert on_disk == set(COUNTS) == {(dataset, split) for dataset in DATASETS for split in ("train", "test")}


@pytest.mark.parametrize("dataset, split", COUNTS)
def test_a_split_has_the_published_counts(dataset, split):
    videos = load_split(dataset, split)
    anomalous = sum(video.is_anomalous for video in videos)
    frames = sum(video.num_frames or 0 for video in videos)
    positives = sum(stop - start for video in videos for start, stop in video.anomaly_spans)
    assert (len(videos), anomalous, frames, positives) == COUNTS[dataset, split]
    assert digest(videos) == DIGESTS[dataset, split]


@pytest.mark.parametrize("dataset", DATASETS)
def test_splits_are_disjoint_and_contain_only_known_classes(dataset):
    train, test = load_split(dataset, "train"), load_split(dataset, "test")
    assert not {video.video_id for video in train} & {video.video_id for video in test}
    assert {video.split for video in train} == {"train"} and {video.split for video in test} == {"test"}
    assert DATASETS[dataset][0] == "Normal"
    assert {video.event_class for video in train + test} <= set(DATASETS[dataset])
    assert not [problem for video in train + test for problem in video_problems(video)]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_test_video_has_frame_truth(dataset):
    assert all(video.has_frame_truth for video in load_split(dataset, "test"))


def test_lists_stay_small():
    assert all(path.stat().st_size < 300_000 for path in ROOT.rglob("*.tsv"))


def test_unknown_names_are_reported_with_the_known_ones():
    with pytest.raises(ListError, match="unknown data set 'ucf'; known data sets: ucf_crime, shanghaitech"):
        load_split("ucf", "test")
    with pytest.raises(ListError, match="unknown split 'val' of ucf_crime; known splits: train, test"):
        load_split("ucf_crime", "val")
    with pytest.raises(ValueError, match="unknown convention 'gt'; known conventions: gt-ucf, floor16"):
        legacy_truth("gt")


def test_ucf_crime_counts_frames_from_one_in_its_annotation():
    """The annotation says "Abuse028_x264.mp4 Abuse 165 240 -1 -1": the 76 frames 164..239 counted from 0."""
    video = load_split("ucf_crime", "test")[0]
    assert (video.video_id, video.num_frames) == ("Abuse/Abuse028_x264", 1412)
    assert np.flatnonzero(frame_labels(video, 1412)).tolist() == list(range(164, 240))


def test_xd_violence_uses_the_first_class_of_the_file_name():
    video = load_split("xd_violence", "test")[0]
    assert video.video_id.endswith("_label_G-B2-B6") and video.event_class == "Explosion"


def test_shanghaitech_groups_are_the_thirteen_scenes():
    videos = load_split("shanghaitech", "train") + load_split("shanghaitech", "test")
    assert {video.group for video in videos} == {f"{scene:02d}" for scene in range(1, 14)}


def test_a_span_that_overruns_is_cut_and_reported():
    spans, clipped = clip_spans("a", [(0, 3), (5, 12)], 10)
    assert spans == ((0, 3), (5, 10))
    assert clipped == ["a: anomaly span 5-12 clipped to its 10 frames"]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_legacy_truth_has_its_published_size_and_the_videos_of_the_split(convention):
    truth = legacy_truth(convention)
    videos = {video.video_id for video in load_split(CONVENTIONS[convention].dataset, "test")}
    assert {labels.dtype for _, labels in truth} == {np.dtype(np.uint8)}
    assert Counter(video_id for video_id, _ in truth) == Counter(videos)
    frames, positives = sum(len(labels) for _, labels in truth), sum(int(labels.sum()) for _, labels in truth)
    assert (len(truth), frames, positives) == LEGACY_COUNTS[convention]
    assert all(len(labels) % 16 == 0 for _, labels in truth)


def test_legacy_truths_of_one_event_by_hand():
    """Abuse028: event 165..240, 1412 frames (88 * 16 + 4). Arson011: last event 680..1267 but 1266 frames."""
    by_hand = {
        "gt-ucf": (1408, 240),
        "floor16": (1408, 240),
        "gt-rtfm": (1424, 241),
        "gt-vadclip": (1408, 240),
    }
    for name, (length, stop) in by_hand.items():
        first = dict(legacy_truth(name))["Abuse/Abuse028_x264"]
        assert len(first) == length and np.flatnonzero(first).tolist() == list(range(165, stop))
    overrun = dict(legacy_truth("gt-rtfm"))["Arson/Arson011_x264"]
    assert len(overrun) == 1280 and np.flatnonzero(overrun)[-1] == 1267


def test_vadclip_counts_three_videos_by_their_headers():
    """6750, 6750 and 2252 rows of features where the decoded frames fill 6749, 6749 and 2251."""
    differing = {
        name.rsplit("_", 2)[1]: len(labels) // 16
        for (name, labels), (_, floored) in zip(
            legacy_truth("gt-vadclip"), legacy_truth("floor16"), strict=True
        )
        if len(labels) != len(floored)
    }
    assert differing == {"924": 6750, "935": 6750, "940": 2252}


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_legacy_truths_start_with_the_anomalous_videos(convention):
    videos = {video.video_id: video for video in load_split(CONVENTIONS[convention].dataset, "test")}
    anomalous = [videos[video_id].is_anomalous for video_id, _ in legacy_truth(convention)]
    assert anomalous == sorted(anomalous, reverse=True)


@pytest.mark.parametrize("convention", ARRAYS)
def test_a_legacy_truth_equals_the_published_array(convention, test_data):
    published = np.load(test_data / ARRAYS[convention], allow_pickle=False)
    rebuilt = np.concatenate([labels for _, labels in legacy_truth(convention)])
    assert np.array_equal(rebuilt, published)


def test_legacy_videos_are_in_the_order_of_the_published_lists(test_data):
    lists = test_data / "lists"
    crops = (lists / "ucf_crime/pel4vad-test.list").read_text().split()
    ucf = [line.split("/")[-1].removesuffix(".npy") for line in crops[::10]]
    assert [video_id.split("/")[-1] for video_id, _ in legacy_truth("gt-ucf")] == ucf
    assert [video_id.split("/")[-1] for video_id, _ in legacy_truth("rtfm")] == ucf
    campus = (lists / "shanghaitech/shanghai-i3d-test-10crop.list").read_text().split()
    assert [video_id for video_id, _ in legacy_truth("gt-sh")] == [
        line.split("/")[-1].removesuffix("_i3d.npy") for line in campus
    ]
    crops = (lists / "xd_violence/rgb_test.list").read_text().splitlines()
    assert [video_id for video_id, _ in legacy_truth("gt-xd")] == [
        line.split("/")[-1].removesuffix("__0.npy") for line in crops[::5]
    ]


def test_shanghaitech_spans_are_the_frame_masks(test_data):
    videos = load_split("shanghaitech", "train") + load_split("shanghaitech", "test")
    masked = {video.video_id: frame_labels(video, video.num_frames) for video in videos if video.is_anomalous}
    paths = list((test_data / "lists/shanghaitech/test_frame_mask").glob("*.npy"))
    assert len(paths) == len(masked) == 107
    for path in paths:
        assert np.array_equal(masked[path.stem], np.load(path, allow_pickle=False))


@pytest.fixture
def make_lists():
    path = ROOT.parent / "scripts/tools/make_lists.py"
    spec = importlib.util.spec_from_file_location("make_lists", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_the_official_files_yield_the_committed_lists_byte_for_byte(make_lists, test_data, tmp_path):
    result = CliRunner().invoke(make_lists, [str(test_data / "lists"), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    written = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.tsv")}
    assert written == {path.relative_to(ROOT): path.read_bytes() for path in ROOT.rglob("*.tsv")}
    assert result.output.count("clipped to its") == 5  # Arson011, 016, Explosion033, Fighting003, Shooting015


def test_missing_official_files_are_reported_in_one_line(make_lists, tmp_path):
    result = CliRunner().invoke(make_lists, [str(tmp_path)])
    assert result.exit_code != 0
    assert "train_frame_counts.txt: the annotation file cannot be read" in result.output


SHANGHAITECH = {"SH_Train_new.txt": "01_001,0,9", "SH_Test_NEW.txt": "01_002,0,9"}
UCF_CRIME = {
    "train_frame_counts.txt": "Normal_Videos001_x264.mp4 9",
    "Temporal_Anomaly_Annotation_with_frame_counts.txt": "Abuse001_x264.mp4 Abuse 1 5 -1 -1 9",
    "Temporal_Anomaly_Annotation.txt": "Abuse001_x264.mp4 Abuse 1 5 -1 -1",
    "Anomaly_Train.txt": "Training_Normal_Videos_Anomaly/Normal_Videos001_x264.mp4",
    "Anomaly_Test.txt": "Abuse/Abuse001_x264.mp4",
}
XD_VIOLENCE = {
    "rgb.list": "a_label_A__0.npy",
    "rgb_test.list": "b_label_G-0__0.npy",
    "annotations.txt": "b_label_G-0 1 5",
}


@pytest.mark.parametrize(
    "parse, files, name, line",
    [
        (shanghaitech, SHANGHAITECH, "SH_Train_new.txt", "01_001"),
        (shanghaitech, SHANGHAITECH, "SH_Test_NEW.txt", "01_002,0,many"),
        (shanghaitech, SHANGHAITECH, "SH_Test_NEW.txt", "../../secret,1"),
        (ucf_crime, UCF_CRIME, "train_frame_counts.txt", "Normal_Videos001_x264.mp4"),
        (ucf_crime, UCF_CRIME, "Temporal_Anomaly_Annotation.txt", "Abuse001_x264.mp4"),
        (ucf_crime, UCF_CRIME, "Temporal_Anomaly_Annotation.txt", "Abuse001_x264.mp4 Abuse 1"),
        (xd_violence, XD_VIOLENCE, "annotations.txt", "b_label_G-0 1 5 7"),
        (xd_violence, XD_VIOLENCE, "annotations.txt", "b_label_G-0 1 " + "9" * 5000),
        (xd_violence, XD_VIOLENCE, "rgb.list", "\x1b[31m"),
    ],
)
def test_a_wrong_line_of_an_official_file_is_reported_with_its_file(parse, files, name, line, tmp_path):
    for each, content in files.items():
        (tmp_path / each).write_text(content + "\n")
    assert parse(tmp_path).train
    (tmp_path / name).write_text(f"{files[name]}\n{line}\n")
    with pytest.raises(ListError) as caught:
        parse(tmp_path)
    assert (
        len(caught.value.problems) == 1 and str(caught.value).isprintable() and len(str(caught.value)) < 400
    )
    assert name in str(caught.value) or "leaves the root" in str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in IRREGULAR if kind != "missing"])
def test_an_official_file_that_is_no_regular_file_is_refused(kind, tmp_path):
    IRREGULAR[kind](tmp_path / "SH_Train_new.txt")
    with pytest.raises(ListError, match="SH_Train_new.txt: the annotation file cannot be"):
        shanghaitech(tmp_path)
