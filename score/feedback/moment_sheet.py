"""A picture of moments, a tile each, so that a person sees what the questions are about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from extract.runtime.atomic import write_bytes
from extract.store.output_file import marked_png
from score.feedback.choosing import Chosen
from score.predict.extraction import ExtractionSettings
from score.predict.output.frame_replay import ReplayError, replay
from score.predict.output.reason_sheet import FramePicker

WIDTH, HEIGHT, TEXT, COLUMNS = 320, 240, 40, 5  # pixels; tiles in a row
GREY, WHITE = (40, 40, 40), (235, 235, 235)


def write_sheet(path: Path, chosen: Sequence[Chosen], root: Path) -> list[str]:
    """Write the picture as PNG; returns a line for each video that cannot be shown. root: of the videos."""
    import cv2

    picture, problems = moment_sheet(chosen, root)
    write_bytes(path, marked_png(cv2.imencode(".png", picture[..., ::-1])[1].tobytes()))
    return problems


def moment_sheet(chosen: Sequence[Chosen], root: Path) -> tuple[np.ndarray, list[str]]:
    """(uint8 [H, W, 3], a line for each video that cannot be shown); tiles are numbered from 1."""
    pictures, problems = {}, []
    for video_id in dict.fromkeys(each.moment.video_id for each in chosen):
        middles = {sum(each.moment.frames) // 2 for each in chosen if each.moment.video_id == video_id}
        picker = FramePicker(middles)
        try:
            # No frame after the last wanted one is needed.
            replay(video_id, [picker], root=root, num_frames=max(middles) + 1, settings=ExtractionSettings())
        except ReplayError as error:
            problems.append(str(error))
        pictures |= {(video_id, frame): rgb for frame, rgb in picker.pictures.items()}
    tiles = [
        _tile(pictures.get((each.moment.video_id, sum(each.moment.frames) // 2)), f"{number}: {_words(each)}")
        for number, each in enumerate(chosen, start=1)
    ]
    tiles += [np.full_like(tiles[0], GREY[0])] * (-len(tiles) % min(COLUMNS, len(tiles)))
    width = min(COLUMNS, len(tiles))
    rows = [np.concatenate(tiles[start : start + width], axis=1) for start in range(0, len(tiles), width)]
    return np.concatenate(rows), problems


def _words(chosen: Chosen) -> str:
    return f"{chosen.moment.score:.2f}  {chosen.moment.seconds[0]:.0f}-{chosen.moment.seconds[1]:.0f} s"


def _tile(picture: np.ndarray | None, words: str) -> np.ndarray:
    import cv2

    tile = np.full((HEIGHT + TEXT, WIDTH, 3), GREY, np.uint8)
    if picture is not None:
        scale = min(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
        size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
        tile[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    cv2.putText(tile, words, (6, HEIGHT + 26), cv2.FONT_HERSHEY_SIMPLEX, 0.55, WHITE, 1, cv2.LINE_AA)
    return tile
