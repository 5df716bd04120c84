"""One decode worker seen from its parent: the process, its connection, its memory and its current job."""

from __future__ import annotations

import os
import subprocess

from extract.decode.decode_settings import DecodeJob, DecodeSettings
from extract.decode.decoder_messages import DecoderMessages, open_message_file
from extract.decode.shared_memory import PAGE, ProgressPage, SharedMemory, open_memory_file, page_multiple
from extract.decode.worker_link import Release, Warmup
from extract.runtime.child_process import start_child

END_SECONDS = 10.0  # a killed process may hang in the kernel on a dead disk; then it is abandoned


class WorkerProcess:
    """Starts a worker, gives it jobs, watches its progress and kills it.

    settings: None for a worker whose settings nobody knows yet; see configure.
    """

    def __init__(self, settings: DecodeSettings | None = None):
        self.settings = settings or DecodeSettings()
        self.job: DecodeJob | None = None
        self.opened = False  # whether the consumer received VideoOpened of the current video
        self.videos = 0  # decoded so far
        self._idle_seconds = 0.0
        self._beats = -1
        self._page_file = open_memory_file(PAGE)
        self._memory_file = open_memory_file(page_multiple(self.settings.shared_memory_bytes))
        self._message_file = open_message_file()
        self._page = ProgressPage(self._page_file)
        self.memory = SharedMemory(self._memory_file)
        self._start()
        self._send(settings or Warmup())

    def _start(self) -> None:
        self._process, self.connection = start_child(
            "extract.decode.decode_worker",
            self._page_file,
            self._memory_file,
            one_thread=True,
            output=self._message_file,
        )

    @property
    def process_id(self) -> int:
        return self._process.pid

    def configure(self, settings: DecodeSettings) -> None:
        """The settings of all jobs of a worker that started without any.

        Its shared memory has the default size and grows where settings want more.
        """
        self.settings = settings
        self._send(settings)

    def assign(self, job: DecodeJob, attempt: int) -> None:
        """Start a job with the decoder of index `attempt`."""
        self.job, self.opened, self._idle_seconds = job, False, 0.0
        self._page.set("reader", attempt)
        self._send((job, attempt))

    def finish_job(self) -> None:
        """Note that the worker has reported the last event of its job."""
        self.job = None
        self.videos += 1

    def release(self, offset: int) -> None:
        """Return a region of shared memory to the worker."""
        self._send(Release(offset))

    def is_alive(self) -> bool:
        """Whether a worker without a job is alive: then its connection is silent."""
        return not self.connection.poll()

    def has_started(self) -> bool:
        return bool(self._page.get("started"))

    def reader(self) -> int:
        """Index of the decoder in use, or in use when the process died."""
        return self._page.get("reader")

    def idle_seconds(self, elapsed: float) -> float:
        """Seconds without progress, of which `elapsed` have passed since the last call."""
        beats = self._page.get("beats")
        if beats != self._beats or self._page.get("waiting") and self.has_started():
            self._beats, self._idle_seconds = beats, 0.0
        else:
            self._idle_seconds += elapsed
        return self._idle_seconds

    def is_used_up(self) -> bool:
        """Whether to replace the process: many videos, much memory, or shared memory that had to grow."""
        # Shared memory never shrinks, so one huge video would keep it until the end of the run.
        grown = os.fstat(self._memory_file).st_size > self.settings.shared_memory_bytes + PAGE
        old = self.videos >= self.settings.videos_per_worker
        return grown or old or self._private_bytes() > self.settings.worker_rss_bytes

    def last_messages(self) -> tuple[str, ...]:
        """What the decoder wrote about the current video, also after the process died."""
        messages = DecoderMessages(self._message_file)
        messages.collect()
        return messages.first

    def wait(self) -> int | None:
        """The exit status, negative for a signal; None if the process does not end."""
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """Kill the process and free its resources; frames that are still held keep their memory."""
        if self.connection.closed:
            return
        self._process.kill()
        self.wait()
        self.connection.close()
        for descriptor in (self._page_file, self._memory_file, self._message_file):
            os.close(descriptor)

    def _send(self, message: object) -> None:
        if self.connection.closed:
            return
        try:
            self.connection.send(message)
        except ConnectionError:
            pass  # the process is dead, which reading its connection will show

    def _private_bytes(self) -> int:
        """Resident memory that only this process holds; 0 where the system does not report it."""
        try:
            with open(f"/proc/{self.process_id}/statm") as stream:
                _, resident, shared = map(int, stream.read().split()[:3])
        except OSError:
            return 0
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
