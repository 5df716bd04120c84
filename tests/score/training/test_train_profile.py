"""Where the time of training goes: shares of the whole, and a trace that viewers open."""

import json

import torch
from click.testing import CliRunner

from data_lists import write_list
from score.cli import main
from score.runs.checkpoint import load_checkpoint
from support.tiny_stores import make_store, make_videos

SPANS = {"read and pool", "batch", "forward", "backward", "step", "validate", "write"}


def events_of(path):
    return [event for event in json.loads(path.read_text())["traceEvents"] if event["ph"] == "X"]


def trained(root, run, *options: str):
    command = [
        "train",
        "--head",
        "mil",
        "--store",
        str(root / "store"),
        "--list",
        str(root / "train.tsv"),
        "--out",
        str(root / run),
        "--set",
        "train.epochs=2",
        "--set",
        "head.hidden=[8]",
        "--seeds",
        "2",
        *options,
    ]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_profile_shows_where_time_went_and_changes_nothing(tmp_path):
    videos = make_videos(8, 8)
    make_store(tmp_path / "store", videos)
    write_list(tmp_path / "train.tsv", videos)
    silent = trained(tmp_path, "plain")
    output = trained(tmp_path, "run", "--profile", str(tmp_path / "trace.json"))
    line = next(line for line in output.splitlines() if line.endswith("trace.json"))
    assert len(output.splitlines()) == len(silent.splitlines()) + 1
    parts = [part.rsplit(" ", 1) for part in line.split(": ")[1].split(", ")]
    shares = {name: float(share.rstrip("%")) for name, share in parts}
    assert set(shares) == {*SPANS, "other"} and abs(sum(shares.values()) - 100) < 1
    events = events_of(tmp_path / "trace.json")
    assert {event["name"] for event in events} == SPANS
    assert all(event["ts"] >= 0 and event["dur"] >= 0 for event in events)
    ordered = sorted((event["ts"], event["dur"]) for event in events)  # one after another
    assert all(
        start + length <= after + 0.3
        for (start, length), (after, _) in zip(ordered[:-1], ordered[1:], strict=True)
    )
    names = [event["name"] for event in events]
    assert names.count("read and pool") == 1 and names.count("validate") == 2 * 2  # epochs of two seeds
    assert names.count("forward") == names.count("backward") == names.count("step") == names.count("batch")
    one, other = (load_checkpoint(tmp_path / run / "seed_1") for run in ("plain", "run"))
    assert all(torch.equal(rows, other.weights[name]) for name, rows in one.weights.items())


def test_seeds_that_train_together_have_a_profile(tmp_path):
    videos = make_videos(8, 8)
    make_store(tmp_path / "store", videos)
    write_list(tmp_path / "train.tsv", videos)
    output = trained(tmp_path, "run", "--together", "--profile", str(tmp_path / "trace.json"))
    line = next(line for line in output.splitlines() if line.endswith("trace.json"))
    shares = {
        part.rsplit(" ", 1)[0]: float(part.rsplit(" ", 1)[1].rstrip("%"))
        for part in line.split(": ")[1].split(", ")
    }
    assert {"forward", "backward", "step"} <= set(shares) and abs(sum(shares.values()) - 100) < 1
    names = [event["name"] for event in events_of(tmp_path / "trace.json")]
    assert (
        names.count("read and pool") == 1 and names.count("forward") == 2 * names.count("step") > 0
    )  # of two seeds
