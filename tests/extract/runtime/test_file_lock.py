"""Locks, links and flushes on file systems that have none of them."""

import errno
import os

import pytest

from extract.runtime import atomic, file_lock


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch):
    monkeypatch.setattr(file_lock, "_said", set())


def failing(number):
    def fail(*_arguments):
        raise OSError(number, os.strerror(number))

    return fail


def test_a_second_lock_waits_for_nobody_and_is_refused(tmp_path):
    with open(tmp_path / "lock", "w") as first, open(tmp_path / "lock", "w") as second:
        file_lock.lock_exclusively(first.fileno(), "it")
        with pytest.raises(BlockingIOError):
            file_lock.lock_exclusively(second.fileno(), "it", wait=False)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_locks_the_work_continues_after_one_line(tmp_path, monkeypatch, capsys, number):
    monkeypatch.setattr(file_lock.fcntl, "flock", failing(number))
    with open(tmp_path / "lock", "w") as file:
        for _ in range(2):
            file_lock.lock_exclusively(file.fileno(), "it", wait=False)
    assert capsys.readouterr().err.count("note: it: no locks here") == 1


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_links_a_file_is_written_once_all_the_same(tmp_path, monkeypatch, capsys, number):
    monkeypatch.setattr(os, "link", failing(number))
    for text in ("first", "second"):
        atomic.write_text_once(tmp_path / "file", text)
    assert (tmp_path / "file").read_text() == "first" and len(list(tmp_path.iterdir())) == 1
    assert "no hard links here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "is_error"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)]
)
def test_a_folder_that_cannot_be_flushed_is_no_failure(tmp_path, monkeypatch, number, is_error):
    monkeypatch.setattr(os, "fsync", failing(number))
    if is_error:
        with pytest.raises(OSError, match="Input/output error"):
            atomic.sync(tmp_path)
    else:
        atomic.sync(tmp_path)
