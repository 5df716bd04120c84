"""vad-extract plan: how long a job will take on one device and on many."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extract.runtime.options.lazy_choice import LazyChoice
from extract.runtime.say import say
from extract.runtime.text import counted

if TYPE_CHECKING:
    from extract.engines.job_plan import Speeds


@click.command()
@click.argument("lists", nargs=-1, required=True, metavar="LIST...")
@click.option("--preset", "name", type=LazyChoice("extract.presets:PRESETS"), required=True, help="Protocol.")
@click.option(
    "--videos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Root of the data set.",
)
@click.option("--devices", default="1,8,100", show_default=True, help="Numbers of devices to plan for.")
@click.option(
    "--cores", type=click.IntRange(1), help="Processor cores per device. [default: as many as here]"
)
@click.option(
    "--count",
    type=click.IntRange(1),
    help="Plan for this many videos like these. [default: those of the lists]",
)
@click.option(
    "--sample",
    type=click.IntRange(1),
    default=6,
    show_default=True,
    help="Videos that are extracted to measure the speed.",
)
@click.option("--device", default="auto", show_default=True, help="Device to measure: auto, cpu or cuda.")
@click.option(
    "--device-fps",
    type=click.FloatRange(0, min_open=True),
    help="Frames per second of another device, in place of the measured speed.",
)
@click.option("--weights", help="none, a known name, or a file. [default: the preset's]")
@click.option(
    "--every",
    metavar="FRAMES|SECONDS",
    help="Start a segment every N frames (8) or N seconds of the video's clock (1s, 0.5s); closer than a "
    "clip is long, segments overlap. [default: the preset's]",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the preset. Repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def plan(lists, name, videos, device_fps, as_json, **options):
    """Measure decoding and the device on a few videos of LIST, and estimate how long the job takes.

    The estimate is linear in what was measured: it assumes that other machines read videos as fast as this
    one.
    """
    from dataclasses import replace

    from data_lists import resolve_lists
    from extract.engines.job_plan import default_cores, measure, plans
    from extract.pipeline.run_settings import RunSettings
    from extract.presets import PRESETS
    from extract.presets.preset_overrides import overridden
    from extract.presets.segment_rate import with_segments_every

    numbers = _numbers(options["devices"])
    listed = resolve_lists(lists)
    changed = overridden(PRESETS[name], options["assignments"])
    preset = with_segments_every(changed, options["every"], options["assignments"])
    settings = RunSettings(device=options["device"], weights=options["weights"], workers=default_cores())
    speeds, frames = measure(preset, listed, root=videos, settings=settings, count=options["sample"])
    if device_fps:
        speeds = replace(speeds, device=device_fps, on_cpu=False)
    total = options["count"] or len(listed)
    frames *= total / len(listed)
    rows = plans(speeds, frames=frames, devices=numbers, cores=options["cores"] or default_cores())
    size = frames * speeds.bytes_a_frame
    if as_json:
        counts = {"videos": total, "frames": round(frames), "bytes": round(size)}
        result = {**counts, "speeds": asdict(speeds), "plans": [asdict(row) for row in rows]}
        for line in json.dumps(result, indent=1).split("\n"):
            say(line)
        return
    per_video = f"{frames / total:.0f} per video"
    say(f"{counted(total, 'video')}, about {frames:.3g} frames ({per_video}), {_size(size)} of features")
    say(
        f"measured on {counted(speeds.videos, 'video')}, {speeds.frames} frames: decoding "
        f"{speeds.decode:.0f} frames per second and core, {_network(speeds, given=bool(device_fps))}"
    )
    for row in rows:
        busy = f"; {row.cores_needed:.1f} cores per device would keep it busy" if row.cores_needed else ""
        say(f"{row.devices:>6} x {row.cores} cores: {_time(row.hours)}, limited by {row.limit}{busy}")


def _network(speeds: Speeds, *, given: bool) -> str:
    if speeds.device is None:
        return "no network"
    origin = " (given)" if given else " (this processor, all cores)" if speeds.on_cpu else ""
    return f"network {speeds.device:.0f} frames per second and device{origin}"


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise click.UsageError(f"--devices {text}: expected numbers with commas between, as in 1,8,100")
    return numbers


def _size(amount: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def _time(hours: float) -> str:
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    if hours < 2:
        return f"{hours * 60:.0f} minutes"
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"
