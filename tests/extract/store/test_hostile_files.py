"""Feature files and packs of strangers, or of a disk that flips bits: refused by name, or read as written."""

from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from extract.cli import main
from extract.runtime.foreign.foreign_error import ForeignFileError, ReaderTimedOut
from extract.store import FeatureStore, StoreError, VideoFeatures, probing
from extract.store.packing import pack, unpack
from support.tiny_stores import make_features, make_spec

ROWS = np.random.default_rng(0).normal(size=(70, 6))


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A folder with a store of two videos, the same packed, and a file that no store may show."""
    folder = tmp_path_factory.mktemp("sound")
    store = FeatureStore.create(folder / "store", make_spec())
    for number in range(2):
        store.write(make_features(f"d/v{number}", ROWS + number))
    pack(store.root, folder / "pack.h5")
    (folder / "secret.bin").write_bytes(ROWS.astype(np.float32).tobytes())
    with h5py.File(folder / "secret.h5", "w") as file:
        file["features"] = ROWS.astype(np.float32)[:, None]
    return folder


@pytest.fixture
def copy(sound, tmp_path) -> Path:
    return shutil.copytree(sound, tmp_path / "copy")


@pytest.fixture(params=["file", "pack"])
def place(request, copy) -> tuple[Path, Path]:
    """(the store, the HDF5 file that holds d/v0)."""
    return (copy / "store", copy / "store/d/v0.h5") if request.param == "file" else (copy / "pack.h5",) * 2


def is_same(found: VideoFeatures, expected: VideoFeatures, *names: str) -> bool:
    arrays = names or ("features", "frame_span", "time_span")
    numbers = ("num_frames", "fps", "width", "height", "decode", "source", "provenance")
    return all(np.array_equal(getattr(found, name), getattr(expected, name)) for name in arrays) and all(
        getattr(found, name) == getattr(expected, name) for name in numbers
    )


def reads(store: FeatureStore, expected: VideoFeatures) -> str:
    """Read d/v0 in every way; "" or the error. Asserts that what is read is what was written."""
    try:
        assert is_same(store.read("d/v0"), expected)
        assert is_same(store.header("d/v0"), expected, "frame_span", "time_span")
        with store.open("d/v0") as lazy:
            blocks = [lazy.features[begin : begin + 32] for begin in range(0, lazy.num_segments, 32)]
        assert np.array_equal(np.concatenate(blocks), expected.features)
    except StoreError as error:
        assert "\n" not in str(error)
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("flips", [120])
def test_a_flipped_byte_is_an_error_or_changes_nothing(place, flips):
    root, path = place
    expected, content = FeatureStore(root).read("d/v0"), path.read_bytes()
    dice, refused = random.Random(16), 0
    for _ in range(flips):
        damaged = bytearray(content)
        damaged[dice.randrange(len(damaged))] ^= dice.randrange(1, 256)
        path.write_bytes(damaged)
        try:
            store = FeatureStore(root)
            assert not store.packed or store.ids() == ["d/v0", "d/v1"]
        except StoreError:
            refused += 1
        else:
            refused += bool(reads(store, expected))
    assert 0.1 * flips < refused < flips


@pytest.mark.slow
def test_a_truncated_file_is_refused_at_every_length(place):
    root, path = place
    size = path.stat().st_size
    for length in random.Random(16).sample(range(size), 50):
        os.truncate(path, length)
        with pytest.raises(StoreError, match="damaged"):
            FeatureStore(root).read("d/v0")
        path.write_bytes(bytes(size))


# Each makes the group of a video hostile; `folder` holds files that must not be read.
HOSTILE = {}


def hostile(message: str):
    def add(change):
        HOSTILE[change.__name__] = (change, message)
        return change

    return add


@hostile("link to another place or file")
def soft_link(group, _folder):
    del group["features"]
    group["features"] = h5py.SoftLink("frame_span")


@hostile("link to another place or file")
def external_link(group, folder):
    del group["features"]
    group["features"] = h5py.ExternalLink(folder / "secret.h5", "features")


@hostile("lies in other files")
def external_storage(group, folder):
    del group["features"]
    stored = [(folder / "secret.bin", 0, h5py.h5f.UNLIMITED)]
    group.create_dataset("features", (70, 1, 6), np.float32, external=stored)


@hostile("lies in other files")
def virtual_dataset(group, folder):
    del group["features"]
    layout = h5py.VirtualLayout((70, 1, 6), np.float32)
    layout[:] = h5py.VirtualSource(folder / "secret.h5", "features", (70, 1, 6))
    group.create_virtual_dataset("features", layout)


@hostile("would unpack")
def gzip_bomb(group, _folder):
    del group["frame_span"]
    group.create_dataset("frame_span", (1 << 30, 2), np.int64, chunks=(1 << 10, 2), compression="gzip")[0] = 0


@hostile("chunks are missing")
def missing_chunks(group, _folder):
    del group["features"]
    group.create_dataset("features", (70, 1, 6), np.float32, chunks=(8, 1, 6), fletcher32=True)


@hostile("features holds float64, expected float32")
def other_type(group, _folder):
    del group["features"]
    group["features"] = ROWS[:, None]


@hostile("features holds object, expected float32")
def text_rows(group, _folder):
    del group["features"]
    group.create_dataset("features", (70, 1, 6), h5py.string_dtype())


@hostile(r"features has shape \[70, 1, 5\], expected \[70, 1, 6\]")
def other_shape(group, _folder):
    del group["features"]
    group["features"] = ROWS.astype(np.float32)[:, None, :5]


@hostile("features is a group, expected a dataset")
def group_for_rows(group, _folder):
    del group["features"]
    group.create_group("features")


@hostile("holds 4 arrays, expected at most 3")
def path_as_name(group, _folder):
    group.create_dataset("..", data=np.zeros(70))  # an ordinary name for HDF5


@hostile("has no time_span")
def missing_array(group, _folder):
    del group["time_span"]


@hostile("not ascending ranges within 1120 frames")
def span_beyond_the_end(group, _folder):
    group["frame_span"][-1, 1] = 10**12


@hostile("time spans hold NaN")
def undefined_times(group, _folder):
    group["time_span"][3] = np.nan


@hostile("has attributes")
def attribute_of_rows(group, _folder):
    group["features"].attrs["x"] = 1


def attributes(message: str, **values):
    name, value = next(iter(values.items()))

    def change(group, _folder):
        group.attrs[name] = value

    HOSTILE[f"{name} = {str(value)[:20]}"] = (change, message)


attributes("num_frames is 1000000000000, expected 0 to 100000000", num_frames=10**12)
attributes("num_frames is -1, expected", num_frames=-1)
attributes("attribute num_frames is str, expected int", num_frames="70")
attributes("attribute num_frames is .2. values, expected one", num_frames=[1, 2])
attributes("fps is nan, expected", fps=np.nan)
attributes("width is 1000000, expected", width=10**6)
attributes("is incomplete", complete=0)
attributes("has format 3", format_version=3)
attributes("holds no readable spec", spec="no JSON")
attributes("holds no readable spec", spec="[" * 100_000)
attributes("is no name of an array", spec=make_spec().to_json().replace('"arrays": []', '"arrays": ["../x"]'))
attributes("feature_dim is '6', expected int", spec=make_spec().to_json().replace(": 6", ': "6"'))
attributes("cannot be read", decode="[" * 100_000)
attributes("decode is no JSON object", decode="[]")
attributes("messages in decode is str, expected int", decode='{"messages": "many"}')
attributes("sha256 in source is list, expected str", source='{"sha256": []}')
attributes("has format 1 and a digest", digest="0" * 64)
attributes("attribute source is Empty, expected|attribute source is .* values", source=h5py.Empty("f"))


def as_format_1(group) -> None:
    """As strangers may write it: without digests, so that nothing but the schema can refuse it."""
    group.attrs["format_version"] = 1
    for name in ("digest", "arrays", "video_id"):
        if name in group.attrs:
            del group.attrs[name]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_does_not_fit_the_schema_is_refused(place, copy, name):
    (root, path), (change, message) = place, HOSTILE[name]
    with h5py.File(path, "r+") as file:
        group = file["d/v0"] if "pack" in path.name else file
        as_format_1(group)
        change(group, copy)
    store = FeatureStore(root)
    for read in (store.read, store.header):
        with pytest.raises(StoreError, match=f"^d/v0: .*{path.name} .*({message})"):
            read("d/v0")
    assert store.read("d/v1").num_segments == 70 or not store.packed
    assert "d/v0" in store


def test_format_1_without_digests_is_read(place):
    root, path = place
    expected = FeatureStore(root).read("d/v0")
    with h5py.File(path, "r+") as file:
        as_format_1(file["d/v0"] if "pack" in path.name else file)
    assert reads(FeatureStore(root), expected) == ""


@pytest.mark.parametrize("name", ["digest", "arrays", "num_frames", "decode"])
def test_format_2_without_one_of_its_attributes_is_damaged(place, name):
    root, path = place
    with h5py.File(path, "r+") as file:
        del (file["d/v0"] if "pack" in path.name else file).attrs[name]
    with pytest.raises(StoreError, match=f"v0: .*damaged .*has no attribute {name}"):
        FeatureStore(root).header("d/v0")


def test_a_video_under_another_name_in_a_pack_is_refused(copy):
    with h5py.File(copy / "pack.h5", "r+") as file:
        file.move("d/v0", "d/v9")
    store = FeatureStore(copy / "pack.h5")
    with pytest.raises(StoreError, match="its videos do not fit their digest"):
        store.ids()
    with pytest.raises(StoreError, match="holds d/v0 under the name d/v9"):
        store.read("d/v9")


def test_links_in_a_pack_lead_nowhere(copy):
    with h5py.File(copy / "pack.h5", "r+") as file:
        del file.attrs["ids_digest"], file.attrs["store"]
        text = {"format_version": 1, "spec": json.loads(make_spec().to_json()), "batch_shape": None}
        file.attrs["store"] = json.dumps(text)
        file["loop"] = file["d"]
        file["soft"] = h5py.SoftLink("d/v0")
        file["outside"] = h5py.ExternalLink(copy / "secret.h5", "/")
        file["x\x1b[31m"] = np.zeros(3)
        file.create_group("../../up").attrs["complete"] = 1
    problems: list[str] = []
    store = FeatureStore(copy / "pack.h5")
    assert store.ids(problems.append) == ["d/v0", "d/v1"] and len(problems) == 5
    assert not any("\x1b" in line or "\n" in line for line in problems)
    for name in ("soft", "outside"):
        with pytest.raises(StoreError, match="link to another place or file"):
            store.read(name)
    assert unpack(copy / "pack.h5", copy / "again", on_problem=problems.append) == 2
    assert sorted(path.name for path in (copy / "again").rglob("*.h5")) == ["v0.h5", "v1.h5"]


STRAY = ["._v0.h5", ".DS_Store", "Thumbs.db", "folder.h5/", "pipe.h5|", "pipe|", ".index.sqlite|"]


def command(*words) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


@pytest.mark.parametrize("name", STRAY)
def test_stray_things_in_a_store_never_block(copy, name):
    path = copy / "store" / name.rstrip("/|")
    if name.endswith("/"):
        path.mkdir()
    elif name.endswith("|"):
        os.mkfifo(path)
    else:
        path.write_bytes(b"\0\5\26\7")
    store = FeatureStore(copy / "store")
    assert store.ids() == ["d/v0", "d/v1"] == sorted(store.scan()[0]) and set(store.sizes()) == set(
        store.ids()
    )
    assert command("verify", store.root) == (0, "2 videos intact, 0 damaged\n")
    assert command("inspect", store.root)[0] == 0
    assert command("pack", store.root, copy / "new.h5")[0] == 0


def test_a_pipe_in_the_place_of_a_file_is_never_written_to(copy):
    store = FeatureStore(copy / "store")
    for name in ("new.h5", "failures.jsonl"):
        os.mkfifo(store.root / name)
    with pytest.raises(StoreError, match="new: cannot be written .*it is no regular file"):
        store.write(make_features("new", ROWS))
    assert command("inspect", store.root) == (
        2,
        f"error: {store.root}: failures.jsonl cannot be read: is a pipe, expected a text file\n",
    )


def test_what_cannot_be_used_is_named_and_the_rest_is_read(copy):
    store = FeatureStore(copy / "store")
    with h5py.File(copy / "other.h5", "w"):
        pass
    (store.root / "out.h5").symlink_to(copy / "other.h5")
    (store.root / "away").symlink_to(copy)
    (store.root / "loop").symlink_to("loop")
    (store.root / "again").symlink_to("d")
    Path(os.fsdecode(os.fsencode(store.root) + b"/x\xff.h5")).write_bytes(b"")
    (store.root / "red\x1b[31m.h5").write_bytes(b"")
    assert store.ids() == ["d/v0", "d/v1"]
    before = (copy / "other.h5").read_bytes()
    for name in ("out", "away/v"):
        with pytest.raises(StoreError, match="a link leads out of the store"):
            store.write(make_features(name, ROWS))
        with pytest.raises(StoreError, match="a link leads out of the store"):
            store.read(name)
    assert (copy / "other.h5").read_bytes() == before and not (copy / "v.h5").exists()
    code, said = command("verify", store.root)
    assert code == 1 and said.splitlines()[-1] == "2 videos intact, 5 damaged" and "\x1b" not in said
    for part in (
        "loop: Too many",
        "out.h5: a link leads",
        "away: a link leads",
        r"x\xff.h5 cannot",
        r"red\x1b[31m.h5 cannot",
    ):
        assert said.count(part) == 1, part


def test_damaged_videos_are_left_out_of_a_pack_by_name(copy):
    os.truncate(copy / "store/d/v0.h5", 3000)
    code, said = command("pack", copy / "store", copy / "new.h5")
    assert code == 1 and "d/v0: " in said and "1 videos packed, 1 left out" in said
    with h5py.File(copy / "new.h5", "r+") as file:
        assert list(file["d"]) == ["v1"]
        file["d/v1/features"][0] = 7
    code, said = command("unpack", copy / "new.h5", copy / "again")
    assert code == 1 and "d/v1: " in said and "features does not fit its digest" in said
    assert FeatureStore(copy / "again").ids() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("clip_length", "clip_lengti"),
        lambda text: text.replace(": 16", ": 17", 1),
        lambda text: text.replace("null", "[4]", 1),
        lambda text: text.replace('"digest"', '"digesu"'),
        lambda text: text.replace('"format_version": 2', '"format_version": 1'),
        lambda _text: "[" * 100_000,
        lambda _text: "\xff\xfe",
        lambda _text: '{"format_version": 1, "spec": {}, "batch_shape": null}',
        lambda _text: "[]",
    ],
)
def test_a_changed_description_is_refused(copy, change):
    path = copy / "store/store.json"
    path.write_text(change(path.read_text()), encoding="latin-1")
    with pytest.raises(
        StoreError, match=r"store.json does not describe a feature store|store.json cannot be read"
    ):
        FeatureStore(copy / "store")


@pytest.mark.slow
def test_a_black_video_that_compresses_like_a_bomb_is_stored_uncompressed(tmp_path):
    store = FeatureStore.create(tmp_path, make_spec(arrays=("rgb",)))
    black = np.zeros((70, 1, 1 << 20), np.uint8)
    store.write(replace(make_features("v", ROWS), arrays={"rgb": black}), compression="gzip")
    assert np.array_equal(store.rows("v", ["rgb"], slice(3, 4))["rgb"], black[3:4])


def test_a_file_whose_reader_does_not_end_is_waited_for_once(tmp_path, monkeypatch):
    asked = []

    def endless(_function, path, *values, **_options):
        asked.append(values)
        raise ReaderTimedOut(path, "took more than 15 s")

    monkeypatch.setattr(probing, "in_sandbox", endless)
    monkeypatch.setattr(probing, "_failed", {})
    path = tmp_path / "pack.h5"
    path.write_bytes(b"x")
    for video_id in ("a", "b", "c"):
        with pytest.raises(ForeignFileError, match="took more than 15 s"):
            probing.check_probed(path, "a state of its own", video_id)
    assert asked == [("a",)]
