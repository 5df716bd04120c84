"""Time TV-L1 against OpenCV's on the CPU, interleaved in one process, and its pairs a second on a GPU.

    VAD_TEST_DATA=... python scripts/bench_flow.py --rounds 5 --json flow.json

With one thread processor time is compared, so that a busy machine disturbs little; with two, wall time.
"fulleq" says how hard pairs are: iterations in units of the full picture. Pairs a second mean nothing
without it.
"""
from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import click
import cv2
import numpy as np
import torch

from extract.flow.grey import grey
from extract.flow.settings import VARIANTS
from extract.flow.tvl1 import tvl1
from extract.flow.tvl1_cpu import tvl1_counted

SIZE = (340, 256)
# Eight pairs of real surveillance frames, the still ones mostly left out.
UCF_CRIME = {
    "Assault020_x264": (100, 250),
    "Explosion001_x264": (100,),
    "Normal_Videos_006_x264": (100, 200, 300),
    "Normal_Videos_010_x264": (250,),
    "Normal_Videos_025_x264": (100,),
}
MIDDLEBURY = ("Dimetrodon", "Grove2", "RubberWhale", "Urban2")
Pairs = tuple[np.ndarray, np.ndarray]  # first and second pictures, uint8 [n, H, W]


@dataclass(frozen=True)
class Result:
    """value: median of the rounds; low, high: their range; threshold: least value wanted, None = no goal."""

    name: str
    value: float
    unit: str
    threshold: float | None
    low: float
    high: float
    rounds: int


def surveillance(folder: Path) -> Pairs:
    first, second = [], []
    for name, numbers in UCF_CRIME.items():
        frames = {}
        with av.open(str(folder / f"{name}.mp4")) as container:
            for number, frame in enumerate(container.decode(video=0)):
                frames[number] = frame
                if number > max(numbers):
                    break
        for number in numbers:
            for pictures, frame in ((first, frames[number]), (second, frames[number + 1])):
                pictures.append(cv2.resize(frame.to_ndarray(format="rgb24"), SIZE))
    return tuple(grey(torch.from_numpy(np.stack(pictures))).numpy() for pictures in (first, second))


def middlebury(folder: Path) -> Pairs:
    planes = []
    for number in (10, 11):
        pictures = [cv2.imread(str(folder / name / f"frame{number}.png"))[..., ::-1] for name in MIDDLEBURY]
        small = [cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA) for picture in pictures]
        planes.append(grey(torch.from_numpy(np.stack(small))).numpy())
    return tuple(planes)


def seconds(work: Callable[[], None], clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return clock() - start


def run_opencv(pairs: Pairs, *, threads: int) -> None:
    cv2.setNumThreads(threads)
    method = cv2.optflow.DualTVL1OpticalFlow_create()
    for first, second in zip(*pairs):
        method.calc(first, second, None)


def run_opencv_pair_a_thread(pairs: Pairs, *, threads: int) -> None:
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda pair: cv2.optflow.DualTVL1OpticalFlow_create().calc(*pair, None), zip(*pairs)))


def run_ours(pairs: Pairs, *, threads: int) -> None:
    tvl1(*(torch.from_numpy(pictures) for pictures in pairs), device="cpu", threads=threads)


def result(name: str, values: list[float], unit: str, threshold: float | None) -> Result:
    return Result(name, float(np.median(values)), unit, threshold, min(values), max(values), len(values))


def cpu_rounds(
    name: str, pairs: Pairs, *, rounds: int, thresholds: tuple[float | None, float | None]
) -> list[Result]:
    """Ratios of OpenCV's time to ours with one and two threads, and the milliseconds a pair behind them."""
    run_ours((pairs[0][:1], pairs[1][:1]), threads=1)  # numba compiles or loads
    single, double, harder, ours_ms, theirs_ms = [], [], [], [], []
    for _ in range(rounds):
        ours = theirs = 0.0
        for number in range(len(pairs[0])):
            pair = tuple(pictures[number : number + 1] for pictures in pairs)
            theirs += seconds(lambda: run_opencv(pair, threads=1), time.process_time)
            ours += seconds(lambda: run_ours(pair, threads=1), time.process_time)
        single.append(theirs / ours)
        ours_ms.append(1000 * ours / len(pairs[0]))
        theirs_ms.append(1000 * theirs / len(pairs[0]))
        theirs = seconds(lambda: run_opencv(pairs, threads=2), time.perf_counter)
        ours = seconds(lambda: run_ours(pairs, threads=2), time.perf_counter)
        double.append(theirs / ours)
        harder.append(seconds(lambda: run_opencv_pair_a_thread(pairs, threads=2), time.perf_counter) / ours)
    return [
        result(f"{name} 1 thread: OpenCV / ours", single, "ratio", thresholds[0]),
        result(f"{name} 2 threads: OpenCV / ours", double, "ratio", thresholds[1]),
        result(f"{name} 2 threads: OpenCV with a pair a thread / ours", harder, "ratio", None),
        result(f"{name} 1 thread: OpenCV", theirs_ms, "ms a pair", None),
        result(f"{name} 1 thread: ours", ours_ms, "ms a pair", None),
    ]


def gpu_rounds(name: str, pairs: Pairs, *, rounds: int, threshold: float) -> Result:
    repeats = -(-256 // len(pairs[0]))
    first, second = (torch.from_numpy(np.tile(pictures, (repeats, 1, 1))).cuda() for pictures in pairs)

    def work():
        tvl1(first, second)
        torch.cuda.synchronize()

    work()
    speeds = [len(first) / seconds(work, time.perf_counter) for _ in range(rounds)]
    return result(f"{name} on {torch.cuda.get_device_name()}", speeds, "pairs a second", threshold)


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), envvar="VAD_TEST_DATA", required=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write here.")
def main(data, rounds, json_path):
    """Median and range over the rounds; * marks what is under its threshold."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    sets = {
        "UCF-Crime": (surveillance(data / "ucf_crime" / "videos"), (6.0, 7.0), 2000.0),
        "Middlebury": (middlebury(data / "flow" / "middlebury"), (15.0, None), 400.0),
    }
    results = []
    for name, (pairs, thresholds, gpu_threshold) in sets.items():
        work = tvl1_counted(*(pictures.astype(np.float32) for pictures in pairs), VARIANTS["opencv"])[1]
        name = f"{name} {SIZE[0]}x{SIZE[1]}"
        results.append(result(f"{name} fulleq, over {len(work)} pairs", list(work), "iterations", None))
        results += cpu_rounds(name, pairs, rounds=rounds, thresholds=thresholds)
        if torch.cuda.is_available():
            results.append(gpu_rounds(name, pairs, rounds=rounds, threshold=gpu_threshold))
    for each in results:
        goal = "" if each.threshold is None else f", wanted {each.threshold:g}"
        goal += " *" if each.threshold is not None and each.value < each.threshold else ""
        click.echo(f"{each.name:60} {each.value:8.2f} [{each.low:.2f}, {each.high:.2f}] {each.unit}{goal}")
    if json_path:
        machine = {
            "processor": platform.processor() or platform.machine(), "cores": os.cpu_count(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "opencv": cv2.__version__, "torch": torch.__version__,
        }
        rows = [asdict(each) for each in results]
        json_path.write_text(json.dumps({"machine": machine, "results": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
