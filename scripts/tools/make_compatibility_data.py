"""Stores, runs and a benchmark as one commit of this project makes them, for tests that later code must read.

    PYTHONPATH=CHECKOUT python scripts/tools/make_compatibility_data.py OUT.tar.gz

Run it with the code of the commit whose files later code must read: 4ee1b1c wrote
tests/support/made_by_4ee1b1c.tar.gz. The archive holds
    train.tsv test.tsv          lists of 16 and 8 videos
    store/ packed.h5            random features of all of them, [5 to 12, 1, 6]
    run/                        two trained seeds of `mil`
    begun/                      one seed of `mil` killed between two epochs
    benchmark/                  `mil` and `claws`, two seeds; one training of `claws` is removed again
    frames/ motion/             three folders of frames, and a store with motion features of two of them
    expected.json               what this commit's commands report, and where the interrupted training ends
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from data_lists import Video, write_list
from extract.store import FeatureSpec, FeatureStore, VideoFeatures

FEATURE_DIM = 6
TRAIN_WORDS = ("--set", "train.batch=8", "--set", "head.hidden=[8]")
BEGUN_WORDS = ("--set", "train.epochs=6", "--set", "train.steps_per_epoch=300", *TRAIN_WORDS)
BENCHMARK_WORDS = (
    "--head mil --head claws --seeds 2 --set train.batch=8 --set train.epochs=2 "
    "--set mil:head.hidden=[8] --set claws:head.hidden=[8,4] --resamples 50 --jobs 1"
).split()


def videos(part: str, each: int) -> list[Video]:
    normal = [Video(f"{part}/n{number}", "Normal", group=f"g{number}") for number in range(each)]
    anomalous = [Video(f"{part}/a{number}", "Fight", group=f"g{number}") for number in range(each)]
    return [*normal, *anomalous]


def make_store(root: Path, listed: list[Video]) -> None:
    """Noise, with the third and fourth segment of anomalous videos shifted in their first feature."""
    spec = FeatureSpec(
        preset="tiny",
        backbone="tiny",
        weights="",
        modality="rgb",
        clip_length=16,
        segment_stride=16,
        feature_dim=FEATURE_DIM,
    )
    store = FeatureStore.create(root, spec)
    random = np.random.default_rng(0)
    for video in listed:
        rows = random.normal(size=(random.integers(5, 13), 1, FEATURE_DIM)).astype(np.float32)
        if video.is_anomalous:
            rows[2:4, :, 0] += 3.0
        start = np.arange(len(rows)) * 16
        span = np.stack([start, start + 16], axis=1)
        store.write(
            VideoFeatures(video.video_id, rows, span, span / 25.0, num_frames=len(rows) * 16, fps=25.0)
        )


def make_frames(root: Path) -> list[Video]:
    """Blocks that drift over a texture, as PNG: the same pixels whatever decodes them."""
    random = np.random.default_rng(1)
    listed = [Video(f"clip{number}") for number in range(3)]
    for number, video in enumerate(listed):
        (root / video.video_id).mkdir(parents=True)
        scene = np.kron(random.integers(60, 160, (6, 8)), np.ones((8, 8))).astype(np.uint8)
        for frame in range(40):
            picture = np.repeat(scene[:, :, None], 3, axis=2)
            left = (frame * (number + 1)) % 54
            picture[16:28, left : left + 10] = 230
            Image.fromarray(picture).save(root / video.video_id / f"{frame:04d}.png", optimize=True)
    return listed


def command(module: str, *words: str | Path, **options) -> None:
    subprocess.run([sys.executable, "-m", module, *map(str, words)], check=True, **options)


def train_until_killed(run: Path, *words: str | Path) -> int:
    """Kill a training after two epochs; returns how many epochs its log has."""
    process = subprocess.Popen(
        [sys.executable, "-m", "score.cli", "train", *map(str, words), "--out", str(run)]
    )
    log = run / "seed_0" / "metrics.jsonl"
    while not (log.is_file() and len(log.read_text().splitlines()) >= 2):
        assert process.poll() is None, "the training ended before it was killed"
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (run / "seed_0" / "checkpoint.pt").exists()
    return len(log.read_text().splitlines())


def numbers(path: Path) -> dict:
    """The measures of an evaluation, without names and paths."""
    found = json.loads(path.read_text())
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, (int, float)) or name.endswith("_auc")
    }


def main(archive: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder) / "data")
        with tarfile.open(archive, "w:gz") as file:
            file.add(Path(folder) / "data", arcname=".")


def make(out: Path) -> None:
    train, test = videos("train", 8), videos("test", 4)
    test = [
        Video(v.video_id, v.event_class, anomaly_spans=((32, 64),) if v.is_anomalous else ()) for v in test
    ]
    out.mkdir(parents=True)
    write_list(out / "train.tsv", train)
    write_list(out / "test.tsv", test)
    make_store(out / "store", [*train, *test])
    command("extract.cli", "pack", out / "store", out / "packed.h5")
    expected = make_runs(out) | make_motion(out)
    (out / "expected.json").write_text(json.dumps(expected))


def make_runs(out: Path) -> dict:
    """Trained, interrupted and compared heads; returns what this commit reports about them."""
    stored = f"--store {out / 'store'} --device cpu".split()
    trained = (*stored, "--list", out / "train.tsv", "--head", "mil")
    epochs_and_seeds = "--seeds 2 --set train.epochs=3".split()
    command("score.cli", "train", *trained, *epochs_and_seeds, *TRAIN_WORDS, "--out", out / "run")
    evaluation = evaluate(out / "run", stored, out)

    epochs = train_until_killed(out / "begun", *trained, *BEGUN_WORDS)
    shutil.copytree(out / "begun", out / "finished")
    command("score.cli", "train", *trained, *BEGUN_WORDS, "--resume", "--out", out / "finished")
    log = (out / "finished/seed_0/metrics.jsonl").read_text().splitlines()
    resumed = evaluate(out / "finished", stored, out)
    shutil.rmtree(out / "finished")

    lists = ("--list", out / "train.tsv", "--test-list", out / "test.tsv")
    command("score.cli", "benchmark", *stored, *lists, *BENCHMARK_WORDS, "--out", out / "benchmark")
    table = json.loads((out / "benchmark/benchmark.json").read_text())
    shutil.rmtree(out / "benchmark/claws/store/seed_1")
    return {
        "evaluation": evaluation,
        "begun_epochs": epochs,
        "resumed": resumed,
        "resumed_log": [json.loads(line) for line in log],
        "benchmark": {row["head"]: row.get("numbers") for row in table["rows"] if row["kind"] == "ours"},
    }


def evaluate(run: Path, stored: list[str], out: Path) -> dict:
    found = out / "evaluation.json"
    command("score.cli", "evaluate", run, *stored, "--list", out / "test.tsv", "--json", found)
    values = numbers(found)
    found.unlink()
    return values


def make_motion(out: Path) -> dict:
    """A store with two of three videos, and the features of all three."""
    listed = make_frames(out / "frames")
    write_list(out / "all_frames.tsv", listed)
    write_list(out / "two_frames.tsv", listed[:2])
    run = "run --preset motion --device cpu --workers 1 --videos".split()
    for listing, store in (("two_frames.tsv", "motion"), ("all_frames.tsv", "motion_all")):
        command("extract.cli", *run, out / "frames", "--list", out / listing, "--store", out / store)
    motion = FeatureStore(out / "motion_all")
    features = {
        video.video_id: np.asarray(motion.read(video.video_id).features, float).round(6).tolist()
        for video in listed
    }
    shutil.rmtree(out / "motion_all")
    return {"motion": features}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
