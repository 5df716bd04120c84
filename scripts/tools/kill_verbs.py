"""Every verb that writes, with tiny inputs, an older result and how its files compare, for kill_matrix."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import click
import h5py
import numpy as np

from data_lists import Video, write_list
from scripts.demo.make_long_video import frames
from scripts.demo.scene.h264 import write_h264

VIDEOS, LENGTH, SIZE = 4, 50, (96, 64)
PORT_SECONDS = 120.0
# Keys of JSON whose values are times, or follow from them.
VARYING = ("seconds", "train_seconds", "score_seconds", "time", "provenance", "versions", "store", "stores")
EXTRACT, SCORE = ("-m", "extract.cli"), ("-m", "score.cli")
CLIPS = ("clip_length=4", "segment_stride=8", "resize.size=[24,32]", "flow=null", "scene.detector=files")
SMALL = ("head.frames=2", "head.width=4", "head.judge_width=4", "train.epochs=1", "train.steps_per_epoch=2")


@dataclass(frozen=True)
class Verb:
    """A verb and its tiny job; words are formatted with {b}, the folder of inputs.

    named: parts of the names of its files, one of which stands in the line about a full disk. older: the
    words of the call that made the older result; None for none. growing: endings of files that have states of
    their own in between. ends: exit codes of a call that ends well. serves: it runs until it is stopped.
    once: it refuses a result that exists.
    """

    name: str
    words: tuple[str, ...]
    named: tuple[str, ...]
    older: tuple[str, ...] | None = None
    growing: tuple[str, ...] = ()
    ends: tuple[int, ...] = (0,)
    serves: bool = False
    once: bool = False

    def command(self, bench: Bench, words: tuple[str, ...] | None = None) -> list[str]:
        filled = [word.format(b=bench.root, port=bench.port) for word in words or self.words]
        return [sys.executable, *filled]

    def grows(self, path: str) -> bool:
        return path.endswith(self.growing) if self.growing else False

    def wait(self, process: subprocess.Popen) -> None:
        """Until a server answers, or has ended."""
        limit = time.monotonic() + PORT_SECONDS
        port = int(process.args[process.args.index("--port") + 1])  # pyright: ignore
        while process.poll() is None and time.monotonic() < limit:
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)


RUN_STATE = ("metrics.jsonl", "resume.pt", "config.yaml")
MIL = ("train.epochs=6", "train.steps_per_epoch=2", "train.batch=4")
EVALUATE = (*SCORE, "evaluate", "{b}/run", "--store", "{b}/store", "--list", "{b}/all.tsv", "--allow-leak")
PREDICT = (*SCORE, "predict", "{b}/videos/v0.mp4", "{b}/videos/v1.mp4", "--checkpoint", "{b}/run")
FIVE = ("--json", "p.json", "--csv", "p.csv", "--vtt", "vtt", "--annotate", "annotated")
FIVE = (*FIVE, "--scores-csv", "s.csv", "--viewer", "page.html")
EXPORT = (*SCORE, "export", "--out", "model.onnx", "--int8", "small.onnx")
EXPLAIN = (*SCORE, "explain", "{b}/reclass", "--store", "{b}/clips", "--videos", "{b}/corridor/videos")
EXPLAIN = (*EXPLAIN, "--video", "test/Normal_000", "--out", "maps")
RUN = (*EXTRACT, "run", "--preset", "motion", "--videos", "{b}/videos", "--store", "store", "--workers", "1")
IMPORT = (*EXTRACT, "import", "--layout", "npy", "--features", "{b}/npy", "--store", "store")
TRAIN = (*SCORE, "train", "--head", "mil", "--store", "{b}/store", "--list", "{b}/all.tsv", "--out", "run")
TRAIN = (*TRAIN, "--resume", *(word for each in MIL for word in ("--set", each)))
BENCHMARK = (*SCORE, "benchmark", "--head", "mil", "--store", "{b}/store", "--list", "{b}/all.tsv", "--folds")
BENCHMARK = (*BENCHMARK, "2", "--group-by", "video", "--seeds", "1", "--jobs", "2", "--resamples", "10")
BENCHMARK = (*BENCHMARK, "--out", "cells", *(word for each in MIL for word in ("--set", each)))
SCENE = (*EXTRACT, "scene", "{b}/corridor/videos/test/Normal_000.mp4", "--out", "scene.mp4", "--tracks")
SCENE = (*SCENE, "{b}/corridor/tracks/test/Normal_000.json")
FLOW = (*EXTRACT, "flow", "{b}/videos/v0.mp4", "--out", "flow", "--as", "flo", "--as", "png", "--as", "mp4")
FLOW = (*FLOW, "--threads", "1", "--frames", "12")
TEXT = (
    *EXTRACT,
    "text",
    "--preset",
    "clip-vit-b32",
    "--weights",
    "none",
    "--classes",
    "ucf_crime",
    "--out",
    "texts.h5",
)
APP = (*SCORE, "app", "--checkpoint", "{b}/run", "--port", "{port}", "--workers", "1")
FILES = ("--json", "e.json", "--report", "e.html", "--figures", "figures")
HALF, ALL = ("--list", "{b}/half.tsv"), ("--list", "{b}/all.tsv")
TABLE = (
    Verb("run", (*RUN, *ALL), ("store",), (*RUN, *HALF), ("failures.jsonl",)),
    Verb("flow", FLOW, ("flow",), (*FLOW, "--variant", "quality")),
    Verb("scene", SCENE, ("scene.mp4",), (*SCENE, "--frames", "8")),
    Verb("import", (*IMPORT, *ALL), ("store",), (*IMPORT, *HALF), ("failures.jsonl",)),
    Verb("pack", (*EXTRACT, "pack", "{b}/store", "packed.h5"), ("packed.h5",), once=True),
    Verb("unpack", (*EXTRACT, "unpack", "{b}/packed.h5", "store"), ("store",)),
    Verb("train", TRAIN, ("run/seed_0",), None, RUN_STATE),
    Verb("benchmark", BENCHMARK, ("cells",), None, (*RUN_STATE, "result.json", "failure.txt")),
    Verb(
        "evaluate",
        (*EVALUATE, "--resamples", "20", *FILES),
        ("e.json", "e.html", "figures/"),
        (*EVALUATE, "--resamples", "30", *FILES),
    ),
    Verb(
        "predict",
        (*PREDICT, "--threshold", "0.4", *FIVE),
        ("p.json", ".csv", "vtt/", "annotated/", "page"),
        (*PREDICT, "--threshold", "0.6", *FIVE),
    ),
    Verb("explain", EXPLAIN, ("maps/",), (*EXPLAIN, "--threshold", "0.7")),
    Verb(
        "export",
        (*EXPORT, "{b}/run/seed_0"),
        ("model.onnx", "small.onnx"),
        (*EXPORT, "{b}/other/seed_0"),
    ),
    Verb("text", TEXT, ("texts.h5",), (*TEXT, "--seed", "1")),
    Verb("app", APP, ("alerts.jsonl",), None, (), (0, 128 + signal.SIGTERM), serves=True),
)
VERBS = {verb.name: verb for verb in TABLE}


@dataclass
class Bench:
    """The folder of inputs, and the older and the undisturbed result of each verb, made when asked for."""

    root: Path
    port: int
    _contents: dict[tuple[str, str], dict[str, object]] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)

    def older(self, verb: Verb) -> Path:
        """A folder with the older result."""
        folder = self.root / "older" / verb.name
        if not folder.is_dir():
            folder.mkdir(parents=True)
            if verb.older is not None:
                _call(verb.command(self, verb.older), folder)
            self._contents[verb.name, "older"] = _contents(folder)
        return folder

    def calm(self, verb: Verb) -> Path:
        """A folder with the result of an undisturbed run over the older one."""
        folder = self.root / "calm" / verb.name
        if not folder.is_dir():
            shutil.copytree(self.older(verb), folder)
            began = time.monotonic()
            if verb.serves:
                process = subprocess.Popen(verb.command(self), cwd=folder, stderr=subprocess.DEVNULL)
                verb.wait(process)
                process.terminate()
                process.wait()
            else:
                _call(verb.command(self), folder)
            self._seconds[verb.name] = time.monotonic() - began
            self._contents[verb.name, "calm"] = _contents(folder)
        return folder

    def contents(self, verb: Verb, which: str) -> dict[str, object]:
        """Path -> what `canonical` returns, of the older or the calm result."""
        self.calm(verb)
        return self._contents[verb.name, which]

    def seconds(self, verb: Verb) -> float:
        """How long an undisturbed run takes."""
        self.calm(verb)
        return self._seconds[verb.name]

    def largest_file(self, verb: Verb) -> int:
        return (
            max((path.stat().st_size for path in self.calm(verb).rglob("*") if path.is_file()), default=1) + 1
        )

    def random_size(self, verb: Verb, dice: random.Random) -> int:
        """Bytes of a disk on which the older result fits, and the new one perhaps."""
        least = _blocks(self.older(verb)) + 4
        return dice.randint(least, max(least, _blocks(self.calm(verb))) + 8) * BLOCK


BLOCK = 4096  # of a tmpfs


def prepare(root: Path, verbs: list[Verb]) -> Bench:
    """Videos, lists, features, stores and runs for these verbs below a folder."""
    names = {verb.name for verb in verbs}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bench = Bench(root, free.getsockname()[1])
    click.echo("preparing ...", err=True)
    for number in range(VIDEOS):
        drawn = frames(LENGTH, size=SIZE, fps=25, seed=number)
        write_h264(root / "videos" / f"v{number}.mp4", drawn, 25)
    spans = ((10, 20),)
    videos = [
        Video(f"v{number}", "Fight" if number % 2 else "Normal", LENGTH, spans if number % 2 else ())
        for number in range(VIDEOS)
    ]
    write_list(root / "all.tsv", videos)
    write_list(root / "half.tsv", videos[: VIDEOS // 2])
    (root / "npy").mkdir()
    for number in range(VIDEOS):
        rows = np.random.default_rng(number).normal(size=(3, 5, 512)).astype(np.float32)
        np.save(root / "npy" / f"v{number}.npy", rows)
    if names - {"run", "flow", "scene", "import", "explain", "text"}:
        # Importing is quicker, where nobody needs features of the videos themselves.
        maker = "import" if names <= {"import", "pack", "unpack"} else "run"
        _call(VERBS[maker].command(bench), root)
        _call(VERBS["pack"].command(bench), root)
    if names & {"evaluate", "predict", "export", "app"}:
        for name, rate in (("run", "0.2"), ("other", "0.3")):
            words = (*TRAIN[: TRAIN.index("--out")], "--out", name, *TRAIN[TRAIN.index("--resume") + 1 :])
            _call(VERBS["train"].command(bench, (*words, "--set", f"head.dropout={rate}")), root)
    if names & {"scene", "explain"}:
        corridor = (
            "-m",
            "scripts.demo.make_corridor",
            "corridor",
            "--train",
            "1",
            "--test",
            "1",
            "--seconds",
            "4",
        )
        _call([sys.executable, *corridor, "--size", "96", "64"], root)
    if "explain" in names:
        _prepare_clips(bench)
    return bench


def _prepare_clips(bench: Bench) -> None:
    lists = ("--list", "{b}/corridor/train.tsv", "--list", "{b}/corridor/test.tsv")
    run = (*EXTRACT, "run", "--preset", "reclass", "--device", "cpu", "--workers", "1", "--store", "clips")
    run = (*run, "--videos", "{b}/corridor/videos", "--tracks", "{b}/corridor/tracks", *lists)
    train = (*SCORE, "train", "--head", "reclass", "--store", "{b}/clips", "--out", "reclass", *lists[:2])
    verb = VERBS["run"]
    _call(verb.command(bench, (*run, *(word for each in CLIPS for word in ("--set", each)))), bench.root)
    _call(verb.command(bench, (*train, *(word for each in SMALL for word in ("--set", each)))), bench.root)


def _call(command: list[str], folder: Path) -> None:
    # Commands that are modules of this repository are started in another folder.
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise click.ClickException(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")


def _blocks(folder: Path) -> int:
    return sum(-(-path.stat().st_size // BLOCK) for path in folder.rglob("*") if path.is_file())


def _contents(folder: Path) -> dict[str, object]:
    from scripts.tools.kill_matrix import names

    return {name: canonical(folder / name) for name in names(folder)}


def canonical(path: Path) -> object:
    """What of a file must be the same in every run; "unreadable: ..." for a torn one."""
    reader: Callable[[Path], object] | None = READERS.get(path.suffix)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if reader is None else reader(path)
    except Exception as error:  # whatever a torn file makes its reader raise
        return f"unreadable: {type(error).__name__} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _hdf5(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def add(name: str, node) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = np.asarray(node).tobytes()
        for key, value in node.attrs.items():
            if key not in ("provenance", "digest"):
                found[f"{name}@{key}"] = repr(value).encode()

    with h5py.File(path) as file:
        add("", file)
        file.visititems(add)
    return found


def _torch(path: Path) -> dict[str, bytes]:
    import torch

    values = torch.load(path, weights_only=True, map_location="cpu")
    return {name: each.numpy().tobytes() for name, each in values["weights"].items()}


def _npz(path: Path) -> dict[str, bytes]:
    with np.load(path) as arrays:
        return {name: arrays[name].tobytes() for name in arrays.files}


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if key not in VARYING}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _lines(path: Path) -> list:
    return [_plain(json.loads(line)) for line in path.read_text().splitlines()]


def _page(path: Path) -> str:
    """A digest of a page that is complete."""
    text = path.read_text()
    if not text.rstrip().endswith("</html>"):
        raise ValueError("cut off")
    return hashlib.sha256(text.encode()).hexdigest()


def _table(path: Path) -> list[list[str]]:
    """The cells of a table of a benchmark, without the columns of seconds; of any other text its lines."""
    between = " | " if path.suffix == ".md" else ","
    rows = [line.split(between) for line in path.read_text().splitlines()]
    timed = {place for place, name in enumerate(rows[0]) if name.endswith(("seconds", ", s", ", s |"))}
    return [[cell for place, cell in enumerate(row) if place not in timed] for row in rows]


READERS: dict[str, Callable[[Path], object]] = {
    ".h5": _hdf5,
    ".pt": _torch,
    ".npz": _npz,
    ".json": lambda path: _plain(json.loads(path.read_text())),
    ".jsonl": _lines,
    ".html": _page,
    ".csv": _table,
    ".md": _table,
}
