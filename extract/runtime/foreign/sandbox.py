"""A parser in a process that may die, with limits of time and memory and without our secrets.

For parsers in C that crash on damaged files. The process starts at the first call, about 0.2 s, and answers
the calls that follow; one that died is started anew. Calls and answers are JSON and plain arrays, never
pickles, because a parser that hostile bytes took over could send anything.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import struct
import subprocess
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from extract.runtime.child_process import how_it_ended, start_child
from extract.runtime.foreign.confinement import confine
from extract.runtime.foreign.foreign_error import ForeignFileError, ReaderTimedOut, reading

SECONDS = 120.0
# A process of each thread, because the kernel ends a child with the thread that started it.
_mine = threading.local()


def in_sandbox(
    function: Callable[..., Any], path: Path | str, *values: Any, kind: str, seconds: float = SECONDS
) -> Any:
    """function(str(path), *values) in the sandbox; its result is plain values, lists, dicts and arrays.

    function: of a module's top level. kind: what the file should be, for messages. Raises ForeignFileError
    for what the function raises, when it takes longer than `seconds`, and when it takes its process down.
    """
    process = getattr(_mine, "process", None)
    if process is None or not process.alive():
        process = _mine.process = _Process()
    call = [function.__module__, function.__qualname__, os.path.abspath(path), kind, list(values)]
    try:
        # A process that hostile bytes took over may answer anything.
        with reading(path, kind):
            answer = process.ask(call, seconds)
            status, value = answer or ("ended", None)
    except BaseException:
        process.end()  # what it would answer later belongs to no call
        raise
    if answer is None:
        reason = f"took more than {seconds:g} s" if process.timed_out else f"its reader {process.end()}"
        process.end()
        failure = ReaderTimedOut if process.timed_out else ForeignFileError
        raise failure(path, f"cannot be read as {kind}: {reason}; the file is damaged or hostile")
    if status == "error":
        raise ForeignFileError(path, str(value))
    return value


def main(connection: Connection) -> None:
    """What the process runs: one call after the other until its parent hangs up."""
    confine()
    while True:
        try:
            module, name, path, kind, values = unpacked(connection.recv_bytes())
        except EOFError:
            return
        try:
            with reading(path, kind):
                answer = packed(["value", getattr(importlib.import_module(module), name)(path, *values)])
        except ForeignFileError as error:
            answer = packed(["error", error.reason])
        connection.send_bytes(answer)


class _Process:
    def __init__(self) -> None:
        self.owner, self.timed_out = os.getpid(), False
        self.child: subprocess.Popen
        self.child, self.connection = start_child(
            "extract.runtime.foreign.sandbox", one_thread=True, output=subprocess.DEVNULL
        )

    def alive(self) -> bool:
        # After a fork the connection belongs to the parent.
        return self.owner == os.getpid() and not self.connection.closed and self.child.poll() is None

    def ask(self, call: list, seconds: float) -> list | None:
        """Its answer, or None if the process ended."""
        watch = threading.Timer(seconds, self._time_out)
        watch.daemon = True
        watch.start()
        try:
            self.connection.send_bytes(packed(call))
            return unpacked(self.connection.recv_bytes())
        except (EOFError, OSError):
            return None
        finally:
            watch.cancel()

    def end(self) -> str:
        """End it; says how it had ended if it had."""
        self.connection.close()
        try:
            status = self.child.wait(1.0)
        except subprocess.TimeoutExpired:
            self.child.kill()
            status = self.child.wait()
        return how_it_ended(status)

    def _time_out(self) -> None:
        self.timed_out = True
        self.child.kill()


def packed(value: Any) -> bytes:
    """Plain values and arrays as bytes: JSON, in which {"array": n} stands for the n-th array after it."""
    arrays: list[bytes] = []

    def plain(each: Any) -> Any:
        if isinstance(each, np.ndarray):
            file = io.BytesIO()
            np.save(file, each, allow_pickle=False)
            arrays.append(file.getvalue())
            return {"array": len(arrays) - 1}
        if isinstance(each, np.generic):
            return each.item()
        if isinstance(each, dict):
            return {"dict": [[key, plain(item)] for key, item in each.items()]}
        return [plain(item) for item in each] if isinstance(each, (list, tuple)) else each

    parts = [json.dumps(plain(value)).encode(), *arrays]
    return b"".join(struct.pack("<Q", len(part)) + part for part in parts)


def unpacked(content: bytes) -> Any:
    """The value that `packed` wrote."""
    parts, at = [], 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        parts.append(memoryview(content)[at + 8 : at + 8 + length])
        at += 8 + length

    def whole(each: Any) -> Any:
        if isinstance(each, dict) and "array" in each:
            return np.load(io.BytesIO(parts[1 + each["array"]]), allow_pickle=False)
        if isinstance(each, dict):
            return {key: whole(item) for key, item in each["dict"]}
        return [whole(item) for item in each] if isinstance(each, list) else each

    return whole(json.loads(bytes(parts[0])))
