"""vad-extract flow: optical flow of a video or of two images."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extract.flow.tvl1_settings import VARIANTS
from extract.runtime.say import say

if TYPE_CHECKING:
    from extract.flow.estimator import Estimator
    from extract.preview.flow_files import FlowFiles

RAFT_FILE = "raft_large_C_T_SKHT_V2-ff5fadd5.pth"  # torchvision's default weights of raft_large
FOLDER = click.Path(file_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, path_type=Path)
KINDS = click.Choice(["flo", "png", "mp4"])
QUANTISERS = click.Choice(["none", "mediapipe", "round"])
WEIGHTS_HELP = f"Of raft: a file, or none for random ones. [default: {RAFT_FILE} in the folders of weights]"


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="VIDEO | A.png B.png", type=EXISTING)
@click.option("--out", type=FOLDER, required=True, help="Folder of the results, created if missing.")
@click.option(
    "--method", type=click.Choice(["tvl1", "raft"]), default="tvl1", show_default=True, help="Estimator."
)
@click.option(
    "--variant",
    type=click.Choice(list(VARIANTS)),
    default="opencv",
    show_default=True,
    help="Variant of the method tvl1.",
)
@click.option("--weights", help=WEIGHTS_HELP)
@click.option(
    "--as",
    "kinds",
    type=KINDS,
    multiple=True,
    default=["flo"],
    show_default=True,
    help="Repeatable. png: colour wheel. mp4: video and flow side by side.",
)
@click.option(
    "--quantiser",
    type=QUANTISERS,
    default="none",
    show_default=True,
    help="Also write both planes in 8 bits, clipped to +-20 pixels.",
)
@click.option("--frames", type=click.IntRange(min=2), help="Stop after this many frames of the video.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Device of the estimator.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), help="Threads of tvl1 on the CPU. [default: all cores]"
)
def flow(sources, out, kinds, quantiser, frames, **options):
    """Compute optical flow at the video's own size, in pixels, not clamped.

    For a VIDEO (a file, or a folder of frames), OUT/flow_000000.flo is the flow from frame 0 to frame 1, and
    so on. For two images, OUT/flow.flo is the flow from the first to the second. Exit code: 0 all done, 1 the
    video breaks off and the flow before that is there, 2 wrong usage.
    """
    if len(sources) > 2:
        raise click.UsageError(f"{len(sources)} files given, expected one video or two images")
    if len(sources) == 2 and "mp4" in kinds:
        raise click.UsageError("--as mp4 is for videos, but two images were given")
    from extract.preview.flow_files import FlowFiles, check_flow_folder
    from extract.preview.flow_video import write_video_flow
    from extract.store.output_file import check_output_folder

    check_output_folder(out, option="--out")
    check_flow_folder(out, sources)

    def make_files(fps: float) -> FlowFiles:
        return FlowFiles(out, kinds=kinds, quantiser=quantiser, fps=fps)

    estimate = _estimator(**options)
    if len(sources) == 2:
        _of_images(sources[0], sources[1], estimate, make_files)
        say(f"{out / 'flow'}: flow from {sources[0].name} to {sources[1].name}")
    else:
        count, stopped = write_video_flow(sources[0], estimate, make_files, num_frames=frames)
        say(f"{out}: flow of {count} pairs of frames of {sources[0].name}")
        if stopped:
            say(f"error: {sources[0]} stops early: {stopped}", err=True)
            sys.exit(1)


def _estimator(method: str, variant: str, weights: str | None, device: str, threads: int | None) -> Estimator:
    from extract.flow.estimator import make_estimator
    from extract.runtime.device import choose_device

    found = _raft_weights(weights) if method == "raft" else None
    chosen = str(choose_device(device))
    return make_estimator(method, variant=variant, device=chosen, weights=found, threads=threads)


def _raft_weights(choice: str | None) -> Path | str:
    from extract.weights.files import searched_folders

    if choice is not None:
        return choice
    for folder in searched_folders():
        if (folder / RAFT_FILE).is_file():
            return folder / RAFT_FILE
    raise ValueError(
        f"RAFT's weights were not found: put torchvision's {RAFT_FILE} into {searched_folders()[0]}, "
        "name a file with --weights, or use --weights none for random ones"
    )


def _of_images(
    first: Path, second: Path, estimate: Estimator, make_files: Callable[[float], FlowFiles]
) -> None:
    import torch

    from extract.preview.flow_files import read_image

    images = [read_image(path) for path in (first, second)]
    shapes = [f"{image.shape[1]}x{image.shape[0]}" for image in images]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{first} is {shapes[0]} and {second} is {shapes[1]}, expected one size")
    flow = estimate(*(torch.from_numpy(image)[None] for image in images))[0].cpu().numpy()
    with make_files(25.0) as files:
        files.add(flow, images[0], name="flow")
