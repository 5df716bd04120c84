"""When alerts start and end: laws for any scores, gaps, losses and settings, and cases worked out by hand."""

from dataclasses import replace
from itertools import count
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from score.alerts.alert_change import new_id
from score.alerts.alert_machine import AlertMachine
from score.alerts.alert_names import NAME
from score.alerts.alert_rule import AlertRule
from score.alerts.watch_events import LiveSegment
from score.alerts.watch_settings import overridden
from support.live_segments import BEGAN, a_segment, a_state, segments_of
from support.slow_alerts import slow_changes

RULE = AlertRule(
    threshold=0.5,
    threshold_off=0.4,
    median_segments=3,
    minimum_seconds=2,
    quiet_seconds=2,
    cool_down_seconds=0,
)


def machine(rule=RULE):
    numbers = count()
    return AlertMachine(rule, make_id=lambda _segment: f"alert {next(numbers)}")


def changes_of(scores, rule=RULE):
    running = machine(rule)
    return [
        change for segment in segments_of(scores) for change in running.segment(segment)
    ] + running.close()


def shown(changes):
    return [(change.kind, change.seconds, change.reason) for change in changes]


# by hand


def test_an_alert_begins_with_what_lifted_the_median_and_ends_with_the_last_high_one():
    # medians of three, 0 where there is none yet: 0 .1 .1 .9 .9 .9 .1 .1 .1
    changes = changes_of([0.1, 0.1, 0.9, 0.9, 0.8, 0.9, 0.1, 0.1, 0.1, 0.1], replace(RULE, update_rise=1.0))
    assert shown(changes) == [("new", (2.0, 4.0), ""), ("end", (2.0, 7.0), "quiet")]
    assert changes[-1].peak_score == 0.9 and changes[-1].peak_seconds == 2.5
    assert changes[0].times == (BEGAN + 2, BEGAN + 4)


def test_one_high_score_alone_is_no_alert_whatever_its_length():
    assert changes_of([0.1, 0.1, 1.0, 0.1, 0.1, 1.0, 0.1]) == []
    running = machine()
    assert running.segment(a_segment(0, 1.0, length=60)) == []  # the two that are missing count as 0


def test_scores_between_the_thresholds_keep_an_alert_and_start_none():
    assert changes_of([0.45] * 20) == []
    kept = changes_of([0.9] * 3 + [0.45] * 5 + [0.1] * 9)
    assert [change.kind for change in kept] == ["new", "end"] and kept[-1].seconds == (0.0, 9.0)


def test_after_an_end_the_camera_waits():
    scores = [0.9] * 4 + [0.1] * 6 + [0.9] * 30
    starts = [
        [
            change.seconds[0]
            for change in changes_of(scores, replace(RULE, cool_down_seconds=wait))
            if change.kind == "new"
        ]
        for wait in (0, 20)
    ]
    # the first one's last high median is that of the segment that ends at 5
    assert starts == [[0.0, 10.0], [0.0, 25.0]]


def test_updates_come_now_and_then_or_when_the_peak_rises():
    rule = replace(RULE, update_seconds=5, update_rise=0.1)
    ends = [change.seconds[1] for change in changes_of([0.6] * 14, rule) if change.kind == "update"]
    assert ends == [7.0, 12.0]  # `new` at 2
    scores = [0.6, 0.6, 0.65, 0.69, 0.71, 0.75, 0.9]
    risen = [change.peak_score for change in changes_of(scores, rule) if change.kind == "update"]
    assert risen == [0.71, 0.9]


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_counts_as_none(broken):
    scores = [0.9, 0.9, broken, 0.9, 0.9, broken, broken, broken, broken]
    assert shown(changes_of(scores)) == shown(
        changes_of([0.0 if each == broken or each != each else each for each in scores])
    )


def test_the_class_is_the_likeliest_besides_normal_at_the_peak():
    running = machine()
    classes = [np.array([0.9, 0.08, 0.02], np.float32), np.array([0.8, 0.05, 0.15], np.float32)]
    running.segment(a_segment(0, 0.6, classes=classes[0]))
    (new,) = running.segment(a_segment(1, 0.9, classes=classes[1]))
    assert new.class_index == 2 and new.class_probability == pytest.approx(0.15)


