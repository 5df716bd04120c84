"""How many bytes a file's own structure states: shows a download that broke off where no clock does."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from extract.runtime.foreign.regular_file import open_regular, size_text

LOOK_BYTES = 1 << 16
LARGEST_BYTES = 1 << 50
MOST_BOXES = 100_000  # of an MP4 file that are looked at; a fragmented one has two per fragment
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
MATROSKA, SEGMENT = b"\x1aE\xdf\xa3", b"\x18S\x80g"
MXF_PARTITION = bytes.fromhex("060e2b34020501010d01020101")
MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp")
# Samples per pixel of the chroma formats of YUV4MPEG2, and alpha; the rest of a name is bits per sample.
Y4M_SAMPLES = {"444alpha": 4.0, "444": 3.0, "422": 2.0, "411": 1.5, "420": 1.5, "mono": 1.0}
OGG_END, OGG_HEADER_BYTES = 4, 27


def cut_off(path: Path) -> str:
    """Such as "the file has 1.2 MB of the 3.4 MB that its header states"; "" if nothing says so."""
    with open_regular(path) as file:
        head = file.read(LOOK_BYTES)
        there = file.seek(0, 2)
        for mark, has_end in END_MARKS.items():
            if head.startswith(mark):
                return "" if has_end(file, there) else "the file has no end mark"
        stated = _stated(file, head, there)
    if stated is None or there >= stated:
        return ""
    return f"the file has {size_text(there)} of the {size_text(stated)} that its header states"


def appended(path: Path) -> bool:
    """Whether a Matroska file may hold another one after its end, which some decoders do not read."""
    with open_regular(path) as file:
        head = file.read(LOOK_BYTES)
        if not head.startswith(MATROSKA):
            return False
        stated = _matroska(head)
        return stated is None or file.seek(0, 2) > stated


def _stated(file: BinaryIO, head: bytes, there: int) -> int | None:
    """Bytes that a file has according to itself; None if it does not say."""
    if head.startswith(b"FLV"):
        at = head.find(b"filesize\0")
        stated = struct.unpack_from(">d", head, at + 9)[0] if 0 < at <= len(head) - 17 else 0.0
        return int(stated) if 0.0 < stated < LARGEST_BYTES else None
    if head.startswith(MATROSKA):
        return _matroska(head)
    if head.startswith(b"RIFF") and len(head) >= 12:
        # The first list of a file that has several; 0 and all ones are left by recorders that were killed.
        stated = struct.unpack_from("<I", head, 4)[0]
        return stated + 8 if 4 < stated < 0xFFFFFFFF else None
    if head[4:8] in MP4_BOXES:
        return _boxes(file, there)
    if (at := head.find(MXF_PARTITION)) >= 0:
        return _mxf(head[at:])
    if head.startswith(b"YUV4MPEG2 "):
        return _y4m(head, there)
    # Its object header (16 and 8 bytes), then the file's identity (16), then its size.
    at = head.find(ASF_FILE_PROPERTIES)
    if head.startswith(b"\x30\x26\xb2\x75") and 0 < at <= len(head) - 48:
        return struct.unpack_from("<Q", head, at + 40)[0]
    return None


def _matroska(head: bytes) -> int | None:
    """End of the segment; None for a live recording, whose segment states no size."""
    at = head.find(SEGMENT)
    if not 0 < at < len(head) - 12:
        return None
    first = head[at + 4]
    length = 9 - first.bit_length()  # leading zeros of the first byte say how many bytes the number has
    if not first:
        return None
    number = int.from_bytes(head[at + 4 : at + 4 + length], "big") & ((1 << 7 * length) - 1)
    return None if number == (1 << 7 * length) - 1 else at + 4 + length + number


def _boxes(file: BinaryIO, there: int) -> int | None:
    """End of the last box of an MP4 file, which may lie behind the file's end."""
    at = 0
    for _ in range(MOST_BOXES):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:  # nothing, or what follows the last box is too short for one
            return at or None
        size = int.from_bytes(header[:4], "big")
        if size == 1 and len(header) == 16:
            size = int.from_bytes(header[8:], "big")
        # 0: to the end of the file. What is too small, or has no name, is not a box but appended bytes.
        if size < 8 or not re.fullmatch(rb"[ -~\xa9]{4}", header[4:8]):
            return at or None
        at += size
        if at > there:
            return at if at < LARGEST_BYTES else None
    return None


def _mxf(partition: bytes) -> int | None:
    """Where the footer begins, which the header of a finished file states."""
    # Key (16), length in BER, versions (4), alignment (4), offsets of this and the previous partition (16).
    if len(partition) < 64 or partition[13] != 2:
        return None
    length = 1 + (partition[16] & 0x7F if partition[16] & 0x80 else 0)
    footer = struct.unpack_from(">Q", partition, 16 + length + 24)[0]
    return footer + 1 if 0 < footer < LARGEST_BYTES else None


def _y4m(head: bytes, there: int) -> int | None:
    """End of the last frame that has begun."""
    line = head.split(b"\n", 1)[0]
    fields = {each[:1]: each[1:].decode("ascii", "replace") for each in line.split()[1:]}
    chroma = fields.get(b"C", "420")
    kind = next((kind for kind in Y4M_SAMPLES if chroma.startswith(kind)), None)
    try:
        width, height = int(fields[b"W"]), int(fields[b"H"])
    except (KeyError, ValueError):
        return None
    if kind is None or not head[len(line) + 1 :].startswith(b"FRAME\n") or width < 1 or height < 1:
        return None
    wide = re.search(r"p?(1[0-6]|9)$", chroma.removeprefix(kind))
    samples = {
        "420": width * height + 2 * (-(-width // 2) * -(-height // 2)),
        "422": width * height + 2 * (-(-width // 2) * height),
        "411": width * height + 2 * (-(-width // 4) * height),
    }.get(kind, int(width * height * Y4M_SAMPLES[kind]))
    frame = len(b"FRAME\n") + samples * (2 if wide else 1)
    frames = -(-(there - len(line) - 1) // frame)
    return len(line) + 1 + frames * frame


def _ends_as_gif(file: BinaryIO, there: int) -> bool:
    file.seek(max(there - 16, 0))
    return b";" in file.read()


def _ends_as_ogg(file: BinaryIO, there: int) -> bool:
    """Whether the last page is whole, and marked as the last one of its stream."""
    file.seek(max(there - 2 * LOOK_BYTES, 0))  # a page has 64 kB at most
    tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + OGG_HEADER_BYTES:
        return False
    segments = tail[at + 26]
    lengths = tail[at + OGG_HEADER_BYTES : at + OGG_HEADER_BYTES + segments]
    whole = len(lengths) == segments and len(tail) >= at + OGG_HEADER_BYTES + segments + sum(lengths)
    return whole and bool(tail[at + 5] & OGG_END)


# How a file begins -> whether it ends as it should.
END_MARKS: dict[bytes, Callable[[BinaryIO, int], bool]] = {b"GIF8": _ends_as_gif, b"OggS": _ends_as_ogg}
