"""Write a small synthetic data set for one-class heads: a corridor in which people keep apart.

    python -m scripts.demo.make_corridor corridor

writes corridor/videos/{train,test}/*.mp4 (H.264, 160x120, 25 frames per second), corridor/train.tsv (normal
videos only), corridor/test.tsv (normal ones, and anomalies of three classes with spans: Appearance, Motion,
Graph), corridor/tracks/<id>.json (boxes, identities and poses for --tracks) and corridor/masks/<id>.npz
(mask: bool [T, H, W] of the anomalous pixels). The same seed gives the same frames.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import cv2
import numpy as np

from data_lists import Video, write_list
from data_lists.truth import spans_of_labels
from extract.runtime.atomic import write_text, write_text_once, writing
from scripts.demo.scene.camera import FPS, HEIGHT, WIDTH
from scripts.demo.scene.corridor import KINDS, Corridor, CorridorVideo
from scripts.demo.scene.h264 import write_h264

SPLITS = {"train": 1, "test": 2}  # in the seeds
MADE = ".corridor"  # the file that shows whose folder it is


@click.command(help=__doc__)
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--train", default=16, show_default=True, type=click.IntRange(1), help="Training videos, all normal."
)
@click.option(
    "--test",
    default=16,
    show_default=True,
    type=click.IntRange(1),
    help="Test videos, a quarter of each class.",
)
@click.option(
    "--seconds", default=10.0, show_default=True, type=click.FloatRange(4, 600), help="Length of each video."
)
@click.option(
    "--size",
    nargs=2,
    default=(160, 120),
    show_default=True,
    type=click.IntRange(32),
    help="Width and height.",
)
def main(out: Path, seed: int, train: int, test: int, seconds: float, size: tuple[int, int]) -> None:
    cv2.setNumThreads(1)
    if size[0] % 2 or size[1] % 2:
        raise click.UsageError(f"--size {size[0]} {size[1]}: H.264 wants even sides")
    parts = ("videos", "tracks", "masks", "train.tsv", "test.tsv")
    if not (out / MADE).is_file() and (found := [name for name in parts if (out / name).exists()]):
        raise click.UsageError(f"{out} holds {found[0]} of something else; choose a new or empty folder")
    out.mkdir(parents=True, exist_ok=True)
    write_text_once(out / MADE, "Written by scripts.demo.make_corridor, which may replace what lies here.\n")
    corridor = Corridor(seed)
    for split, count in (("train", train), ("test", test)):
        classes = ("Normal",) if split == "train" else ("Normal", *KINDS)
        videos = [
            _write(
                out,
                corridor,
                f"{split}/{classes[number % len(classes)]}_{number:03}",
                seconds,
                size,
                [seed, SPLITS[split], number],
            )
            for number in range(count)
        ]
        write_list(out / f"{split}.tsv", sorted(videos, key=lambda video: video.video_id))
    click.echo(f"{out}: {train} training and {test} test videos of {seconds:g} s")


def _write(
    out: Path, corridor: Corridor, video_id: str, seconds: float, size: tuple[int, int], seed: list[int]
) -> Video:
    event_class = video_id.rpartition("/")[2].partition("_")[0]
    drawn = CorridorVideo(corridor, event_class, seconds, seed)
    masks = []

    def planes():
        for picture, mask in drawn.frames(size):
            masks.append(mask)
            yield cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)

    write_h264(out / "videos" / f"{video_id}.mp4", planes(), FPS)
    for folder, suffix in (("tracks", ".json"), ("masks", ".npz")):
        (out / folder / video_id).parent.mkdir(parents=True, exist_ok=True)
        path = out / folder / f"{video_id}{suffix}"
        if folder == "tracks":
            write_text(path, json.dumps({"frames": _tracks(drawn, size)}) + "\n", durable=False)
        elif event_class != "Normal":
            with writing(path, durable=False) as partial, open(partial, "wb") as file:
                np.savez_compressed(file, mask=np.stack(masks))
    return Video(
        video_id, event_class, num_frames=len(drawn.truth), anomaly_spans=spans_of_labels(drawn.truth)
    )


def _tracks(drawn: CorridorVideo, size: tuple[int, int]) -> list[dict]:
    factor = np.array([size[0] / WIDTH, size[1] / HEIGHT])
    frames = []
    for frame in range(len(drawn.truth)):
        people = []
        for track_id, body in enumerate(drawn.bodies):
            box = body.boxes[frame] * np.tile(factor, 2)
            if body.present[frame] and (box[2:] - box[:2] >= 1).all():
                joints = body.keypoints[frame] * [*factor, 1]
                people.append(
                    {"track_id": track_id, "box": _plain(box), "score": 1.0, "keypoints": _plain(joints)}
                )
        frames.append({"frame": frame, "people": people})
    return frames


def _plain(values: np.ndarray) -> list:
    return np.round(values, 2).tolist()


if __name__ == "__main__":
    main()
