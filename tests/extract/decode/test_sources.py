"""From a video id to its file or images: what matches, what is ambiguous, what must never be opened."""

import hashlib
import os

import pytest

from data_lists.file_names import natural_key
from extract.decode.sources import SourceError, find_source, identify_source
from support.hostile_files import IRREGULAR


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def test_a_suffix_of_any_case_is_found(tmp_path):
    touch(tmp_path, "Abuse/a.AVI", "Abuse/ab.mp4", "Abuse/a.txt")
    source = find_source(tmp_path, "Abuse/a")
    assert source.path == tmp_path / "Abuse" / "a.AVI" and source.relative == "Abuse/a.AVI"
    assert source.images == ()


def test_dots_and_special_characters_in_a_name_are_kept(tmp_path):
    touch(tmp_path, "v1.2 [cut](+).mp4", "v1.mp4")
    assert find_source(tmp_path, "v1.2 [cut](+)").relative == "v1.2 [cut](+).mp4"
    assert find_source(tmp_path, "v1").relative == "v1.mp4"


def test_frames_of_a_folder_are_in_natural_order(tmp_path):
    touch(tmp_path, "v/img10.jpg", "v/img9.JPG", "v/img1.jpg", "v/notes.txt", "v/.hidden.jpg")
    source = find_source(tmp_path, "v")
    assert [path.name for path in source.images] == ["img1.jpg", "img9.JPG", "img10.jpg"]
    assert source.relative == "v"


def test_frames_of_many_videos_in_one_folder_are_kept_apart(tmp_path):
    for video in ("Abuse001_x264", "Abuse0012_x264", "Abuse001_x264_extra"):
        touch(tmp_path, *[f"Train/Abuse/{video}_{number}.png" for number in (0, 10, 100, 20)])
    source = find_source(tmp_path, "Train/Abuse/Abuse001_x264")
    assert [path.stem.rpartition("_")[2] for path in source.images] == ["0", "10", "20", "100"]
    assert source.relative == "Train/Abuse/Abuse001_x264_*"


@pytest.mark.parametrize(
    "names, match",
    [
        (("v.mp4", "v.avi"), "v.avi and v.mp4"),
        (("v.mp4", "v/1.jpg"), "v.mp4 and v"),
        (("v/1.jpg", "v_1.jpg"), r"v and v_\*"),
    ],
)
def test_two_matching_sources_are_an_error_that_names_both(tmp_path, names, match):
    touch(tmp_path, *names)
    with pytest.raises(SourceError, match=f"two sources match, {match};"):
        find_source(tmp_path, "v")


def test_a_folder_of_other_videos_does_not_compete(tmp_path):
    touch(tmp_path, "fight.mp4", "fight/other.mp4")
    assert find_source(tmp_path, "fight").relative == "fight.mp4"


@pytest.mark.parametrize("video_id", ["../secret", "a/../../secret", "/etc/secret", "", "a\0b"])
def test_no_id_leaves_the_root(tmp_path, video_id):
    touch(tmp_path, "secret.mp4", "root/a/b.mp4")
    with pytest.raises(SourceError, match="not a path below"):
        find_source(tmp_path / "root", video_id)


def test_links_that_lie_in_the_root_are_followed(tmp_path):
    touch(tmp_path, "disk/v.mp4")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "v.mp4").symlink_to(tmp_path / "disk" / "v.mp4")
    assert find_source(tmp_path / "root", "v").relative == "v.mp4"


@pytest.mark.parametrize(
    "video_id, match",
    [
        ("absent", "no video file and no folder of frames"),
        ("nowhere/absent", "no folder nowhere"),
        ("v.mp4/inside", "no folder v.mp4"),
        ("x" * 300, "longer than the file system allows"),
        ("hollow", "folder without frames"),
        ("fake", "fake.mp4 is a folder, expected a video file"),
    ],
)
def test_what_is_missing_is_reported_in_one_line(tmp_path, video_id, match):
    touch(tmp_path, "v.mp4", "hollow/readme.txt", "fake.mp4/x")
    with pytest.raises(SourceError, match=match) as caught:
        find_source(tmp_path, video_id)
    assert "\n" not in str(caught.value)


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        find_source(tmp_path / "typo", "v")


def test_a_folder_without_permission_is_reported_in_one_line(tmp_path):
    touch(tmp_path, "closed/v.mp4")
    (tmp_path / "closed").chmod(0)
    try:
        if os.access(tmp_path / "closed", os.R_OK):
            pytest.skip("this user can read every file")
        with pytest.raises(SourceError, match="cannot be read"):
            find_source(tmp_path, "closed/v")
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    touch(tmp_path, "v.mp4")
    identity = identify_source(find_source(tmp_path, "v"))
    assert identity == {"path": "v.mp4", "bytes": 5, "sha256": hashlib.sha256(b"v.mp4").hexdigest()}


def test_the_digest_of_images_covers_names_order_and_contents(tmp_path):
    digests = set()
    for number, contents in enumerate(
        [
            {"1.png": b"ab", "2.png": b"c"},
            {"1.png": b"a", "2.png": b"bc"},
            {"1.png": b"ab", "3.png": b"c"},
            {"1.png": b"ab", "2.png": b"d"},
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        identity = identify_source(find_source(tmp_path, str(number)))
        assert identity["bytes"] == 3
        digests.add(identity["sha256"])
    assert len(digests) == 4


def test_natural_order_compares_digits_as_numbers():
    names = ["f10", "f9", "f009", "f1", "g0", "f"]
    assert sorted(names, key=natural_key) == ["f", "f1", "f009", "f9", "f10", "g0"]


@pytest.mark.parametrize("kind", [kind for kind in IRREGULAR if kind not in ("folder", "missing")])
@pytest.mark.parametrize("name", ["v.mp4", "w/2.png", "x_2.png"])
def test_a_video_or_an_image_that_is_no_regular_file_is_refused_by_name(kind, name, tmp_path):
    touch(tmp_path, "w/1.png", "x_1.png")
    IRREGULAR[kind](tmp_path / name)
    video_id = name[0]
    with pytest.raises(SourceError) as caught:
        identify_source(find_source(tmp_path, video_id))
    expected = "a video file" if name == "v.mp4" else "an image"
    assert str(caught.value).startswith(f"{video_id}: {name}: ") and str(caught.value).isprintable()
    assert kind not in ("pipe", "zeros", "socket") or str(caught.value).endswith(f"expected {expected}")


def test_links_to_themselves_cost_only_their_own_video(tmp_path):
    touch(tmp_path, "v.mp4", "vw/1.png")
    for name in ("v.avi.mp4", "v_x", "vw/self", "vx.mp4"):
        (tmp_path / name).symlink_to(os.path.basename(name))
    assert identify_source(find_source(tmp_path, "v"))["path"] == "v.mp4"
    assert len(find_source(tmp_path, "vw").images) == 1


def test_names_of_other_digits_are_in_natural_order_too():
    assert sorted(["²", "a10", "a²", "a2", "٣", ""], key=natural_key) == ["", "a2", "a10", "a²", "²", "٣"]
