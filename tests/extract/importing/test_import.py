"""Features in published layouts become a store, and every one that does not fit is reported."""

import os
import subprocess
import sys
import unicodedata

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from click.testing import CliRunner

from data_lists import Video, load_split, write_list
from extract.cli import main
from extract.commands.import_ import import_
from extract.importing.layouts import LAYOUTS
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
        (rows(11, 8), "11 rows, expected 4 or 5 for 79 frames in clips of 16"),
        (
            rows(9, 8),
            "9 rows, expected 4 or 5 for 79 frames in clips of 16; --stride 8 or --clip-length 8 would",
        ),
        (np.full((5, 8), np.nan, np.float32), "40 of 40 values are NaN or infinite"),
        (np.array([[{}] * 8] * 5, dtype=object), "b.npy: holds Python objects, which are never loaded"),
        (rows(5, 9), "features have shape [5, 1, 9], expected [5, 1, 8]"),
        (rows(5), "features have shape [5], expected [N, D] or [N, C, D]"),
        (np.array([["x"] * 8] * 5), "b.npy: holds <U1, expected real numbers"),
        (np.full((5, 8), 1e39), "40 of 40 values are beyond float32"),
        (np.full((5, 8), True), "dtype bool, expected numbers"),
        (rows(0, 8), "features have shape [0, 8], expected [N, D] or [N, C, D]"),
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
    result = run("npy", folder, [Video("other/v"), Video("Abuse/v")], tmp_path)
    assert result.exit_code == 1 and "0 imported, 1 already there, 1 failed" in result.output
    assert (
        "failed: other/v: v is not unique (it could be Arson/v); name the files by full id" in result.output
    )


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


@pytest.mark.slow
def test_a_foreign_hdf5_file_is_read_by_a_pattern(tmp_path):
    array = rows(3, 4)
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["videos/Abuse/v1/i3d"] = array
        file["videos/Abuse/v1/length"] = 40
    videos = [Video("Abuse/v1", "Abuse", 48)]
    result = run("hdf5", tmp_path / "theirs.h5", videos, tmp_path, "--dataset", "videos/{id}/i3d")
    assert result.exit_code == 0, result.output
    with h5py.File(tmp_path / "theirs.h5", "a") as file:
        file["videos/Abuse/v1/features"] = array
    assert run("hdf5", tmp_path / "theirs.h5", videos, tmp_path).exit_code == 0
    assert np.array_equal(FeatureStore(tmp_path / "store").read("Abuse/v1").features[:, 0], array)


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


def matlab(path, values):
    scipy.io.savemat(path, values)


