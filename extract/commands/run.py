"""vad-extract run: extract every listed video that is not in the store yet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click

from extract.runtime.machine.limits import cores, workers_that_fit
from extract.runtime.options.cluster import Cluster, cluster_options, taken_cluster
from extract.runtime.options.lazy_choice import LazyChoice
from extract.runtime.say import say
from extract.store.option import STORE
from extract.store.output_file import OutputFile, WritingCommand

LINES = 20  # failures that are printed; failures.jsonl holds all
LONG_RUN = 10.0  # seconds from which it matters that others slowed a run


@click.command(cls=WritingCommand)
@click.option(
    "--preset",
    "name",
    type=LazyChoice("extract.presets:PRESETS"),
    required=True,
    help="Protocol; see vad-extract presets.",
)
@click.option(
    "--videos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Root of the data set; ids of the list are paths below it.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    help="A TSV, a data set's split (ucf_crime/test), or a folder with normal/ and anomaly/. Repeatable. "
    "[default: every video and folder of frames below --videos]",
)
@click.option(
    "--store",
    type=STORE,
    required=True,
    help="A folder or an address (s3://bucket/features); created, or continued.",
)
@click.option(
    "--device", default="auto", show_default=True, help="Device of the network: auto, cpu, cuda or cuda:N."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=cores(),
    show_default="cores",
    help="Decode processes.",
)
@click.option("--weights", help="none (random, for trials), a known name, or a file. [default: the preset's]")
@click.option("--seed", default=0, show_default=True, help="Seed of random weights.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "tf32", "bf16"]),
    default="fp32",
    show_default=True,
    help="Arithmetic of the network, checked against fp32 on the first batch.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, 10**9),
    help="Network inputs per pass; recorded in a new store. [default: measured]",
)
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True),
    help="Resample videos to this rate, in frames per second. [default: their own]",
)
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
    help="Change a field of the preset, and with it the spec. Repeatable.",
)
@click.option("--shard", metavar="i/n", help="Only the i-th of n parts of the list, counted from 0.")
@click.option(
    "--on-damage",
    type=click.Choice(["accept", "salvage", "fail"]),
    default="accept",
    show_default=True,
    help="Videos with decoder messages: keep if they decode to the end, keep what decodes, or fail.",
)
@click.option(
    "--devices", help="Several devices of this machine, one process each: cuda:0,cuda:1. Replaces --device."
)
@cluster_options(work="extract", actors="with --workers CPUs each.  [default: all that fit]")
@click.option(
    "--stall-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Kill a decoder that makes no progress for this long.",
)
@click.option(
    "--compression", type=click.Choice(["gzip", "lzf"]), help="Compression of feature files. [default: none]"
)
@click.option(
    "--tracks",
    type=click.Path(exists=True, path_type=Path),
    help="Detected people, for scene.detector=files: a folder with VIDEO_ID.json, .csv or .txt. "
    "[default: next to the videos]",
)
@click.option(
    "--stream",
    type=click.IntRange(0),
    help="Video stream to read in files with several, counted over all streams as ffprobe does. "
    "[default: the one marked as default, else the largest]",
)
@click.option(
    "--changed",
    type=click.Choice(["report", "redo"]),
    default="report",
    show_default=True,
    help="Stored videos whose source is not the one that was extracted: name them, or extract them again.",
)
@click.option(
    "--profile",
    "profile_file",
    type=OutputFile("trace"),
    help="Print where the time went and write a trace that chrome://tracing and ui.perfetto.dev open.",
)
def run(name, videos, lists, store, profile_file, **options):
    """Extract the features of every listed video that is not in STORE yet.

    Exit code: 0 all done, 1 some videos failed (see STORE/failures.jsonl), 2 wrong usage or a store with
    other settings.
    """
    from data_lists import resolve_lists
    from data_lists.folders import every_video
    from extract.pipeline.run_settings import ExtractionJob, RunSettings
    from extract.presets import PRESETS
    from extract.presets.preset_overrides import overridden
    from extract.presets.segment_rate import with_segments_every
    from extract.runtime.machine.machine_load import MachineLoad
    from extract.runtime.profile import OFF, Profile
    from extract.runtime.progress import Progress
    from extract.runtime.text import counted

    fps, shard = options.pop("fps"), options.pop("shard")
    cluster, devices = taken_cluster(options), options.pop("devices")
    if profile_file and (devices or cluster):
        raise click.UsageError(
            "--profile covers one device loop; it cannot be combined with --devices or --engine ray"
        )
    profile = Profile() if profile_file else OFF
    extract = _engine(cluster, devices)
    assignments = [*options.pop("assignments"), *([f"fps={fps}"] if fps else [])]
    preset = with_segments_every(overridden(PRESETS[name], assignments), options.pop("every"), assignments)
    unusable: list[str] = []
    if lists:
        every = resolve_lists(lists)
    else:
        every, unusable = every_video(videos)
        for problem in unusable:
            say(f"failed: {problem}", err=True)
        say(f"no --list: {counted(every, 'video')} below {videos}", err=True)
    _check_tracks(options["tracks"], every)
    chosen = _shard(every, shard)
    # Jobs of other shards keep their records in failures.jsonl.
    others = {video.video_id for video in every} - {video.video_id for video in chosen} if shard else set()
    wanted = options["workers"]
    options["workers"] = workers_that_fit(wanted)
    if options["workers"] < wanted:
        say(
            f"note: {options['workers']} workers instead of {wanted}: few files may be open (ulimit -n)",
            err=True,
        )
    job = ExtractionJob(preset, videos, store, RunSettings(**options, probe=True))
    load = None if cluster else MachineLoad()
    report = extract(job, chosen, progress=Progress(total=0, profile=profile, load=load), others=others)
    _say(report, store, redo=job.settings.changed == "redo")
    if load and report.seconds >= LONG_RUN and (limit := load.limit_of_all()):
        say(f"note: the machine limited this run: {limit}", err=True)
    if profile_file:
        profile.write(profile_file)
        say(f"{profile.line()}: {profile_file}", err=True)
    if report.failed or unusable:
        sys.exit(1)


def _check_tracks(tracks: Path | None, videos: Sequence) -> None:
    if tracks and tracks.is_file() and len(videos) > 1:
        raise click.UsageError(
            f"--tracks {tracks} is one file, but {len(videos)} videos are listed; "
            "give the folder that holds VIDEO_ID.json, .csv or .txt"
        )


def _engine(cluster: Cluster | None, devices: str | None) -> Callable:
    """The function that runs the extraction. Raises UsageError for options that exclude each other."""
    if cluster is not None:
        if devices:
            raise click.UsageError(
                "--devices is for one machine without Ray; with --engine ray give --gpus-per-worker"
            )
        from extract.engines import ray_engine

        return partial(ray_engine.run, cluster=cluster)
    if devices is None:
        from extract.pipeline.extractor import run_job

        return run_job
    from extract.engines import processes as device_processes

    named = [device.strip() for device in devices.split(",")]
    if not all(named):
        raise click.UsageError(
            f"--devices {devices}: expected names with commas between, as in cuda:0,cuda:1"
        )
    return partial(device_processes.run, devices=named)


def _shard(videos: list, shard: str | None) -> list:
    if shard is None:
        return videos
    part, _, parts = shard.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 0 <= int(part) < int(parts)):
        raise click.UsageError(f"--shard {shard}: expected i/n with 0 <= i < n, as in 0/8 ... 7/8")
    # Every n-th video, because lists often group long videos together.
    return videos[int(part) :: int(parts)]


def _say(report, store: Path | str, *, redo: bool) -> None:
    from extract.runtime.text import counted, listed
    from extract.store.video_features import REMARKS

    for failure in report.failed[:LINES]:
        say(f"failed: {failure.video_id}: {failure.stage}: {failure.reason}", err=True)
    if len(report.failed) > LINES:
        say(f"... and {len(report.failed) - LINES} more", err=True)
    if report.damaged:
        say(
            f"extracted again because their files were damaged: {listed(report.damaged, shown=LINES)}",
            err=True,
        )
    if report.changed:
        done = "extracted again" if redo else "run with --changed redo to extract them again"
        say(
            f"{counted(report.changed, 'video')} whose source is not the one that was extracted, such as "
            f"{report.changed[0]}: {done}",
            err=True,
        )
    for key, ids in report.remarks.items():
        say(f"{counted(ids, 'video')} {REMARKS[key]}: {listed(ids, shown=LINES)}", err=True)
    if report.other_length:
        say(
            f"{counted(report.other_length, 'video')} with another number of frames than the list says, "
            f"such as {report.other_length[0]}: evaluation will refuse them",
            err=True,
        )
    rate = ""
    if report.done:
        speed = report.frames / report.seconds
        rate = f", {report.frames} frames in {report.seconds:.0f} s ({speed:.0f} per second)"
    say(
        f"{report.done} extracted, {report.skipped} already there, {len(report.failed)} failed{rate}: {store}"
    )
