"""Expected errors of a command are one line each and exit code 2; others keep their traceback."""

import errno
import importlib
import os
import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from extract.runtime.one_line_errors import LazyCommand, OneLineErrors


class Refused(Exception):
    pass


class Program(OneLineErrors):
    expected = (*OneLineErrors.expected, Refused)


@click.group(cls=Program)
@click.option("--debug", is_flag=True)
def main(debug):
    pass


ERRORS = {
    "value": (ValueError("a\nb"), ["error: a", "error: b"]),
    "refused": (Refused("no"), ["error: no"]),
    "disk": (
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x.json"),
        ["error: x.json: No space left on device"],
    ),
    "name": (
        UnicodeEncodeError("utf-8", "a\udcff\x1b", 1, 2, "surrogates not allowed"),
        ["error: a\\xff\\x1b: the name is not UTF-8; rename it"],
    ),
    "silent": (ValueError(), ["error: ValueError"]),
    "interrupted": (KeyboardInterrupt(), []),
    "bug": (KeyError("a"), []),
}


@main.command()
@click.argument("name")
def fail(name):
    raise ERRORS[name][0]


@pytest.mark.parametrize("name", ["value", "refused", "disk", "name", "silent"])
def test_an_expected_error_is_its_lines_and_exit_code_2(name):
    done = CliRunner().invoke(main, ["fail", name])
    assert done.exit_code == 2 and done.output.splitlines() == ERRORS[name][1]
    debugged = CliRunner().invoke(main, ["--debug", "fail", name])
    assert debugged.exception is ERRORS[name][0]


HOSTILE = "x\x1b[31m\u202e\u200b\nwritten: fake.json\udcff"
SHOWN = r"x\x1b[31m\u202e\u200b\nwritten: fake.json\xff"


def test_names_in_errors_of_every_kind_are_shown_as_escapes():
    ERRORS["hostile"] = (OSError(errno.ENOENT, "No such file", HOSTILE), [f"error: {SHOWN}: No such file"])
    done = CliRunner().invoke(main, ["fail", "hostile"])
    assert done.output.splitlines() == ERRORS["hostile"][1]
    # click's own mistakes of usage: of the group, of a command that is not there, and of a command's option
    for words in ([f"--{HOSTILE}"], [HOSTILE], ["fail", f"--{HOSTILE}"], ["fail", "a", HOSTILE]):
        done = CliRunner().invoke(main, words)
        # click quotes some names itself, and then writes bytes that are not UTF-8 another way
        assert done.exit_code == 2 and SHOWN.removesuffix(r"\xff") in done.output
        assert not {"\x1b", "\u202e", "\u200b", "\udcff"} & set(done.output)
        assert not any(line.startswith("written") for line in done.output.splitlines())


def test_an_interruption_has_the_exit_code_of_shells():
    done = CliRunner().invoke(main, ["fail", "interrupted"])
    assert done.exit_code == 130 and done.output == ""


def test_a_bug_keeps_its_traceback():
    assert isinstance(CliRunner().invoke(main, ["fail", "bug"]).exception, KeyError)


class Lazy(OneLineErrors):
    lazy = {"loads": LazyCommand("json:loads", "Read JSON.")}
    resumes = {"wait": "resume with wait"}


@click.group(cls=Lazy)
def stopping():
    pass


@stopping.command()
def wait():
    signal.raise_signal(signal.SIGTERM)


@stopping.command()
def end():
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    "name, code, line", [("wait", 143, "stopped; resume with wait"), ("end", 130, "stopped")]
)
def test_a_signal_ends_every_command_with_its_line(name, code, line):
    before = signal.getsignal(signal.SIGTERM)
    done = CliRunner().invoke(stopping, [name])
    assert done.exit_code == code and done.output.split("\n") == ["", line, ""]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    "program, pattern", [("extract.cli", "extract.commands"), ("score.cli", "score.commands")]
)
def test_every_command_is_found_and_imported_only_when_it_is_asked_for(program, pattern):
    main = importlib.import_module(program).main
    context = click.Context(main)
    for name in main.list_commands(context):
        assert main.get_command(context, name).callback.__module__.startswith(pattern)
    code = f"import sys, {program}; print(sum(name.startswith('{pattern}.') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "0\n"
