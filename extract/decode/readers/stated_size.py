"""How many bytes a file's own header states: shows a download that broke off where no clock does."""

from __future__ import annotations

import struct
from pathlib import Path

from extract.runtime.foreign.regular_file import open_regular, size_text

LOOK_BYTES = 1 << 16
LARGEST_BYTES = 1e15
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
MATROSKA, SEGMENT = b"\x1aE\xdf\xa3", b"\x18S\x80g"


def cut_off(path: Path) -> str:
    """Such as "the file has 1.2 MB of the 3.4 MB that its header states"; "" if nothing says so."""
    with open_regular(path) as file:
        head = file.read(LOOK_BYTES)
        there = file.seek(0, 2)
        if head.startswith(b"GIF8"):
            file.seek(max(there - 16, 0))
            return "" if b";" in file.read() else "the file has no end mark"
    stated = _stated(head)
    if stated is None or there >= stated:
        return ""
    return f"the file has {size_text(there)} of the {size_text(stated)} that its header states"


def _stated(head: bytes) -> int | None:
    if head.startswith(b"FLV"):
        at = head.find(b"filesize\0")
        stated = struct.unpack_from(">d", head, at + 9)[0] if 0 < at <= len(head) - 17 else 0.0
        return int(stated) if 0.0 < stated < LARGEST_BYTES else None
    if head.startswith(MATROSKA):
        return _matroska(head)
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