def test_a_gap_is_not_time_above_the_threshold():
    running = machine(replace(RULE, gap_seconds=100))
    assert running.segment(a_segment(0, 0.9, length=0.5)) == []
    assert (
        running.segment(a_segment(50, 0.9, length=0.5)) == []
    )  # 50.5 s after the start, of which 1 s is known
    assert running.segment(a_segment(50.5, 0.9, length=0.5)) == []
    assert [change.kind for change in running.segment(a_segment(51, 0.9, length=0.5))] == ["new"]


def test_a_gap_is_not_quiet_either():
    running = machine(replace(RULE, quiet_seconds=2, median_segments=1, gap_seconds=100))
    kinds = []
    # high until 3, then low in [3, 4), [20, 20.75) and [20.75, 21.5): two seconds are quiet at 21.5 only
    for start, length, score in [(0, 3, 0.9), (3, 1, 0.1), (20, 0.75, 0.1), (20.75, 0.75, 0.1)]:
        kinds.append([change.kind for change in running.segment(a_segment(start, score, length=length))])
    assert [each[-1:] for each in kinds] == [["new"], [], ["update"], ["end"]]


@pytest.mark.parametrize(
    "gap, restarted, kinds", [(0, False, ["new"]), (0, True, []), (0.9, False, ["new"]), (1.1, False, [])]
)
def test_a_gap_and_a_new_connection_start_the_median_over(gap, restarted, kinds):
    running = machine(replace(RULE, minimum_seconds=0, gap_seconds=1))
    assert running.segment(a_segment(0, 0.9)) == []
    assert [each.kind for each in running.segment(a_segment(1 + gap, 0.9, restarted=restarted))] == kinds


def test_what_overlaps_counts_once():
    running = machine()
    starts = np.arange(0, 4, 0.25)  # segments of a second, a quarter of a second apart
    news = [
        start for start in starts for change in running.segment(a_segment(start, 0.9)) if change.kind == "new"
    ]
    assert news == [1.0]  # [0, 2) is covered then


def test_a_lost_camera_ends_its_alert_after_a_time_even_if_the_clock_jumps():
    running = machine(replace(RULE, lost_seconds=30))
    for segment in segments_of([0.9] * 3):
        running.segment(segment)
    assert running.state(a_state("lost", 10)) == [] == running.state(a_state("lost", 39))
    assert running.state(a_state("lost", -5000)) == []
    (end,) = running.state(a_state("lost", -4970))
    assert (end.kind, end.reason, end.seconds) == ("end", "the camera was lost", (0.0, 3.0))
    assert running.state(a_state("lost", 100)) == [] == running.close()


def test_a_camera_that_is_back_in_time_keeps_its_alert_and_one_that_is_not_ends_it_first():
    for back, kinds in ((20.0, ["update"]), (50.0, ["end"])):
        running = machine(replace(RULE, lost_seconds=30))
        for segment in segments_of([0.9] * 3):
            running.segment(segment)
        assert [each.kind for each in running.segment(a_segment(back, 0.9, restarted=True))] == kinds


def test_a_stream_that_is_over_ends_its_alert_at_once():
    running = machine()
    for segment in segments_of([0.9] * 3):
        running.segment(segment)
    (end,) = running.state(a_state("ended", 3))
    assert end.reason == "the stream ended" and running.close() == []


# laws

