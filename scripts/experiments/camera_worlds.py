"""Do the constants of the preset regions hold for another camera? The same videos, seen by other cameras.

    python -m scripts.experiments.camera_worlds UCSDped2/Train

FOLDER holds a folder of frames for each normal video. Each row of the table is a world: the same videos at
half their rate, at twice their rate with frames between that follow the optical flow, at 640x360, mirrored,
and enlarged so that people cover four times the area. Columns are regions per frame, the median speed of a
region, and the frame AUC of tracks whose speed is multiplied (planted_tracks.py), without crops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import cv2
import numpy as np
import torch

from data_lists import Video
from extract.presets import Regions
from extract.regions.region_arrays import RegionArrays
from extract.regions.region_stream import RegionStream
from scripts.experiments.planted_tracks import FACTORS, auc_of, fitted, folds, plants, scores

RATE = 10.0  # of UCSD Ped2
HEIGHT = 240
REGIONS = Regions(crops="none")


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rate", default=RATE, show_default=True, help="Frames per second of the videos.")
@click.option("--limit", type=click.IntRange(4), help="Use only the first videos, to try it out.")
@click.option("--frames", type=click.IntRange(2), help="Use only the first frames of each.")
@click.option("--world", "chosen", multiple=True, help="Only this row. Repeatable.")
def main(folder: Path, rate: float, limit: int | None, frames: int | None, chosen: tuple[str, ...]) -> None:
    if unknown := set(chosen) - set(WORLDS):
        raise click.UsageError(f"no world {', '.join(sorted(unknown))}, expected {', '.join(WORLDS)}")
    places = [place for place in sorted(folder.iterdir()) if place.is_dir()][:limit]
    videos = {place.name: pictures(place)[:frames] for place in places}
    click.echo(
        "| world | regions | median speed | " + " | ".join(f"{each:g} times" for each in FACTORS) + " |"
    )
    click.echo("|---" * (3 + len(FACTORS)) + "|")
    for name in chosen or WORLDS:
        change, times = WORLDS[name]
        arrays = {video: regions_of(change(rows), rate * times) for video, rows in videos.items()}
        click.echo(f"| {name} | {row_of(arrays)} |")


def pictures(folder: Path) -> np.ndarray:
    """uint8 [F, H, W, 3]."""
    found = [cv2.imread(str(each)) for each in sorted(folder.iterdir())]
    return np.stack([cv2.cvtColor(each, cv2.COLOR_BGR2RGB) for each in found if each is not None])


def between(frames: np.ndarray) -> np.ndarray:
    """A frame halfway between each two: both moved half the way along the flow, and averaged."""
    dis, found = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), [frames[0]]
    columns, rows = np.meshgrid(*(np.arange(size, dtype=np.float32) for size in frames.shape[2:0:-1]))
    for first, second in zip(frames, frames[1:], strict=False):
        one, other = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (first, second))
        halves = []
        for start, end, picture in ((one, other, first), (other, one, second)):
            flow = dis.calc(start, end, None) / 2  # pyright: ignore[reportCallIssue, reportArgumentType]
            halves.append(
                cv2.remap(picture, columns - flow[..., 0], rows - flow[..., 1], cv2.INTER_LINEAR).astype(
                    float
                )
            )
        found += [np.mean(halves, axis=0).astype(np.uint8), second]
    return np.stack(found)


def resized(frames: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.stack([cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA) for each in frames])


def enlarged(frames: np.ndarray) -> np.ndarray:
    """The middle of the lower part, twice as wide and high."""
    height, width = frames.shape[1:3]
    rows, columns = slice(height * 3 // 8, height * 7 // 8), slice(width // 4, width * 3 // 4)
    return np.stack([cv2.resize(each[rows, columns], (width, height)) for each in frames])


# name -> (what is done to the frames, frames per second relative to the original)
WORLDS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "as it is": (lambda frames: frames, 1.0),
    "half the rate": (lambda frames: frames[::2], 0.5),
    "twice the rate": (between, 2.0),
    "640x360": (lambda frames: resized(frames, 640, 360), 1.0),
    "mirrored": (lambda frames: frames[:, :, ::-1], 1.0),
    "four times the area": (enlarged, 1.0),
}


def regions_of(frames: np.ndarray, rate: float) -> dict[str, torch.Tensor]:
    """The arrays of a store, of frames at the working size of the preset regions."""
    height, width = frames.shape[1:3]
    frames = np.ascontiguousarray(resized(frames, round(width * HEIGHT / height), HEIGHT))
    stream, arrays = RegionStream(REGIONS), RegionArrays(REGIONS, feature_dim=0)
    found = [*stream.add(frames, np.arange(len(frames)) / rate), *stream.end()]
    rows = [arrays.rows(frame, [], np.zeros((0, 0))) for frame in found]
    return {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}


def row_of(arrays: dict[str, dict[str, torch.Tensor]]) -> str:
    """Regions per frame, median speed and the frame AUC of planted tracks, as cells of a table."""
    present = torch.cat([rows["region_track"] >= 0 for rows in arrays.values()])
    speed = torch.cat([rows["region_speed"][..., 2] for rows in arrays.values()])[present]
    cells = [f"{present.sum() / len(present):.1f}", f"{speed.median():.3f}"]
    normal: list[np.ndarray] = []
    planted: dict[float, list[np.ndarray]] = {factor: [] for factor in FACTORS}
    for held_out in folds([Video(name) for name in arrays]):
        kept = [name for name in arrays if name not in held_out]
        head = fitted([arrays[name] for name in kept], [], [Video(name) for name in kept])
        for name in held_out:
            normal.append(scores(head, arrays[name]))
            for factor, found in planted.items():
                found += [scores(head, changed)[shown] for changed, shown in _plants(arrays[name], factor)]
    values = [auc_of(np.concatenate(normal), np.concatenate(found)) for found in planted.values()]
    return " | ".join([*cells, *(f"{value:.3f}" for value in values)])


def _plants(arrays: dict[str, torch.Tensor], factor: float) -> Iterator[tuple[dict, np.ndarray]]:
    return plants(arrays, "faster", factor)


if __name__ == "__main__":
    main()
