"""Lines that decoders write to file descriptor 2 of their process: often the only sign of damage.

They go to an unnamed file rather than a pipe: a decoder that hangs while it holds the interpreter lock could
never drain a pipe, and the parent can still read the file of a worker that it had to kill.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile

FIRST_LINES = 8  # lines kept as text; the rest are only counted
LINE_LENGTH = 300  # characters kept per line
KEPT_BYTES = 1 << 18  # a badly damaged video writes megabytes: above this size the file is emptied
# An empty side track, in healthy files of UCF-Crime; notes of the conversion to RGB, which reads no
# file; the order of parts in a file.
HARMLESS = (b"timescale not set", b"[swscaler", b"deprecated pixel format used", b"non-interleaved AVI")
ADDRESS = re.compile(rb" @ 0x[0-9a-f]+")  # differs from run to run
REPEATED = re.compile(rb"\s*Last message repeated (\d+) times\s*")


def open_message_file() -> int:
    """A file descriptor of an unnamed file; every write is appended, even after the file was emptied."""
    with tempfile.TemporaryFile() as stream:
        descriptor = os.dup(stream.fileno())
    # Without O_APPEND, a write after the file was emptied would land behind a hole of zeros.
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_APPEND)
    return descriptor


class DecoderMessages:
    """Counts the lines of a message file and keeps the first few as text."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor
        self.count = 0
        self.first: tuple[str, ...] = ()

    def restart(self) -> None:
        """Discard everything, for the next video or the next decoder."""
        os.ftruncate(self.descriptor, 0)
        self.count, self.first = 0, ()

    def collect_when_large(self) -> None:
        """Collect once the file exceeds KEPT_BYTES; cheap enough to call per frame."""
        if os.fstat(self.descriptor).st_size > KEPT_BYTES:
            self.collect()

    def collect(self) -> None:
        """Count what is in the file and empty it."""
        size = os.fstat(self.descriptor).st_size
        text = os.pread(self.descriptor, size, 0)
        # A line that a decoder thread writes between these two calls is lost; the count need not be exact.
        os.ftruncate(self.descriptor, 0)
        for line in re.split(rb"[\r\n]+", text):
            if repeated := REPEATED.fullmatch(line):
                self.count += int(repeated[1])
            elif line.strip() and not any(known in line for known in HARMLESS):
                self.count += 1
                if len(self.first) < FIRST_LINES:
                    line = ADDRESS.sub(b"", line)
                    self.first += (line.decode(errors="replace").strip()[:LINE_LENGTH],)
