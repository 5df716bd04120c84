"""Time TV-L1 against OpenCV's on the CPU and against the peak of a core, and its pairs per second on a GPU.

    VAD_TEST_DATA=... python -m scripts.benchmarks.bench_flow --rounds 5 --json flow.json --plot flow.png

One thread is compared by processor time, pair by pair in turn, so that a busy machine disturbs little; two
threads by wall time. "fulleq" says how hard pairs are: iterations in units of the full frame. Pairs per
second mean nothing without it. flow_bounds.py explains how the bounds are counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import av
import click
import cv2
import numpy as np
import torch

from extract.flow.grey import grey
from extract.flow.tvl1 import tvl1
from extract.flow.tvl1_settings import VARIANTS
from scripts.benchmarks.harness.flow_bounds import BOUNDS, PLANES, CorePeaks, least
from scripts.benchmarks.harness.rounds import Result, Rounds, draw, empty, row, show, take_rounds, write_json
from scripts.benchmarks.harness.sides import Side, seconds

# No numba here: it must not be loaded before CorePeaks, whose process imports this file, sets how it
# compiles.

SIZE = (340, 256)
PIXELS = SIZE[0] * SIZE[1]
# Eight pairs of real surveillance frames, the still ones mostly left out.
UCF_CRIME = {
    "Assault020_x264": (100, 250),
    "Explosion001_x264": (100,),
    "Normal_Videos_006_x264": (100, 200, 300),
    "Normal_Videos_010_x264": (250,),
    "Normal_Videos_025_x264": (100,),
}
MIDDLEBURY = ("Dimetrodon", "Grove2", "RubberWhale", "Urban2")
Pairs = tuple[np.ndarray, np.ndarray]  # first and second frames, uint8 [n, H, W]


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
    return grey(torch.from_numpy(np.stack(first))).numpy(), grey(torch.from_numpy(np.stack(second))).numpy()


def middlebury(folder: Path) -> Pairs:
    planes = []
    for number in (10, 11):
        pictures = [
            np.asarray(cv2.imread(str(folder / name / f"frame{number}.png")))[..., ::-1]
            for name in MIDDLEBURY
        ]
        small = [cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA) for picture in pictures]
        planes.append(grey(torch.from_numpy(np.stack(small))).numpy())
    first, second = planes
    return first, second


def opencv_tvl1():
    return cv2.optflow.DualTVL1OpticalFlow_create()  # pyright: ignore[reportAttributeAccessIssue]  # not in its stubs


def run_opencv(pairs: Pairs, *, threads: int) -> None:
    cv2.setNumThreads(threads)
    method = opencv_tvl1()
    for first, second in zip(*pairs, strict=True):
        method.calc(first, second, None)


def run_opencv_pair_per_thread(pairs: Pairs, *, threads: int) -> None:
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda pair: opencv_tvl1().calc(*pair, None), zip(*pairs, strict=True)))


def run_ours(pairs: Pairs, *, threads: int) -> None:
    tvl1(*(torch.from_numpy(pictures) for pictures in pairs), device="cpu", threads=threads)


def one_thread(pairs: Pairs) -> dict[str, float]:
    """Processor milliseconds per pair of both, pair by pair in turn, and of our iterations alone."""
    spent = {"opencv": 0.0, "ours": 0.0, "iterations": 0.0}
    for number in range(len(pairs[0])):
        pair = (pairs[0][number : number + 1], pairs[1][number : number + 1])
        spent["opencv"] += seconds(partial(run_opencv, pair, threads=1), time.process_time)
        with timed_iterations() as iterations:
            spent["ours"] += seconds(partial(run_ours, pair, threads=1), time.process_time)
        spent["iterations"] += sum(iterations)
    return {name: 1000 * each / len(pairs[0]) for name, each in spent.items()}


@contextmanager
def timed_iterations() -> Iterator[list[float]]:
    """Processor seconds of each run of iterations; there are dozens per pair, so that reading the clock costs
    nothing."""
    from extract.flow import kernels_numba

    plain, spent = kernels_numba.iterate, []

    def timed(*arguments):
        begun = time.process_time()
        result = plain(*arguments)
        spent.append(time.process_time() - begun)
        return result

    kernels_numba.iterate = timed
    try:
        yield spent
    finally:
        kernels_numba.iterate = plain


def fulleq(pairs: Pairs) -> np.ndarray:
    """Iterations of each pair."""
    from extract.flow.tvl1_cpu import tvl1_counted

    first, second = (pictures.astype(np.float32) for pictures in pairs)
    return tvl1_counted(first, second, VARIANTS["opencv"])[1]


def cpu_rounds(pairs: Pairs, peaks: Side, *, rounds: int) -> Rounds:
    """What one core can do, both with one thread, and both with two."""
    run_ours((pairs[0][:1], pairs[1][:1]), threads=1)  # numba compiles or loads
    return take_rounds(
        {
            "peaks": lambda: peaks.call("rates"),
            "one": lambda: one_thread(pairs),
            "opencv": lambda: seconds(lambda: run_opencv(pairs, threads=2)),
            "ours": lambda: seconds(lambda: run_ours(pairs, threads=2)),
            "pair per thread": lambda: seconds(lambda: run_opencv_pair_per_thread(pairs, threads=2)),
        },
        rounds=rounds,
        warm_up=False,
    )


def cpu_rows(name: str, taken: Rounds, thresholds: tuple[float | None, float | None]) -> list[Result]:
    """Ratios of OpenCV's time to ours with one and two threads, and the milliseconds per pair behind them."""
    one, two = f"{name} 1 thread:", f"{name} 2 threads:"
    return [
        row(
            f"{one} OpenCV / ours",
            taken,
            lambda s: s["one"]["opencv"] / s["one"]["ours"],
            "ratio",
            threshold=thresholds[0],
        ),
        row(
            f"{two} OpenCV / ours", taken, lambda s: s["opencv"] / s["ours"], "ratio", threshold=thresholds[1]
        ),
        row(
            f"{two} OpenCV with a pair per thread / ours",
            taken,
            lambda s: s["pair per thread"] / s["ours"],
            "ratio",
        ),
        row(
            f"{one} OpenCV",
            taken,
            lambda s: s["one"]["opencv"],
            "ms per pair",
            smaller=True,
            note=f"OpenCV {cv2.__version__}",
        ),
        row(f"{one} ours", taken, lambda s: s["one"]["ours"], "ms per pair", smaller=True),
        row(
            f"{one} ours, iterations alone",
            taken,
            lambda s: s["one"]["iterations"],
            "ms per pair",
            smaller=True,
        ),
    ]


