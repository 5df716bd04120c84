"""Write one long video of small frames, to see that memory does not grow with length.

    python -m scripts.demo.make_long_video two_hours.mp4 --minutes 120
    python -m scripts.demo.make_long_video two_minutes.mp4 --minutes 2

The same seed and size give the same frames, so the short video is the beginning of the long one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np

from scripts.demo.scene.h264 import write_h264

WALKERS = 4


@click.command(help=__doc__)
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--minutes", default=120.0, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option(
    "--size",
    nargs=2,
    default=(160, 120),
    show_default=True,
    type=click.IntRange(16),
    metavar="WIDTH HEIGHT",
    help="Both even.",
)
@click.option("--fps", default=25, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True)
def main(out: Path, minutes: float, size: tuple[int, int], fps: int, seed: int) -> None:
    if size[0] % 2 or size[1] % 2:
        raise click.UsageError(f"--size {size[0]} {size[1]}: H.264 with 4:2:0 colour needs even sides")
    if out.exists():
        raise click.UsageError(f"{out} exists; remove it, or choose another name")
    cv2.setNumThreads(1)
    num_frames = max(1, round(minutes * 60 * fps))
    write_h264(out, frames(num_frames, size=size, fps=fps, seed=seed), fps, preset="ultrafast")
    click.echo(
        f"{out}: {num_frames} frames, {num_frames / fps / 60:.1f} minutes, {out.stat().st_size / 1e6:.1f} MB"
    )


def frames(num_frames: int, *, size: tuple[int, int], fps: int, seed: int) -> Iterator[np.ndarray]:
    """Grey pillars that walk through a textured, noisy scene: uint8 planes of yuv420p [H * 3 / 2, W]."""
    width, height = size
    random = np.random.default_rng(seed)
    scene = cv2.resize(
        random.integers(70, 150, (height // 8 + 1, width // 8 + 1)).astype(np.uint8),
        size,
        interpolation=cv2.INTER_CUBIC,
    )
    grain = np.round(random.normal(0, 3, (height + 32, width + 32))).astype(np.int16)
    # In widths of the frame per second.
    speeds, phases = random.uniform(0.05, 0.15, WALKERS), random.uniform(0, 1, WALKERS)
    rows, shades = random.uniform(0.3, 0.7, WALKERS), random.integers(20, 240, WALKERS)
    planes = np.full((height * 3 // 2, width), 128, dtype=np.uint8)
    for frame in range(num_frames):
        picture = scene.copy()
        for speed, phase, row, shade in zip(speeds, phases, rows, shades, strict=True):
            x = ((phase + speed * frame / fps) % 1.2 - 0.1) * width
            stride = 0.04 * height * np.sin(40 * speed * frame / fps)
            hip, head = (int(x), int(row * height)), (int(x), int((row - 0.2) * height))
            cv2.line(picture, head, hip, int(shade), max(2, width // 32), cv2.LINE_AA)
            for side in (-1, 1):
                foot = (int(x + side * stride), int((row + 0.2) * height))
                cv2.line(picture, hip, foot, int(shade), max(1, width // 64), cv2.LINE_AA)
        top, left = random.integers(0, 32, 2)
        planes[:height] = cv2.add(picture, grain[top : top + height, left : left + width], dtype=cv2.CV_8U)
        yield planes


if __name__ == "__main__":
    main()
