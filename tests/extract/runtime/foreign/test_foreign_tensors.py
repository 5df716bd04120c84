"""Files of torch.save that run code, unpack to far more, or hold what is no tensor of numbers."""

import pickle
import zipfile

import pytest
import torch

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.tensor_files import read_tensors


class Code:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


def test_code_is_never_run(tmp_path):
    for legacy in (False, True):
        torch.save(
            {"a": Code(tmp_path / "STARTED")}, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy
        )
        with pytest.raises(ForeignFileError, match="damaged or not a file of torch.save"):
            read_tensors(tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Code(tmp_path / "STARTED")))
    with pytest.raises(ForeignFileError):
        read_tensors(tmp_path / "b.pt")
    assert not (tmp_path / "STARTED").exists()


def test_tensors_and_plain_values_are_read(tmp_path):
    state = {"a": torch.arange(6.0).reshape(2, 3).T, "b": [torch.tensor(True), "text", 2.5], "c": {"d": None}}
    state["e"] = torch.zeros(4).expand(9, 4)
    for legacy in (False, True):
        torch.save(state, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
        found = read_tensors(tmp_path / "a.pt")
        assert (
            torch.equal(found["a"], state["a"])
            and found["b"][1:] == ["text", 2.5]
            and found["e"].shape == (9, 4)
        )


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda: torch.zeros(1).expand(1 << 20, 1 << 20), "a tensor would unpack from 4 bytes to 4.4 TB"),
        (lambda: torch.eye(3).to_sparse(), "torch.sparse_coo"),
        (lambda: torch.zeros(3, device="meta"), "on meta"),
    ],
)
def test_what_is_no_tensor_of_numbers_in_memory_is_refused(make, reason, tmp_path):
    torch.save({"deep": [[{"a": make()}]]}, tmp_path / "a.pt")
    with pytest.raises(ForeignFileError, match=reason):
        read_tensors(tmp_path / "a.pt")


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("extract.runtime.foreign.arrays.ALWAYS_BYTES", 1 << 16)
    torch.save({"a": torch.zeros(1 << 20)}, tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as old, zipfile.ZipFile(tmp_path / "b.pt", "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert len(read_tensors(tmp_path / "a.pt")["a"]) == 1 << 20
    with pytest.raises(ForeignFileError, match="would unpack from"):
        read_tensors(tmp_path / "b.pt")


def test_damage_at_any_byte_is_a_value_or_one_line(tmp_path):
    torch.save({"a": torch.arange(3)}, tmp_path / "a.pt")
    content = (tmp_path / "a.pt").read_bytes()
    for place in range(0, len(content), 83):
        for bytes_ in (
            content[:place],
            content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :],
        ):
            (tmp_path / "b.pt").write_bytes(bytes_)
            try:
                read_tensors(tmp_path / "b.pt")
            except ForeignFileError as error:
                assert str(error).isprintable() and str(error).startswith(f"{tmp_path / 'b.pt'}: ")
