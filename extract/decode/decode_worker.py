"""The process that decodes: one video at a time, on the CPU only, safe to kill at any moment.

The pool starts it as a fresh interpreter that imports this module and never the caller's program, so it
contains neither torch nor anything else of its parent.
"""

from __future__ import annotations

import contextlib
from multiprocessing.connection import Connection

from extract.decode.decode_settings import DecodeSettings
from extract.decode.decoder_messages import DecoderMessages
from extract.decode.decord_reader import import_decord
from extract.decode.shared_memory import ProgressPage, SharedMemory
from extract.decode.video_task import VideoTask
from extract.decode.worker_link import ParentGone, Warmup, WorkerLink

STANDARD_ERROR = 2


def main(connection: Connection, page: int, memory: int) -> None:
    """Decode jobs until the parent asks to stop. page, memory: inherited file descriptors."""
    link = WorkerLink(connection, ProgressPage(page), SharedMemory(memory), DecoderMessages(STANDARD_ERROR))
    try:
        settings: DecodeSettings | Warmup = link.connection.recv()
        if isinstance(settings, Warmup):
            warm_up()
            settings = link.connection.recv()
        assert isinstance(settings, DecodeSettings)
        link.page.set("started", 1)
        while (order := link.receive()) is not None:
            job, attempt = order
            link.send(VideoTask(job, settings, link).run(attempt))
    except (ParentGone, EOFError):
        pass


def warm_up() -> None:
    """Import what most jobs need. A library that is missing is reported by the job that needs it."""
    with contextlib.suppress(ImportError):
        import_decord()
    with contextlib.suppress(ImportError):
        import extract.descriptors  # noqa: F401 - OpenCV
