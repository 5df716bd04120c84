"""Which layout, pattern and axes files have that nobody describes."""

import h5py
import numpy as np
import pytest
import torch
from scipy.io import savemat

from extract.importing.layout_guess import guess_axes, guess_layout

ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        file["features"] = ROWS


def write_npz(path):
    with open(path, "wb") as file:  # NumPy would add a suffix
        np.savez(file, ROWS)


def write_npy(path):
    with open(path, "wb") as file:
        np.save(file, ROWS)


WRITERS = {
    "npy": write_npy,
    "npz": write_npz,
    "hdf5": write_hdf5,
    "pt": lambda path: torch.save(torch.from_numpy(ROWS), path),
    "mat": lambda path: savemat(path, {"feat": ROWS}, appendmat=False),
    "sultani": lambda path: np.savetxt(path, ROWS),
}


@pytest.mark.parametrize("layout", WRITERS)
@pytest.mark.parametrize("name", ["a.bin", "a.features"])
def test_content_decides_the_layout_and_never_the_name(layout, name, tmp_path):
    WRITERS[layout](tmp_path / name)
    assert guess_layout(tmp_path / name).layout == layout
    guess = guess_layout(tmp_path)
    suffix = name[1:]
    assert (guess.layout, guess.pattern) == (layout, "{id}" + suffix)


def test_usual_suffixes_need_no_pattern(tmp_path):
    for number in range(3):
        write_npy(tmp_path / f"{number}.npy")
    (tmp_path / "readme").write_text("how these were made")
    assert guess_layout(tmp_path).pattern is None


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 600, b"three words of text", b"<!doctype html><html>", b"\x89PNG\r\n"]
)
def test_files_that_are_no_features_are_refused_in_a_line(content, tmp_path):
    (tmp_path / "a.npy").write_bytes(content)
    for place in (tmp_path, tmp_path / "a.npy"):
        with pytest.raises(ValueError, match="features|it is|begins") as error:
            guess_layout(place)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "shapes, axes",
    [
        ([(29, 2048), (40, 2048)], "NCD"),
        ([(2048, 29), (2048, 40)], "NDC"),
        ([(29, 10, 2048), (40, 10, 2048)], "NCD"),
        ([(10, 29, 2048), (10, 40, 2048)], "CND"),
        ([(10, 32, 2048)], "CND"),
        # few rows: of 2 and 10, 10 are crops
        ([(2, 10, 512)] * 2, "NCD"),
        ([(10, 2, 512)] * 2, "CND"),
        ([(3, 1, 512)] * 2, "NCD"),
        ([(32, 4096)] * 3, "NCD"),
        ([(4096, 32)] * 3, "NDC"),
        ([(29, 1024, 1, 1, 1), (31, 1024, 1, 1, 1)], "NCD"),
        ([(29, 1, 512), (30, 1, 512)], "NCD"),
        ([(1024, 1024), (999, 1024)], "NCD"),
    ],
)
def test_axes_follow_from_what_changes_between_videos(shapes, axes):
    assert guess_axes(shapes, [512, 1024, 2048, 4096]) == axes
