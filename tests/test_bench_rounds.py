"""How the benchmarks decide which samples count, and what they say about it."""
import importlib.util
import sys
import threading
import time
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[1] / "scripts" / "rounds.py"
spec = importlib.util.spec_from_file_location("rounds", PATH)
rounds = sys.modules["rounds"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rounds)
pytestmark = pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="the benchmarks read /proc, which only Linux has")


def made(*pairs):
    return [{"a": rounds.Sample(value, others)} for value, others in pairs]


def test_only_undisturbed_rounds_count_and_the_others_are_told():
    found = rounds.row("x", made((1.0, 0.0), (9.0, 0.5), (3.0, 0.1)), lambda s: s["a"], "s")
    assert (found.value, found.low, found.high) == (2.0, 1.0, 3.0)
    assert (found.rounds, found.clean, found.taken) == (2, 2, 3)


def test_where_every_round_was_disturbed_the_row_says_so():
    found = rounds.row("x", made((1.0, 0.4), (2.0, 0.5), (9.0, 0.9)), lambda s: s["a"], "s")
    assert (found.value, found.clean, found.taken) == (2.0, 0, 3) and "no clean round" in found.note


def test_an_empty_row_is_neither_met_nor_missed():
    assert not rounds.empty("x", "ratio", "no GPU", threshold=2.0).missed
    assert rounds.Result("x", 1.9, "ratio", threshold=2.0).missed
    assert rounds.Result("x", 2.1, "ms", threshold=2.0, smaller=True).missed


def test_own_work_in_threads_is_not_taken_for_that_of_others():
    own = rounds.tree_seconds()

    def spin():
        end = time.thread_time() + 0.2
        while time.thread_time() < end:
            pass

    threads = [threading.Thread(target=spin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rounds.tree_seconds() - own >= 0.3  # 0.4, in clock ticks of 10 ms
