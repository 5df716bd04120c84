"""vad-extract plan: how long a job will take on one machine and on many, before it is started."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from extract.presets import PRESETS


@click.command()
@click.argument("lists", nargs=-1, required=True, metavar="LIST...")
@click.option("--preset", "name", type=click.Choice(list(PRESETS)), required=True)
@click.option(
    "--videos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="As for run.",
)
@click.option("--devices", default="1,8,100", show_default=True, help="Numbers of devices to plan for.")
@click.option(
    "--cores", type=click.IntRange(1), help="Processor cores beside each device. [default: as many as here]"
)
@click.option(
    "--count",
    type=click.IntRange(1),
    help="Plan for so many videos like these. [default: those of the lists]",
)
@click.option(
    "--sample",
    type=click.IntRange(1),
    default=6,
    show_default=True,
    help="Videos that are extracted to measure.",
)
@click.option("--device", default="auto", show_default=True, help="What is measured: auto, cpu, cuda.")
@click.option(
    "--device-fps",
    type=click.FloatRange(0, min_open=True),
    help="Frames a second of another device, in place of what is measured here.",
)
@click.option("--weights", help="As for run. [default: the preset's]")
@click.option("--set", "assignments", multiple=True, metavar="FIELD=VALUE", help="As for run.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def plan(
    lists, name, videos, devices, cores, count, sample, device, device_fps, weights, assignments, as_json
):
    """Measure decoding and the device on a few videos of LIST and say what the whole takes.

    A straight line through what was measured: it assumes that machines read the videos as fast as this one does.
    """
    from dataclasses import replace

    from data_lists import resolve_lists
    from extract.engines.job_plan import default_cores, measure, plans
    from extract.pipeline.settings import RunSettings
    from extract.presets.overrides import overridden

    numbers = _numbers(devices)
    listed = resolve_lists(lists)
    preset = overridden(PRESETS[name], list(assignments))
    settings = RunSettings(device=device, weights=weights, workers=default_cores())
    speeds, frames = measure(preset, listed, root=videos, settings=settings, count=sample)
    if device_fps:
        speeds = replace(speeds, device=device_fps, on_cpu=False)
    total = count or len(listed)
    frames *= total / len(listed)
    rows = plans(speeds, frames=frames, devices=numbers, cores=cores or default_cores())
    if as_json:
        result = {
            "videos": total,
            "frames": round(frames),
            "bytes": round(frames * speeds.bytes_a_frame),
            "speeds": asdict(speeds),
        }
        click.echo(json.dumps({**result, "plans": [asdict(row) for row in rows]}, indent=1))
        return
    click.echo(
        f"{total} videos, about {frames:.3g} frames ({frames / total:.0f} a video), {_size(frames * speeds.bytes_a_frame)} of features"
    )
    click.echo(
        f"measured on {speeds.videos} videos, {speeds.frames} frames: decoding {speeds.decode:.0f} frames a second and core, "
        + (
            "no network"
            if speeds.device is None
            else f"network {speeds.device:.0f} frames a second and device"
            + (" (given)" if device_fps else " (this processor, all cores)" if speeds.on_cpu else "")
        )
    )
    for row in rows:
        wanted = f"; {row.cores_needed:.1f} cores a device would keep it busy" if row.cores_needed else ""
        click.echo(
            f"{row.devices:>6} x {row.cores} cores: {_time(row.hours)}, limited by {row.limit}{wanted}"
        )


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
    return (
        f"{hours * 60:.0f} minutes"
        if hours < 2
        else f"{hours:.1f} hours"
        if hours < 48
        else f"{hours / 24:.1f} days"
    )
