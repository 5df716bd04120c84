"""Files of class texts: what is written is read, and what is none is refused in one line."""

import dataclasses
import json

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from extract.cli import main
from extract.presets import PRESETS
from extract.store.output_file import OutputError, check_output
from extract.store.texts import ClassTexts, read_class_texts, write_class_texts
from extract.store.texts.class_texts import digest_of

TEXTS = ClassTexts(
    ("Normal", "Road accident"),
    np.arange(6, dtype=np.float32).reshape(2, 3),
    (("Normal",), ("a crash", "ein Unfall, größer")),
    "clip-vit-b16",
    "sha256:1",
    "sha256:2",
)


@pytest.fixture
def path(tmp_path):
    write_class_texts(tmp_path / "texts.h5", TEXTS)
    return tmp_path / "texts.h5"


def test_what_is_written_is_read(path):
    found = read_class_texts(path)
    assert np.array_equal(found.features, TEXTS.features) and found.features.dtype == np.float32
    for each in dataclasses.fields(ClassTexts):
        if each.name != "features":
            assert getattr(found, each.name) == getattr(TEXTS, each.name)


def test_inspect_shows_classes_prompts_and_digests(path):
    shown = CliRunner().invoke(main, ["inspect", str(path)])
    assert shown.output.splitlines() == [
        "2 classes, 3 numbers, of the preset clip-vit-b16",
        "  Normal: Normal",
        "  Road accident: a crash; ein Unfall, größer",
        "texts read with the weights sha256:1",
        "for features of the weights sha256:2",
    ]
    as_json = json.loads(CliRunner().invoke(main, ["inspect", str(path), "--json"]).output)
    assert as_json["prompts"] == [list(each) for each in TEXTS.prompts]
    assert as_json["image_weights"] == "sha256:2"


def test_rows_come_in_the_order_that_is_asked_for():
    assert TEXTS.rows(["Road accident", "Normal"]).tolist() == [[3, 4, 5], [0, 1, 2]]
    with pytest.raises(ValueError, match="no text for Riot; there are texts for Normal, Road accident"):
        TEXTS.rows(["Normal", "Riot"])


def test_texts_of_other_weights_or_width_do_not_fit_features():
    spec = dataclasses.replace(PRESETS["clip-vit-b16"].spec(weights="sha256:2"), feature_dim=3)
    assert TEXTS.mismatch(spec) is None
    assert "features were made with sha256:3" in (
        TEXTS.mismatch(dataclasses.replace(spec, weights="sha256:3")) or ""
    )
    # nobody knows which weights imported features have
    assert TEXTS.mismatch(dataclasses.replace(spec, weights="theirs", imported=True)) is None
    assert "3 numbers and features 512" in (TEXTS.mismatch(dataclasses.replace(spec, feature_dim=512)) or "")


def test_a_matrix_of_somebody_else_takes_its_names_from_a_file(tmp_path):
    np.save(tmp_path / "clip.npy", TEXTS.features.astype(np.float16))
    (tmp_path / "clip.txt").write_text("Normal\nRiot\n")
    found = read_class_texts(tmp_path / "clip.npy")
    assert found.classes == ("Normal", "Riot") and np.array_equal(found.features, TEXTS.features)
    (tmp_path / "other.txt").write_text("Normal\n")
    with pytest.raises(ValueError, match=r"other.txt: has 1 names for the 2 rows of clip.npy"):
        read_class_texts(tmp_path / "clip.npy", tmp_path / "other.txt")
    np.save(tmp_path / "flat.npy", np.ones(4))
    with pytest.raises(ValueError, match=r"flat.npy: has the shape \[4\]"):
        read_class_texts(tmp_path / "flat.npy", tmp_path / "other.txt")


