"""Parts of the decode pool: regions of shared memory, and decoder messages."""

import os

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extract.decode.decoder_messages import FIRST_LINES, DecoderMessages, open_message_file
from extract.decode.shared_memory import (
    MOST_REGIONS,
    PAGE,
    ProgressPage,
    Regions,
    SharedMemory,
    open_memory_file,
)


@given(st.lists(st.one_of(st.integers(1, 5 * PAGE), st.none()), max_size=60), st.randoms())
def test_regions_never_overlap_and_never_leave_the_memory(steps, random):
    regions, held = Regions(16 * PAGE), {}
    for size in steps:  # None frees a region
        if size is None:
            if held:
                offset = random.choice(sorted(held))
                regions.give_back(offset)
                del held[offset]
            continue
        offset = regions.take(size)
        if offset is None:
            continue
        assert 0 <= offset and offset + size <= 16 * PAGE
        assert all(offset + size <= other or other + held[other] <= offset for other in held)
        held[offset] = size
    for offset in list(held):
        regions.give_back(offset)
    assert regions.take(16 * PAGE) == 0


def test_a_full_memory_returns_none_until_a_region_is_free():
    regions = Regions(2 * PAGE)
    assert [regions.take(PAGE), regions.take(1), regions.take(1)] == [0, PAGE, None]
    regions.give_back(0)
    assert regions.take(PAGE) == 0


def test_the_number_of_regions_in_use_is_bounded():
    regions = Regions(2 * MOST_REGIONS * PAGE)
    assert [regions.take(1) for _ in range(MOST_REGIONS + 1)][-1] is None


def test_both_sides_see_the_same_memory_even_after_it_grew():
    descriptor = open_memory_file(PAGE)
    writer, reader = SharedMemory(descriptor), SharedMemory(descriptor)
    writer.view(0, (2, 3))[:] = 7
    assert (reader.view(0, (2, 3)) == 7).all()
    held = reader.view(0, (2, 3))
    os.ftruncate(descriptor, 3 * PAGE)
    writer.view(2 * PAGE, (PAGE,))[:] = 9
    assert (reader.view(2 * PAGE, (PAGE,)) == 9).all()
    os.close(descriptor)
    assert (held == 7).all(), "views outlive the file descriptor"


def test_the_parent_sees_the_progress_of_the_worker():
    descriptor = open_memory_file(PAGE)
    worker, parent = ProgressPage(descriptor), ProgressPage(descriptor)
    worker.beat()
    worker.beat()
    worker.set("waiting", 1)
    assert (parent.get("beats"), parent.get("waiting"), parent.get("started")) == (2, 1, 0)
    os.close(descriptor)


def test_messages_are_counted_with_their_repetitions():
    descriptor = open_message_file()
    os.write(descriptor, b"[h264 @ 0x55d0c0ffee] error while decoding MB 5 3\n\n")
    os.write(descriptor, b"    Last message repeated 3 times\n")
    os.write(descriptor, b"[mov @ 0x1] stream 0, timescale not set\n")  # healthy files cause this
    messages = DecoderMessages(descriptor)
    messages.collect()
    assert messages.count == 4 and messages.first == ("[h264] error while decoding MB 5 3",)
    os.close(descriptor)


def test_only_the_first_messages_are_kept_and_the_file_stays_small():
    descriptor = open_message_file()
    messages = DecoderMessages(descriptor)
    for _ in range(60):
        os.write(descriptor, b"".join(b"broken %d\n" % line for line in range(1000)))
        messages.collect_when_large()
        assert os.fstat(descriptor).st_size < 300_000
    messages.collect()
    assert messages.count == 60_000 and len(messages.first) == FIRST_LINES
    messages.restart()
    assert messages.count == 0 and messages.first == ()
    os.close(descriptor)


def test_views_are_writable_arrays_of_bytes():
    descriptor = open_memory_file(PAGE)
    view = SharedMemory(descriptor).view(0, (1, 2, 2, 3))
    assert view.dtype == np.uint8 and view.flags.writeable and view.shape == (1, 2, 2, 3)
    os.close(descriptor)
