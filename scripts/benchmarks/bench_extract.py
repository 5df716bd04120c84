"""Time extraction against its bounds and against a baseline that works as most extractors do, interleaved.

    VAD_TEST_DATA=... python -m scripts.benchmarks.bench_extract --rounds 5 --json extract.json --plot
    extract.png python -m scripts.benchmarks.bench_extract --only forward --rounds 3

Each side runs in its own process. On a machine with a GPU the GPU rows are measured too.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np

from scripts.benchmarks.baseline import Baseline, PlainForward
from scripts.benchmarks.extract_gpu_rows import gpu_rows
from scripts.benchmarks.harness.bounds import Alone, FmaPeak, MatmulPeak
from scripts.benchmarks.harness.peaks import Peak, beginning, make_video, run_peak
from scripts.benchmarks.harness.rounds import (
    CORES,
    Result,
    Sample,
    draw,
    empty,
    flags,
    row,
    sample,
    show,
    take_rounds,
    write_json,
)
from scripts.benchmarks.harness.sides import OnEveryCore, Side
from scripts.benchmarks.harness.slope import steeper
from scripts.benchmarks.harness.videos import Work, linked
from scripts.benchmarks.ours import LeanForward, Pipeline, gflop, shapes

I3D = "i3d-rgb-16"
HAS_BF16 = bool(flags() & {"avx512_bf16", "amx_bf16", "bf16"})
NO_BF16 = "this processor has no bfloat16 arithmetic"
FORWARD: dict[str, tuple[int, float | None, float | None]] = {  # preset -> (batch, threshold, aim)
    "efficientnet-b0-frames": (16, 1.8, 2.1),
    "i3d-r50": (2, 1.3, 1.4),
    "resnext101": (8, 1.4, 1.6),
    "efficientnet-lite0": (4, 1.8, 2.4),
    "efficientnet-lite1": (4, 1.8, 2.4),
    "efficientnet-lite2": (4, 1.8, 2.4),
    "clip-vit-b16": (8, None, None),
    "clip-vit-b32": (8, None, None),
    "videomae-b16": (1, None, None),
    "vggish": (4, None, None),
}
SIZES = (1, 4, 16)
MINUTES = 0.08  # at 1 times the length


def end_to_end(work: Work, rounds: int) -> list[Result]:
    """I3D from files to features: ours against the baseline, and the share of our loop outside the model."""
    precisions = ("fp32", "bf16") if HAS_BF16 else ("fp32",)
    shares: list[float] = []
    with (
        Side(Baseline, I3D) as theirs,
        Side(Pipeline, I3D, precisions) as ours,
        tempfile.TemporaryDirectory() as out,
    ):

        def extract(precision: str) -> float:
            run = ours.call("extract", str(work.root), work.ids, precision)
            if precision == "fp32":
                shares.append(1 - run["shares"]["forward"])
            return run["seconds"]

        works = {"baseline": lambda: theirs.call("extract", work.files(), out)}
        works |= {precision: lambda precision=precision: extract(precision) for precision in precisions}
        for precision in precisions:
            extract(precision)  # layouts of the weights, precision check
        shares.clear()
        theirs.call("warm_up")
        taken = take_rounds(works, rounds=rounds, warm_up=False)
        for samples, share in zip(taken, shares, strict=False):
            samples["outside"] = Sample(100 * share, samples["fp32"].others)
        ours.call("close")
    name = "I3D-RGB 16/16 end to end, baseline / ours"
    results = [
        row(f"{name}, fp32", taken, lambda s: s["baseline"] / s["fp32"], "ratio", threshold=1.8, aim=2.0),
        row(f"{name}, bf16", taken, lambda s: s["baseline"] / s["bf16"], "ratio", threshold=2.6, aim=3.4)
        if HAS_BF16
        else empty(f"{name}, bf16", "ratio", NO_BF16, threshold=2.6, aim=3.4),
        row(
            "I3D loop time outside the model",
            taken,
            lambda s: s["outside"],
            "%",
            threshold=5,
            aim=3,
            smaller=True,
        ),
        row("I3D end to end, baseline", taken, lambda s: s["baseline"], "s", smaller=True),
    ]
    return results + [
        row(f"I3D end to end, ours {each}", taken, lambda s, each=each: s[each], "s", smaller=True)
        for each in precisions
    ]


def peak_share(work: Work, rounds: int) -> list[Result]:
    """Which share of the machine's peak the forward pass of I3D reaches."""
    del work
    nominal, results = gflop(I3D), []
    cases: list[tuple[str, type, tuple[str, ...], str, float, float]] = [
        ("fp32", FmaPeak, (), "multiply-adds in registers", 80, 90)
    ]
    if HAS_BF16:
        kind = "AMX" if "amx_bf16" in flags() else "AVX512"
        cases.append(("bf16", MatmulPeak, ("bfloat16",), f"torch's matrix product, {kind}", 75, 80))
    for precision, peak, arguments, means, threshold, aim in cases:
        with Side(peak, *arguments) as bound, Side(LeanForward, "i3d-rgb", shapes(I3D, 2), precision) as ours:
            batch = ours.call("best_batch")
            works = {"peak": partial(bound.call, "gflops"), "forward": partial(ours.call, "forward")}
            taken = take_rounds(works, rounds=rounds)
        rate = f"I3D {precision} nominal GF/s"
        results += [
            row(
                f"{rate} over the peak",
                taken,
                lambda s: 100 * nominal / s["forward"] / s["peak"],
                "%",
                threshold=threshold,
                aim=aim,
                note=f"peak: {means}; best batch {batch}",
            ),
            row(f"{rate}", taken, lambda s: nominal / s["forward"], "GF/s"),
            row(f"peak {precision}, {means}", taken, lambda s: s["peak"], "GF/s"),
        ]
    if not HAS_BF16:
        results.append(empty("I3D bf16 nominal GF/s over the peak", "%", NO_BF16, threshold=75, aim=80))
    return results