@pytest.mark.parametrize(
    "rows, names, reason",
    [
        ([[1, np.nan], [1, 2]], "Normal\nRiot", "texts.npy: .*not finite numbers of float32"),
        ([[1, 1e300], [1, 2]], "Normal\nRiot", "texts.npy: .*not finite numbers of float32"),
        (
            [[1, 2], [0, 0]],
            "Normal\nRiot",
            "texts.npy: .*vectors of zeros, .* for Riot",
        ),
        ([[], []], "Normal\nRiot", r"texts.npy: .*vectors of shape \[2, 0\]"),
        ([[1, 2], [3, 4]], "Riot\nRiot", "texts.txt: a class stands there twice: Riot"),
        ([[1, 2], [3, 4]], "Normal\na\x1b[2J", "texts.txt: the name .* has characters that nobody sees"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_matrix_that_cannot_be_used_says_why(tmp_path, rows, names, reason):
    np.save(tmp_path / "texts.npy", np.array(rows, np.float64))
    (tmp_path / "texts.txt").write_text(names)
    with pytest.raises(ValueError, match=reason):
        read_class_texts(tmp_path / "texts.npy")


def test_a_file_of_ours_that_cannot_be_used_says_why(path):
    wrong = np.full((2, 3), np.nan, np.float32)
    with h5py.File(path, "r+") as file:
        description = file["description"][()].tobytes()
        file["features"][...] = wrong
        file.attrs["digest"] = np.bytes_(digest_of(description, wrong))
    with pytest.raises(ValueError, match="cannot be read as class texts .*not finite numbers of float32"):
        read_class_texts(path)


@pytest.mark.parametrize(
    "values",
    [
        {"classes": ()},
        {"classes": ("Riot", "Riot")},
        {"classes": ("Riot", " ")},
        {"classes": ("Riot", "a\x1b[2J")},
        {"features": np.ones((3, 3), np.float32)},
        {"features": np.ones((2, 3))},
        {"features": np.full((2, 3), np.nan, np.float32)},
        {"features": np.array([[1, 2, 3], [0, 0, 0]], np.float32)},
        {"preset": "a\x1b[2J"},
        {"image_weights": "sha256:1\nsha256:2"},
        {"text_weights": "w" * 2000},
        {"prompts": (("Normal",),)},
        {"prompts": (("Normal",), ())},
    ],
)
def test_values_that_do_not_fit_each_other_are_refused(values):
    with pytest.raises(ValueError):
        dataclasses.replace(TEXTS, **values)


def changed(path, change) -> None:
    with h5py.File(path, "r+") as file:
        change(file)


def replaced(name: str, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


@pytest.mark.parametrize(
    "change, reason",
    [
        (replaced("features", np.ones((2, 3), np.float32)), "is damaged"),
        (replaced("description", np.frombuffer(b"{}", np.uint8)), "is damaged"),
        (replaced("features", "text"), "expected numbers"),
        (lambda file: file.attrs.__delitem__("kind"), "holds no class texts"),
        (lambda file: file.attrs.__setitem__("kind", [1, 2]), "holds no class texts"),
        (lambda file: file.attrs.__setitem__("kind", "other"), "holds no class texts"),
        (lambda file: file.attrs.__setitem__("format_version", 2), "has format 2, this version reads 1"),
        (lambda file: file.__delitem__("features"), "has no features; it holds description"),
        (lambda file: file.create_dataset("more", data=np.ones(3)), ""),
    ],
)
def test_a_changed_file_is_one_line(path, change, reason):
    changed(path, change)
    if not reason:  # what nobody asks for is left alone
        assert read_class_texts(path).classes == TEXTS.classes
        return
    with pytest.raises(ValueError, match=reason) as caught:
        read_class_texts(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_every_flipped_byte_of_the_content_is_seen(path):
    content = bytearray(path.read_bytes())
    for value in (TEXTS.features.tobytes(), json.dumps("a crash").encode()):
        place = content.index(value)
        flipped = bytearray(content)
        flipped[place + 2] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match="damaged"):
            read_class_texts(path)


def test_only_class_texts_are_replaced(path, tmp_path):
    check_output(path, "class texts")
    with h5py.File(tmp_path / "store.h5", "w") as file:
        file.attrs["kind"] = "another"
    with pytest.raises(OutputError, match="is an HDF5 file, which this would replace"):
        check_output(tmp_path / "store.h5", "class texts", option="--out")
