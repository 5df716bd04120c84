"""The process that decodes: one video at a time, on the CPU only, safe to kill at any moment.

The pool starts it as a fresh interpreter that imports this module and never the caller's program, so it
contains neither torch nor anything else of its parent.
"""

from __future__ import annotations

from multiprocessing.connection import Connection

from extract.decode.decode_settings import DecodeSettings
from extract.decode.decoder_messages import DecoderMessages
from extract.decode.shared_memory import ProgressPage, SharedMemory
from extract.decode.video_task import VideoTask
from extract.decode.worker_link import ParentGone, WorkerLink

STANDARD_ERROR = 2


def main(connection: Connection, page: int, memory: int) -> None:
    """Decode jobs until the parent asks to stop. page, memory: inherited file descriptors."""
    link = WorkerLink(connection, ProgressPage(page), SharedMemory(memory), DecoderMessages(STANDARD_ERROR))
    try:
        settings: DecodeSettings = link.connection.recv()
        link.page.set("started", 1)
        while (order := link.receive()) is not None:
            job, attempt = order
            link.send(VideoTask(job, settings, link).run(attempt))
    except (ParentGone, EOFError):
        pass
