"""Features in published layouts become a store, and every one that does not fit is reported."""

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from data_lists import Video, load_split, write_list
from extract.cli import main
from extract.importing.spans import imported_spans
from extract.store import FeatureStore

RNG = np.random.default_rng(0)


def run(layout, source, videos, tmp_path, *options):
    write_list(tmp_path / "list.tsv", videos)
    command = ["import", "--layout", layout, "--features", str(source), "--list", str(tmp_path / "list.tsv")]
    return CliRunner().invoke(main, [*command, "--store", str(tmp_path / "store"), *options])


def rows(*shape):
    return RNG.normal(size=shape).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "features" / "Abuse").mkdir(parents=True)
    return tmp_path / "features"


def test_ten_crops_in_one_file_are_matched_by_name(folder, tmp_path):
    array = rows(5, 10, 8)
    np.save(folder / "Abuse001_x264_i3d.npy", array)
    result = run("rtfm", folder, [Video("Abuse/Abuse001_x264", "Abuse", 79)], tmp_path)
    assert result.exit_code == 0, result.output
    read = FeatureStore(tmp_path / "store").read("Abuse/Abuse001_x264")
    assert np.array_equal(read.features, array)
    assert (
        read.frame_span.tolist() == [[0, 16], [16, 32], [32, 48], [48, 64], [64, 79]]
        and read.num_frames == 79
    )
    assert FeatureStore(tmp_path / "store").spec.imported


def test_one_file_per_crop_is_stacked_in_the_order_of_numbers(folder, tmp_path):
    crops = [rows(3, 4) for _ in range(11)]
    for number, array in enumerate(crops):
        np.save(folder / f"a__{number}.npy", array)
    assert run("npy", folder, [Video("a", num_frames=48)], tmp_path).exit_code == 0
    assert np.array_equal(FeatureStore(tmp_path / "store").read("a").features, np.stack(crops, 1))


def test_a_bare_name_beside_numbered_crops_is_crop_zero(folder, tmp_path):
    for name in ("a", "a__1", "a__2"):
        np.save(folder / f"{name}.npy", rows(3, 4))
    assert run("npy", folder, [Video("a", num_frames=48)], tmp_path).exit_code == 0
    assert FeatureStore(tmp_path / "store").read("a").features.shape == (3, 3, 4)


@pytest.mark.parametrize(
    "array, message",
    [
        (rows(9, 8), "9 rows, expected 4 or 5 for 79 frames in clips of 16"),
        (np.full((5, 8), np.nan, np.float32), "40 of 40 values are NaN or infinite"),
        (np.array([[{}] * 8] * 5, dtype=object), "Python objects (dtype object), which are never loaded"),
        (rows(5, 9), "features have shape [5, 1, 9], expected [5, 1, 8]"),
        (rows(5), "features have shape [5], expected [N, D] or [N, C, D]"),
        (np.array([["x"] * 8] * 5), "dtype <U1, expected numbers"),
    ],
)
def test_a_video_that_does_not_fit_is_one_line_and_the_others_are_imported(folder, tmp_path, array, message):
    np.save(folder / "a.npy", rows(5, 8))
    np.save(folder / "b.npy", array)
    result = run("npy", folder, [Video("a", num_frames=79), Video("b", num_frames=79)], tmp_path)
    assert result.exit_code == 1
    (line,) = [line for line in result.output.splitlines() if line.startswith("failed: b: ")]
    assert message in line
    assert FeatureStore(tmp_path / "store").ids() == ["a"]


def test_missing_and_extra_are_reported(folder, tmp_path):
    np.save(folder / "a.npy", rows(5, 8))
    np.save(folder / "z.npy", rows(5, 8))
    result = run("npy", folder, [Video("a"), Video("gone")], tmp_path)
    assert result.exit_code == 1
    assert "1 listed videos have no features: gone" in result.output
    assert "1 features belong to no listed video: z" in result.output


def test_a_name_in_two_folders_must_be_given_in_full(folder, tmp_path):
    (folder / "Arson").mkdir()
    np.save(folder / "Abuse" / "v.npy", rows(5, 8))
    np.save(folder / "Arson" / "v.npy", rows(5, 8))
    assert run("npy", folder, [Video("Abuse/v"), Video("Arson/v")], tmp_path).exit_code == 0
    result = run("npy", folder, [Video("other/v")], tmp_path)
    assert result.exit_code == 2 and "other/v: v is not unique (Abuse/v, Arson/v)" in result.output


def test_a_table_of_videos_and_one_file_per_video(folder, tmp_path):
    table = rows(2, 4, 6)
    np.savez(tmp_path / "table.npz", x=table, names=["a", "b"], y=[0, 1])
    assert run("npz", tmp_path / "table.npz", [Video("b", num_frames=42)], tmp_path).exit_code == 0
    read = FeatureStore(tmp_path / "store").read("b")
    assert np.array_equal(read.features[:, 0], table[1]) and read.frame_span.tolist() == [
        [0, 10],
        [10, 21],
        [21, 31],
        [31, 42],
    ]
    np.savez(folder / "c.npz", features=rows(2, 6))
    assert run("npz", folder, [Video("c")], tmp_path, "--convention", "even").exit_code == 0


def test_a_foreign_hdf5_file_is_read_by_a_pattern(tmp_path):
    array = rows(3, 4)
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["videos/Abuse/v1/i3d"] = array
        file["videos/Abuse/v1/length"] = 40
    videos = [Video("Abuse/v1", "Abuse", 48)]
    result = run("hdf5", tmp_path / "theirs.h5", videos, tmp_path, "--dataset", "videos/{id}/i3d")
    assert result.exit_code == 0, result.output
    assert np.array_equal(FeatureStore(tmp_path / "store").read("Abuse/v1").features[:, 0], array)


def test_sultani_rows_cover_the_video_as_its_script_divides_it():
    # n = 100 clips: round(linspace(1, 100, 33)) begins 1, 4.09 -> 4, 7.19 -> 7, so row 0 is clips 1..3
    spans, _ = imported_spans("sultani", 32, num_frames=1605, clip_length=16)
    assert spans[:3].tolist() == [[0, 48], [48, 96], [96, 144]] and spans[-1, 1] == 1605
    assert (spans[1:, 0] == spans[:-1, 1]).all()


def test_a_missing_last_clip_is_accepted():
    assert imported_spans("clips", 9, num_frames=160, clip_length=16)[0][-1].tolist() == [128, 144]
    with pytest.raises(ValueError, match="8 rows, expected 9 or 10"):
        imported_spans("clips", 8, num_frames=160, clip_length=16)


def test_the_ten_real_c3d_files(test_data, tmp_path):
    source = test_data / "features" / "ucf_crime_c3d"
    names = {path.stem for path in source.glob("*.txt")}
    videos = [
        video for video in load_split("ucf_crime", "test") if video.video_id.rsplit("/", 1)[-1] in names
    ]
    result = run("sultani", source, videos, tmp_path)
    assert result.exit_code == 0, result.output
    store = FeatureStore(tmp_path / "store")
    assert len(store.ids()) == 10
    for video_id in store.ids():
        read = store.verify(video_id)
        assert read.features.shape == (32, 1, 4096)
        np.testing.assert_allclose(
            np.linalg.norm(read.features, axis=2), 1, atol=1e-3
        )  # its maker normalised the rows
