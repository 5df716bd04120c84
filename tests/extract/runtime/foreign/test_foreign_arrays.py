"""Headers of arrays that lie, arrays that unpack to far more, and types that libraries do not know."""

import zipfile

import numpy as np
import pytest

from extract.runtime.foreign.arrays import read_npy, read_npz
from extract.runtime.foreign.foreign_error import ForeignFileError
from support.hostile_files import npy, npy_header, npz

LYING = {
    "too long": ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", "cut off"),
    "one too many": ("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 3), }", "cut off"),
    "longer than an integer": (
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**30},), }}",
        "cut off",
    ),
    "negative": ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "impossible shape"),
    "twice negative": ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -4), }", "impossible shape"),
    "endless and empty": (
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 0), }",
        "impossible",
    ),
    "objects": ("{'descr': '|O', 'fortran_order': False, 'shape': (4,), }", "Python objects"),
    "objects inside": ("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (4,), }", "Python objects"),
    "records": ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }", "real numbers"),
    "text": ("{'descr': '<U2', 'fortran_order': False, 'shape': (4,), }", "real numbers"),
    "dates": ("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (4,), }", "real numbers"),
    "complex": ("{'descr': '<c8', 'fortran_order': False, 'shape': (4,), }", "real numbers"),
    "no type": ("{'descr': 'what', 'fortran_order': False, 'shape': (4,), }", "cannot be read"),
    "no shape": ("{'descr': '<f4', 'fortran_order': False, 'shape': 4, }", "cannot be read"),
    "code": ("__import__('os').system('true')", "cannot be read"),
    "deep": ("(" * 110, "cannot be read"),
}


@pytest.mark.parametrize("name", LYING)
@pytest.mark.parametrize("mapped", [False, True])
def test_a_header_that_lies_is_refused_before_anything_is_allocated(name, mapped, tmp_path):
    header, reason = LYING[name]
    (tmp_path / "a.npy").write_bytes(npy_header(header, bytes(32)))
    with pytest.raises(ForeignFileError, match=reason):
        read_npy(tmp_path / "a.npy", mapped=mapped)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", npy_header(header, bytes(32)))
    with pytest.raises(ForeignFileError, match=reason):
        read_npz(tmp_path / "a.npz", "a")


@pytest.mark.parametrize("kind", ["<f4", ">f4", ">f8", "<f2", ">i4", "|b1", "|u1", np.longdouble])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_are_the_same_in_every_type_and_in_ours(kind, order, tmp_path):
    numbers = np.array([[0, 1, 1], [1, 0, 0]], kind, order=order)
    np.save(tmp_path / "a.npy", numbers)
    np.savez(tmp_path / "a.npz", a=numbers)
    for read in (read_npy(tmp_path / "a.npy"), read_npz(tmp_path / "a.npz", "a")):
        assert np.array_equal(read, numbers) and read.dtype.isnative and read.dtype.itemsize <= 8
        assert read.dtype.kind == numbers.dtype.kind
    assert np.array_equal(read_npy(tmp_path / "a.npy", mapped=True), numbers)


@pytest.mark.parametrize("shape", [(0,), (0, 512), (5, 0)])
def test_an_empty_array_is_an_array(shape, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.float32))
    for mapped in (False, True):
        assert read_npy(tmp_path / "a.npy", mapped=mapped).shape == shape


def test_what_unpacks_to_far_more_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("extract.runtime.foreign.arrays.ALWAYS_BYTES", 1 << 12)
    path = tmp_path / "a.npz"
    path.write_bytes(npz(np.zeros(1 << 16, np.uint8)))
    with pytest.raises(ForeignFileError, match="a would unpack from .* to 65.7 kB"):
        read_npz(path, "a")
    # It states that it is packed in a terabyte.
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 20 : place + 24] = b"\xf0\xff\xff\xff"
    path.write_bytes(content)
    with pytest.raises(ForeignFileError, match="a would unpack from"):
        read_npz(path, "a")
    path.write_bytes(npz(np.arange(1 << 16, dtype=np.uint16)))
    assert len(read_npz(path, "a")) == 1 << 16


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_packings_than_numpys_are_refused(packing, tmp_path):
    (tmp_path / "a.npz").write_bytes(npz(np.zeros(9), packing))
    with pytest.raises(ForeignFileError, match="as NumPy never does"):
        read_npz(tmp_path / "a.npz", "a")


def test_an_array_that_lost_its_end_is_not_shorter(tmp_path):
    content = npy(np.arange(100.0))
    for length in (len(content) - 1, len(content) - 8):
        (tmp_path / "a.npy").write_bytes(content[:length])
        with pytest.raises(ForeignFileError, match="is cut off"):
            read_npy(tmp_path / "a.npy")