def forward(work: Work, rounds: int, presets: Sequence[str] = tuple(FORWARD)) -> list[Result]:
    """Networks alone, prepared against as published, at the same batch size."""
    del work
    results = []
    for preset in presets:
        batch, threshold, aim = FORWARD[preset]
        from extract.presets import PRESETS

        backbone, shape = PRESETS[preset].backbone, shapes(preset, batch)
        with Side(PlainForward, backbone, shape) as plain, Side(LeanForward, backbone, shape) as lean:
            works = {"plain": partial(plain.call, "forward"), "lean": partial(lean.call, "forward")}
            taken = take_rounds(works, rounds=rounds)
        name = f"{backbone} forward, batch {batch}, plain / ours, fp32"
        results.append(
            row(name, taken, lambda s: s["plain"] / s["lean"], "ratio", threshold=threshold, aim=aim)
        )
        results.append(
            row(f"{backbone} forward, ours", taken, lambda s: 1000 * s["lean"], "ms", smaller=True)
        )
    return results


def over_bound(work: Work, rounds: int) -> list[Result]:
    """Frames per second of the pipeline over what the processors could do if nothing ever waited.

    Each part is measured alone, on every core at once, before and after the pipeline: the speed of virtual
    processors drifts, and two of them at work are slower than one. The bound of one core, times the cores, is
    printed too.
    """
    results = []
    for preset, copies, parts in (
        ("motion", 8, ("decode", "prepare")),
        ("efficientnet-b0", 2, ("decode", "prepare", "forward")),
    ):
        with tempfile.TemporaryDirectory() as folder:
            many = linked(work, Path(folder), copies)
            with OnEveryCore(Alone, preset, work.files()) as alone, Side(Pipeline, preset) as ours:
                works: dict[str, Callable[[], float]] = {part: partial(alone.call, part) for part in parts}
                works |= {f"{part} one": partial(alone.sides[0].call, part) for part in parts}
                rate = partial(frame_rate, ours, many)
                after = {f"{part} after": work for part, work in works.items()}
                taken = [
                    both_sides(samples)
                    for samples in take_rounds(works | {"rate": rate} | after, rounds=rounds)
                ]
                ours.call("close")
        results.append(
            row(
                f"{preset} pipeline over its bound",
                taken,
                lambda s, parts=parts: s["rate"] * sum(s[part] for part in parts) / CORES,
                "share",
                threshold=0.85,
                aim=0.95,
                note="parts alone, on every core at once",
            )
        )
        results.append(
            row(
                f"{preset} pipeline over {CORES} times the bound of one core",
                taken,
                lambda s, parts=parts: s["rate"] * sum(s[f"{part} one"] for part in parts) / CORES,
                "share",
                note="parts alone, one core at work",
            )
        )
        results.append(row(f"{preset} pipeline", taken, lambda s: s["rate"], "frames/s"))
        results += [
            row(
                f"{preset} {part} alone",
                taken,
                lambda s, part=part: 1000 * s[part],
                "CPU-ms per frame",
                smaller=True,
            )
            for part in parts
        ]
    return results


