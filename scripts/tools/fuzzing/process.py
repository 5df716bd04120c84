"""A process that damages files and runs commands on them, one input after the other; it may die of one."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from av.error import FFmpegError
from click.testing import CliRunner, Result

from extract.cli import main as vad_extract
from extract.decode.open_video import ReadError
from extract.decode.sources import SourceError
from score.cli import main as vad_score
from scripts.tools.fuzzing.mutations import mutated
from scripts.tools.fuzzing.targets import TARGETS, Target

PROGRAMS = {"vad-extract": vad_extract, "vad-score": vad_score}


@dataclass(frozen=True)
class Verdict:
    """What an input led to. outcome: one of OUTCOMES. detail: the line, or the end of the output."""

    outcome: str
    mutation: str
    seconds: float = 0.0
    detail: str = ""


# What a decode worker makes the reason of a failed video. FFmpeg has an error of its own for each code.
EXPECTED = (ReadError, SourceError, OSError, ValueError, MemoryError, FFmpegError)
# "sound" and "refused" are right; each other one is a fault; broken: not even the healthy file passes.
SOUND, REFUSED, TRACEBACK, UNNAMED, WRONG = "sound", "refused", "traceback", "unnamed", "wrong"
CRASH, HANG, BROKEN = "crash", "hang", "broken"
OUTCOMES = (SOUND, REFUSED, TRACEBACK, UNNAMED, WRONG, CRASH, HANG, BROKEN)


class World:
    """The healthy files of a target in a folder of their own."""

    def __init__(self, target: Target, folder: Path):
        self.target, self.root = target, folder
        self.file = target.make(folder)
        self.healthy = self.file.read_bytes()
        result = self.run()
        assert result.exit_code == 0, result.output[-500:]
        self.output = result.output
        self.content = target.content(folder) if target.content else None

    def run(self) -> Result:
        for name in self.target.writes:
            shutil.rmtree(self.root / name, ignore_errors=True)
        if callable(self.target.command):
            return self._call(self.target.command)
        program, *arguments = (each.replace("{root}", str(self.root)) for each in self.target.command)
        return CliRunner().invoke(PROGRAMS[program], arguments)

    def _call(self, read: Callable[[Path], None]) -> Result:
        """What a decode worker would make of a reader's errors: any of them fails the video by name."""
        error = None
        try:
            read(self.root)
        except Exception as raised:
            error = raised
        expected = isinstance(error, EXPECTED)
        output = b"" if error is None else f"a: {error}".encode(errors="replace")
        outcome = SystemExit(1) if expected else error
        return Result(CliRunner(), output, b"", output, None, 0 if error is None else 1, outcome)

    def assess(self, seed: str) -> Verdict:
        mutation, content = mutated(self.healthy, seed)
        self.file.write_bytes(content)
        begun = time.monotonic()
        verdict = self._verdict(self.run())
        return replace(verdict, mutation=mutation, seconds=time.monotonic() - begun)

    def _verdict(self, result: Result) -> Verdict:
        error = result.exception
        if (error is not None and not isinstance(error, SystemExit)) or "Traceback" in result.output:
            return Verdict(TRACEBACK, "", detail=f"{type(error).__name__}: {error}"[:300])
        if result.exit_code == 0:
            return self._sound(result.output)
        if result.exit_code not in (1, 2):
            return Verdict(CRASH, "", detail=f"exit code {result.exit_code}")
        # A line must name the file, the video that it belongs to, or the other file that no longer fits it.
        if not any(name in result.output for name in (self.file.name, "a: ", str(self.root))):
            return Verdict(UNNAMED, "", detail=result.output[-300:])
        return Verdict(REFUSED, "", detail=result.output[-300:])

    def _sound(self, _output: str) -> Verdict:
        if self.target.content is None:
            return Verdict(SOUND, "")
        try:
            found: Any = self.target.content(self.root)
        except Exception as error:
            return Verdict(WRONG, "", detail=f"the command says sound, reading does not: {error}"[:300])
        return Verdict(
            SOUND if found == self.content else WRONG,
            "",
            detail="" if found == self.content else "other content",
        )


def main(connection: Connection) -> None:
    """Answer (name of a target, seed) with a Verdict, or why there can be none, until the parent hangs up."""
    worlds: dict[str, World] = {}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        while True:
            try:
                name, seed = connection.recv()
            except EOFError:
                return
            try:
                if name not in worlds:
                    root = Path(folder, name.replace(" ", "_"))
                    root.mkdir()
                    worlds[name] = World(TARGETS[name], root)
            except Exception as error:
                connection.send(f"{name}: the healthy file is refused: {error}")
                continue
            connection.send(worlds[name].assess(seed))
