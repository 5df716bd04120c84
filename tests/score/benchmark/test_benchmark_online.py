"""benchmark --online: the numbers of evaluate --online, measured once, without any training again."""

import csv
import io
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from data_lists import ListError, write_list
from score.alerts.recorded_alerts import alert_raiser
from score.benchmark.cell_online import ONLINE, OnlineChoice
from score.benchmark.cell_pool import run_plan
from score.benchmark.comparison_plan import Plan, check_plan, make_parts, make_stores
from score.benchmark.entries import make_entries
from score.benchmark.result_table import make_table
from score.benchmark.table_rows import Table
from score.benchmark.table_text import markdown, to_csv
from score.cli import main
from score.evaluation import measure_names
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluation_settings import RunOptions
from score.metrics.online_alerts import TimedScores
from support.tiny_stores import make_store, make_videos

TRAIN = make_videos(8, 8, groups=8)
NORMAL = tuple(video for video in TRAIN if not video.is_anomalous)
TEST = [
    replace(video, anomaly_spans=((32, 64),) if video.is_anomalous else (), group=None)
    for video in make_videos(5, 5, prefix="test/")
]
RAISER = alert_raiser()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("stores") / "made", [*TRAIN, *TEST])


def make_plan(store, *, overrides=(), **changes):
    parts, videos = make_parts(TRAIN, TEST, folds=0, group_by="group")
    settings = ("train.epochs=2", "train.batch=8", "mil:head.hidden=[8]", *overrides)
    return Plan(
        make_entries(["mil"], (), settings), make_stores([str(store.root)]), parts, videos, seeds=2, **changes
    )


def finish(plan, out):
    check_plan(plan, out)
    return make_table(plan, out, run_plan(plan, out, jobs=1), resamples=10)


def files(out):
    return {path.relative_to(out): path.stat().st_mtime_ns for path in out.rglob("seed_*/*")}


@pytest.fixture(scope="module")
def measured(store, tmp_path_factory):
    """A benchmark that was finished without --online and measured online afterwards: folder, files, table."""
    out = tmp_path_factory.mktemp("measured")
    plan = make_plan(store)
    before = finish(plan, out), files(out)
    return out, before, finish(replace(plan, online=OnlineChoice(RAISER)), out)


def online_of(table):
    (row,) = (row for row in table.rows if row.kind == "ours")
    return row


def same_as_evaluate(row, out, store, validation=()):
    options = RunOptions(resamples=0, online=RAISER, validation=validation)
    found = evaluate_run(out / "mil" / "made", [store], TEST, options)
    for name in measure_names.ONLINE:
        known = tuple(value for value in found.summaries[name].per_seed if value is not None)
        assert (row.numbers[name].per_seed if known else ()) == known, name
    return found


def test_online_numbers_are_those_of_evaluate_and_no_other_number_changes(measured, store):
    out, (plain, _), table = measured
    row = online_of(table)
    found = same_as_evaluate(row, out, store)
    assert row.online.look_ahead == f"window of {found.online.window}"
    offline = {name: each for name, each in row.numbers.items() if name not in measure_names.ONLINE}
    assert offline == online_of(plain).numbers and online_of(plain).online is None


def test_measuring_online_trains_nothing_again_and_is_done_once(measured, store):
    out, (_, before), table = measured
    after = files(out)
    assert {path: when for path, when in after.items() if path.name != ONLINE} == before
    assert finish(make_plan(store, online=OnlineChoice(RAISER)), out) == table
    assert files(out) == after
    (out / "mil" / "made" / "seed_1" / ONLINE).write_text('{"record": 3}')
    assert finish(make_plan(store, online=OnlineChoice(RAISER)), out) == table


def test_other_normal_videos_choose_other_thresholds(measured, store):
    out, _, table = measured
    choice = OnlineChoice(RAISER, validation=TRAIN)
    found = online_of(finish(make_plan(store, online=choice), out))
    same_as_evaluate(found, out, store, TRAIN)
    assert found.online.thresholds_from == f"{len(NORMAL)} of --val"
    assert online_of(table).online.thresholds_from != found.online.thresholds_from


def test_a_head_that_held_nothing_out_takes_the_normal_videos_of_its_training(store, tmp_path):
    plan = make_plan(
        store, overrides=("train.validation_share=0", "train.select=last"), online=OnlineChoice(RAISER)
    )
    row = online_of(finish(plan, tmp_path))
    assert row.online.thresholds_from == f"{len(NORMAL)} normal videos of training"
    same_as_evaluate(row, tmp_path, store, NORMAL)


def test_the_table_shows_them_in_every_form(measured):
    _, (plain, _), table = measured
    assert Table.from_json(json.loads(json.dumps(table.to_json()))) == table
    text, title = markdown(table), "As if the test videos were live:"
    assert title in text and title not in markdown(plain)
    lines = text.partition(title)[2].strip().split("\n\n")[0].splitlines()
    assert len(lines) == 3 and len({line.count("|") for line in lines}) == 1
    shown = f"{online_of(table).numbers['causal_frame_auc'].mean:.3f}"
    assert f"| {shown} ± " in lines[2]
    (line, *_) = csv.DictReader(io.StringIO(to_csv(table)))
    for name, number in online_of(table).numbers.items():
        assert float(line[name]) == number.mean
    assert not set(measure_names.ONLINE) & set(next(csv.DictReader(io.StringIO(to_csv(plain)))))


def test_a_seed_without_a_delay_differs_from_one_with(measured):
    _, _, table = measured
    row = online_of(table)
    numbers = row.numbers | {
        "delay_at_1": replace(row.numbers["causal_frame_auc"], mean=2.5, per_seed=(2.5,))
    }
    text = markdown(replace(table, rows=(replace(row, numbers=numbers),)))
    assert "| 2.500 (1 of 2 seeds) |" in text


def test_processes_receive_the_rule_that_raises_alerts():
    rng = np.random.default_rng(0)
    spans = np.stack([np.arange(60), np.arange(1, 61)], axis=1) * 0.64
    scores = TimedScores(rng.random(60), spans, spans[:, 1], float(spans[-1, 1]))
    raised = RAISER.raised(scores, 0.5)
    assert len(raised) and (pickle.loads(pickle.dumps(RAISER)).raised(scores, 0.5) == raised).all()


def test_what_cannot_be_measured_is_refused_before_any_training(store, tmp_path):
    anomalous = tuple(video for video in TRAIN if video.is_anomalous)
    for choice, message in (
        (OnlineChoice(RAISER, validation=anomalous), "no video is normal"),
        (OnlineChoice(RAISER, validation=tuple(TEST)), "test"),
    ):
        with pytest.raises(ListError, match=message):
            check_plan(make_plan(store, online=choice), tmp_path / "out")
    write_list(tmp_path / "train.tsv", TRAIN)
    usual = ("benchmark", "--store", store.root, "--list", tmp_path / "train.tsv", "--out", tmp_path / "out")
    for words, message in (
        (("--folds", 4, "--online"), "--online needs --test-list"),
        (
            ("--test-list", tmp_path / "train.tsv", "--val", tmp_path / "train.tsv"),
            "--val goes with --online",
        ),
    ):
        result = CliRunner().invoke(main, [*map(str, (*usual, *words))])
        assert result.exit_code == 2 and message in result.output
    assert not (tmp_path / "out").exists()
