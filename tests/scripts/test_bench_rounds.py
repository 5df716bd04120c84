"""How the benchmarks decide which samples count, what they say about it, and what they measure against."""

import json
import math
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.benchmarks.harness import rounds
from scripts.benchmarks.harness.sides import Side

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/stat").is_file(), reason="the benchmarks read /proc, which only Linux has"
    ),
]


def rounds_of(*pairs):
    return [{"a": rounds.Sample(value, others)} for value, others in pairs]


def test_only_undisturbed_rounds_count_and_the_others_are_reported():
    found = rounds.row("x", rounds_of((1.0, 0.0), (9.0, 0.5), (3.0, 0.1)), lambda s: s["a"], "s")
    assert (found.value, found.low, found.high) == (2.0, 1.0, 3.0)
    assert (found.rounds, found.clean, found.taken) == (2, 2, 3)


def test_where_every_round_was_disturbed_the_row_says_so():
    found = rounds.row("x", rounds_of((1.0, 0.4), (2.0, 0.5), (9.0, 0.9)), lambda s: s["a"], "s")
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


def test_json_has_every_row_and_the_machine(tmp_path):
    met = rounds.Result("met", 3.0, "ratio", threshold=2.0, low=2.5, high=3.5, rounds=5, clean=5, taken=6)
    slow = rounds.Result("slow", 9.0, "ms", smaller=True)
    rounds.write_json(
        tmp_path / "rows.json", [met, slow, rounds.empty("none", "ratio", "no GPU", threshold=1.0)]
    )
    line = json.loads((tmp_path / "rows.json").read_text(), parse_constant=pytest.fail)  # NaN is not JSON
    assert line["machine"]["processor"]
    first, second, third = line["results"]
    expected = {
        "name": "met",
        "value": 3.0,
        "unit": "ratio",
        "threshold": 2.0,
        "low": 2.5,
        "high": 3.5,
        "rounds": 5,
    }
    assert expected.items() <= first.items() and "smaller" not in first
    assert second["smaller"] is True and second["threshold"] is None and second["low"] is None
    assert third["value"] is None and third["note"] == "no GPU" and "smaller" not in third


def test_the_picture_shows_what_has_a_threshold_and_a_value(tmp_path):
    shown = [
        rounds.Result("met", 3.0, "ratio", threshold=2.0, low=2.5, high=3.5),
        rounds.Result("missed", 9.0, "ms", threshold=2.0, low=8.0, high=9.5, smaller=True),
    ]
    others = [rounds.Result("no threshold", 7.0, "s"), rounds.empty("none", "ratio", "no GPU", threshold=1.0)]
    for name, rows in (("all", shown + others), ("shown", shown), ("fewer", shown[:1])):
        rounds.draw(tmp_path / f"{name}.png", rows, "title")
    all_rows, only, fewer = (
        np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("all", "shown", "fewer")
    )
    assert np.array_equal(all_rows, only) and len(fewer) < len(only)


def named(values):
    return [rounds.Result(name, value, "") for name, value in values.items()]


def test_what_limits_extraction():
    limit = pytest.importorskip("scripts.benchmarks.bench_extract").limit
    line = limit(
        named(
            {
                "I3D loop time outside the model": 4.0,
                "efficientnet-b0 decode alone": 1.0,
                "efficientnet-b0 prepare alone": 1.0,
                "efficientnet-b0 forward alone": 6.0,
                "motion decode alone": 99.0,
            }
        )
    )
    assert line.startswith("What limits: ") and "96 % of the loop" in line and "by forward (75 %" in line
    assert "not measured" in limit([rounds.empty("I3D loop time outside the model", "%", "no video")])


def test_what_limits_training():
    train = pytest.importorskip("scripts.benchmarks.bench_train")
    line = train.limit(
        named(
            {
                "mil step, pooled features": 100.0,
                "mil step, one npy per item": 400.0,
                train.ARITHMETIC: 61.0,
                train.MEMORY: 12.0,
            }
        )
    )
    assert line.startswith("What limits: ") and all(
        each in line for each in ("100 ms", "61 %", "12 %", "75 %")
    )
    assert "not measured" in train.limit([])


def test_what_limits_flow():
    limit = pytest.importorskip("scripts.benchmarks.bench_flow").limit
    begin = "Tiny 340x256 1 thread:"
    line = limit(
        named(
            {
                f"{begin} ours": 80.0,
                f"{begin} ours, iterations alone": 20.0,
                f"{begin} minimum by multiply-adds": 5.0,
                f"{begin} minimum by roots": 2.0,
                f"{begin} minimum by memory": 10.0,
            }
        )
    )
    assert line.startswith("What limits: on Tiny iterations take 25 %")
    assert "closest to their bound by memory, at 50 % of it (multiply-adds 25 %, roots 10 %)" in line
    assert "not measured" in limit([])


def test_what_limits_evaluation():
    limit = pytest.importorskip("scripts.benchmarks.bench_evaluate").limit
    kind = "one score per frame"
    line = limit(
        named(
            {
                f"all measures, {kind}": 4.0,
                f"all measures without intervals, {kind}": 1.0,
                f"one sort of all scores, {kind}": 100.0,
                f"one pass over labels and scores, {kind}": 2.0,
            }
        )
    )
    assert line.startswith("What limits: ") and "draws take 75 % of the time" in line
    assert "10.0 sorts of all scores or 500 passes over memory" in line
    assert "not measured" in limit([])


def test_a_side_answers_fails_with_its_traceback_and_ends():
    with Side(list, (3, 4)) as side:
        assert side.call("index", 4) == 1
        with pytest.raises(RuntimeError, match="(?s)Traceback.*ValueError.*9 is not in list"):
            side.call("index", 9)
        assert side.call("index", 3) == 0  # it goes on
        process = Path(f"/proc/{side.process_id}")
        assert process.is_dir()
    assert not process.is_dir()
    with pytest.raises(RuntimeError, match="(?s)Traceback.*ValueError.*invalid literal"):
        Side(int, "no number")


@pytest.mark.slow
def test_peaks_are_what_a_core_can_have():
    pytest.importorskip("numba")
    from scripts.benchmarks.harness.flow_bounds import CorePeaks, least

    with Side(
        CorePeaks, 1 << 21
    ) as side:  # a process of its own, since FmaPeak in it sets how numba compiles
        rates = side.call("rates")
    assert all(map(math.isfinite, rates.values()))
    assert 1 < rates["adds"] < 1000  # two units of 16 numbers at 6 GHz are 400 GF/s
    assert 0.05 < rates["roots"] < min(100, rates["adds"])
    assert 0.2 < rates["far"] < 500 and 0.2 < rates["near"] < 2000
    bounds = least({"adds": 55.0, "roots": 2.0, "near": 32.0, "far": 1.0}, iterations=10, pixels=100_000)
    assert bounds == pytest.approx({"multiply-adds": 1.0, "roots": 1.0, "memory": 2.0})