def bound_rows(name: str, taken: Rounds, iterations: float) -> list[Result]:
    """How close one thread comes to the larger of its bounds, and the bounds. iterations: mean over the
    pairs."""

    def bounds(samples: dict) -> dict[str, float]:
        return least(samples["peaks"], iterations, PIXELS)

    rows = {
        kind: row(
            f"{name} 1 thread: minimum by {kind}",
            taken,
            lambda s, kind=kind: bounds(s)[kind],
            "ms per pair",
            smaller=True,
        )
        for kind in BOUNDS
    }
    note = f"the larger bound: {max(rows, key=lambda kind: rows[kind].value)}"

    def share(title: str, part: str) -> Result:
        return row(
            f"{name} 1 thread: {title} bound",
            taken,
            lambda s: 100 * max(bounds(s).values()) / s["one"][part],
            "%",
            note=note,
        )

    return [
        share("ours over its", "ours"),
        share("iterations alone over their", "iterations"),
        *rows.values(),
    ]


def peak_rows(taken: Rounds) -> list[Result]:
    """The measured peaks that the bounds are computed from."""
    size = f"{4e-6 * PLANES * PIXELS:.1f} MB"
    return [
        row(f"one core: {means}", taken, lambda s, key=key: s["peaks"][key], unit, note=note)
        for key, means, unit, note in (
            ("adds", "multiply-adds in registers, two operations each", "GF/s", ""),
            ("roots", "square roots in registers", "10^9 per second", ""),
            ("near", f"stream of {size}, the planes of an iteration", "GB/s", "the memory bound"),
            ("far", "stream of main memory", "GB/s", "bounds nothing here: the planes lie in cache"),
        )
    ]


