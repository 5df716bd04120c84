"""Events of a decode worker, unpickled without what else a pickle may ask for.

A worker reads videos of strangers. Bytes that took it over could answer with a pickle that runs code in the
process that owns the device, so only the classes of our events and arrays of numbers are made from it.
"""

from __future__ import annotations

import io
import pickle
from multiprocessing.connection import Connection
from typing import Any

from extract.decode import decode_events, worker_link

EVENTS = ("DecodeReport", "SegmentsDescribed", "VideoEnded", "VideoFailed", "VideoOpened", "VideoRestarted")
OURS = {
    **{(decode_events.__name__, name): getattr(decode_events, name) for name in EVENTS},
    (worker_link.__name__, "FramesSent"): worker_link.FramesSent,
}
# What pickles of numpy's arrays and numbers name; numpy 2 renamed the modules.
OF_NUMPY = {
    *(("numpy", name) for name in ("ndarray", "dtype")),
    *(
        (f"numpy.{core}.{module}", name)
        for core in ("core", "_core")
        for module, name in (
            ("multiarray", "_reconstruct"),
            ("multiarray", "scalar"),
            ("numeric", "_frombuffer"),
        )
    ),
    ("_codecs", "encode"),
}


def receive_event(connection: Connection) -> Any:
    """The next event of a worker. Raises EOFError or OSError, also for anything that is no event."""
    content = connection.recv_bytes()
    try:
        return _Events(io.BytesIO(content)).load()
    except Exception as error:  # hostile pickles raise anything
        raise OSError(f"the decoding process sent no event ({type(error).__name__})") from None


class _Events(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (found := OURS.get((module, name))) is not None:
            return found
        if (module, name) not in OF_NUMPY:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an event")
        return super().find_class(module, name)
