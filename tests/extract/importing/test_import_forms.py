"""Every line of the guide's table of forms is run, and the kind of file is no part of what a head sees."""

import json
import re
import shlex
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from click.testing import CliRunner

from data_lists import Video, write_list
from extract.cli import main
from extract.store import FeatureSpec, FeatureStore
from score.cli import main as score_main
from score.runs.checkpoint_error import CheckpointError
from score.runs.identity import check_same
from support.tiny_stores import make_videos

ROOT = Path(__file__).resolve().parents[3]
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(32, 1, 8)).astype(np.float32)
FRAMES = 512


def each(folder, *names, rows=ROWS):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / name, rows)
    return folder


def crop_files(folder):
    return each(folder, *(f"a__{number}.npy" for number in range(10)), rows=ROWS[:, 0])


def text(folder):
    np.savetxt(each(folder) / "a.txt", ROWS[:, 0], fmt="%.9g")
    return folder


def hdf5(folder):
    with h5py.File(folder / "all.h5", "w") as file:
        file["a/features"] = ROWS
    return folder / "all.h5"


def npz(folder):
    np.savez(folder / "a.npz", x=ROWS)
    return folder


def tensors(folder):
    torch.save({"a": torch.from_numpy(ROWS)}, folder / "all.pt")
    return folder / "all.pt"


def matlab(folder):
    scipy.io.savemat(folder / "a.mat", {"feat": ROWS[:, 0], "fps": 25.0})
    return folder


def sound(folder):
    """Beside the crops of the picture, as people keep them."""
    return each(crop_files(folder), "a__vggish.npy", rows=ROWS[:, 0].repeat(16, 1))


# Options of the table -> what makes a person's files and returns what --features names.
FORMS = {
    "--layout rtfm": lambda folder: each(folder, "a_x264_i3d.npy"),
    "--layout npy": crop_files,
    "--layout npy --axes CND": lambda folder: each(
        folder, "a.npy", rows=ROWS.repeat(10, 1).transpose(1, 0, 2)
    ),
    "--layout npy --modality flow": lambda folder: each(folder, "a_rgb.npy", "a_flow.npy"),
    "--layout npy --pattern {id}/feat.npy": lambda folder: each(folder, "a/feat.npy", "a/other.npy"),
    "--layout npy --stride 4": lambda folder: each(folder, "a.npy", rows=ROWS.repeat(4, 0)[:125]),
    "--layout sultani": text,
    "--layout sultani --convention even": text,
    "--layout npz": npz,
    "--layout hdf5 --dataset {id}/features": hdf5,
    "--layout pt": tensors,
    "--layout mat --dataset feat": matlab,
    "--layout vggish": sound,
}


def imported(options, source, videos, tmp_path, name):
    write_list(tmp_path / "list.tsv", videos)
    command = [
        "import",
        *shlex.split(options),
        "--features",
        str(source),
        "--list",
        str(tmp_path / "list.tsv"),
    ]
    return CliRunner().invoke(main, [*command, "--store", str(tmp_path / name)])


def test_the_guide_lists_these_forms():
    guide = (ROOT / "extract/README.md").read_text()
    assert re.findall(r"^\| .* \| `(--layout [^`]*)` \|$", guide, re.M) == list(FORMS)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(form, marks=[pytest.mark.slow] if "hdf5" in form or "mat" in form else [])
        for form in FORMS
    ],
)
def test_every_form_of_the_guide_is_imported(options, tmp_path):
    (tmp_path / "features").mkdir()
    source = FORMS[options](tmp_path / "features")
    result = imported(options, source, [Video("a", num_frames=FRAMES)], tmp_path, "store")
    assert result.exit_code == 0, result.output
    rows = FeatureStore(tmp_path / "store").verify("a").features
    expected = ROWS.repeat(4, 0)[:125] if "stride" in options else ROWS.repeat(rows.shape[1], 1)
    expected = expected.repeat(16, 2) if "vggish" in options else expected
    assert np.array_equal(rows, expected)


def test_the_kind_of_file_is_no_part_of_the_spec(tmp_path):
    array = tmp_path / "array"
    each(array, "a.npy")
    np.savez(array / "a.npz", ROWS)
    stores = []
    for layout in ("npy", "rtfm", "npz"):
        options = f"--layout {layout} --convention clips"
        assert imported(options, array, [Video("a")], tmp_path, layout).exit_code == 0
        stores.append(FeatureStore(tmp_path / layout))
    assert all(store.spec == stores[0].spec for store in stores)
    # A store of an earlier version, whose preset named the layout.
    earlier = json.loads(stores[0].spec.to_json()) | {"preset": "imported-rtfm"}
    assert FeatureSpec.from_json(json.dumps(earlier)) == stores[0].spec
    # Its runs and comparisons are continued.
    now = json.loads(stores[0].spec.to_json())
    check_same({"stores": [now]}, {"stores": [earlier]}, tmp_path)
    with pytest.raises(CheckpointError, match="backbone was 'c3d', now 'unknown'"):
        check_same({"stores": [now]}, {"stores": [earlier | {"backbone": "c3d"}]}, tmp_path)


@pytest.mark.slow
def test_a_head_trained_on_one_layout_scores_another(tmp_path):
    videos = [
        Video(video.video_id, video.event_class, FRAMES, ((160, 320),) if video.is_anomalous else ())
        for video in make_videos(6, 6)
    ]
    for video in videos:
        rows = RNG.normal(size=(32, 8))
        rows[10:20, 0] += 4 * video.is_anomalous
        each(tmp_path / "features", f"{video.video_id}.npy", rows=rows)
    for layout in ("npy", "rtfm"):
        result = imported(f"--layout {layout}", tmp_path / "features", videos, tmp_path, layout)
        assert result.exit_code == 0, result.output
    write_list(tmp_path / "test.tsv", [video for video in videos if video.video_id[-1] in "45"])
    write_list(tmp_path / "train.tsv", [video for video in videos if video.video_id[-1] not in "45"])
    train = ["train", "--head", "mil", "--store", "npy", "--list", "train.tsv", "--out", "run"]
    small = ["--set", "train.epochs=2", "--set", "head.hidden=[8]"]
    evaluate = ["evaluate", "run", "--list", "test.tsv", "--resamples", "20", "--store", "rtfm"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for words in ([*train, *small], evaluate):
            result = CliRunner().invoke(score_main, words)
            assert result.exit_code == 0, result.output
    assert "frame AUC" in result.output