def matlab_73(path, values):
    """As MATLAB writes v7.3: HDF5 behind a header of 512 bytes, axes in reverse."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in values.items():
            file[name] = array.T
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def torch_file(path, values):
    torch.save({name: torch.from_numpy(array) for name, array in values.items()}, path)


WRITERS = {
    "npy": (".npy", lambda path, values: np.save(path, values["features"])),
    "sultani": (".txt", lambda path, values: np.savetxt(path, values["features"], fmt="%.9g")),
    "npz": (".npz", lambda path, values: np.savez(path, **values)),
    "pt": (".pt", torch_file),
    "hdf5": (".h5", lambda path, values: h5py.File(path, "w").update(values)),
    "mat": (".mat", matlab),
    "mat 7.3": (".mat", matlab_73),
}
# hdf5 and mat start a process.
FORMS = [
    pytest.param(form, marks=[pytest.mark.slow] if form in ("hdf5", "mat", "mat 7.3") else [])
    for form in WRITERS
]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_rows_in_every_form_and_a_damaged_file_beside_them(form, folder, tmp_path):
    array, (suffix, write) = rows(5, 8), WRITERS[form]
    for name in ("a", "c"):
        write(folder / f"{name}{suffix}", {"features": array})
    content = (folder / f"a{suffix}").read_bytes()
    (folder / f"b{suffix}").write_bytes(content[: len(content) // 2] + b"\xff")
    os.mkfifo(folder / f"d{suffix}")
    videos = [Video(name, num_frames=79) for name in "abcd"]
    result = run(form.split()[0], folder, videos, tmp_path, "--convention", "clips")
    assert result.exit_code == 1, result.output
    lines = result.output.splitlines()
    assert [line.split(": ")[1] for line in lines if line.startswith("failed: ")] == ["b", "d"]
    assert f"{folder}/d{suffix}: is a pipe" in result.output and f"{folder}/b{suffix}: " in result.output
    for name in ("a", "c"):
        assert np.array_equal(FeatureStore(tmp_path / "store").read(name).features[:, 0], array)


@pytest.mark.parametrize("form", FORMS[2:])
def test_one_file_may_hold_all_videos_by_name(form, tmp_path):
    values, (suffix, write) = {"a": rows(5, 8), "b": rows(4, 8)}, WRITERS[form]
    write(tmp_path / f"all{suffix}", values)
    videos = [Video("Abuse/a", num_frames=79), Video("b", num_frames=79)]
    result = run(form.split()[0], tmp_path / f"all{suffix}", videos, tmp_path, "--convention", "clips")
    assert result.exit_code == 0, result.output
    store = FeatureStore(tmp_path / "store")
    for video in videos:
        assert np.array_equal(store.read(video.video_id).features[:, 0], values[video.video_id[-1]])


@pytest.mark.parametrize("form", FORMS[2:])
def test_a_file_of_one_array_is_the_video_that_it_is_called_after(form, tmp_path):
    suffix, write = WRITERS[form]
    array = rows(5, 8)
    write(tmp_path / f"a{suffix}", {"features": array})
    result = run(form.split()[0], tmp_path / f"a{suffix}", [Video("a", num_frames=79)], tmp_path)
    assert result.exit_code == 0, result.output
    assert np.array_equal(FeatureStore(tmp_path / "store").read("a").features[:, 0], array)


@pytest.mark.slow
def test_what_an_hdf5_file_takes_from_other_files_is_refused_and_the_rest_is_imported(tmp_path):
    secret = np.arange(10.0)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = secret.reshape(5, 2)
    (tmp_path / "secret.bin").write_bytes(secret.tobytes())
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["sound"] = np.ones((5, 2))
        file["external"] = h5py.ExternalLink("other.h5", "/secret")
        file["soft"] = h5py.SoftLink("/sound")
        space, created = h5py.h5s.create_simple((5, 2)), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_external(str(tmp_path / "secret.bin").encode(), 0, secret.nbytes)
        h5py.h5d.create(file.id, b"raw", h5py.h5t.NATIVE_DOUBLE, space, created)
        layout = h5py.VirtualLayout((5, 2), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "secret", (5, 2))
        file.create_virtual_dataset("virtual", layout)
        chunks = (1 << 10, 1 << 10)
        file.create_dataset("bomb", (1 << 20, 1 << 10), "f8", chunks=chunks, compression="gzip")
        file["bomb"][: chunks[0]] = 0
        file["unlisted"] = h5py.SoftLink("/elsewhere")
    names = ["sound", "external", "soft", "raw", "virtual", "bomb"]
    result = run("hdf5", tmp_path / "theirs.h5", [Video(name, num_frames=79) for name in names], tmp_path)
    assert f"skipped: {tmp_path}/theirs.h5: unlisted is a link" in result.output
    assert result.exit_code == 1
    failed = [line for line in result.output.splitlines() if line.startswith("failed: ")]
    assert [line.split(": ")[1] for line in failed] == names[1:] and all(
        "theirs.h5" in line for line in failed
    )
    assert FeatureStore(tmp_path / "store").ids() == ["sound"]


@pytest.mark.parametrize(
    "content, what",
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "it is a Git LFS pointer"),
        (b"<!doctype html><html></html>", "it is an HTML or XML page"),
        (b"\x80\x04K\x01.", "it is a Python pickle"),
        (b"", "it is empty"),
    ],
)
@pytest.mark.parametrize("layout, suffix", [("npy", "npy"), ("npz", "npz"), ("pt", "pt"), ("sultani", "txt")])
def test_a_file_that_is_something_else_is_called_what_it_is(layout, suffix, content, what, folder, tmp_path):
    (folder / f"a.{suffix}").write_bytes(content)
    result = run(layout, folder, [Video("a", num_frames=79)], tmp_path)
    assert result.exit_code == 1 and f"failed: a: {folder}/a.{suffix}: " in result.output
    assert what in result.output or suffix == "txt"


@pytest.mark.parametrize("layout", ["npy", "pt"])
def test_a_file_with_holes_that_is_larger_than_the_memory_is_refused(layout, folder, tmp_path):
    path = folder / f"a.{layout}"
    with open(path, "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (5, 1 << 38)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.seek(0, 2) + (5 << 40))
    result = run(layout, folder, [Video("a", num_frames=79)], tmp_path)
    assert result.exit_code == 1 and f"{path}: has 5.5 TB, more than the " in result.output


def test_a_table_with_names_that_are_python_objects_says_so(folder, tmp_path):
    for path in (folder / "a.npz", tmp_path / "all.npz"):
        np.savez(path, x=rows(2, 5, 8), names=np.array(["a", "b"], dtype=object))
    for source, code in ((folder, 1), (tmp_path / "all.npz", 2)):
        result = run("npz", source, [Video("a", num_frames=79)], tmp_path)
        assert result.exit_code == code and "names holds Python objects" in result.output


def test_links_below_the_folder_are_skipped_with_a_line(folder, tmp_path):
    np.save(tmp_path / "outside.npy", rows(5, 8))
    np.save(folder / "a.npy", rows(5, 8))
    (folder / "b.npy").symlink_to(tmp_path / "outside.npy")
    (folder / "up").symlink_to(tmp_path)
    result = run("npy", folder, [Video("a", num_frames=79), Video("b", num_frames=79)], tmp_path)
    assert result.exit_code == 1 and FeatureStore(tmp_path / "store").ids() == ["a"]
    for name in ("b.npy", "up"):
        assert f"skipped: {folder}/{name}: is a link, which is not followed here" in result.output


@pytest.mark.parametrize(
    "files, ids, options, expected",
    [
        # Crops, and names that only look like crops.
        (["clip__1", "clip__2"], ["clip__1", "clip__2"], (), {"clip__1": 1, "clip__2": 1}),
        (["s/clip__0", "s/clip__1"], ["t/clip__0", "t/clip__1"], (), {"t/clip__0": 1, "t/clip__1": 1}),
        (["a__0", "a__1", "a__vggish"], ["a"], (), {"a": 2}),
        ([f"a_{number}" for number in range(11)], ["a"], (), {"a": 11}),
        (["a_0"], ["a"], (), {"a": 1}),
        (["cam_1", "cam_2"], ["cam_2"], (), {"cam_2": 1}),
        (["a", "a_0", "a_1"], ["a"], (), {"a": 1}),
        # Patterns.
        (["a/feat", "b/feat", "b/other"], ["a", "x/b"], ("--pattern", "{id}/feat.npy"), {"a": 1, "x/b": 1}),
        (["i3d/a.mp4_i3d"], ["a"], ("--pattern", "i3d/{id}.mp4_i3d.npy"), {"a": 1}),
        (["a-crop1", "a-crop0", "b"], ["a"], ("--pattern", "{id}-crop{crop}.npy"), {"a": 2}),
        (["a_1/a_1_0"], ["a_1"], ("--pattern", "{id}/{id}_0.npy"), {"a_1": 1}),
        # Modalities.
        (["a_rgb", "a_flow"], ["a"], (), {"a": 1}),
        (["a_rgb_i3d", "rgb/b", "flow/b"], ["a", "b"], (), {"a": 1, "b": 1}),
        (["traffic_flow"], ["cams/traffic_flow"], (), {"cams/traffic_flow": 1}),
        # Suffixes of programs.
        (["Abuse001_x264.mp4"], ["Abuse/Abuse001_x264"], (), {"Abuse/Abuse001_x264": 1}),
        (["A.b__#1_label_A_i3d"], ["A.b__#1_label_A"], (), {"A.b__#1_label_A": 1}),
        (["a__0", "a__1", "a__vggish"], ["a"], (), {"a": 2}),
        (["a__0", "a__1", "a__vggish", "flow/a"], ["a"], ("--modality", "audio"), {"a": 1}),
        (["b", "vggish/a"], ["a"], ("--modality", "audio"), {"a": 1}),
        (["a", "b_flow"], ["a", "b_flow"], ("--modality", "audio"), {"a": 1, "b_flow": 1}),
    ],
)  # fmt: skip
def test_names_and_crops(files, ids, options, expected, folder, tmp_path):
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        np.save(folder / f"{name}.npy", rows(5, 8))
    result = run("npy", folder, [Video(each, num_frames=79) for each in ids], tmp_path, *options)
    assert result.exit_code == 0, result.output
    store = FeatureStore(tmp_path / "store")
    assert {each: store.read(each).features.shape[1] for each in store.ids()} == expected


@pytest.mark.parametrize(
    "files, message",
    [
        (["a__0", "a__2"], "crops [0, 2] are there, expected 0 to 2 without a gap"),
        (["a", "a__0"], "a and crop 0 are both there"),
        (["a_0", "a__0"], "crop 0 is there twice"),
        (["x/a", "y/a"], "a is not unique (it could be x/a, y/a); name the files by full id"),
        (["a_flow"], "missing: a: only a_flow is there, of the modality flow (--modality flow)"),
        (["a__vggish"], "missing: a: only a__vggish is there, of the modality audio (--modality audio)"),
        (["A"], "missing: a: no such name; nearest: A (other case)"),
        (["b/c", "v"], "missing: a: no such name; nearest: "),
    ],
)
def test_names_that_do_not_fit_are_named(files, message, folder, tmp_path):
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        np.save(folder / f"{name}.npy", rows(5, 8))
    result = run("npy", folder, [Video("a", num_frames=79)], tmp_path)
    assert result.exit_code == 1 and message in result.output


def test_names_that_are_equal_by_a_rule_alone_are_named(folder, tmp_path):
    for name in ("cam1/1", unicodedata.normalize("NFD", "Café"), "plain", "s/t/2"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        np.save(folder / f"{name}.npy", rows(5, 8))
    ids = ["cam2/1", unicodedata.normalize("NFC", "Café"), "x/plain", "t/2"]
    result = run("npy", folder, [Video(each, num_frames=79) for each in ids], tmp_path)
    assert result.exit_code == 0, result.output
    assert "by their last part although the folders differ: cam1/1 for cam2/1\n" in result.output
    assert "another Unicode form (NFC or NFD) are taken as equal: Cafe" in result.output


def test_rows_of_sound_have_the_spans_of_the_clips_of_the_picture(folder, tmp_path):
    """The sound lacks up to two rows at the end, which is said; more, and another width, are refused."""
    counts = {"all": 5, "one": 4, "two": 3, "three": 2, "long": 6, "odd": 5, "open": 7}
    for name, count in counts.items():
        np.save(folder / f"{name}__vggish.npy", rows(count, 64 if name == "odd" else 128))
    videos = [Video(name, num_frames=None if name == "open" else 79) for name in counts]
    result = run("vggish", folder, videos, tmp_path)
    assert result.exit_code == 1
    assert "row n is the sound that ends with frames 16 n to 16 n + 16 (--convention sound)" in result.stdout
    assert "(vad-score train --join cut); 2 videos of this import" in result.stdout
    for name, reason in {
        "three": "2 rows, expected 3 or 4 or 5 for 79 frames",
        "long": "6 rows, expected 3 or 4 or 5 for 79 frames",
        "odd": "rows of 64 numbers, expected the 128 of vggish",
    }.items():
        assert f"failed: {name}: {reason}" in result.stderr
    store = FeatureStore(tmp_path / "store")
    assert (store.spec.modality, store.spec.backbone, store.spec.num_crops) == ("audio", "vggish", 1)
    spans = [[0, 16], [16, 32], [32, 48], [48, 64], [64, 79]]
    for name in ("all", "one", "two"):
        read = store.read(name)
        assert read.frame_span.tolist() == spans[: counts[name]] and read.num_frames == 79
    assert store.read("open").num_frames == 7 * 16


def test_shapes_and_the_frame_rule_are_printed(folder, tmp_path):
    for name, count in (("a", 5), ("b", 5), ("c", 7)):
        np.save(folder / f"{name}.npy", rows(count, 2, 8))
    result = run(
        "npy", folder, [Video("a"), Video("b", num_frames=32), Video("c")], tmp_path, "--stride", "4"
    )
    assert result.exit_code == 0, result.output
    assert "rows x crops x numbers: 5 x 2 x 8 (a), 7 x 2 x 8 (c) (2 shapes in 3 videos)" in result.stdout
    assert "frames: row n covers frames 4 n to 4 n + 16 (--convention clips)" in result.stdout
    assert "2 videos without num_frames in the list" in result.stdout
    store = FeatureStore(tmp_path / "store")
    assert store.spec.segment_stride == 4 and store.read("b").frame_span[-1].tolist() == [16, 32]


@pytest.mark.parametrize(
    "options, message",
    [
        (("--stride", "4", "--convention", "even"), "--stride is for rows that are clips"),
        (("--pattern", "feat.npy"), "--pattern feat.npy: expected a pattern with {id} in it"),
        (("--pattern", "{id}_{what}.npy"), "{what} is not known, only {id}, {crop} and *"),
        (("--pattern", "none/{id}.npy"), "1 names do not fit the pattern none/{id}.npy, such as a.npy"),
    ],
)
def test_wrong_options_are_one_line(options, message, folder, tmp_path):
    np.save(folder / "a.npy", rows(5, 8))
    result = run("npy", folder, [Video("a", num_frames=79)], tmp_path, *options)
    assert result.exit_code == 2 and message in result.output and not (tmp_path / "store").exists()


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_features_that_are_a_pipe_are_one_line(layout, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    result = run(layout, tmp_path / "pipe", [Video("a")], tmp_path)
    assert result.exit_code == 2
    assert result.output == f"error: {tmp_path}/pipe: is a pipe, expected a file or a folder of features\n"


def test_every_layout_is_an_option():
    (option,) = [each for each in import_.params if each.name == "layout"]
    assert list(option.type.choices) == list(LAYOUTS)


def test_a_video_that_fails_decides_nothing_about_the_store(folder, tmp_path):
    np.save(folder / "a.npy", rows(9, 3))
    np.save(folder / "b.npy", rows(5, 8))
    result = run("npy", folder, [Video("a", num_frames=79), Video("b", num_frames=79)], tmp_path)
    assert result.exit_code == 1 and FeatureStore(tmp_path / "store").spec.feature_dim == 8


def test_partial_files_of_a_dead_import_are_swept(folder, tmp_path):
    np.save(folder / "a.npy", rows(5, 8))
    assert run("npy", folder, [Video("a", num_frames=79)], tmp_path).exit_code == 0
    dead = subprocess.run(
        [sys.executable, "-c", DIES_WHILE_WRITING, str(tmp_path / "store" / "b.h5")], check=False
    )
    assert dead.returncode == -9 and len(list((tmp_path / "store").iterdir())) == 3
    assert run("npy", folder, [Video("a", num_frames=79)], tmp_path).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["a.h5", "store.json"]


DIES_WHILE_WRITING = """
import os, sys
from pathlib import Path
from extract.runtime import atomic
with atomic.writing(Path(sys.argv[1])) as partial:
    partial.write_bytes(b"half")
    os.kill(os.getpid(), 9)
"""
