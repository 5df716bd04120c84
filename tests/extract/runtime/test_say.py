"""Lines for a terminal hold nothing that it acts on, and are one line each."""

import io
import sys
import unicodedata

import pytest

from extract.runtime.foreign.printable import as_utf8, printable, spreadsheet_cell
from extract.runtime.say import say, say_over, say_traceback

KEPT = ("plain", "Überfall 事故 №5", "C:\\videos\\a b.mp4", "naïve [x] <b> $x$ | & 'q'", "e\u0301")
HOSTILE = {
    "a\nwritten: fake.json": r"a\nwritten: fake.json",
    "a\r\tb": r"a\r\tb",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "\x9b31m": r"\x9b31m",
    "\u202egpj.exe": r"\u202egpj.exe",
    "a\u200bb\ufeff": r"a\u200bb\ufeff",
    "\u2028line\u2029": r"\u2028line\u2029",
    "\udcff\udc80": r"\xff\x80",
    "\u3164\u2800": r"\u3164\u2800",
    "\U000e0041": r"\U000e0041",
}


@pytest.mark.parametrize("text", KEPT)
def test_names_in_any_script_are_kept(text, capsys):
    say(text)
    assert capsys.readouterr().out == text + "\n"


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("err", [False, True])
def test_what_a_terminal_acts_on_is_shown_as_an_escape(text, err, capsys):
    say(f"failed: {text}", err=err)
    assert capsys.readouterr()[err] == f"failed: {HOSTILE[text]}\n"


def test_no_character_of_the_basic_plane_hides_or_moves_anything():
    shown = printable("".join(map(chr, range(0x10000))))
    assert not [each for each in shown if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Co")]


def test_a_terminal_without_the_letters_gets_escapes(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
    say("é ± 事")
    assert raw.getvalue() == rb"\xe9 \xb1 \u4e8b" + b"\n"


def test_a_traceback_is_printable(capsys):
    try:
        raise KeyError("x") from ValueError("a\x1b[2J")
    except KeyError as error:
        say_traceback(type(error), error, error.__traceback__)
    shown = capsys.readouterr().err
    assert "Traceback" in shown and "KeyError: 'x'" in shown and r"a\x1b[2J" in shown and "\x1b" not in shown


def test_only_bytes_that_are_not_utf_8_are_written_as_escapes():
    assert as_utf8("caf\udce9\ud800 \x1b\u202e é 😀") == "caf\\xe9\\ud800 \x1b\u202e é 😀"


@pytest.mark.parametrize("text", ["=cmd()", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text):
    assert spreadsheet_cell(text) == "'" + text


@pytest.mark.parametrize("text", ["", "-0.5", "+1e-3", "name=1", "'=1"])
def test_numbers_and_other_text_stay(text):
    assert spreadsheet_cell(text) == text


def test_a_line_over_another_one_is_printable_too(capsys):
    say_over("1.0 MB", last=False)
    say_over("2.0 MB\n\x1b[2J", last=True)
    assert capsys.readouterr().err == "\r1.0 MB\r2.0 MB\\n\\x1b[2J\n"
