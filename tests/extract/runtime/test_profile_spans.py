"""Spans of a profile: shares of the whole, closed by errors, and free of cost when off."""

import json
import time

from extract.runtime.profile import OFF, Profile


def test_time_in_nested_spans_is_counted_once():
    began, profile = time.perf_counter(), Profile()
    with profile.span("outer"):
        time.sleep(0.02)
        with profile.span("inner"):
            time.sleep(0.03)
    with profile.span("inner"):
        time.sleep(0.01)
    within = time.perf_counter() - began
    time.sleep(0.02)
    shares = profile.shares()
    assert abs(sum(shares.values()) - 1) < 0.01
    assert profile.seconds["inner"] >= 0.04 and profile.seconds["outer"] >= 0.02
    assert sum(profile.seconds.values()) <= within and shares["other"] > 0


def test_a_failing_span_is_closed_and_a_device_is_waited_for_at_both_ends():
    settled = []
    profile = Profile(lambda: settled.append(True))
    try:
        with profile.span("outer"), profile.span("inner"):
            raise OSError
    except OSError:
        pass
    with profile.span("next"):
        time.sleep(0.01)
    assert set(profile.seconds) == {"outer", "inner", "next"} and profile.seconds["next"] >= 0.01
    assert len(settled) == 6


def test_nothing_is_recorded_when_off():
    assert OFF.span("a") is OFF.span("b")  # one object that does nothing
    OFF.add("decode", 0.0, track="decoder 0", cpu_seconds=1.0)


def test_a_remark_follows_the_shares_once(tmp_path):
    profile = Profile()
    profile.remark("CUDA graph 1.00 ms a batch")
    profile.remark("CUDA graph 1.00 ms a batch")
    assert profile.line().endswith(", (CUDA graph 1.00 ms a batch)")
    profile.write(tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_text())["otherData"]["remarks"] == [
        "CUDA graph 1.00 ms a batch"
    ]
