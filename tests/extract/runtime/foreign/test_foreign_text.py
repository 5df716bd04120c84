"""Text of other people: names that appear twice, lines inside cells, and values that stand for many."""

import itertools

import pytest

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.text_files import read_csv, read_json, read_text, read_yaml


def test_a_billion_laughs_are_refused_at_the_first_one(tmp_path):
    lines = ["a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [
        f"{after}: &{after} [{', '.join([f'*{name}'] * 9)}]"
        for name, after in itertools.pairwise("abcdefghi")
    ]
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    with pytest.raises(ForeignFileError, match=r"line 2: an alias \(\*\)"):
        read_yaml(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system [true]",
        "!!python/name:os.system ''",
        "a: 1\n- b",
        "a: \t1\n\tb: 2",
        "? [a]\n: b",
        "2020-99-99",
    ],
)
def test_yaml_that_is_no_plain_value_is_one_line(text, tmp_path):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ForeignFileError) as caught:
        read_yaml(tmp_path / "a.yaml")
    assert str(caught.value).isprintable()


def test_json_is_as_deep_as_python_reads_it(tmp_path):
    (tmp_path / "a.json").write_text('{"a":' * 100_000)
    with pytest.raises(ForeignFileError, match="cannot be read as JSON"):
        read_json(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("[" + "1" * 5000 + "]")
    with pytest.raises(ForeignFileError, match="cannot be read as JSON"):
        read_json(tmp_path / "b.json")
    (tmp_path / "c.json").write_text('{"a": 1, "a": 2}')
    assert read_json(tmp_path / "c.json") == {"a": 2}
    with pytest.raises(ForeignFileError, match="a name appears twice"):
        read_json(tmp_path / "c.json", unique=True)


def test_cells_keep_their_line_breaks(tmp_path):
    (tmp_path / "a.csv").write_bytes('\ufeffa,"b\r\nc"\r\n\u2028d,e\n'.encode())
    assert read_csv(tmp_path / "a.csv") == [["a", "b\r\nc"], ["\u2028d", "e"]]
    (tmp_path / "b.csv").write_text('"' + "x" * 200_000 + '"')
    with pytest.raises(ForeignFileError, match="cannot be read as CSV"):
        read_csv(tmp_path / "b.csv")


def test_text_is_utf8_without_its_mark(tmp_path):
    (tmp_path / "a").write_bytes("\ufeffé\0".encode())
    assert read_text(tmp_path / "a") == "é\0"
    for encoding, reason in (("latin1", ""), ("utf-16", ": it is UTF-16.*save it as UTF-8")):
        (tmp_path / "a").write_bytes("é".encode(encoding))
        with pytest.raises(ForeignFileError, match="cannot be read as UTF-8 text" + reason):
            read_text(tmp_path / "a")
