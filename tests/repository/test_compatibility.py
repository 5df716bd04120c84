"""What commit 4ee1b1c made is read, evaluated and continued, with the numbers that commit got.

scripts/tools/make_compatibility_data.py made the archive, once, with the code of that commit.
"""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from extract.cli import main as extract_main
from extract.store import FeatureStore
from score.cli import main as score_main
from scripts.tools.make_compatibility_data import BEGUN_WORDS, BENCHMARK_WORDS, TRAIN_WORDS, numbers

pytestmark = pytest.mark.slow

ARCHIVE = Path(__file__).resolve().parents[1] / "support" / "made_by_4ee1b1c.tar.gz"


@pytest.fixture
def old(tmp_path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.fixture
def expected(old) -> dict:
    return json.loads((old / "expected.json").read_text())


def run(program, *words) -> str:
    done = CliRunner().invoke(program, [str(word) for word in words])
    assert done.exit_code == 0, f"{done.output}{done.exception!r}"
    return done.output


def score(*words) -> str:
    return run(score_main, *words)


def assert_same(found, reference, *, places: float = 1e-6):
    """Equal structure; numbers equal up to what another processor may round differently."""
    if isinstance(reference, dict):
        assert found.keys() >= reference.keys()
        for name in reference:
            assert_same(found[name], reference[name], places=places)
    elif isinstance(reference, list):
        assert len(found) == len(reference)
        for one, other in zip(found, reference, strict=True):
            assert_same(one, other, places=places)
    elif isinstance(reference, float):
        assert found == pytest.approx(reference, abs=places)
    else:
        assert found == reference


@pytest.mark.parametrize("store", ["store", "packed.h5"])
def test_a_run_is_evaluated_on_its_store(old, expected, store):
    report = old / "now.json"
    score(
        "evaluate",
        old / "run",
        "--store",
        old / store,
        "--list",
        old / "test.tsv",
        "--device",
        "cpu",
        "--json",
        report,
    )
    assert_same(numbers(report), expected["evaluation"])


def test_a_finished_run_is_left_as_it_is(old):
    before = {path: path.read_bytes() for path in (old / "run").rglob("*") if path.is_file()}
    words = (
        "--head",
        "mil",
        "--seeds",
        2,
        "--set",
        "train.epochs=3",
        *TRAIN_WORDS,
        "--resume",
        "--device",
        "cpu",
    )
    score("train", "--store", old / "store", "--list", old / "train.tsv", *words, "--out", old / "run")
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.slow
def test_an_interrupted_training_ends_where_it_would_have_ended(old, expected):
    words = ("--head", "mil", *BEGUN_WORDS, "--resume", "--device", "cpu")
    score("train", "--store", old / "store", "--list", old / "train.tsv", *words, "--out", old / "begun")
    log = [json.loads(line) for line in (old / "begun/seed_0/metrics.jsonl").read_text().splitlines()]
    assert len(log) == 6 > expected["begun_epochs"]
    for record in (*log, *expected["resumed_log"]):
        del record["seconds"]
    assert_same(log, expected["resumed_log"], places=1e-4)
    report = old / "now.json"
    score(
        "evaluate", old / "begun", "--store", old / "store", "--list", old / "test.tsv", "--device", "cpu",
        "--json", report,
    )  # fmt: skip
    assert_same(numbers(report), expected["resumed"], places=1e-4)


def test_a_benchmark_trains_what_is_missing_and_gives_the_same_table(old, expected):
    kept = old / "benchmark/mil/store/seed_0/checkpoint.pt"
    before = kept.stat().st_mtime_ns
    words = [
        "benchmark", "--store", old / "store", "--list", old / "train.tsv", "--test-list", old / "test.tsv",
        *BENCHMARK_WORDS, "--device", "cpu", "--out", old / "benchmark",
    ]  # fmt: skip
    refused = CliRunner().invoke(score_main, [str(word) for word in words])
    assert refused.exit_code == 2
    assert "data.standardise was 'feature', now 'width'" in refused.output
    # The default of claws changed in 0.3.0; the setting of before continues the folder.
    score(*words, "--set", "claws:data.standardise=feature")
    assert kept.stat().st_mtime_ns == before
    assert (old / "benchmark/claws/store/seed_1/checkpoint.pt").is_file()
    table = json.loads((old / "benchmark/benchmark.json").read_text())
    rows = {row["head"]: row["numbers"] for row in table["rows"] if row["kind"] == "ours"}
    assert_same(rows, expected["benchmark"], places=1e-4)


def test_an_extraction_continues_with_the_videos_that_are_missing(old, expected):
    before = {video_id: (old / "motion" / f"{video_id}.h5").read_bytes() for video_id in ("clip0", "clip1")}
    said = run(
        extract_main, "run", "--preset", "motion", "--device", "cpu", "--workers", 1,
        "--videos", old / "frames", "--list", old / "all_frames.tsv", "--store", old / "motion",
    )  # fmt: skip
    assert "1 extracted, 2 already there" in said
    assert {video_id: (old / "motion" / f"{video_id}.h5").read_bytes() for video_id in before} == before
    store = FeatureStore(old / "motion")
    for video_id, features in expected["motion"].items():
        np.testing.assert_allclose(store.read(video_id).features, np.array(features), atol=2e-3)
