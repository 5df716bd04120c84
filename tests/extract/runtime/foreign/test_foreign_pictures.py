"""Images: the formats that we name, of a size that somebody records, whatever the suffix says."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.pictures import FORMATS, open_picture
from support.hostile_files import CONTENTS

PIXELS = (np.arange(8 * 8 * 3).reshape(8, 8, 3) % 256).astype(np.uint8)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("name", FORMATS)
def test_the_formats_that_we_name_are_read_under_any_suffix(name, tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "1.bin", name)
    with open_picture(tmp_path / "1.bin") as image:
        assert np.asarray(image.convert("RGB")).shape == (8, 8, 3)


@pytest.mark.parametrize("name", ["PPM", "TGA", "PCX", "ICO", "EPS", "PDF", "SGI", "DDS"])
def test_other_formats_are_refused_and_start_no_program(name, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/STARTED\n")
    os.chmod(tmp_path / "bin" / "gs", 0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    Image.fromarray(PIXELS).save(tmp_path / "1.png", name)
    (tmp_path / "2.png").write_bytes(CONTENTS["postscript"])
    for path in (tmp_path / "1.png", tmp_path / "2.png"):
        with (
            pytest.raises(ForeignFileError, match="cannot be read as a PNG, JPEG"),
            open_picture(path) as image,
        ):
            image.load()
    assert not (tmp_path / "STARTED").exists()


def test_more_pixels_than_anybody_records_are_not_decoded(tmp_path):
    for width, height in ((1 << 20, 1 << 20), (1 << 30, 1), (10_000, 10_000)):
        (tmp_path / "1.png").write_bytes(png(width, height, bytes(100)))
        with pytest.raises(ForeignFileError, match=f"{width}x{height} pixels|exceeds limit"):
            with open_picture(tmp_path / "1.png"):
                pass


def test_an_image_of_small_size_with_a_gigabyte_behind_it_costs_nothing(tmp_path):
    (tmp_path / "1.png").write_bytes(png(2, 2, b"\0\1\2\0\3\4" + bytes(1 << 24)))
    try:
        with open_picture(tmp_path / "1.png") as image:
            assert np.array_equal(np.asarray(image), [[1, 2], [3, 4]])
    except ForeignFileError as error:
        assert str(error).isprintable()


def test_a_tile_that_is_larger_than_its_image_is_not_decoded(tmp_path):
    entries = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 277: 1, 322: 1 << 15, 323: 1 << 15, 324: 8, 325: 64}
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    content = (
        b"II*\0" + struct.pack("<I", 72) + bytes(64) + struct.pack("<H", len(entries)) + table + bytes(4)
    )
    (tmp_path / "1.tif").write_bytes(content)
    with pytest.raises(ForeignFileError, match="tiles of 32768x32768 pixels"):
        with open_picture(tmp_path / "1.tif") as image:
            image.load()


def test_an_error_while_pixels_are_decoded_names_the_file(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "1.png")
    content = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(ForeignFileError, match="1.png: cannot be read as a PNG"):
        with open_picture(tmp_path / "1.png") as image:
            np.asarray(image)