def frame_rate(ours: Side, work: Work) -> float:
    run = ours.call("extract", str(work.root), work.ids)
    return run["frames"] / run["seconds"]


def both_sides(samples: dict[str, Sample]) -> dict[str, Sample]:
    """The mean of what was measured before and after something else."""
    found = {}
    for name, first in samples.items():
        if not name.endswith(" after"):
            second = samples.get(f"{name} after", first)
            found[name] = Sample((first.value + second.value) / 2, max(first.others, second.others))
    return found


def memory(work: Work, rounds: int) -> list[Result]:
    """Peak memory of a run of I3D, for which its decoders wait most of the time."""
    runs = [sample(lambda: run_peak(I3D, work.root, work.ids)) for _ in range(max(1, rounds // 5))]
    taken = [
        {"main": Sample(each.value.main_mb, each.others), "worker": Sample(each.value.worker_mb, each.others)}
        for each in runs
    ]
    return [
        row(
            "peak memory of the process, I3D",
            taken,
            lambda s: s["main"],
            "MB",
            threshold=1300,
            aim=1100,
            smaller=True,
        ),
        row(
            "peak memory of a decode worker, 320x240",
            taken,
            lambda s: s["worker"],
            "MB",
            threshold=600,
            aim=300,
            smaller=True,
        ),
    ]


def growth(work: Work, rounds: int) -> list[Result]:
    """Time and memory of motion at 1, 4 and 16 times the videos and the length; at 1 every core has a video.

    One round for every five of the other rows, because each takes five times as long.
    """
    del work
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for times in SIZES:
            make_video(folder / f"length{times}.mp4", minutes=MINUTES * times)
        short = Work(folder, [f"length{SIZES[0]}"])
        for kind in ("videos", "length"):
            works = {}
            for times in SIZES:
                chosen = Work(folder, [f"length{times}"])
                if kind == "videos":
                    links = folder / f"videos{times}"
                    links.mkdir()
                    chosen = linked(short, links, CORES * times)
                works[f"{times}x"] = lambda chosen=chosen: run_peak("motion", chosen.root, chosen.ids)
            taken = take_rounds(works, rounds=max(1, rounds // 5), warm_up=False)
            seconds = [
                {name: Sample(each.value.seconds, each.others) for name, each in one.items()} for one in taken
            ]
            low, high = f"{SIZES[0]}x", f"{SIZES[-1]}x"
            medians = ", ".join(
                f"{name} {np.median([one[name].value for one in seconds]):.1f} s" for name in works
            )
            name = f"motion, {high} {kind}"
            results.append(
                row(
                    f"{name}: seconds over {SIZES[-1]} times those of 1x",
                    seconds,
                    lambda s, high=high, low=low: s[high] / s[low] / SIZES[-1],
                    "ratio",
                    threshold=1.05,
                    smaller=True,
                    note=medians,
                )
            )
            results.append(steeper(name, seconds))
            results.append(
                row(
                    f"{name}: more memory than 1x",
                    taken,
                    lambda s, high=high, low=low: memory_of(s[high]) - memory_of(s[low]),
                    "MB",
                    smaller=True,
                )
            )
    return results


def memory_of(peak: Peak) -> float:
    return peak.main_mb + peak.worker_mb


ROWS = {
    "end-to-end": end_to_end,
    "peak": peak_share,
    "forward": forward,
    "bound": over_bound,
    "memory": memory,
    "growth": growth,
    "gpu": gpu_rows,
}
VIDEOS = ("Assault020_x264", "Normal_Videos_006_x264")
FRAMES = 64  # frames of each video, which keeps a run at a few minutes; 0 = all


@click.command()
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    envvar="VAD_TEST_DATA",
    help="Folder of the test data, with ucf_crime/videos in it; without it synthetic videos are used.",
)
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--frames",
    default=FRAMES,
    show_default=True,
    type=click.IntRange(0),
    help="Frames of each real video, from its beginning; 0 uses all of them.",
)
@click.option("--only", multiple=True, type=click.Choice(list(ROWS)), help="May be repeated. [default: all]")
@click.option(
    "--preset",
    "presets",
    multiple=True,
    type=click.Choice(list(FORWARD)),
    help="Of the forward rows, these networks only. May be repeated. [default: all]",
)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write here.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the rows with a threshold."
)
def main(data, rounds, frames, only, presets, json_path, plot):
    """Print median and range over the undisturbed rounds; * marks a missed threshold."""
    rows = ROWS | {"forward": partial(forward, presets=presets or tuple(FORWARD))}
    results = []
    with tempfile.TemporaryDirectory() as folder:
        if data is None:
            work = Work(Path(folder), ["first", "second"])
            for path in work.files():
                make_video(Path(path), minutes=0.3)
        else:
            work = Work(data / "ucf_crime" / "videos", list(VIDEOS))
            if absent := [path for path in work.files() if not Path(path).is_file()]:
                raise click.UsageError(
                    f"--data {data}: {absent[0]} does not exist; give the folder that holds ucf_crime/videos"
                )
            if frames:
                complete, work = work, Work(Path(folder), work.ids)
                for path, out in zip(complete.files(), work.files(), strict=True):
                    beginning(Path(path), Path(out), frames)
        for name in only or rows:
            begun = time.perf_counter()
            found = rows[name](work, rounds)
            show(found)
            click.echo(f"  ({name}: {time.perf_counter() - begun:.0f} s)", err=True)
            results += found
    click.echo(limit(results))
    if json_path:
        write_json(json_path, results)
    if plot and any(each.threshold for each in results):
        draw(plot, results, "Extraction against its thresholds")


def limit(results: list[Result]) -> str:
    """What the pipeline waits for, in one line."""
    values = {each.name: each.value for each in results if each.value == each.value}
    costs = {
        name.removeprefix("efficientnet-b0 ").removesuffix(" alone"): value
        for name, value in values.items()
        if name.startswith("efficientnet-b0 ") and name.endswith(" alone")
    }
    lines = []
    if (outside := values.get("I3D loop time outside the model")) is not None:
        lines.append(f"I3D is limited by its network, which takes {100 - outside:.0f} % of the loop")
    if costs:
        most = max(costs, key=lambda part: costs[part])
        lines.append(
            f"efficientnet-b0 by {most} "
            f"({100 * costs[most] / sum(costs.values()):.0f} % of a frame's processor time)"
        )
    return "What limits: " + ("; ".join(lines) or "not measured in this selection")


if __name__ == "__main__":
    main()
