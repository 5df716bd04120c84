"""Which statistic of speed maps finds people who are faster than they were? On normal videos alone.

    python -m scripts.experiments.planted_speed UCSDped2/Train

FOLDER holds a folder of frames for each normal video of one still camera. People are followed by the
difference from the median picture, and in the box of each the optical flow is multiplied by 1.4 or 1.8. A
row of the table is a rule; its columns are the frame AUC of planted frames against all normal frames of the
videos that were held out, four folds over videos. The rules of the head speed and of the preset
reclass-frames are among them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click
import cv2
import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from extract.descriptors.speed_map import HEIGHT, WIDTH, in_cells
from score.heads.layers.perspective import line_through
from score.metrics import roc_auc

FACTORS = (1.4, 1.8)
FOLDS, PEOPLE = 4, 4  # people followed in each video at most
CHANGED, LEAST_AREA, LEAST_FRAMES, MOST_FRAMES = 18, 60, 40, 90
MARGIN, AROUND = 3, 20  # pixels around a box, and frames around a person's, that belong to the example
MOVING = 0.3  # pixels a frame
LEAST_SHARE = 0.3  # scales are at least this share of the median one


class Rule(NamedTuple):
    """percentile: of a row, counts as 1. line: through the rows. cells: averaged. sigma: in frames."""

    percentile: float = 99.9
    line: bool = True
    cells: int = 4
    sigma: float = 5.0


RULES = {
    "a scale per row, eight cells (head speed)": Rule(line=False, cells=8),
    "a scale per row": Rule(line=False),
    "a line, eight cells": Rule(cells=8),
    "a line, four cells (reclass-frames)": Rule(),
    "a line, two cells": Rule(cells=2),
    "a line, sixteen cells": Rule(cells=16),
    "a line through the 99th percentiles": Rule(percentile=99.0),
    "a line, sigma 8": Rule(sigma=8.0),
}


class Example(NamedTuple):
    """Maps [F, R, C] around one person who is faster, and whether the person is there: bool [F]."""

    video: str
    factor: float
    maps: np.ndarray
    planted: np.ndarray


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--limit", type=click.IntRange(FOLDS), help="Use only the first videos, to try it out.")
def main(folder: Path, limit: int | None) -> None:
    cv2.setNumThreads(1)
    frames = {place.name: pictures(place) for place in sorted(folder.iterdir()) if place.is_dir()}
    frames = dict(list(frames.items())[:limit])
    if len(frames) < FOLDS:
        raise click.ClickException(f"{folder} has {len(frames)} folders of frames, expected at least {FOLDS}")
    lengths = {name: flow_lengths(each) for name, each in frames.items()}
    usual = np.median(np.concatenate([each[::15] for each in frames.values()]), axis=0).astype(np.uint8)
    followed = {name: people(each, usual) for name, each in frames.items()}
    examples = [
        example(name, lengths[name], boxes, factor)
        for name, found in followed.items()
        for boxes in found
        for factor in FACTORS
    ]
    if not examples:
        raise click.ClickException(f"{folder}: nobody could be followed for {LEAST_FRAMES} frames")
    normal = {name: cells_of(each) for name, each in lengths.items()}
    click.echo(f"{len(normal)} videos, {len(examples) // len(FACTORS)} people")
    click.echo("| rule | " + " | ".join(f"{factor:g} times as fast" for factor in FACTORS) + " |")
    click.echo("|---" * (len(FACTORS) + 1) + "|")
    for name, rule in RULES.items():
        values = " | ".join(f"{value:.3f}" for value in auc_of(rule, normal, examples))
        click.echo(f"| {name} | {values} |")


def pictures(folder: Path) -> np.ndarray:
    """uint8 [F, HEIGHT, WIDTH]."""
    found = [cv2.imread(str(each), cv2.IMREAD_GRAYSCALE) for each in sorted(folder.iterdir())]
    return np.stack([cv2.resize(each, (WIDTH, HEIGHT)) for each in found if each is not None])


def flow_lengths(frames: np.ndarray) -> np.ndarray:
    """Pixels a frame from the frame before to the frame after, float16 [F, HEIGHT, WIDTH]."""
    estimate, found = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST), []
    for number in range(len(frames)):
        first, last = max(number - 1, 0), min(number + 1, len(frames) - 1)
        flow = estimate.calc(frames[first], frames[last], None) / max(1, last - first)  # pyright: ignore[reportCallIssue, reportArgumentType]
        found.append(cv2.magnitude(flow[..., 0], flow[..., 1]).astype(np.float16))
    return np.stack(found)


def cells_of(lengths: np.ndarray) -> np.ndarray:
    """[F, HEIGHT, WIDTH] -> float32 [F, R, C]."""
    return np.stack([in_cells(each.astype(np.float32)) for each in lengths])


def people(frames: np.ndarray, usual: np.ndarray) -> list[list[tuple[int, ...]]]:
    """Boxes of people who walk alone: for each left, top, width, height, area and frame, one per frame."""
    running: list[list[tuple[int, ...]]] = []
    ended: list[list[tuple[int, ...]]] = []
    for number, frame in enumerate(frames):
        boxes, going = _boxes(frame, usual, number), []
        for track in running:
            best = max(boxes, key=lambda box, last=track[-1]: _overlap(last, box), default=None)
            if best is not None and _overlap(track[-1], best) > 0.5 and 0.7 < best[4] / track[-1][4] < 1.4:
                boxes.remove(best)
                going.append([*track, best])
            else:
                ended.append(track)
        running = going + [[box] for box in boxes]
    long = [track[:MOST_FRAMES] for track in ended + running if len(track) >= LEAST_FRAMES]
    return sorted(long, key=lambda track: (-len(track), track))[:PEOPLE]


def _boxes(frame: np.ndarray, usual: np.ndarray, number: int) -> list[tuple[int, ...]]:
    blurred = (cv2.GaussianBlur(each, (3, 3), 0) for each in (frame, usual))
    changed = (cv2.absdiff(*blurred) > CHANGED).astype(np.uint8)
    changed = cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    changed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((7, 3), np.uint8))
    rows = cv2.connectedComponentsWithStats(changed)[2][1:].tolist()
    return [(*row, number) for row in rows if row[4] >= LEAST_AREA and row[3] >= 1.2 * row[2]]


def _overlap(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    across, down = (
        max(0, min(one[axis] + one[axis + 2], other[axis] + other[axis + 2]) - max(one[axis], other[axis]))
        for axis in (0, 1)
    )
    return across * down / (one[2] * one[3] + other[2] * other[3] - across * down)


def example(video: str, lengths: np.ndarray, boxes: list[tuple[int, ...]], factor: float) -> Example:
    begin, end = max(0, boxes[0][5] - AROUND), min(len(lengths), boxes[-1][5] + 1 + AROUND)
    faster, planted = lengths[begin:end].copy(), np.zeros(end - begin, bool)
    for left, top, width, height, _, number in boxes:
        rows = slice(max(0, top - MARGIN), top + height + MARGIN)
        columns = slice(max(0, left - MARGIN), left + width + MARGIN)
        faster[number - begin, rows, columns] *= factor
        planted[number - begin] = True
    return Example(video, factor, cells_of(faster), planted)


def auc_of(rule: Rule, normal: dict[str, np.ndarray], examples: list[Example]) -> list[float]:
    """The AUC of each factor."""
    usual, planted = [], {factor: [] for factor in FACTORS}
    for fold in range(FOLDS):
        held_out = list(normal)[fold::FOLDS]
        scale = scale_of(
            rule, np.concatenate([maps for name, maps in normal.items() if name not in held_out])
        )
        usual += [scores(rule, normal[name], scale) for name in held_out]
        for each in examples:
            if each.video in held_out:
                planted[each.factor].append(scores(rule, each.maps, scale)[each.planted])
    negative, found = np.concatenate(usual), []
    for parts in planted.values():
        positive = np.concatenate(parts)
        label = np.r_[np.zeros(len(negative)), np.ones(len(positive))]
        found.append(roc_auc(label, np.r_[negative, positive]).value)
    return found


def scale_of(rule: Rule, maps: np.ndarray) -> np.ndarray:
    """What counts as 1 in each row, [R]."""
    rows = np.percentile(maps, rule.percentile, axis=(0, 2))
    if rule.line:
        moving = torch.from_numpy((maps > MOVING).sum(axis=(0, 2)))
        return line_through(torch.from_numpy(rows), moving).numpy()
    return np.maximum(rows, LEAST_SHARE * np.median(rows[rows > 0]))


def scores(rule: Rule, maps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """[F]."""
    ratio = np.sort((maps / scale[:, None]).reshape(len(maps), -1), axis=1)
    return gaussian_filter1d(ratio[:, -rule.cells :].mean(axis=1), rule.sigma)


if __name__ == "__main__":
    main()
