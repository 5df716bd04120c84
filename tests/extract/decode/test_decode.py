"""Decoding through the pool of workers: every kind of file, every way a worker can fail."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from extract.decode import (
    DecodeJob,
    DecodePool,
    DecodeSettings,
    FramesDecoded,
    SegmentsDescribed,
    VideoEnded,
    VideoFailed,
    VideoOpened,
    VideoRestarted,
)
from extract.decode.decord_reader import open_decord
from extract.decode.idle_workers import IdleWorkers, worker_in_waiting
from extract.decode.open_video import ReadError
from extract.decode.pyav_reader import open_pyav
from extract.decode.sinks import make_descriptor
from extract.decode.sources import find_source
from support import video_corpus
from support.processes import descendants, is_alive
from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Received:
    """All that was received of one video, without the frames of decoders that were given up."""

    frames: list = field(default_factory=list)
    frame_index: list = field(default_factory=list)
    pts_seconds: list = field(default_factory=list)
    kinds: list = field(default_factory=list)
    last: object = None

    @property
    def numbers(self):
        return [video_corpus.number_of(frame) for frame in self.frames]

    @property
    def report(self):
        return self.last.report


def receive(root, video_ids, *, counts=None, **settings):
    """Run a pool to its end, check the order of the events and return what was received of every video."""
    videos = {video_id: Received() for video_id in video_ids}
    jobs = [DecodeJob(video_id, root, (counts or {}).get(video_id)) for video_id in video_ids]
    for event in DecodePool(jobs, DecodeSettings(**settings)):
        got = videos[event.video_id]
        assert got.last is None, "an event after the last one"
        got.kinds.append(type(event))
        if isinstance(event, FramesDecoded):
            assert event.frames.dtype == np.uint8 and len(event.frames) == len(event.frame_index)
            got.frames.extend(event.frames.copy())
            got.frame_index.extend(event.frame_index.tolist())
            got.pts_seconds.extend(event.pts_seconds.tolist())
            event.release()
        elif isinstance(event, VideoRestarted):
            videos[event.video_id] = Received(kinds=got.kinds)
        elif isinstance(event, (VideoEnded, VideoFailed)):
            got.last = event
    assert all(got.last is not None for got in videos.values()), "a video without a last event"
    return videos


@pytest.fixture(scope="module")
def videos_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus")
    video_corpus.make_corpus(root)
    return root


@pytest.fixture(scope="module")
def decoded(videos_folder):
    return receive(videos_folder, [*video_corpus.CASES, *video_corpus.FAILURES, "turned", "flipped"])


@pytest.fixture
def file_of(videos_folder):
    return lambda video_id: find_source(videos_folder, video_id)


def decode_workers():
    return descendants(os.getpid(), "extract.decode.decode_worker")


def open_memory_files():
    with contextlib.suppress(OSError):  # descriptors may close while we look
        return sum("memfd:frames" in os.readlink(link) for link in Path("/proc/self/fd").iterdir())


# every kind of file


@pytest.mark.parametrize("video_id", video_corpus.CASES, ids=lambda video_id: video_id[:20])
def test_every_frame_arrives_once_and_in_order(decoded, video_id):
    got, expected = decoded[video_id], list(video_corpus.CASES[video_id])
    assert isinstance(got.last, VideoEnded), got.last
    assert got.numbers == expected
    height, width = got.frames[0].shape[:2]
    assert (got.report.width, got.report.height) == (width, height)
    for frame, number in zip(got.frames, expected, strict=True):
        difference = np.abs(frame.astype(int) - video_corpus.paint(number, width, height))
        assert difference.mean() < 8  # the loss of the codec


@pytest.mark.parametrize("video_id", video_corpus.FAILURES, ids=lambda video_id: video_id[:20])
def test_what_cannot_be_decoded_fails_alone_with_its_reason(decoded, video_id):
    stage, words = video_corpus.FAILURES[video_id]
    failed = decoded[video_id].last
    assert isinstance(failed, VideoFailed)
    assert failed.stage == stage and words in failed.reason
    assert "\n" not in failed.reason and len(failed.reason) < 1000


@pytest.mark.parametrize("video_id", ["stream", "old", "edited"])
def test_files_that_decord_gets_wrong_silently_go_to_pyav(decoded, video_id):
    report = decoded[video_id].report
    assert report.decoder == "pyav" and report.earlier_failures[0].startswith("decord: ")


@pytest.mark.parametrize("video_id", ["whole", "odd", "one", "variable"])
def test_good_files_are_decoded_by_decord(decoded, video_id):
    report = decoded[video_id].report
    assert report.decoder == "decord" and report.earlier_failures == () and report.messages == 0


@pytest.mark.parametrize("video_id", ["whole", "odd", "variable"])
def test_both_decoders_give_the_same_pixels_and_times(file_of, video_id):
    videos = [opener(file_of(video_id), 1 << 30) for opener in (open_decord, open_pyav)]
    by_decord, by_pyav = (list(video.frames) for video in videos)
    for ours, theirs in zip(by_decord, by_pyav, strict=True):
        assert np.array_equal(ours.rgb(), theirs.rgb())
        assert ours.frame_index == theirs.frame_index
        assert abs(ours.pts_seconds - theirs.pts_seconds) < 1e-4
    assert abs(by_decord[-1].end_seconds - by_pyav[-1].end_seconds) < 0.05


def test_rotation_is_applied(decoded):
    got = decoded["turned"]
    assert (got.report.width, got.report.height, got.report.decoder) == (96, 160, "pyav")
    # a matrix of (0, 1, -1, 0) shows the stored image rotated clockwise
    assert [video_corpus.number_of(np.rot90(frame, 1)) for frame in got.frames] == list(range(12))


def test_a_variable_frame_rate_keeps_each_frames_own_time(decoded):
    steps = np.diff(decoded["variable"].pts_seconds)
    assert np.allclose(steps, np.tile([0.09, 0.04, 0.01, 0.14, 0.02], 12)[:59], atol=1e-3)


def test_the_report_keeps_both_the_header_count_and_the_counted_frames(decoded):
    report = decoded["edited"].report
    assert report.num_frames == report.num_sampled == 80 and report.header_num_frames == 120


def test_newer_codecs_that_decord_lacks_are_decoded(videos_folder):
    if not (videos_folder / "newest.mp4").exists():
        pytest.skip("no AV1 encoder here")
    got = receive(videos_folder, ["newest"])["newest"]
    assert got.numbers == list(range(10)) and got.report.decoder == "pyav"


def test_the_source_is_identified(decoded, videos_folder):
    content = (videos_folder / "whole.mp4").read_bytes()
    expected = {"path": "whole.mp4", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert decoded["whole"].report.source == expected


def test_an_unreadable_file_fails_alone(tmp_path):
    path = video_corpus.write_video(tmp_path / "closed.mp4", 3)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user can read every file")
    failed = receive(tmp_path, ["closed"])["closed"].last
    assert failed.stage == "find" and "Permission denied" in failed.reason


# folders of frames


def test_gaps_in_the_numbering_are_counted_and_frames_keep_their_numbers(decoded):
    got = decoded["gap"]
    assert got.frame_index == [0, 1, 2, 5, 6, 7]
    assert got.report.num_frames == 8 and got.report.missing_frames == 2 and got.report.complete


def test_numbering_may_start_at_one(decoded):
    got = decoded["pictures"]
    assert got.frame_index == list(range(12)) and got.report.missing_frames == 0


def test_every_tenth_frame_stands_for_ten(decoded):
    got = decoded["shared/a"]
    assert got.frame_index == list(range(0, 200, 10)) and got.report.num_frames == 200
    assert np.allclose(got.pts_seconds, np.arange(20) * 10 / 25) and got.report.end_seconds == 200 / 25


@pytest.mark.parametrize("listed, num_frames, missing", [(193, 193, 0), (150, 200, 0), (203, 200, 1)])
def test_the_list_decides_where_the_last_step_of_a_folder_ends(videos_folder, listed, num_frames, missing):
    report = receive(videos_folder, ["shared/a"], counts={"shared/a": listed})["shared/a"].report
    assert (report.num_frames, report.missing_frames) == (num_frames, missing)


def test_a_folder_far_shorter_than_its_list_says_stops_early(videos_folder):
    failed = receive(videos_folder, ["shared/a"], counts={"shared/a": 400})["shared/a"].last
    assert "stops early: 200 frames, expected 400" in failed.reason


# damage


def test_salvage_keeps_what_comes_before_the_damage(videos_folder):
    got = receive(videos_folder, ["truncated", "hole", "cut_variable", "empty", "whole"], on_damage="salvage")
    for video_id in ("truncated", "hole", "cut_variable"):
        report = got[video_id].report
        assert not report.complete and report.stopped
        assert report.num_frames >= 20
        # the last few frames may refer to frames that the codec stored after the damage
        assert got[video_id].numbers[:-4] == list(range(report.num_frames - 4))
    assert isinstance(got["empty"].last, VideoFailed)
    assert got["whole"].report.complete and got["whole"].report.stopped == ""


def test_damage_that_decodes_to_the_end_is_accepted_and_counted(decoded):
    report = decoded["flipped"].report
    assert report.num_frames == 120 and report.complete
    assert report.messages >= len(report.first_messages) > 0 and "0x" not in report.first_messages[0]


def test_the_strict_policy_refuses_any_message(videos_folder):
    got = receive(videos_folder, ["flipped", "whole"], on_damage="fail")
    assert "messages about damage" in got["flipped"].last.reason and got["flipped"].last.messages
    assert isinstance(got["whole"].last, VideoEnded)


# sampling


def test_resampling_takes_the_frame_nearest_in_time(videos_folder):
    got = receive(videos_folder, ["whole"], fps=10.0)["whole"]
    # 25 to 10 frames per second: time k / 10 is frame 2.5 k, ties to the earlier one
    assert got.frame_index == [int(np.ceil(2.5 * k - 0.5)) for k in range(48)]
    assert got.numbers == got.frame_index
    assert got.report.num_frames == 120 and got.report.num_sampled == 48


def test_resampling_a_variable_rate_follows_the_clock(decoded, videos_folder):
    times = np.array(decoded["variable"].pts_seconds)
    got = receive(videos_folder, ["variable"], fps=20.0)["variable"]
    asked = times[0] + np.arange(len(got.frame_index)) / 20
    distance = np.abs(times[got.frame_index] - asked)
    best = np.abs(times[None] - asked[:, None]).min(axis=1)
    assert (distance <= best + 2e-3).all()
    assert abs(len(got.frame_index) / 20 - (decoded["variable"].report.end_seconds - times[0])) <= 0.05


def test_resampling_upwards_repeats_frames(videos_folder):
    got = receive(videos_folder, ["short"], fps=50.0)["short"]
    assert got.frame_index == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4] or sorted(got.frame_index) == got.frame_index
    assert len(got.frame_index) == 10 and set(got.frame_index) == set(range(5))


def test_keep_every_sends_only_every_kth_sampled_frame(videos_folder):
    got = receive(videos_folder, ["whole"], keep_every=8)["whole"]
    assert got.frame_index == got.numbers == list(range(0, 120, 8))
    assert got.report.num_frames == got.report.num_sampled == 120


# descriptors in the worker


@pytest.mark.slow
def test_segments_described_in_the_worker_equal_those_described_here(decoded, videos_folder):
    motion = make_descriptor("motion", 25.0)
    rows = np.stack([motion.frame(frame) for frame in decoded["whole"].frames[:37]])
    jobs = [DecodeJob("whole", videos_folder)]
    settings = DecodeSettings(descriptor="motion", clip_length=16, segment_stride=16)
    events = list(DecodePool(jobs, settings))
    described = [event for event in events if isinstance(event, SegmentsDescribed)]
    assert not any(isinstance(event, FramesDecoded) for event in events)
    spans = np.concatenate([event.frame_span for event in described])
    assert spans.tolist() == [[n * 16, min(n * 16 + 16, 120)] for n in range(8)]
    times = np.concatenate([event.time_span for event in described])
    assert np.allclose(times, spans / 25, atol=1e-4)
    first = described[0].rows
    assert np.allclose(first[:2], np.stack([motion.segment(rows[:16]), motion.segment(rows[16:32])]))


def test_a_video_too_short_for_a_full_segment_fails_when_tails_are_dropped(videos_folder):
    failed = receive(videos_folder, ["short"], descriptor="motion", tail="drop")["short"].last
    assert failed.stage == "describe" and "5 frames, but a segment takes 16" in failed.reason


# workers


@pytest.mark.slow
def test_frames_are_the_same_whatever_the_number_of_workers(videos_folder):
    ids = ["whole", "stream", "odd", "variable", "gap", "flipped"]
    digests = []
    for workers in (1, 3):
        got = receive(videos_folder, ids, workers=workers, chunk_frames=7 * workers)
        digests.append([hashlib.sha256(np.stack(got[video_id].frames)).hexdigest() for video_id in ids])
    assert digests[0] == digests[1]


@pytest.mark.slow
def test_a_decoder_that_hangs_with_the_interpreter_locked_costs_only_its_video(tmp_path):
    for name in ("a", "hang", "b", "c"):
        video_corpus.write_video(tmp_path / f"{name}.mp4", 20)
    start = time.monotonic()
    readers = (video_corpus.open_or_hang, video_corpus.open_or_hang)
    got = receive(tmp_path, ["a", "hang", "b", "c"], stall_seconds=2.0, readers=readers)
    assert "no progress for 2 s" in got["hang"].last.reason and got["hang"].last.stage == "open"
    assert all(got[name].numbers == list(range(20)) for name in "abc")
    assert time.monotonic() - start < 25
    assert not decode_workers()


@pytest.mark.slow
def test_the_second_decoder_takes_over_from_one_that_hangs(tmp_path):
    video_corpus.write_video(tmp_path / "hang.mp4", 20)
    got = receive(tmp_path, ["hang"], stall_seconds=2.0, readers=(video_corpus.open_or_hang, open_pyav))[
        "hang"
    ]
    assert got.numbers == list(range(20)) and got.report.decoder == "pyav"


def test_a_crash_is_reported_with_its_signal_and_last_words(tmp_path):
    video_corpus.write_video(tmp_path / "die.mp4", 20)
    failed = receive(tmp_path, ["die"], readers=(video_corpus.open_or_die,))["die"].last
    assert "killed by SIGSEGV" in failed.reason and failed.messages == ("about to crash",)


def test_a_crash_half_way_starts_the_video_over_with_the_next_decoder(videos_folder):
    readers = (video_corpus.open_then_die, open_pyav)
    got = receive(videos_folder, ["whole", "short"], readers=readers, chunk_frames=16)
    assert got["whole"].numbers == list(range(120)) and got["whole"].report.decoder == "pyav"
    kinds = got["whole"].kinds
    assert kinds.count(VideoRestarted) == 1 and kinds.count(VideoOpened) == 2
    assert FramesDecoded in kinds[: kinds.index(VideoRestarted)]


@pytest.mark.slow
def test_slow_but_moving_decoders_are_left_alone(tmp_path):
    video_corpus.write_video(tmp_path / "v.mp4", 5)
    got = receive(tmp_path, ["v"], readers=(video_corpus.open_slowly,), stall_seconds=1.5)["v"]
    assert got.numbers == list(range(5))


@pytest.mark.slow
def test_a_slow_consumer_holds_the_decoder_back_and_is_no_stall(videos_folder):
    frame_bytes = 160 * 96 * 3
    settings = DecodeSettings(
        workers=1, shared_memory_bytes=16 * 12288 * 4, chunk_frames=4, stall_seconds=1.0
    )
    held, numbers = [], []
    pool = DecodePool([DecodeJob("stream", videos_folder)], settings)
    waited = 0
    for event in pool:
        if isinstance(event, VideoRestarted):
            held, numbers = [], []
        if isinstance(event, FramesDecoded):
            held.append(event)
            assert sum(each.frames.nbytes for each in held) <= settings.shared_memory_bytes
            if len(held) * 4 * frame_bytes + 4 * frame_bytes > settings.shared_memory_bytes:
                if waited < 2:
                    time.sleep(2.0)  # twice the stall time, while no memory is free
                    waited += 1
                for each in held:
                    numbers.extend(video_corpus.number_of(frame) for frame in each.frames)
                    each.release()
                    each.release()  # a second time does nothing
                held = []
        if isinstance(event, VideoEnded):
            for each in held:
                numbers.extend(video_corpus.number_of(frame) for frame in each.frames)
    assert waited == 2 and numbers == list(range(300))


def test_frames_larger_than_the_shared_memory_arrive(tmp_path):
    video_corpus.write_video(tmp_path / "huge.mp4", 3, width=1920, height=1080, codec="mpeg4")
    got = receive(tmp_path, ["huge"], shared_memory_bytes=1 << 20, workers=1)["huge"]
    assert got.numbers == [0, 1, 2] and got.frames[0].shape == (1080, 1920, 3)


def test_decord_refuses_videos_too_large_to_read_ahead(file_of):
    with pytest.raises(ReadError, match="more than decord may read ahead"):
        open_decord(file_of("whole"), 120 * 160 * 96 * 3 - 1)


@pytest.mark.slow
def test_workers_are_replaced_after_videos_per_worker(tmp_path):
    for number in range(5):
        video_corpus.write_video(tmp_path / f"v{number}.mp4", 2)
    jobs = [DecodeJob(f"v{number}", tmp_path) for number in range(5)]
    pool = DecodePool(jobs, DecodeSettings(workers=1, videos_per_worker=2))
    seen = set()
    for event in pool:
        seen |= decode_workers()
        if isinstance(event, FramesDecoded):
            event.release()
    assert len(seen) == 3


def test_workers_import_neither_torch_nor_the_callers_program(videos_folder):
    import torch  # noqa: F401  the parent has it

    got = receive(videos_folder, ["short"], readers=(video_corpus.open_without_torch,))["short"]
    assert isinstance(got.last, VideoEnded), got.last


def test_importing_the_package_loads_no_decoder_and_no_torch():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import extract.decode\n"
        "print(sorted({'decord', 'av', 'torch', 'cv2', 'PIL'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_leaving_early_ends_processes_and_memory(videos_folder):
    before = open_memory_files()
    with DecodePool([DecodeJob("whole", videos_folder)] * 3, DecodeSettings(chunk_frames=2)) as pool:
        events = iter(pool)
        while not isinstance(event := next(events), FramesDecoded):
            pass
        assert decode_workers()
        kept = event.frames
    assert not decode_workers() and open_memory_files() == before
    assert video_corpus.number_of(kept[0]) == 0  # held frames stay readable
    event.release()


@pytest.fixture
def idle_workers():
    with contextlib.closing(IdleWorkers(DecodeSettings(workers=2, chunk_frames=4))) as idle_workers:
        yield idle_workers
    assert not decode_workers()


def numbers_of(root, video_ids, idle_workers, *, release=True):
    """Numbers of all frames, by video, and the events that held them; no decoder may have failed."""
    numbers, events = {}, []
    for event in DecodePool(
        [DecodeJob(each, root) for each in video_ids], idle_workers.settings, idle_workers
    ):
        assert not isinstance(event, (VideoRestarted, VideoFailed)), event
        if isinstance(event, FramesDecoded):
            numbers.setdefault(event.video_id, []).extend(map(video_corpus.number_of, event.frames))
            events.append(event)
            if release:
                event.release()
    return numbers, events


def test_idle_workers_pass_from_pool_to_pool(videos_folder, idle_workers):
    idle_workers.start(5)
    first = decode_workers()
    assert len(first) == 2  # never more than the settings say
    for _ in range(2):
        assert numbers_of(videos_folder, ["whole", "short"], idle_workers)[0] == {
            "whole": [*range(120)],
            "short": [*range(5)],
        }
        assert decode_workers() == first


def test_a_worker_that_started_before_its_settings_were_known_decodes_as_others_do(videos_folder):
    with worker_in_waiting():
        first = decode_workers()
        assert len(first) == 1
        settings = DecodeSettings(workers=2, chunk_frames=4, keep_every=3)
        with contextlib.closing(IdleWorkers(settings)) as idle_workers:
            idle_workers.start(1)
            assert decode_workers() == first
            numbers, events = numbers_of(videos_folder, ["whole"], idle_workers)
            assert numbers == {"whole": [*range(0, 120, 3)]}
            assert max(len(event.frames) for event in events) == 4
            assert decode_workers() == first  # not one that came after it had failed
            idle_workers.start(2)
            assert len(decode_workers()) == 2
        assert not decode_workers()


@pytest.mark.parametrize("died", [False, True])
def test_a_worker_that_nobody_took_ends_with_its_command(died):
    before = open_memory_files()
    with worker_in_waiting():
        (waiting,) = decode_workers()
        if died:
            os.kill(waiting, signal.SIGKILL)
            os.waitid(os.P_PID, waiting, os.WEXITED | os.WNOWAIT)
            with contextlib.closing(IdleWorkers(DecodeSettings())) as idle_workers:
                idle_workers.start(1)
                assert decode_workers() - {waiting}  # another one
    assert not decode_workers() and open_memory_files() == before


def test_an_idle_worker_that_died_costs_nothing(videos_folder, idle_workers):
    numbers_of(videos_folder, ["whole", "short"], idle_workers)
    first = decode_workers()
    for process in first:
        os.kill(process, signal.SIGKILL)
        # A signal takes effect later on a busy machine; what is still alive would get the video.
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    assert numbers_of(videos_folder, ["whole"], idle_workers)[0] == {"whole": [*range(120)]}
    assert not decode_workers() & first


def test_frames_of_one_pool_may_be_released_while_the_next_one_works(videos_folder, idle_workers):
    _, held = numbers_of(videos_folder, ["short"], idle_workers, release=False)
    numbers, more = numbers_of(videos_folder, ["short"], idle_workers, release=False)
    assert numbers == {"short": [*range(5)]}
    kept = [video_corpus.number_of(frame) for event in held for frame in event.frames]
    assert kept == [*range(5)], "held frames were overwritten"
    for event in held + more:
        event.release()
    assert numbers_of(videos_folder, ["whole"], idle_workers)[0] == {"whole": [*range(120)]}


def test_the_next_video_starts_while_the_consumer_still_handles_the_last_event(videos_folder, tmp_path):
    for name in ("short", "whole"):
        (tmp_path / f"{name}.mp4").symlink_to(videos_folder / f"{name}.mp4")
    jobs = [DecodeJob("short", tmp_path), DecodeJob("whole", tmp_path)]
    settings = DecodeSettings(workers=1, readers=(video_corpus.open_and_mark,))
    with DecodePool(jobs, settings) as pool:
        for event in pool:
            if isinstance(event, FramesDecoded):
                event.release()
            if isinstance(event, VideoEnded) and event.video_id == "short":
                wait_until((tmp_path / "whole.opened").exists, 20)
                break


def test_a_pool_that_is_left_early_returns_no_worker(videos_folder, idle_workers):
    with DecodePool([DecodeJob("whole", videos_folder)] * 3, idle_workers.settings, idle_workers) as pool:
        next(iter(pool))
    assert not decode_workers() and idle_workers.take() is None


def test_closing_between_two_events_ends_the_iteration(videos_folder):
    pool = DecodePool([DecodeJob("whole", videos_folder)] * 3, DecodeSettings(chunk_frames=2))
    events = iter(pool)
    next(events)
    pool.close()
    assert not list(events) and not decode_workers()


@pytest.mark.slow
def test_workers_die_with_a_parent_that_is_killed(tmp_path):
    video_corpus.write_video(tmp_path / "hang.mp4", 2)
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "import os\n"
        "from support import video_corpus\n"
        "from support.processes import descendants\n"
        "from extract.decode import DecodeJob, DecodePool, DecodeSettings\n"
        "settings = DecodeSettings(readers=(video_corpus.open_or_hang,))\n"
        "pool = DecodePool([DecodeJob('hang', sys.argv[3])], settings)\n"
        "events = iter(pool)\n"
        "import threading, time\n"
        "workers = lambda: descendants(os.getpid(), 'extract.decode.decode_worker')\n"
        "threading.Timer(1.5, lambda: print(*workers(), flush=True)).start()\n"
        "next(events)\n"
    )
    command = [sys.executable, "-c", program, str(ROOT), str(ROOT / "tests"), str(tmp_path)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    os.kill(worker, signal.SIGINT)  # Ctrl-C reaches the whole group; a worker leaves it to its parent
    time.sleep(0.2)
    assert is_alive(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not is_alive(worker), 60)


@pytest.mark.parametrize(
    "wrong, match",
    [
        ({"workers": 0}, "workers is 0"),
        ({"on_damage": "ignore"}, "on_damage is 'ignore', expected one of accept, salvage, fail"),
        ({"fps": -1.0}, "fps is -1.0"),
        ({"descriptor": "motion", "keep_every": 2}, "keep_every is 2"),
        ({"stall_seconds": 0}, "stall_seconds is 0"),
        ({"readers": ()}, "readers is empty"),
    ],
)
def test_wrong_settings_are_named(wrong, match):
    with pytest.raises(ValueError, match=match):
        DecodeSettings(**wrong)


# real files


@pytest.mark.parametrize(
    "video_id, num_frames",
    [
        ("Assault020_x264", 474),
        ("Explosion001_x264", 635),
        ("Normal_Videos_006_x264", 450),
        ("Normal_Videos_010_x264", 1053),
        ("Normal_Videos_025_x264", 602),
    ],
)
def test_real_videos_have_the_official_number_of_frames_in_both_decoders(test_data, video_id, num_frames):
    source = find_source(test_data / "ucf_crime" / "videos", video_id)
    digests = []
    for opener in (open_decord, open_pyav):
        digest, count = hashlib.sha256(), 0
        for frame in opener(source, 1 << 30).frames:
            digest.update(frame.rgb())
            count += 1
        assert count == num_frames
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1]