def gpu_row(name: str, pairs: Pairs, *, rounds: int, threshold: float) -> Result:
    if not torch.cuda.is_available():
        return empty(f"{name} on a GPU", "pairs per second", "no GPU", threshold=threshold)
    repeats = -(-256 // len(pairs[0]))
    first, second = (torch.from_numpy(np.tile(pictures, (repeats, 1, 1))).cuda() for pictures in pairs)

    def work():
        tvl1(first, second)
        torch.cuda.synchronize()

    taken = take_rounds({"gpu": lambda: seconds(work)}, rounds=rounds)
    title = f"{name} on {torch.cuda.get_device_name()}"
    return row(title, taken, lambda s: len(first) / s["gpu"], "pairs per second", threshold=threshold)


def limit(results: list[Result]) -> str:
    """Per set with one thread: the share of the iterations, the bound they are closest to, and how close."""
    values = {each.name: each.value for each in results if each.value == each.value}
    lines = []
    for begin in (name.removesuffix("ours") for name in values if name.endswith(" 1 thread: ours")):
        ours, iterations = values[f"{begin}ours"], values[f"{begin}ours, iterations alone"]
        shares = {kind: 100 * values[f"{begin}minimum by {kind}"] / iterations for kind in BOUNDS}
        nearest = max(shares, key=lambda kind: shares[kind])
        rest = ", ".join(f"{kind} {share:.0f} %" for kind, share in shares.items() if kind != nearest)
        lines.append(
            f"on {begin.split()[0]} iterations take {100 * iterations / ours:.0f} % of a pair's time, warps, "
            f"medians and resizing the rest; iterations are closest to their bound by {nearest}, at "
            f"{shares[nearest]:.0f} % of it ({rest})"
        )
    return "What limits: " + ("; ".join(lines) or "not measured in this selection")


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), envvar="VAD_TEST_DATA", required=True)
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write here.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the rows with a threshold."
)
def main(data, rounds, json_path, plot):
    """Print median and range over the undisturbed rounds; * marks a missed threshold."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    sets = {
        "UCF-Crime": (surveillance(data / "ucf_crime" / "videos"), (6.0, 7.0), 2000.0),
        "Middlebury": (middlebury(data / "flow" / "middlebury"), (15.0, None), 400.0),
    }
    results, all_taken = [], []
    with Side(CorePeaks, 4 * PLANES * PIXELS) as peaks:
        for name, (pairs, thresholds, gpu_threshold) in sets.items():
            name, work = f"{name} {SIZE[0]}x{SIZE[1]}", fulleq(pairs)
            taken = cpu_rounds(pairs, peaks, rounds=rounds)
            all_taken += taken
            found = [
                Result(
                    f"{name} fulleq, over {len(work)} pairs",
                    float(np.median(work)),
                    "iterations",
                    low=float(work.min()),
                    high=float(work.max()),
                    rounds=len(work),
                    note=f"mean {work.mean():.0f}",
                ),
                *cpu_rows(name, taken, thresholds),
                *bound_rows(name, taken, work.mean()),
                gpu_row(name, pairs, rounds=rounds, threshold=gpu_threshold),
            ]
            show(found)
            results += found
    show(found := peak_rows(all_taken))
    results += found
    click.echo(limit(results))
    if json_path:
        write_json(json_path, results)
    if plot:
        draw(plot, results, "TV-L1 against its thresholds")


if __name__ == "__main__":
    main()
