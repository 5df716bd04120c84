"""The page about ten million videos is what its generator writes; only the measured numbers are its own."""

import re

from extract.engines.job_plan import Speeds
from scripts.benchmarks import plan_ten_million
from scripts.benchmarks.plan_ten_million import OUT, Measured, page

CLIP = Speeds(
    decode=1000.0,
    device=30.0,
    on_cpu=True,
    bytes_a_frame=400,
    frames_a_video=600,
    videos=5,
    frames=3000,
    start_seconds=5,
)
MOTION = Speeds(
    decode=100.0,
    device=None,
    on_cpu=True,
    bytes_a_frame=50,
    frames_a_video=600,
    videos=5,
    frames=3000,
    start_seconds=1,
)
BOOKS = {"make_seconds": 9.0, "hand_out_seconds": 2.0, "shards": 20_000, "list_bytes": 250, "bytes": 400}
HERE = {"processor": "AMD EPYC", "cores": 2, "memory_gb": 25.0, "torch": "2.14.1+cu130"}


def written(monkeypatch) -> str:
    monkeypatch.setattr(plan_ten_million, "machine", lambda: HERE)
    speeds = {"motion": MOTION, "i3d-rgb-16": CLIP}
    return page(Measured(speeds, mean_frames=7000.0, video_bytes=5000.0, bookkeeping=BOOKS, others=0.02))


def words(text: str) -> list[str]:
    """Without numbers, their units, and what limits a row, which follow from what was measured."""
    text = re.sub(r"decoding \||the device \||the network \|", "|", text)
    return re.sub(r"[\d.,:e+%-]+ ?(?:[kMGT]?B|hours|days|years)?", " ", text).split()


def test_the_page_in_the_repository_is_what_the_generator_writes(monkeypatch):
    assert words(written(monkeypatch)) == words(OUT.read_text())


def test_motion_takes_its_frames_over_what_the_cores_decode(monkeypatch):
    # 10,000,000 videos of 7,000 frames at 100 frames/s on 100 machines of 8 cores: 875,000 s = 10.1 days
    (row,) = [line for line in written(monkeypatch).splitlines() if line.startswith("| motion | 8 |")]
    assert row.split(" | ")[4] == "10.1 days"
