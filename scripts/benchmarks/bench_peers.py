"""Time and memory beside the programs people use, run unmodified from your clones (PEERS.md).

    python -m scripts.benchmarks.bench_peers --peer video_features=CLONE --videos VIDEOS --rounds 5
    python -m scripts.benchmarks.bench_peers --peer ur-dmu=CLONE --peer rtfm=CLONE --python VENV/bin/python

Every run is a program of its own: the peer's, then ours, once per round. Both have the same threads and the
same work, which each counts itself; a comparison of other work is refused.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from scripts.benchmarks.harness.peaks import beginning
from scripts.benchmarks.harness.rounds import (
    CORES,
    Result,
    Rounds,
    flags,
    machine,
    row,
    take_rounds,
    write_json,
)
from scripts.benchmarks.harness.watched import ProgramError, Watched, run_watched
from scripts.benchmarks.peers.report import Report, read_report
from scripts.benchmarks.peers.sizes import SIZES

CLIP = 16  # frames of a row
PRECISIONS = {"fp32": "float32", "bf16": "bfloat16"}
# What each peer is, and the files that its clone must have.
CLONES = {
    "video_features": (
        "v-iashin/video_features at 0e49b8cf9c2a5eb1476107c4f868c3bf873912c9",
        (
            "video_features/__main__.py",
            "video_features/configs/i3d.yml",
            "video_features/models/i3d/extract_i3d.py",
            "video_features/models/i3d/checkpoints/i3d_rgb.pt",
        ),
    ),
    "ur-dmu": (
        "henrryzh1/UR-DMU at 152c4dc1cda68cd79a571a2a8029ba428a534920",
        ("model.py", "train.py", "memory.py", "translayer.py", "utils.py"),
    ),
    "rtfm": ("tianyu0207/RTFM at 6a38289fa3decfb30adb233992db9e466999c0e0", ("model.py", "train.py")),
}


@dataclass(frozen=True)
class Run:
    """One run of a program, from outside and by its own report."""

    watched: Watched
    report: Report


@dataclass(frozen=True)
class Comparison:
    """A peer and our runs by precision, as functions that run once; what: in the words of the table."""

    what: str
    theirs: Callable[[], Run]
    ours: dict[str, Callable[[], Run]]


def environment(threads: int) -> dict[str, str]:
    """Both sides' variables: the same number of threads, and no GPU."""
    return os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "CUDA_VISIBLE_DEVICES": "",
    }


def checked_clones(pairs: Sequence[str]) -> dict[str, Path]:
    """Name -> folder, of "NAME=FOLDER". Raises UsageError for a name or a clone that cannot be used."""
    clones = {}
    for pair in pairs:
        name, _, folder = pair.partition("=")
        if name not in CLONES or not folder:
            raise click.UsageError(f"--peer {pair}: expected NAME=FOLDER with one of {', '.join(CLONES)}")
        source, files = CLONES[name]
        for file in files:
            if not (Path(folder) / file).is_file():
                raise click.UsageError(
                    f"--peer {pair}: {file} is not there; give a clone of {source} (see PEERS.md)"
                )
        clones[name] = Path(folder).resolve()
    return clones


def steps(name: str, clone: Path, python: str, count: int, variables: Mapping[str, str]) -> Comparison:
    """Training steps of a head."""
    size = SIZES[name]

    def run(module: str, interpreter: str, arguments: Callable[[Path], list[str]]) -> Run:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            command = [interpreter, "-m", f"scripts.benchmarks.peers.{module}", *arguments(report)]
            watched = run_watched(command, variables)
            return Run(watched, read_report(report))

    def ours(precision: str) -> Run:
        return run("our_steps", sys.executable, lambda report: [name, str(report), str(count), precision])

    def theirs() -> Run:
        return run(name.replace("-", "_"), python, lambda report: [str(clone), str(report), str(count)])

    what = (
        f"{name}, {count} steps of {size.videos} videos x {size.crops} x {size.instances} x {size.features}"
    )
    return Comparison(
        what, theirs, {name: lambda value=value: ours(value) for name, value in PRECISIONS.items()}
    )


