"""Folders, archives and pages of images: which of them are frames, in which order, and which way up."""

import io
import zipfile
from datetime import datetime, timedelta

import numpy as np
import pytest
from PIL import Image, ImageOps

from extract.decode.folder_reader import open_folder
from extract.decode.sources import SourceError, find_source, identify_source
from support.video_corpus import number_of, paint


def write_images(folder, names, size=(160, 96)):
    """Image number n, painted with n, gets the n-th name."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.fromarray(paint(number, *size)).save(folder / name)


def numbers_of(root, video_id="v"):
    video = open_folder(find_source(root, video_id), None)
    frames = list(video.frames)
    return [number_of(each.rgb()) for each in frames], [each.frame_index for each in frames], video


START = datetime(2023, 1, 5, 12, 59, 40)
CLOCKS = {
    "seconds with a point": [f"{round(n / 25, 2)}.png" for n in range(48)],
    "fixed point": [f"frame_{n / 25:.5f}.png" for n in range(48)],
    "dates": [f"{START + timedelta(seconds=n):%Y%m%d%H%M%S}.png" for n in range(48)],
    "dates with marks": [f"cam-{START + timedelta(seconds=n):%Y-%m-%d_%H-%M-%S}.png" for n in range(48)],
    "milliseconds": [f"{1700000000000 + 33 * n + n % 3}.png" for n in range(48)],
    "nanoseconds": [f"{(1700000000000 + 33 * n) * 10**6 + n % 7}.png" for n in range(48)],
    "seconds since 1970": [f"{1700000000 + n}.png" for n in range(48)],
    "no numbers": [f"{chr(97 + n // 26)}{chr(97 + n % 26)}.png" for n in range(48)],
}


@pytest.mark.parametrize("kind", CLOCKS)
def test_names_that_are_times_give_an_order_and_no_gaps(tmp_path, kind):
    write_images(tmp_path / "v", CLOCKS[kind])
    numbers, index, video = numbers_of(tmp_path)
    assert numbers == index == list(range(48)) and video.missing_frames == 0


@pytest.mark.parametrize(
    ("names", "index"),
    [
        ([f"img_{n:05}.png" for n in range(1, 9)], list(range(8))),
        ([f"{n}.png" for n in (8, 9, 10, 11)], [0, 1, 2, 3]),
        ([f"f{n}.PNG" for n in (0, 10, 20, 50)], [0, 10, 20, 50]),
        ([f"shot1.{n}.png" for n in range(8, 12)], [0, 1, 2, 3]),
        ([f"cam2_{n:04}.jpg" for n in (3, 4, 7)], [0, 1, 4]),
        ([f"{n}.webp" for n in range(3)], [0, 1, 2]),
        (["only_20230105125940.png"], [0]),
    ],
    ids=lambda value: str(value[0]),
)
def test_frame_numbers_keep_their_steps_and_gaps(tmp_path, names, index):
    write_images(tmp_path / "v", names)
    numbers, found, _ = numbers_of(tmp_path)
    assert numbers == list(range(len(names))) and found == index


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            [f"flow_x_{n:05}.png" for n in range(1, 4)] + [f"flow_y_{n:05}.png" for n in range(1, 4)],
            "3 such as flow_",
        ),
        ([f"img_{n:05}_gt.png" for n in range(4)], "4 such as img_"),
        (["thumbnail.jpg"], "1 such as thumbnail.jpg"),
        (["cover1.jpg"], "1 such as cover1.jpg"),
    ],
    ids=["flow", "masks", "thumbnail", "numbered cover"],
)
def test_two_kinds_of_images_in_one_folder_are_refused_by_name(tmp_path, more, said):
    write_images(tmp_path / "v", [f"img_{n:05}.png" for n in range(5)] + more)
    with pytest.raises(SourceError, match=f"v: v holds images of two kinds, 5 such as img_.* and {said}"):
        find_source(tmp_path, "v")


def test_what_systems_leave_in_folders_is_no_image(tmp_path):
    write_images(tmp_path / "v", [f"img_{n}.png" for n in range(4)])
    for name in ("._img_0.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / "v" / name).write_bytes(b"\0")
    assert numbers_of(tmp_path)[0] == [0, 1, 2, 3]


@pytest.mark.parametrize("folder", ["", "frames/"])
def test_an_archive_of_images_is_read_as_a_folder_of_them(tmp_path, folder):
    write_images(tmp_path / "plain", [f"img_{n}.png" for n in (8, 9, 10)])
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as archive:
        for path in (tmp_path / "plain").iterdir():
            archive.write(path, f"{folder}{path.name}")
        archive.writestr("__MACOSX/._img_8.png", b"\0")
    numbers, index, _ = numbers_of(tmp_path)
    assert (numbers, index) == numbers_of(tmp_path, "plain")[:2] == ([0, 1, 2], [0, 1, 2])
    assert identify_source(find_source(tmp_path, "v"))["bytes"] == (tmp_path / "v.zip").stat().st_size
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "holds no image"),
        ({"notes.txt": b"x"}, "holds no image"),
        ({"a/1.png": b"", "b/1.png": b""}, "holds images in a and in b, expected one folder"),
    ],
    ids=["empty", "text", "two folders"],
)
def test_other_archives_are_refused(tmp_path, members, said):
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(SourceError, match=f"v: v.zip {said}"):
        find_source(tmp_path, "v")


def test_a_damaged_archive_is_refused(tmp_path):
    (tmp_path / "v.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(SourceError, match=r"v: v.zip cannot be read as a zip archive"):
        find_source(tmp_path, "v")


@pytest.mark.parametrize("suffix", [".tif", ".webp"])
def test_pages_of_an_image_are_frames(tmp_path, suffix):
    pages = [Image.fromarray(paint(number)) for number in range(5)]
    pages[0].save(
        tmp_path / f"v{suffix}",
        save_all=True,
        append_images=pages[1:],
        **({"lossless": True} if suffix == ".webp" else {}),
    )
    assert numbers_of(tmp_path)[:2] == ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4])
    (tmp_path / "w").mkdir()
    (tmp_path / f"v{suffix}").rename(tmp_path / "w" / f"stack{suffix}")
    assert numbers_of(tmp_path, "w")[0] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_stand_as_their_camera_noted(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    content = io.BytesIO()
    Image.fromarray(paint(5)).save(content, "PNG", exif=exif)
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "0.png").write_bytes(content.getvalue())
    video = open_folder(find_source(tmp_path, "v"), None)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(content)))
    assert np.array_equal(next(iter(video.frames)).rgb(), expected)
    assert (video.width, video.height) == (expected.shape[1], expected.shape[0])
