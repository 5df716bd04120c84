"""What a file is, by its first bytes: for errors about files that are not what their name says."""

from __future__ import annotations

import os
from pathlib import Path

from extract.runtime.foreign.regular_file import open_regular

# First bytes -> what the file is. Longer beginnings stand before shorter ones.
BEGINNINGS = (
    (
        b"version https://git-lfs.github.com/spec",
        "a Git LFS pointer; fetch the file itself with git lfs pull",
    ),
    (b"/annex/objects/", "a git-annex pointer; fetch the file itself with git annex get"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"PK\x03\x04", "a ZIP archive, such as .npz or a file of torch.save"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file (.mat)"),
    (b"MATLAB 7.3 MAT-file", "a MATLAB 7.3 file (.mat, HDF5)"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript program"),
    (b"RIFF", "a RIFF file, such as AVI or WebP"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"\x7fELF", "a program"),
    (b"\x80\x02", "a Python pickle, which is never loaded because it can run code"),
    (b"\x80\x03", "a Python pickle, which is never loaded because it can run code"),
    (b"\x80\x04", "a Python pickle, which is never loaded because it can run code"),
    (b"\x80\x05", "a Python pickle, which is never loaded because it can run code"),
)
HTML = (b"<!doctype html", b"<html", b"<head", b"<?xml")
LOOK_BYTES = 512
# A file whose kind and whose expected kind share one of these is what it should be, but damaged.
SAME_KIND = (".npy", ".npz", "HDF5", "MATLAB", "torch.save", "image", "XML", "pickle")
TEXT_KINDS = ("UTF-8 text", "JSON", "YAML", "CSV", "XML")


def mistaken_for(path: Path | str, kind: str) -> str | None:
    """What a file is that could not be read as `kind`; None if it may be of this kind, and only damaged."""
    found = what_it_is(path)
    if found is None and not any(word in kind for word in TEXT_KINDS) and is_text(path):
        return "it is a text file"
    return None if found and any(word in kind and word in found for word in SAME_KIND) else found


def what_it_is(path: Path | str) -> str | None:
    """Such as "it is an HTML page, probably an error page of a download"; None where nothing is known."""
    try:
        with open_regular(path) as file:
            head = file.read(LOOK_BYTES)
            size = os.fstat(file.fileno()).st_size
    except (ValueError, OSError):
        return None
    if not size:
        return "it is empty"
    if not any(head):
        return "it begins with zeros, as a download that broke off does"
    if head.lstrip().lower().startswith(HTML):
        return "it is an HTML or XML page, such as the error page of a download"
    for beginning, name in BEGINNINGS:
        if head.startswith(beginning):
            return f"it is {name}"
    if head[4:8] == b"ftyp":
        return "it is an MP4 or QuickTime video"
    return None


def is_text(path: Path | str) -> bool:
    """Whether the first bytes are UTF-8 text without control characters."""
    try:
        with open_regular(path) as file:
            head = file.read(LOOK_BYTES)
        text = head.decode("utf-8", errors="strict" if len(head) < LOOK_BYTES else "ignore")
    except (ValueError, OSError):
        return False
    return bool(text) and all(each.isprintable() or each in "\t\r\n" for each in text)