def extraction(
    clone: Path, python: str, videos: Sequence[Path], frames: int, folder: Path, variables: Mapping[str, str]
) -> Comparison:
    """I3D from files to features. folder: for the beginnings of the videos, which are written here.

    Their clip of 16 frames needs the frame after it too, and their last incomplete one is dropped; ours is
    kept. So theirs get one frame more, and both make frames / 16 rows.
    """
    for side, more in (("theirs", 1), ("ours", 0)):
        (folder / side).mkdir()
        for path in videos:
            beginning(path, folder / side / f"{path.stem}.mp4", frames + more)
    files = [str(folder / "theirs" / f"{path.stem}.mp4") for path in videos]

    def theirs() -> Run:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            report = Path(out) / "report.json"
            command = [python, "-m", "scripts.benchmarks.peers.video_features", str(clone), str(report)]
            watched = run_watched([*command, str(Path(out) / "rows"), *files], variables)
            return Run(watched, read_report(report))

    def ours(precision: str) -> Run:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            store, trace = Path(out) / "store", Path(out) / "trace.json"
            command = [
                sys.executable,
                "-m",
                "extract.cli",
                "run",
                "--preset",
                "i3d-rgb-16",
                "--weights",
                "none",
            ]
            command += ["--videos", str(folder / "ours"), "--store", str(store), "--device", "cpu"]
            command += ["--precision", precision, "--profile", str(trace)]
            watched = run_watched(command, variables)
            return Run(watched, our_report(store, trace, int(variables["OMP_NUM_THREADS"])))

    what = f"I3D-RGB 16/16, {len(videos)} videos of {frames} frames"
    return Comparison(what, theirs, {name: lambda name=name: ours(name) for name in PRECISIONS})


def our_report(store: Path, trace: Path, threads: int) -> Report:
    """What a run of vad-extract did, from its store and its trace; its loop begins where its start ends.

    threads: those that its environment sets, which nothing in it changes.
    """
    import torch

    from extract.store import FeatureStore

    found = FeatureStore(store)
    features = [rows for each in found.ids() if (rows := found.read(each).features) is not None]
    counts = {
        "videos": len(features),
        "rows": sum(map(len, features)),
        "features": features[0].shape[-1] if features else 0,
    }
    spans = [each for each in json.loads(trace.read_text())["traceEvents"] if each["ph"] == "X"]
    start = next(each for each in spans if each["name"] == "start")
    end = max(each["ts"] + each["dur"] for each in spans)
    return Report(counts, (end - start["ts"] - start["dur"]) / 1e6, threads, torch.__version__)


def check_same_work(what: str, theirs: Report, ours: Report) -> None:
    """Raise ProgramError unless both did the same work with the same threads."""
    for name, their_value, our_value in (
        ("work", theirs.counts, ours.counts),
        ("threads", theirs.threads, ours.threads),
    ):
        if their_value != our_value:
            raise ProgramError(
                f"{what}: {name} of the peer: {their_value}, of ours: {our_value}; not compared"
            )


def compare(comparison: Comparison, rounds: int, precisions: Sequence[str]) -> tuple[list[Result], Rounds]:
    """The rows of the table for one peer, and the rounds they come from."""
    works = {"theirs": comparison.theirs} | {name: comparison.ours[name] for name in precisions}
    taken = take_rounds(works, rounds=rounds)
    for samples in taken:
        for name in precisions:
            check_same_work(comparison.what, samples["theirs"].value.report, samples[name].value.report)
    measures: dict[str, Callable[[Run], float]] = {
        "whole process": lambda run: run.watched.seconds,
        "loop": lambda run: run.report.seconds,
        "processor seconds": lambda run: run.watched.processor_seconds,
    }
    results = []
    for name in precisions:
        for measure, value in measures.items():
            title = f"{comparison.what}, {name}: {measure}, theirs / ours"
            results.append(
                row(
                    title,
                    taken,
                    lambda s, name=name, value=value: value(s["theirs"]) / value(s[name]),
                    "ratio",
                )
            )
    for name in works:
        for measure, value, unit in (
            ("whole process", measures["whole process"], "s"),
            ("loop", measures["loop"], "s"),
            ("peak memory", lambda run: run.watched.peak_mb, "MB"),
        ):
            title = f"{comparison.what}, {name}: {measure}"
            results.append(
                row(title, taken, lambda s, name=name, value=value: value(s[name]), unit, smaller=True)
            )
    return results, taken