RULES = st.builds(
    AlertRule,
    threshold=st.sampled_from([0.3, 0.5, 0.7]),
    threshold_off=st.sampled_from([0.1, 0.3]),
    median_segments=st.integers(1, 5),
    minimum_seconds=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    quiet_seconds=st.sampled_from([0.0, 1.0, 4.0]),
    cool_down_seconds=st.sampled_from([0.0, 2.0]),
    gap_seconds=st.sampled_from([0.0, 1.0, 50.0]),
    lost_seconds=st.sampled_from([2.0, 30.0]),
)
# What happens next: a segment (score, gap before it, how much of the last one it covers again) or a state.
CONNECTIONS = ("lost", "connecting", "live", "ended")
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([0.0, 0.05, 0.2, 0.35, 0.6, 0.8, 1.0]),
            st.sampled_from([0.0, 0.0, 0.0, 0.5, 3.0, 40.0]),
            st.sampled_from([0.0, 0.0, 0.5]),
            st.booleans(),
        ),
        st.sampled_from(CONNECTIONS),
    ),
    max_size=60,
)


def run_through(rule, steps):
    """(changes, segments so far at each change) of a camera that lives through the steps."""
    running, seen, found, now = machine(rule), [], [], 0.0
    for number, step in enumerate(steps):
        if isinstance(step, str):
            now += 1.0
            changes = running.state(a_state(step, now))
        else:
            score, gap, overlap, restarted = step
            start = max(0.0, now + gap - (overlap if gap == 0 else 0))
            seen.append(a_segment(start, score, number=number, restarted=restarted))
            now = start + 1.0
            changes = running.segment(seen[-1])
        found += [(change, tuple(seen)) for change in changes]
    return found + [(change, tuple(seen)) for change in running.close()]


def covered(segments, start, end) -> float:
    """Seconds of [start, end) that some segment covers, by counting hundredths."""
    grid = np.arange(round(start * 100), round(end * 100))
    inside = np.zeros(len(grid), bool)
    for each in segments:
        first, last = (round(second * 100) for second in each.time_span)
        inside |= (grid >= first) & (grid < last)
    return inside.sum() / 100


@pytest.mark.slow
@given(RULES, STEPS)
@settings(max_examples=150, deadline=None)
def test_laws_of_alerts(rule, steps):
    found = run_through(rule, steps)
    by_id: dict[str, list] = {}
    for change, seen in found:
        by_id.setdefault(change.alert_id, []).append((change, seen))
    before = -1.0
    for rows in by_id.values():
        kinds = [change.kind for change, _ in rows]
        # every `new` has exactly one `end`, after it, and updates lie between
        assert kinds[0] == "new" and kinds[-1] == "end" and set(kinds[1:-1]) <= {"update"}
        assert rows[-1][0].reason and not any(change.reason for change, _ in rows[:-1])
        first, seen, (start, end) = rows[0][0], rows[0][1], rows[-1][0].seconds
        # no overlap within one camera, with the cool-down between
        assert start >= before
        before = end + rule.cool_down_seconds
        # no alert is shorter than the minimum, and what a gap hides is no part of that
        assert covered(seen, *first.seconds) >= rule.minimum_seconds - 0.005
        assert end - start >= rule.minimum_seconds - 1e-9
        # quiet is what segments show, too
        if rows[-1][0].reason == "quiet":
            seen_at_end = rows[-1][1]
            assert covered(seen_at_end, end, seen_at_end[-1].time_span[1]) >= rule.quiet_seconds - 0.005
        # it was started by a median over the threshold: at least half of its recent scores reach it
        recent = [each.score for each in seen[-rule.median_segments :]]
        assert max(recent) >= rule.off and max(each.score for each in seen) >= rule.threshold
        ends, peaks = zip(*((change.seconds[1], change.peak_score) for change, _ in rows), strict=True)
        assert list(ends) == sorted(ends) and list(peaks) == sorted(peaks)
    # in the stream of one camera an alert ends before the next begins
    order = [change.alert_id for change, _ in found]
    assert order == sorted(order, key=lambda name: int(name.split()[1]))


