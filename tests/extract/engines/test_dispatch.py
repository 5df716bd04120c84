"""Work handed to workers that die, lag and do it twice: no video is lost and none is counted twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_lists import Video
from extract.engines.dispatch import ATTEMPTS, Dispatch
from extract.engines.sharding import Shard, shards
from extract.pipeline.run_settings import RunReport
from extract.store.failures import Failure


def videos(count: int) -> list[Video]:
    return [Video(f"v{number}") for number in range(count)]


def frames_in(stored: set[str]):
    return lambda name: 10 if name in stored else None


def extract(shard: Shard, stored: set[str]) -> RunReport:
    """What a worker reports: videos that the store had are skipped."""
    report = RunReport()
    for video in shard.videos:
        if video.video_id in stored:
            report.skipped += 1
        else:
            report.extracted[video.video_id] = 10
            stored.add(video.video_id)
    return report


@given(
    count=st.integers(1, 40),
    workers=st.integers(1, 5),
    moves=st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 9)), max_size=60),
)
@settings(max_examples=200, deadline=None)
def test_whatever_dies_every_video_ends_exactly_once(count, workers, moves):
    stored: set[str] = set()
    listed = videos(count)
    dispatch = Dispatch(shards(listed, sizes=[1.0] * count, workers=workers), frames=frames_in(stored))
    busy: dict[int, Shard] = {}

    def fill():
        for worker in range(workers):
            if worker not in busy and (shard := dispatch.next(worker)) is not None:
                busy[worker] = shard

    for choice, dies, progress in moves:
        fill()
        if not busy or dispatch.done:
            break
        worker = sorted(busy)[choice % len(busy)]
        shard = busy.pop(worker)
        if dies:  # after some of its videos
            extract(Shard(shard.videos[:progress]), stored)
            dispatch.lost(worker, "killed")
        else:
            dispatch.finished(worker, extract(shard, stored))
    while not dispatch.done:
        fill()
        worker = min(busy)
        dispatch.finished(worker, extract(busy.pop(worker), stored))
    report = dispatch.report
    ended = [*report.extracted, *(failure.video_id for failure in report.failed)]
    assert len(ended) == len(set(ended)) == count and report.skipped == 0
    assert report.frames == 10 * report.done  # also of what a dead worker had stored
    assert {failure.video_id for failure in report.failed} <= {video.video_id for video in listed}
    assert stored >= set(report.extracted)


def test_a_video_that_kills_every_worker_fails_alone():
    stored: set[str] = set()
    dispatch = Dispatch(shards(videos(12), sizes=[1.0] * 12, workers=1), frames=frames_in(stored))
    deaths = 0
    while not dispatch.done:
        shard = dispatch.next("w")
        names = [video.video_id for video in shard.videos]
        if "v3" in names:
            extract(Shard(shard.videos[: names.index("v3")]), stored)
            dispatch.lost("w", "exit code -9")
            deaths += 1
        else:
            dispatch.finished("w", extract(shard, stored))
    (failure,) = dispatch.report.failed
    assert failure.video_id == "v3" and failure.stage == "worker" and "exit code -9" in failure.reason
    assert len(dispatch.report.extracted) == 11 and ATTEMPTS <= deaths <= ATTEMPTS + 1


def test_an_idle_worker_helps_the_last_one_from_the_other_end():
    dispatch = Dispatch([Shard(tuple(videos(3)))], frames=lambda _name: None)
    first, second = dispatch.next("slow"), dispatch.next("idle")
    assert [video.video_id for video in second.videos] == [video.video_id for video in reversed(first.videos)]
    assert dispatch.next("third") is None  # two copies are enough
    dispatch.finished("idle", extract(second, set()))
    assert dispatch.done and len(dispatch.report.extracted) == 3
    dispatch.finished("slow", extract(first, set()))
    assert len(dispatch.report.extracted) == 3


def test_a_copy_that_fails_leaves_the_video_to_the_worker_that_still_has_it():
    for last_fails in (False, True):
        dispatch = Dispatch([Shard(tuple(videos(1)))], frames=frames_in(set()))
        assert dispatch.next("slow").videos == dispatch.next("copy").videos
        failed = RunReport(failed=[Failure("v0", "decode", "a disk of this worker")])
        dispatch.finished("copy", failed)
        assert not dispatch.done and not dispatch.report.failed
        dispatch.finished("slow", failed if last_fails else RunReport(extracted={"v0": 10}))
        assert dispatch.done and len(dispatch.report.failed) == last_fails
        assert dispatch.report.extracted == ({} if last_fails else {"v0": 10})


def test_a_worker_that_hangs_does_not_block_the_end_of_the_run():
    """Its video fails elsewhere, or every worker that helps it dies."""
    broken = RunReport(failed=[Failure("v0", "decode", "broken")])
    for dies in (False, True):
        dispatch = Dispatch([Shard(tuple(videos(1)))], frames=frames_in(set()))
        assert dispatch.next("hangs") is not None
        for number in range(ATTEMPTS):
            assert not dispatch.done
            assert dispatch.next(number).videos == (Video("v0"),)
            if dies and number < ATTEMPTS - 1:
                dispatch.lost(number, "killed")
            else:
                dispatch.finished(number, RunReport(extracted={"v0": 10}) if dies else broken)
        assert dispatch.done and len(dispatch.report.failed) == (not dies)


def test_a_video_that_kills_both_of_its_workers_fails():
    dispatch = Dispatch([Shard(tuple(videos(3)))], frames=frames_in(set()))
    workers, deaths = ("a", "b"), 0
    for worker in workers:
        dispatch.next(worker)
    while not dispatch.done:
        worker = workers[deaths % 2]  # in turn, so that another one always has it
        dispatch.lost(worker, "killed")
        deaths += 1
        assert deaths < 30
        dispatch.next(worker)
    assert len(dispatch.report.failed) == 3 and not dispatch.report.extracted


def test_a_worker_without_the_store_pauses_and_costs_no_video():
    now = [0.0]
    stored: set[str] = set()
    dispatch = Dispatch(
        shards(videos(40), sizes=[1.0] * 40, workers=2), frames=frames_in(stored), clock=lambda: now[0]
    )
    asked = 0
    while not dispatch.done:
        now[0] += 1.0
        if dispatch.next("bad") is not None:
            asked += 1
            dispatch.store_away("bad", "the store is away")
        if (shard := dispatch.next("good")) is not None:
            dispatch.finished("good", extract(shard, stored))
    assert len(dispatch.report.extracted) == 40 and not dispatch.report.failed and 1 <= asked < 6


def test_where_no_worker_reaches_the_store_the_run_ends_with_the_reason():
    now = [0.0]
    dispatch = Dispatch(
        shards(videos(40), sizes=[1.0] * 40, workers=2), frames=frames_in(set()), clock=lambda: now[0]
    )
    with pytest.raises(ValueError, match="the store is away"):
        while now[0] < 3600:
            now[0] += 1.0
            for worker in ("a", "b"):
                if dispatch.next(worker) is not None:
                    dispatch.store_away(worker, "the store is away")
    assert now[0] > 60  # a store that comes back within a minute is not a reason


def test_two_workers_on_the_same_videos_meet_in_the_middle():
    stored = {"v0"}
    dispatch = Dispatch([Shard(tuple(videos(4)))], frames=frames_in(stored), damaged=["v0"])
    dispatch.next("first")
    stored |= {"v1"}
    dispatch.note_stored()
    assert dispatch.left == 4  # a single worker reports its shard itself
    dispatch.next("second")
    stored |= {"v3", "v2"}
    dispatch.note_stored()
    assert dispatch.left == 1 and set(dispatch.report.extracted) == {
        "v1",
        "v2",
        "v3",
    }  # v0's old file is damaged
    dispatch.finished(
        "first", RunReport(extracted=dict.fromkeys(("v0", "v1"), 10), skipped=2, damaged=["v0"])
    )
    assert dispatch.done and dispatch.report.damaged == ["v0"]
    assert dispatch.report.extracted == dict.fromkeys(("v0", "v1", "v2", "v3"), 10)


def test_a_video_that_a_worker_forgot_goes_out_again():
    dispatch = Dispatch([Shard(tuple(videos(1)))], frames=frames_in(set()))
    for _ in range(ATTEMPTS):
        assert not dispatch.done and dispatch.next("w").videos == (Video("v0"),)
        dispatch.finished("w", RunReport(skipped=1))
    assert dispatch.done and "neither extracted nor failed" in dispatch.report.failed[0].reason


def test_failures_and_other_lengths_of_shards_are_joined():
    shard = Shard((Video("a", num_frames=6), Video("b")))
    dispatch = Dispatch([shard, Shard((Video("c", num_frames=7),))], frames={"c": 7}.get)
    one, two = dispatch.next(1), dispatch.next(2)
    report = RunReport(extracted={"a": 5}, failed=[Failure("b", "decode", "broken")], other_length=["a"])
    dispatch.finished(1, report)
    dispatch.finished(2, RunReport(skipped=1))
    assert (one.videos[0].video_id, two.videos[0].video_id) == ("a", "c")
    assert dispatch.done and dispatch.report.extracted == {"a": 5, "c": 7}  # another worker had stored c
    assert [failure.video_id for failure in dispatch.report.failed] == [
        "b"
    ] and dispatch.report.other_length == ["a"]


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=300), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_shards_hold_every_video_once_and_the_largest_first(size, workers):
    listed = videos(len(size))
    parts = shards(listed, sizes=size, workers=workers)
    assert sorted(video.video_id for part in parts for video in part.videos) == sorted(
        video.video_id for video in listed
    )
    order = [size[int(video.video_id[1:])] for part in parts for video in part.videos]
    assert order == sorted(size, reverse=True)
    assert all(len(part.videos) <= 64 for part in parts)