HEADER = (
    "| what | counted on both sides | threads | theirs / ours: whole process | loop | processor seconds "
    "| memory, theirs | ours |\n|---|---|---|---|---|---|---|---|"
)


def table(comparison: Comparison, results: Sequence[Result], taken: Rounds, precisions: Sequence[str]) -> str:
    """The lines of the table for one peer, one per precision: medians, and ranges in parentheses."""
    found = {each.name: each for each in results}
    report = taken[-1]["theirs"].value.report
    counted = ", ".join(f"{value:,} {name}" for name, value in report.counts.items())
    memory = span(found[f"{comparison.what}, theirs: peak memory"], 0, " MB")
    lines = []
    for name in precisions:
        ratios = [
            span(found[f"{comparison.what}, {name}: {measure}, theirs / ours"], 2)
            for measure in ("whole process", "loop", "processor seconds")
        ]
        own = span(found[f"{comparison.what}, {name}: peak memory"], 0, " MB")
        cells = [f"{comparison.what}, {name}", counted, str(report.threads), *ratios, memory, own]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def span(result: Result, digits: int, unit: str = "") -> str:
    low, high = (f"{value:.{digits}f}" for value in (result.low, result.high))
    return f"{result.value:.{digits}f} ({low} - {high}){unit}"


def has_bf16() -> bool:
    return bool(flags() & {"avx512_bf16", "amx_bf16", "bf16"})


def long_enough(videos: Path, clips: int) -> list[Path]:
    """The first videos of a folder. Raises UsageError for a folder with fewer."""
    found = sorted(path for path in videos.rglob("*") if path.suffix in (".mp4", ".avi", ".mkv"))
    if len(found) < clips:
        raise click.UsageError(f"--videos {videos}: {len(found)} videos, --clips asks for {clips}")
    return found[:clips]


@click.command()
@click.option("--peer", "pairs", multiple=True, required=True, metavar="NAME=FOLDER", help="May be repeated.")
@click.option("--videos", type=click.Path(exists=True, file_okay=False, path_type=Path), help="For I3D.")
@click.option("--clips", default=5, show_default=True, type=click.IntRange(1), help="Videos for I3D.")
@click.option("--frames", default=144, show_default=True, type=click.IntRange(CLIP), help="Of each video.")
@click.option("--steps", "count", default=5, show_default=True, type=click.IntRange(1), help="Of training.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--threads", default=CORES, show_default="all cores", type=click.IntRange(1))
@click.option("--precision", "precisions", multiple=True, type=click.Choice(list(PRECISIONS)), help="Ours.")
@click.option("--python", default=sys.executable, help="The peers' interpreter. [default: this one]")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write here.")
def main(pairs, videos, clips, frames, count, rounds, threads, precisions, python, json_path):
    """Print one line per peer and precision: median and (range) of the peer's time relative to ours."""
    clones, variables = checked_clones(pairs), environment(threads)
    precisions = precisions or (("fp32", "bf16") if has_bf16() else ("fp32",))
    if "video_features" in clones and videos is None:
        raise click.UsageError("--peer video_features needs --videos")
    if frames % CLIP:
        raise click.UsageError(f"--frames {frames}: expected a multiple of {CLIP}")
    results: list[Result] = []
    lines = [HEADER]
    with tempfile.TemporaryDirectory() as folder:
        for name, clone in clones.items():
            if name == "video_features":
                chosen = long_enough(videos, clips)
                comparison = extraction(clone, python, chosen, frames, Path(folder), variables)
            else:
                comparison = steps(name, clone, python, count, variables)
            try:
                found, taken = compare(comparison, rounds, precisions)
            except ProgramError as error:
                raise click.ClickException(str(error)) from None
            results += found
            lines.append(table(comparison, found, taken, precisions))
            report = taken[-1]["theirs"].value.report
            click.echo(f"{name}: {len(taken)} rounds, torch of the peer {report.torch}", err=True)
    click.echo("\n".join(lines))
    click.echo(", ".join(f"{key}: {value}" for key, value in machine().items()), err=True)
    if json_path:
        write_json(json_path, results)


if __name__ == "__main__":
    main()
