"""What a decode worker sends is one of our events, or nothing that the process of the device would run."""

import os
import pickle
from multiprocessing import Pipe

import numpy as np
import pytest

from extract.decode.decode_events import (
    DecodeReport,
    SegmentsDescribed,
    VideoEnded,
    VideoFailed,
    VideoOpened,
    VideoRestarted,
)
from extract.decode.event_pickles import receive_event
from extract.decode.worker_link import FramesSent

REPORT = DecodeReport(
    *(
        "pyav",
        np.int64(3),
        None,
        3,
        25.0,
        16,
        8,
        np.float64(0.12),
        1,
        ("line",),
        0,
        True,
        "",
        ("decord: no",),
    ),
    *({"path": "a.mp4", "bytes": 9, "sha256": "0"}, 0.5),
)
EVENTS = (
    VideoOpened("a", "pyav", 25.0, 16, 8),
    VideoRestarted("a"),
    VideoEnded("a", REPORT),
    VideoFailed("a", "open", "reason", ("message \udcff",)),
)


@pytest.fixture
def ends():
    ours, theirs = Pipe()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_arrive_as_they_were_sent(event, ends):
    ours, theirs = ends
    theirs.send(event)
    assert receive_event(ours) == event


@pytest.mark.parametrize("kind", [FramesSent, SegmentsDescribed])
def test_arrays_arrive_as_they_were_sent(kind, ends):
    ours, theirs = ends
    arrays = (np.arange(3), np.arange(6.0).reshape(3, 2).T, np.zeros((0, 2), ">f4"))
    sent = kind("a", *arrays[:2], *((7, (1, 2)) if kind is FramesSent else arrays[2:]))
    theirs.send(sent)
    found = receive_event(ours)
    assert type(found) is kind
    for name, value in vars(sent).items():
        assert np.array_equal(getattr(found, name), value)


class Code:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


@pytest.mark.parametrize(
    "content",
    [
        lambda target: pickle.dumps(Code(os.mkdir, target)),
        lambda target: pickle.dumps(VideoFailed("a", "open", Code(os.mkdir, target))),
        lambda target: pickle.dumps(Code(eval, f"__import__('os').mkdir({target!r})")),
        lambda target: pickle.dumps(np.array([Code(os.mkdir, target)], dtype=object)),
        lambda _target: b"no pickle",
        lambda _target: b"",
        lambda _target: b"\x80\x02cextract.decode.decode_events\nCallable\n.",
        lambda _target: pickle.dumps(VideoRestarted("a"))[:-1],
    ],
)
def test_what_is_no_event_is_a_broken_connection_and_not_run(content, ends, tmp_path):
    ours, theirs = ends
    theirs.send_bytes(content(str(tmp_path / "made")))
    with pytest.raises(OSError, match="the decoding process sent no event"):
        receive_event(ours)
    assert not (tmp_path / "made").exists()


def test_a_process_that_is_gone_is_the_end(ends):
    ours, theirs = ends
    theirs.close()
    with pytest.raises(EOFError):
        receive_event(ours)
