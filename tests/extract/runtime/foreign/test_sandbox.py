"""The sandbox: a parser may crash, hang, grow or turn hostile, and its caller gets one line."""

import os
import socket
import threading
import time

import numpy as np
import pytest

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.sandbox import in_sandbox, packed, unpacked
from support import hostile_parsers
from support.processes import descendants

KIND = "a test file"


def test_values_and_arrays_pass_as_they_are():
    values = {
        "a": [1, 2.5, None, True, "\udcff\0"],
        "array": 3,
        7: {"dict": []},
        "b": np.arange(6.0).reshape(2, 3),
    }
    back = unpacked(packed(values))
    assert np.array_equal(back.pop("b"), np.arange(6.0).reshape(2, 3)) and list(back) == ["a", "array", 7]
    assert back["a"] == values["a"] and back[7] == {"dict": []} and back["array"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("name, reason", [("crash", "was killed by SIGSEGV"), ("leave", "exit code 3")])
def test_a_parser_that_takes_its_process_down_is_one_line(name, reason, tmp_path):
    path = tmp_path / "file"
    for _ in range(2):
        with pytest.raises(ForeignFileError, match=f"{reason}; the file is damaged or hostile") as caught:
            in_sandbox(getattr(hostile_parsers, name), path, kind=KIND)
        assert str(caught.value).startswith(f"{path}: cannot be read as {KIND}")
        # The next file is read as if nothing had happened.
        assert in_sandbox(hostile_parsers.same, path, [1, "a"], kind=KIND) == [1, "a"]


@pytest.mark.slow
def test_a_parser_that_hangs_is_ended(tmp_path):
    in_sandbox(hostile_parsers.same, tmp_path, 1, kind=KIND)
    before = descendants(os.getpid(), "sandbox")
    begun = time.monotonic()
    with pytest.raises(ForeignFileError, match="took more than 0.3 s"):
        in_sandbox(hostile_parsers.sleep, tmp_path / "file", 60, kind=KIND, seconds=0.3)
    assert time.monotonic() - begun < 20 and before.isdisjoint(descendants(os.getpid(), "sandbox"))


@pytest.mark.slow
def test_a_parser_has_limited_memory_and_none_of_our_secrets(tmp_path, monkeypatch):
    secrets = {
        "AWS_SECRET_ACCESS_KEY": "k",
        "VAD_WEBHOOK": "https://host/secret",
        "GITHUB_TOKEN": "t",
        "MY": "x",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    found: dict = {}
    # A process of its own, which starts with these secrets around it.
    thread = threading.Thread(
        target=lambda: found.update(in_sandbox(hostile_parsers.environment, tmp_path, kind=KIND))
    )
    thread.start()
    thread.join()
    assert "PATH" in found and found.keys().isdisjoint(secrets)
    with pytest.raises(ForeignFileError, match="needs more memory than there is"):
        in_sandbox(hostile_parsers.fill_memory, tmp_path / "file", 1 << 46, kind=KIND)
    assert in_sandbox(hostile_parsers.fill_memory, tmp_path / "file", 1 << 20, kind=KIND) == 1 << 20


@pytest.mark.slow
def test_a_parser_changes_nothing_starts_nothing_and_reaches_nobody(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\1ours")
    with socket.create_server(("127.0.0.1", 0)) as server:
        attempts = (
            (hostile_parsers.write, str(path)),
            (hostile_parsers.write, str(tmp_path / "new")),
            (hostile_parsers.remove,),
            (hostile_parsers.make_folder, str(tmp_path / "folder")),
            (hostile_parsers.start_program,),
            (hostile_parsers.connect, server.getsockname()[1]),
        )
        for attempt, *values in attempts:
            with pytest.raises(ForeignFileError, match="Permission denied|File too large"):
                in_sandbox(attempt, path, *values, kind=KIND)
    assert path.read_bytes() == b"\1ours" and os.listdir(tmp_path) == ["file"]


@pytest.mark.slow
def test_answers_are_plain_and_errors_are_one_line(tmp_path):
    found = in_sandbox(hostile_parsers.arrays, tmp_path, kind=KIND)
    assert np.array_equal(found["\udcff\x1b"][0], np.arange(6).reshape(2, 3)) and found["none"] is None
    with pytest.raises(ForeignFileError, match="object is not JSON serializable"):
        in_sandbox(hostile_parsers.object_of_ours, tmp_path, kind=KIND)
    with pytest.raises(ForeignFileError) as caught:
        in_sandbox(hostile_parsers.forged, tmp_path, kind=KIND)
    assert str(caught.value).isprintable() and len(caught.value.reason) < 500
