"""Files that grow by lines lose none, whoever replaces them meanwhile."""

import multiprocessing
import os

from extract.runtime.line_files import append_line, replace_lines


def append_many(path, name, count):
    for number in range(count):
        append_line(path, f"{name} {number}")


def test_what_is_appended_while_lines_are_removed_is_not_lost(tmp_path):
    path = tmp_path / "lines"
    writers = [
        multiprocessing.get_context("fork").Process(target=append_many, args=(path, n, 300)) for n in "ab"
    ]
    append_line(path, "old")
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        append_line(path, "old")
        replace_lines(path, lambda line: line != b"old\n")
    for writer in writers:
        writer.join()
    lines = path.read_text().splitlines()
    for name in "ab":
        assert [line for line in lines if line.startswith(name)] == [f"{name} {n}" for n in range(300)]
    assert "old" not in lines and os.listdir(tmp_path) == ["lines"]


def test_a_line_that_was_cut_off_stays_as_it_is(tmp_path):
    (tmp_path / "lines").write_bytes(b"one\ntwo\nthr")
    replace_lines(tmp_path / "lines", lambda line: line != b"one\n")
    assert (tmp_path / "lines").read_bytes() == b"two\nthr"