def a_life(random):
    """Segments and states of a camera whose scores stay at a level for a while, with gaps and overlaps."""
    steps, now, level, start = [], 0.0, 0.1, 0.0
    for number in range(random.randint(20, 50)):
        if random.random() < 0.1:
            now += random.choice([0, 1, 1, 20])
            jump = random.choice([0, 0, 0, -1000, 1000])  # of the clock on the wall
            connection = random.choice(["lost", "lost", "lost", "connecting", "live", "ended"])
            steps.append(a_state(connection, now + jump))
            continue
        if random.random() < 0.2:
            level = random.choice([0.05, 0.2, 0.35, 0.6, 0.9])
        score = min(1.0, max(0.0, level + random.choice([-0.2, -0.1, 0, 0, 0.1, 0.2])))
        gap = random.choice([0] * 12 + [0.5, 3, 40])
        start = max(start, now + gap - (0 if gap else random.choice([0, 0, 0.5, 0.75])))
        length = random.choice([1, 1, 0.5, 2])
        restarted = random.random() < 0.04
        steps.append(a_segment(start, score, length=length, number=number, restarted=restarted))
        now = max(now, start + length)
    return steps


def a_rule(random):
    return AlertRule(
        threshold=random.choice([0.3, 0.5, 0.7]),
        threshold_off=random.choice([0.1, 0.3, None]),
        median_segments=random.randint(1, 5),
        minimum_seconds=random.choice([0, 0.5, 1, 3]),
        quiet_seconds=random.choice([0, 1, 4]),
        cool_down_seconds=random.choice([0, 2, 7]),
        update_seconds=random.choice([0, 3, 10]),
        update_rise=random.choice([0.125, 0.25, 1.0]),
        gap_seconds=random.choice([0, 0.5, 1, 50]),
        lost_seconds=random.choice([2, 30]),
    )


@pytest.mark.slow
def test_alerts_are_those_of_the_slow_formula():
    for seed in range(40):
        random = Random(seed)
        rule, steps, found = a_rule(random), a_life(random), []
        running = machine(rule)
        for step in steps:
            found += running.segment(step) if isinstance(step, LiveSegment) else running.state(step)
        found += running.close()
        rows = [(each.kind, *each.seconds, each.peak_score, each.peak_seconds, each.reason) for each in found]
        assert rows == slow_changes(rule, steps), f"seed {seed}"


@given(RULES, STEPS)
@settings(max_examples=50, deadline=None)
def test_low_scores_never_start(rule, steps):
    low = [step if isinstance(step, str) else (min(step[0], rule.off - 0.01), *step[1:]) for step in steps]
    assert run_through(rule, low) == []


def test_the_same_segments_give_the_same_alerts():
    scores = np.random.default_rng(0).random(200)
    assert changes_of(scores) == changes_of(scores) and len(changes_of(scores)) > 4


# ids and settings


@pytest.mark.parametrize("camera", ["gate", "../../etc/passwd", "Tür 7\n", "", "a" * 200, "\udcff/#+"])
def test_ids_fit_a_file_name_and_differ(camera):
    ids = {new_id(a_segment(0, 1.0, camera=camera)) for _ in range(50)}
    assert len(ids) == 50 and all(NAME.fullmatch(each) for each in ids)
    assert all(each.startswith("20270115T080000-") for each in ids)


def test_settings_by_name_and_what_is_wrong_with_them():
    changed = overridden({"alert": RULE}, ["alert.minimum_seconds=7", "alert.threshold_off=0.2"])["alert"]
    assert (changed.minimum_seconds, changed.off, changed.quiet_seconds) == (7, 0.2, 2)
    assert replace(RULE, threshold_off=None).off == pytest.approx(0.4)
    for text, words in {
        "alert.minimum=1": "did you mean 'minimum_seconds'",
        "alert.quiet_seconds=-1": "=-1: alert.quiet_seconds is -1, expected 0 to 86400",
        "alert.quiet_seconds=long": "is 'long', expected a number",
        "alert.quiet_seconds=": "has no value",
        "alert.threshold_off=0.6": "expected at most the threshold 0.5",
        "alert.median_segments=2.5": "expected a whole number",
        "alert.threshold=true": "is True, expected a number",
        "clips.fps=1": "expected SECTION.NAME=VALUE with SECTION alert",
        "alert=1": "expected SECTION.NAME=VALUE",
    }.items():
        with pytest.raises(ValueError) as raised:
            overridden({"alert": RULE}, [text])
        assert words in str(raised.value) and "\n" not in str(raised.value)
