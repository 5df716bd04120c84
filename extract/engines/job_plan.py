"""How long a job will take, how large its store will be, and what limits it, from a measured sample."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_lists import Video
from extract.decode.decode_events import FramesDecoded, VideoEnded
from extract.decode.pool import DecodeJob, DecodePool
from extract.engines.sharding import sizes
from extract.pipeline.decoding import decode_settings
from extract.pipeline.extractor import Extractor
from extract.pipeline.run_settings import ExtractionJob, RunReport, RunSettings
from extract.presets import Preset
from extract.runtime.machine.limits import cores
from extract.runtime.progress import Progress
from extract.runtime.temp_folder import TempFolder

SAMPLE_SEED = 0


@dataclass(frozen=True)
class Speeds:
    """What one machine was measured to do. The names are keys of vad-extract plan --json."""

    # frames per second of one core's time (with a descriptor: decoded and described)
    decode: float
    # frames per second of the device, resizing included; None if a preset needs no device
    device: float | None
    # whether the device is the CPU itself
    on_cpu: bool
    # in the store
    bytes_a_frame: float
    # mean
    frames_a_video: float
    # how many were measured
    videos: int
    frames: int
    # until the network is ready
    start_seconds: float


@dataclass(frozen=True)
class Plan:
    """One row of the answer."""

    devices: int
    # CPU cores per device
    cores: int
    hours: float
    # what takes longest: decoding, the device, or the network on a CPU
    limit: str
    # per device, so that it never waits for decoding; 0 where the CPU is the device
    cores_needed: float


def plans(speeds: Speeds, *, frames: float, devices: Sequence[int], cores: int) -> list[Plan]:
    """A row per number of devices, by linear extrapolation: no device waits for another, none fails."""
    rows = []
    for count in devices:
        decode = frames / (speeds.decode * cores * count)
        device = 0.0 if speeds.device is None else frames / (speeds.device * count)
        if speeds.on_cpu:
            seconds, limit = decode + device, "decoding" if decode > device else "the network"
        else:
            seconds, limit = max(decode, device), "decoding" if decode > device else "the device"
        needed = 0.0 if speeds.device is None or speeds.on_cpu else speeds.device / speeds.decode
        rows.append(Plan(count, cores, (seconds + speeds.start_seconds) / 3600, limit, needed))
    return rows


def measure(
    preset: Preset, videos: Sequence[Video], *, root: Path, settings: RunSettings, count: int
) -> tuple[Speeds, float]:
    """(speeds, frames of all videos): decode and extract a sample into a temporary store.

    count: videos in the sample, drawn at random. The frames of all videos are as listed, or estimated from
    the sizes of the files. Raises ValueError if no video of the sample can be decoded.
    """
    drawn = random.Random(SAMPLE_SEED).sample(range(len(videos)), min(count, len(videos)))
    sample = [videos[index] for index in drawn]
    cpu_seconds, decoded = _decode(preset, sample, root, settings)
    if not decoded:
        raise ValueError(
            f"none of the {len(sample)} sampled videos can be decoded; try vad-extract run on a few of them"
        )
    with TempFolder("vad-plan-") as folder:
        began = time.monotonic()
        with Extractor(ExtractionJob(preset, root, folder / "store", settings)) as extractor:
            progress, report = Progress(total=0, live=False), RunReport()
            # the first video pays for what happens once: compiled kernels, the check of the precision
            extractor.extract(sample[:1], report, progress)
            start_seconds = time.monotonic() - began
            if len(sample) == 1:
                # nothing else is left to measure, and what is there already would be skipped
                extractor.store.path(sample[0].video_id).unlink(missing_ok=True)
            progress, report = Progress(total=0, live=False), RunReport()
            extractor.extract(sample[1:] or sample, report, progress)
        written = [path.stat().st_size for path in folder.rglob("*.h5")]
        device = extractor.rows.device
        busy = progress.device_seconds
    measured = max(report.frames, 1)
    frames = sum(decoded.values())
    weights = sizes(videos, root)
    share = sum(weights[index] for index in drawn) / sum(weights)
    return Speeds(
        decode=frames / max(cpu_seconds, 1e-9),
        device=None if device is None else measured / max(busy, 1e-9),
        on_cpu=device is None or device.type == "cpu",
        bytes_a_frame=sum(written) / max(frames, 1),
        frames_a_video=frames / len(decoded),
        videos=len(decoded),
        frames=frames,
        start_seconds=start_seconds,
    ), frames / share


def _decode(
    preset: Preset, sample: Sequence[Video], root: Path, settings: RunSettings
) -> tuple[float, dict[str, int]]:
    """(CPU seconds, frames by video) of decoding alone, in one worker."""
    jobs = [DecodeJob(video.video_id, root, video.num_frames) for video in sample]
    seconds, frames = 0.0, {}
    with DecodePool(jobs, decode_settings(preset, replace(settings, workers=1))) as pool:
        for event in pool:
            if isinstance(event, FramesDecoded):
                event.release()
            elif isinstance(event, VideoEnded):
                seconds += event.report.cpu_seconds
                frames[event.video_id] = event.report.num_frames
    return seconds, frames


def default_cores() -> int:
    """How many CPU cores this process may use."""
    return max(1, cores())
