"""vad-extract scene: the people or regions of a video and the graph between them, drawn into an mp4."""

from __future__ import annotations

from pathlib import Path

import click

from extract.runtime.options.lazy_choice import LazyChoice
from extract.runtime.say import say
from extract.store.output_file import OutputFile, WritingCommand


@click.command(cls=WritingCommand)
@click.argument("video", type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=OutputFile("scene video"), required=True, help="The mp4 to write.")
@click.option(
    "--detector",
    type=LazyChoice("extract.presets.scene_preset:DETECTORS"),
    help="Detector of people; foreground finds whatever moves before a still camera, onnx what a YOLO "
    "network given by --weights FILE.onnx finds. [default: keypointrcnn; files with --tracks]",
)
@click.option(
    "--tracks",
    type=click.Path(exists=True, path_type=Path),
    help="Detected people: a CSV, JSON or MOT file, or a folder with one file per frame (SAVD, OpenPose).",
)
@click.option(
    "--tracker",
    type=LazyChoice("extract.presets.scene_preset:TRACKERS"),
    help="Tracker of identities. [default: overlap]",
)
@click.option(
    "--weights", help="Weights of the detector: none (random, for trials), a known name, or a file."
)
@click.option(
    "--device", default="auto", show_default=True, help="Device of the detector: auto, cpu, cuda or cuda:N."
)
@click.option("--frames", "num_frames", type=click.IntRange(1), help="Stop after this many drawn frames.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the preset reclass. Repeatable.",
)
def scene(video, out, tracks, weights, device, num_frames, **options):
    """Draw what the preset reclass finds in VIDEO: on the left boxes, identities and poses, on the right the
    graph.

    Edges of the graph: distance, mutual gaze, shared target; the thicker, the closer. Arrows: where people
    face.
    """
    from extract.presets import PRESETS
    from extract.presets.preset_overrides import overridden
    from extract.preview.scene_preview import write_scene_video
    from extract.runtime.device import choose_device
    from extract.scene.detectors import make_detector

    if out.suffix.lower() != ".mp4":
        raise click.UsageError(f"--out {out}: expected a name that ends in .mp4")
    detector = options["detector"] or ("files" if tracks else None)
    chosen = {"scene.detector": detector, "scene.tracker": options["tracker"]}
    given = [f"{name}={value}" for name, value in chosen.items() if value]
    preset = overridden(PRESETS["reclass"], [*given, *options["assignments"]])
    settings = preset.scene
    assert settings is not None  # reclass always has one
    if settings.detector == "files" and tracks is None:
        raise click.UsageError("the detector files needs --tracks: a file or a folder of detected people")
    found = make_detector(settings, device=str(choose_device(device)), weights=weights, tracks=tracks)
    out.parent.mkdir(parents=True, exist_ok=True)
    count = write_scene_video(video, out, preset=preset, detector=found, num_frames=num_frames)
    if count.stopped:
        say(f"{video} stops early: {count.stopped}", err=True)
    mean = count.sightings / max(count.frames, 1)
    what = "regions" if settings.detector in ("foreground", "onnx") else "people"
    say(f"{out}: {count.frames} frames, {mean:.1f} {what} per frame, {count.identities} identities")
