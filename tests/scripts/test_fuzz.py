"""The fuzz tool: a quick part of it, and that it sees the faults that it looks for."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.tools.fuzzing.mutations import MUTATIONS, mutated
from scripts.tools.fuzzing.process import REFUSED, SOUND, TRACEBACK, UNNAMED, WRONG, World
from scripts.tools.fuzzing.targets import TARGETS

INPUTS = 5  # of each target
QUICK = ("store file", "list", "scores .npy", "scores .json", "features .npz", "frames .png")


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_damaged_files_are_refused_by_name_or_harmless(tmp_path, name):
    world = World(TARGETS[name], tmp_path)
    for number in range(INPUTS):
        verdict = world.assess(f"suite.{number}")
        assert verdict.outcome in (SOUND, REFUSED), f"{name} suite.{number}: {verdict}"


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutations_change_bytes_and_repeat(name):
    content = bytes(range(256)) * 4
    changed = [MUTATIONS[name](content, random.Random(seed)) for seed in range(20)]
    assert sum(each != content for each in changed) >= 19
    assert mutated(content, "7.1") == mutated(content, "7.1") != mutated(content, "7.2")


def raising(error):
    def read(_root: Path) -> None:
        if error is not None:
            raise error

    return read


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, SOUND),
        (ValueError("the frame is cut off"), REFUSED),
        (KeyError("frame"), TRACEBACK),
    ],
)
def test_outcomes_follow_from_what_a_reader_does(tmp_path, error, outcome):
    world = World(replace(TARGETS["frames .png"], command=raising(None)), tmp_path)
    world.target = replace(world.target, command=raising(error))
    assert world.assess("1").outcome == outcome


def test_other_content_and_errors_without_a_name_are_faults(tmp_path):
    world = World(TARGETS["list"], tmp_path)
    world.target = replace(world.target, command=("vad-score", "evaluate", "--nonsense"))
    assert world.assess("1").outcome == UNNAMED
    world.target = replace(
        world.target, command=("vad-score", "heads"), content=lambda root: (root / "list.tsv").read_bytes()
    )
    world.content = world.healthy
    assert world.assess("1").outcome == WRONG
