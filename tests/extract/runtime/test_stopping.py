"""Signals end a program with the code that shells expect, wherever in the program they find it."""

import gc
import logging
import signal
import subprocess
import sys
import threading
import time
import weakref

import pytest

from extract.runtime.stopping import stopped_by_signals

CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.fixture(autouse=True)
def heeded():
    """Hang-ups count even if the tests were started by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


class Thing:
    pass


def work(seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.001)


@pytest.mark.parametrize("number, code", CODES)
def test_the_exit_code_says_which_signal_it_was(number, code, capsys):
    with pytest.raises(SystemExit) as stopped, stopped_by_signals():
        signal.raise_signal(number)
        pytest.fail("it went on")
    assert stopped.value.code == code and "continues from here" in capsys.readouterr().err


@pytest.mark.parametrize("number, code", CODES)
def test_a_signal_inside_a_callback_stops_the_work_all_the_same(number, code, capsys):
    """Python drops exceptions that leave the callback of a weak reference or a destructor."""
    began = time.monotonic()
    with pytest.raises(SystemExit) as stopped, stopped_by_signals():
        thing = Thing()
        watcher = weakref.ref(thing, lambda _: signal.raise_signal(number))
        del thing
        gc.collect()
        assert watcher() is None
        work()
    assert stopped.value.code == code and time.monotonic() - began < 30
    printed = capsys.readouterr().err
    assert printed.count("continues from here") == 1 and "Traceback" not in printed


def test_what_is_logged_about_a_stop_is_not_shown_and_later_errors_are(caplog):
    with pytest.raises(SystemExit), stopped_by_signals():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            logging.getLogger("a.server").error("failed to start")
    logging.getLogger("a.server").error("a real one")
    assert caplog.messages == ["a real one"]


def test_work_that_ends_before_the_exception_comes_is_stopped_too():
    with pytest.raises(SystemExit) as stopped, stopped_by_signals():
        thing = Thing()
        watcher = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
        del thing
        assert watcher() is None
    assert stopped.value.code == 143


def test_other_exits_and_handlers_are_left_alone():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    with pytest.raises(SystemExit) as stopped, stopped_by_signals():
        raise SystemExit(7)
    with stopped_by_signals():
        pass
    assert stopped.value.code == 7
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_hang_up_that_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_by_signals():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_request_ends_the_process_at_once():
    """And the two signals of one request, as timeout(1) sends them, are one."""
    code = (
        "import os, signal, time\nfrom extract.runtime.stopping import stopped_by_signals\n"
        "with stopped_by_signals('stopped'):\n"
        "    try: signal.raise_signal(signal.SIGTERM)\n"
        "    finally:\n"
        "        signal.raise_signal(signal.SIGTERM); print('cleaned up', flush=True); time.sleep(0.4)\n"
        "        signal.raise_signal(signal.SIGINT); print('still here', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (143, "cleaned up\n", "\nstopped\n")


def test_what_the_clean_up_raises_does_not_hide_the_request():
    with pytest.raises(SystemExit) as stopped, stopped_by_signals():
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            raise RuntimeError("a pool was broken")
    assert stopped.value.code == 130


def test_other_threads_are_not_reached_by_signals():
    ended = []

    def work():
        with stopped_by_signals():
            ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended
