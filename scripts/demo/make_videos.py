"""Write a small synthetic data set: drawn surveillance scenes where people run, fight, throw things or fall.

    python -m scripts.demo.make_videos demo

writes demo/videos/{train,test}/*.mp4 (H.264, 320x240, 25 frames per second), demo/train.tsv (classes only, as
weak supervision does) and demo/test.tsv (with frame-level truth). The same seed gives the same frames, and
with the same packages the same bytes. A second call with the same settings does nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import click
import cv2
import numpy as np

from data_lists import Video, read_list, write_list
from data_lists.truth import spans_of_labels
from extract.runtime.atomic import write_text
from scripts.demo.scene.camera import FPS
from scripts.demo.scene.h264 import write_h264
from scripts.demo.scene.scene_video import SceneVideo, Setting, set_up
from scripts.demo.scene.stories import EVENTS

# Camera, place, at night; a camera is in one split only, though places of the same kind are in both.
CAMERAS = {
    "train": (
        ("CAM 01", "plaza", False),
        ("CAM 02", "street", False),
        ("CAM 03", "hall", False),
        ("CAM 04", "car_park", False),
        ("CAM 05", "park", False),
        ("CAM 06", "plaza", True),
    ),
    "test": (
        ("CAM 07", "street", False),
        ("CAM 08", "hall", False),
        ("CAM 09", "car_park", True),
        ("CAM 10", "park", False),
    ),
}
SPLITS = {"train": 1, "test": 2}  # in the seeds
MADE_WITH = "made_with.json"
OUR_ID = re.compile(r"(train|test)/[A-Za-z]+_\d{3,}")


@dataclass(frozen=True)
class Order:
    """One video to draw. number counts the videos of the split."""

    split: str
    number: int
    event_class: str
    seconds: float

    @property
    def video_id(self) -> str:
        return f"{self.split}/{self.event_class}_{self.number:03}"


@click.command(help=__doc__)
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=0, show_default=True, help="Decides cameras, people and events.")
@click.option(
    "--train",
    "train_count",
    default=24,
    show_default=True,
    type=click.IntRange(2),
    help="Training videos, half of them normal.",
)
@click.option(
    "--test",
    "test_count",
    default=16,
    show_default=True,
    type=click.IntRange(2),
    help="Test videos, half of them normal.",
)
@click.option(
    "--seconds",
    nargs=2,
    default=(12, 22),
    show_default=True,
    type=click.FloatRange(4, 3600),
    help="Shortest and longest video.",
)
def main(out: Path, seed: int, train_count: int, test_count: int, seconds: tuple[float, float]) -> None:
    cv2.setNumThreads(1)
    made_with = _settings(seed=seed, train=train_count, test=test_count, seconds=list(seconds))
    if _is_there(out, made_with):
        click.echo(f"{out}: the videos are there already")
        return
    earlier = _earlier_videos(out)
    # Until the videos are complete this differs from every setting, but says whose folder it is.
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / MADE_WITH, json.dumps({"unfinished": True}) + "\n")
    frames, made = 0, set()
    for split, count in (("train", train_count), ("test", test_count)):
        orders = _orders(split, count, seconds, np.random.default_rng([seed, SPLITS[split]]))
        videos = sorted(_make(out, orders, split, seed), key=lambda video: video.video_id)
        made |= {video.video_id for video in videos}
        for video_id in sorted(earlier - made):
            if video_id.startswith(f"{split}/"):
                (out / "videos" / f"{video_id}.mp4").unlink(missing_ok=True)
        write_list(out / f"{split}.tsv", videos)
        frames += sum(video.num_frames or 0 for video in videos)
    write_text(out / MADE_WITH, json.dumps(made_with, indent=1) + "\n")
    length = f"{frames} frames, {frames / FPS / 60:.1f} minutes"
    click.echo(f"{out}: {train_count} training and {test_count} test videos, {length}")


def _orders(split: str, count: int, seconds: tuple[float, float], random: np.random.Generator) -> list[Order]:
    """Every second video is normal; the classes of anomalies take turns."""
    classes = list(EVENTS)
    return [
        Order(
            split,
            number,
            classes[number // 2 % len(classes)] if number % 2 else "Normal",
            float(random.uniform(*seconds)),
        )
        for number in range(count)
    ]


def _make(out: Path, orders: list[Order], split: str, seed: int) -> Iterator[Video]:
    """Write the videos of a split, camera after camera, so that each scene is drawn once."""
    cameras = CAMERAS[split]
    for position, (name, place, night) in enumerate(cameras):
        # A normal and an anomalous video in a row share a camera, so that it gives the label away to no head.
        # Each round of classes begins one camera later, so that it does not give the class away either.
        own = [
            order
            for order in orders
            if (order.number // 2 + order.number // 2 // len(EVENTS)) % len(cameras) == position
        ]
        if own:
            setting = set_up(name, place, night, [seed, int(name.removeprefix("CAM "))])
            for order in own:
                yield _write(out, order, setting, [seed, SPLITS[split], order.number])


def _write(out: Path, order: Order, setting: Setting, seed: list[int]) -> Video:
    # An event that is hidden, perhaps behind a pillar, is drawn again from another seed.
    for attempt in range(20):
        drawn = SceneVideo(setting, order.event_class, order.seconds, [*seed, attempt])
        if drawn.truth.any() or order.event_class == "Normal":
            break
    spans = spans_of_labels(drawn.truth)
    write_h264(out / "videos" / f"{order.video_id}.mp4", drawn.frames(), FPS)
    return Video(
        order.video_id,
        order.event_class,
        num_frames=drawn.num_frames,
        anomaly_spans=spans if order.split == "test" else (),
        group=setting.name.replace(" ", "_").lower(),
    )


def _earlier_videos(out: Path) -> set[str]:
    """Ids of the videos of an earlier call. Raises UsageError for a folder of other things."""
    if not (out / MADE_WITH).is_file():
        ours = [out / "videos", *(out / f"{split}.tsv" for split in SPLITS)]
        if found := [path.name for path in ours if path.exists()]:
            raise click.UsageError(f"{out} holds {found[0]} of something else; choose a new or empty folder")
        return set()
    lists = [out / f"{split}.tsv" for split in SPLITS]
    ids = {video.video_id for path in lists if path.is_file() for video in read_list(path)}
    return set(filter(OUR_ID.fullmatch, ids))


def _settings(**options) -> dict:
    """Everything that decides the pixels: the options, these sources, the libraries that draw and encode."""
    here = Path(__file__).resolve()
    sources = [here, *sorted((here.parent / "scene").glob("*.py"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return options | {
        "programs": digest,
        "numpy": np.__version__,
        "cv2": cv2.__version__,
        "av": av.__version__,
    }


def _is_there(out: Path, made_with: dict) -> bool:
    try:
        if json.loads((out / MADE_WITH).read_text()) != made_with:
            return False
        videos = [video for split in SPLITS for video in read_list(out / f"{split}.tsv")]
    except (OSError, ValueError):
        return False
    return all((out / "videos" / f"{video.video_id}.mp4").is_file() for video in videos)


if __name__ == "__main__":
    main()
