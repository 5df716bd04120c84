"""The plan of a job: linear extrapolation of what was measured."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from extract.cli import main
from extract.engines.job_plan import Speeds, plans
from support import video_corpus

GPU = Speeds(
    decode=1000,
    device=20_000,
    on_cpu=False,
    bytes_a_frame=10,
    frames_a_video=100,
    videos=3,
    frames=300,
    start_seconds=0,
)


def test_the_slower_part_decides_on_a_gpu():
    (few,) = plans(GPU, frames=7.2e7, devices=[1], cores=4)
    assert (
        few.limit == "decoding" and few.hours == pytest.approx(7.2e7 / 4000 / 3600) and few.cores_needed == 20
    )
    (many,) = plans(GPU, frames=7.2e7, devices=[1], cores=32)
    assert many.limit == "the device" and many.hours == pytest.approx(1.0)


def test_on_a_cpu_decoding_and_the_network_share_the_cores():
    speeds = Speeds(
        decode=1000,
        device=100,
        on_cpu=True,
        bytes_a_frame=1,
        frames_a_video=1,
        videos=1,
        frames=1,
        start_seconds=36,
    )
    (row,) = plans(speeds, frames=1e5, devices=[1], cores=2)
    assert row.hours == pytest.approx((1e5 / 2000 + 1e5 / 100 + 36) / 3600) and row.limit == "the network"


def test_twice_the_devices_take_half_the_time():
    one, two, hundred = plans(GPU, frames=1e9, devices=[1, 2, 100], cores=8)
    assert one.hours == pytest.approx(2 * two.hours) == pytest.approx(100 * hundred.hours)


@pytest.fixture
def folder(tmp_path):
    lines = ["video_id\tevent_class\tnum_frames\tanomaly_spans"]
    for number in range(4):
        video_corpus.write_video(tmp_path / f"v{number}.mp4", 40)
        lines.append(f"v{number}\tNormal\t\t")
    (tmp_path / "list.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path


def plan(folder, *options):
    return CliRunner().invoke(main, ["plan", str(folder / "list.tsv"), "--videos", str(folder), *options])


@pytest.mark.slow
def test_a_sample_gives_the_size_and_speed_of_the_complete_list(folder):
    result = plan(folder, "--preset", "motion", "--sample", "2", "--count", "1000", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["videos"] == 1000 and found["frames"] == pytest.approx(
        40_000, rel=0.05
    )  # equal videos, nearly equal files
    assert found["speeds"]["device"] is None and found["speeds"]["frames"] == 80
    assert found["bytes"] == pytest.approx(found["frames"] * found["speeds"]["bytes_a_frame"], rel=1e-3)
    assert [row["devices"] for row in found["plans"]] == [1, 8, 100]


SMALL = ("--preset", "efficientnet-b0-frames", "--weights", "none", "--set", "resize.size=32")
SMALL += ("--set", "crop.size=32", "--sample", "1")


@pytest.mark.slow
def test_another_device_may_be_given(folder):
    result = plan(folder, *SMALL, "--device-fps", "5000")
    assert result.exit_code == 0, result.output
    assert "network 5000 frames per second and device (given)" in result.output
    assert "would keep it busy" in result.output


@pytest.mark.slow
def test_one_video_is_enough_to_measure_the_network(folder):
    """It is measured on a second pass, because the first one pays for what happens once."""
    result = plan(folder, *SMALL, "--json")
    assert result.exit_code == 0, result.output
    assert 10 < json.loads(result.output)["speeds"]["device"] < 1e6


def test_wrong_input_is_one_line(folder):
    assert "expected numbers" in plan(folder, "--preset", "motion", "--devices", "many").output
    (folder / "list.tsv").write_text("video_id\tevent_class\tnum_frames\tanomaly_spans\nabsent\tNormal\t\t\n")
    result = plan(folder, "--preset", "motion")
    assert result.exit_code == 2 and "none of the 1 sampled videos can be decoded" in result.output
