"""The process that decodes: one video at a time, on the CPU only, safe to kill at any moment.

The pool starts it as a fresh interpreter that imports this module and never the caller's program, so it
contains neither torch nor anything else of its parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
from multiprocessing.connection import Connection

from extract.decode.decode_settings import DecodeSettings
from extract.decode.decoder_messages import DecoderMessages
from extract.decode.shared_memory import ProgressPage, SharedMemory
from extract.decode.video_task import VideoTask
from extract.decode.worker_link import ParentGone, WorkerLink

PR_SET_PDEATHSIG = 1
STANDARD_ERROR = 2


def main(parent: int, connection: int, page: int, memory: int) -> None:
    """Decode jobs until the parent says stop. parent: process id; the others: inherited file descriptors."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    die_with(parent)
    link = WorkerLink(
        Connection(connection), ProgressPage(page), SharedMemory(memory), DecoderMessages(STANDARD_ERROR)
    )
    try:
        settings: DecodeSettings = link.connection.recv()
        link.page.set("started", 1)
        while (order := link.receive()) is not None:
            job, attempt = order
            link.send(VideoTask(job, settings, link).run(attempt))
    except (ParentGone, EOFError):
        pass


def die_with(parent: int) -> None:
    """Has the kernel kill this process when its parent dies, however that happens.

    Linux only; elsewhere the closed connection ends a worker at its next message.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
