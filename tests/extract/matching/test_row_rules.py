"""How many rows a video has by each rule, against counts by hand and by other programs."""

import pytest

from extract.matching.row_rules import RowRule, VideoLength, explain, explain_counts, frames_per_row
from extract.matching.timings import network_timings
from extract.segments import segment_spans


def lengths(*frames: int, header: int | None = None, fps: float = 25.0) -> list[VideoLength]:
    return [VideoLength(f"v{each}", each, header or each, each / fps) for each in frames]


VIDEOS = lengths(475, 633, 450, 1055, 608)


@pytest.mark.parametrize(
    "rule, count",
    [
        # 64 frames: 16 divides them
        (RowRule(16, 16, "pad"), lambda n: len(range(0, n, 16))),
        (RowRule(16, 16, "drop"), lambda n: n // 16),
        (RowRule(16, 16, "short"), lambda n: len(range(0, n - 16, 16))),
        (RowRule(16, 16, "more"), lambda n: n // 16 + 1),
        (RowRule(8, 16, "drop"), lambda n: len(range(0, n - 16 + 1, 8))),
        (RowRule(8, 16, "short"), lambda n: len(range(0, n - 16, 8))),
        (RowRule(1, 1, "drop"), lambda n: n),
        (RowRule(1, 1, "short"), lambda n: n - 1),
        (RowRule(5, 5, "pad", fps=10.0), lambda n: len(range(0, round(n / 25 * 10), 5))),
        (RowRule(1, 1, "drop", fixed=32), lambda _: 32),
    ],
)
def test_rules_count_as_loops_do(rule, count):
    for frames in (64, 65, 79, 80, 450, 474):
        (video,) = lengths(frames)
        assert rule.rows(video) == count(frames), (rule, frames)


def test_padded_and_dropped_tails_count_as_extraction_does():
    for video in VIDEOS:
        for tail in ("pad", "drop"):
            spans = segment_spans(video.frames, 24, 1, 8, tail)
            assert RowRule(8, 24, tail).rows(video) == len(spans)


@pytest.mark.parametrize("rule", [RowRule(16, 16, "pad"), RowRule(16, 16, "short"), RowRule(8, 16, "drop")])
def test_the_rule_that_made_the_rows_explains_all_of_them(rule):
    found = {video.video_id: rule.rows(video) for video in VIDEOS}
    best = explain(VIDEOS, found, list(found.values()))[0]
    assert (best.count, best.of) == (5, 5)
    assert [best.rule.rows(video) for video in VIDEOS] == list(found.values())
    nameless = explain_counts(VIDEOS, sorted(found.values()))[0]
    assert nameless.count == 5
    assert nameless.rule.grid == best.rule.grid


def test_counts_of_the_header_are_known_from_decoded_ones():
    videos = [
        VideoLength(video.video_id, video.frames, video.frames + more, video.seconds)
        for video, more in zip(VIDEOS, (0, 40, 0, 16, 33), strict=True)
    ]
    found = {video.video_id: video.header // 16 for video in videos}
    best = explain(videos, found, list(found.values()))[0]
    assert best.count == 5
    assert best.rule.by_header
    assert "header" in best.rule.words()


def test_a_resampled_video_has_as_many_rows_as_its_seconds_say():
    """30 per second, sampled at 8, 16 frames a row."""
    videos = lengths(475, 633, 451, 1055, 608, fps=30)
    found = {video.video_id: round(video.frames / 30 * 8) // 16 for video in videos}
    assert explain(videos, found, list(found.values()))[0].count == 5


def test_32_rows_of_every_video_are_a_fixed_number():
    found = dict.fromkeys([video.video_id for video in VIDEOS], 32)
    best = explain(VIDEOS, found, [32] * 5)[0]
    assert best.rule.fixed == 32
    assert best.count == 5


def test_one_wrong_video_is_named_as_an_exception():
    found = {video.video_id: video.frames // 16 for video in VIDEOS} | {"v450": 40}
    best = explain(VIDEOS, found, list(found.values()))[0]
    assert (best.count, best.of) == (4, 5)
    assert best.exceptions == (("v450", 28, 40),)


def test_frames_for_a_row_add_up():
    frames, seconds = frames_per_row(lengths(160, 320), {"v160": 10, "v320": 20}) or (0, 0)
    assert (frames, seconds) == (16.0, pytest.approx(0.64))


def test_the_same_frames_are_tried_once_by_the_rule_that_explains_most():
    """Frame 15 of 16 every 16 frames is also frame 15 of 32 every 16 frames."""
    found = {video.video_id: video.frames // 16 for video in VIDEOS}
    rules = explain(VIDEOS, found, list(found.values()))
    timings = network_timings(rules, [], frames_alone=True, accepts=lambda _: True)
    own_rate = [each for each in timings if each.rule.grid[::2] == (16, None)]
    (last,) = [each for each in own_rate if each.choice.clips == ((15,),)]
    assert (last.rule.length, last.choice.name) == (16, "its last frame")
    seen = [(each.rule.grid[::2], each.choice.clips, each.choice.largest) for each in timings]
    assert len(set(seen)) == len(seen)
