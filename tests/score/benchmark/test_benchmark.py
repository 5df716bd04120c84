"""The benchmark: cells whose numbers do not depend on how they are run, an honest table, and no leaks."""

import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from data_lists import Video, frame_labels, load_split, write_list
from extract.store import FeatureStore
from score.benchmark.cell import RESULT, Work, read_result, run_work
from score.benchmark.cell_pool import make_works, run_plan
from score.benchmark.cell_scores import SCORES, read_scores
from score.benchmark.chosen_scores import ALL, CHOICES, CROP, EPOCH, SMOOTHING, chosen_folder, keep
from score.benchmark.comparison_plan import Plan, check_plan, make_parts, make_stores
from score.benchmark.entries import make_entries
from score.benchmark.paired_difference import difference, draw, draw_folds
from score.benchmark.result_table import make_table, scored_videos
from score.benchmark.table_rows import BEST_ON_TEST, Row, Table
from score.benchmark.table_text import markdown, records, to_csv
from score.cli import main
from score.config.run_config import ConfigError
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluation import ScoredVideo
from score.evaluation.evaluation_settings import RunOptions
from score.evaluation.published_results import MEASURES, PUBLISHED, published_for
from score.metrics import roc_auc
from score.pooling.rules import spread
from score.runs.checkpoint import load_checkpoint
from score.runs.checkpoint_error import CheckpointError
from score.scoring.scorer import Scorer
from score.scoring.smoothing import CANDIDATES
from support.tiny_bags import bags_of
from support.tiny_stores import make_features, make_spec, make_store, make_videos
from support.waiting import wait_until

TINY = ("train.epochs=2", "train.batch=8", "mil:head.hidden=[8]", "claws:head.hidden=[8,4]")
TRAIN = make_videos(8, 8, groups=8)
TEST = [
    replace(video, anomaly_spans=((32, 64),) if video.is_anomalous else (), group=None)
    for video in make_videos(5, 5, prefix="test/")
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("stores") / "made", [*TRAIN, *TEST])


def make_plan(store, *, heads=("mil", "claws"), seeds=2, folds=0, overrides=TINY, **changes):
    parts, videos = make_parts(TRAIN, () if folds else TEST, folds=folds, group_by="group")
    overrides = [text for text in overrides if ":" not in text or text.partition(":")[0] in heads]
    return Plan(
        make_entries(heads, (), overrides),
        make_stores([str(store.root)]),
        parts,
        videos,
        seeds=seeds,
        folds=folds,
        **changes,
    )


def benchmark(plan, out, *, jobs=1, on_result=lambda *_: None, **options):
    check_plan(plan, out)
    return make_table(plan, out, run_plan(plan, out, jobs=jobs, on_result=on_result), resamples=50, **options)


def timeless(table):
    """The table without seconds, which differ between runs."""
    return replace(table, rows=tuple(replace(row, train_seconds=0, score_seconds=0) for row in table.rows))


@pytest.fixture(scope="module")
def done(store, tmp_path_factory):
    """A finished benchmark of two heads and two seeds: plan, folder, table."""
    out = tmp_path_factory.mktemp("done")
    plan = make_plan(store)
    return plan, out, benchmark(plan, out)


@pytest.fixture(scope="module")
def crossed(store, tmp_path_factory):
    """The same in four folds, one head."""
    out = tmp_path_factory.mktemp("crossed")
    plan = make_plan(store, heads=("mil",), folds=4)
    return plan, out, benchmark(plan, out)


def test_the_numbers_are_those_of_evaluate(done, store):
    _, out, table = done
    row = next(row for row in table.rows if row.head == "mil")
    found = evaluate_run(out / "mil" / "made", [store], TEST, RunOptions(resamples=50))
    for name in ("frame_auc", "frame_ap", "frame_auc_abnormal", "video_auc"):
        assert row.numbers[name].per_seed == found.summaries[name].per_seed
        assert row.numbers[name].interval == found.summaries[name].interval
    oracle = next(row for row in table.rows if row.kind == "oracle")
    assert oracle.numbers["frame_auc"].mean == found.oracle["oracle_frame_auc"].value
    head = load_checkpoint(out / "mil" / "made" / "seed_0").build_head()
    assert row.parameters == sum(each.numel() for each in head.parameters())
    assert row.train_seconds > 0 and row.score_seconds > 0


def test_finished_cells_are_never_trained_again(done):
    plan, out, table = done
    before = {path: path.stat().st_mtime_ns for path in out.rglob("seed_*/*")}
    kept = []
    again = make_table(
        plan,
        out,
        run_plan(plan, out, jobs=1, on_result=lambda _cell, _result, was: kept.append(was)),
        resamples=50,
    )
    assert kept == [True] * 4 and again == table
    assert {path: path.stat().st_mtime_ns for path in out.rglob("seed_*/*")} == before


@pytest.mark.parametrize(
    "name, damage",
    [
        ("scores.npz", lambda content: content[: len(content) // 2]),
        ("result.json", lambda _: b'{"seed": "x"}'),
        ("result.json", lambda _: b"[" * 100_000),
    ],
)
def test_a_damaged_cell_is_computed_again_and_said(done, tmp_path, name, damage):
    plan, out, table = done
    shutil.copytree(out, tmp_path / "out")
    cell, *_ = plan.cells(tmp_path / "out")
    (cell.folder / name).write_bytes(damage((cell.folder / name).read_bytes()))
    said = []
    results = run_plan(plan, tmp_path / "out", jobs=1, on_damage=lambda *found: said.append(found))
    assert [(each.folder, name in text, "\n" in text) for each, text in said] == [(cell.folder, True, False)]
    assert timeless(make_table(plan, tmp_path / "out", results, resamples=50)) == timeless(table)


@pytest.mark.slow
def test_a_damaged_checkpoint_of_an_unfinished_cell_is_trained_again(done, tmp_path):
    plan, out, table = done
    shutil.copytree(out, tmp_path / "out")
    cell, *_ = plan.cells(tmp_path / "out")
    (cell.folder / "result.json").unlink()
    whole = bytearray((cell.folder / "checkpoint.pt").read_bytes())
    whole[len(whole) // 2] ^= 255
    (cell.folder / "checkpoint.pt").write_bytes(whole)
    said = []
    results = run_plan(plan, tmp_path / "out", jobs=1, on_damage=lambda *found: said.append(found))
    assert "checkpoint.pt is damaged" in said[0][1] and len(said) == 1
    assert timeless(make_table(plan, tmp_path / "out", results, resamples=50)) == timeless(table)


@pytest.mark.slow
def test_more_jobs_give_the_same_bits_as_one(done, tmp_path):
    plan, out, table = done
    assert timeless(benchmark(plan, tmp_path, jobs=2)) == timeless(table)
    for cell in plan.cells(tmp_path):
        one, two = (load_checkpoint(root / cell.folder.relative_to(tmp_path)) for root in (tmp_path, out))
        assert all(torch.equal(one.weights[name], rows) for name, rows in two.weights.items())


def test_seeds_in_one_work_and_alone_give_the_same_bits(done, tmp_path):
    """A GPU trains all seeds of a run in one process, a CPU each in its own."""
    plan, out, _ = done
    (work,) = make_works(
        replace(plan, device="cuda"), [c for c in plan.cells(tmp_path) if c.entry.label == "mil"]
    )
    assert work.seeds == (0, 1)
    results = run_work(replace(work, device="cpu", together=False))
    for seed, result in enumerate(results):
        assert result.failure == "" and result.seed == seed
        other = read_scores(out / "mil" / "made" / f"seed_{seed}")
        found = read_scores(work.run / f"seed_{seed}")
        assert np.array_equal(found.video_score, other.video_score)
        assert all(map(np.array_equal, found.segment_score, other.segment_score))


@pytest.mark.parametrize("label, changes", [("mil", True), ("claws", False)])
def test_a_gpu_trains_seeds_in_one_batch_if_the_head_allows_it(done, tmp_path, label, changes):
    """Visible in what dropout draws, which depends on the seeds of the batch."""
    plan, out, _ = done
    (work,) = make_works(
        replace(plan, device="cuda"), [c for c in plan.cells(tmp_path) if c.entry.label == label]
    )
    assert work.together
    threads = torch.get_num_threads()
    torch.set_num_threads(plan.threads)  # the last bits depend on it
    try:
        results = run_work(replace(work, device="cpu"))
    finally:
        torch.set_num_threads(threads)
    assert [(result.seed, result.failure) for result in results] == [(0, ""), (1, "")]
    for seed in work.seeds:
        one, two = (load_checkpoint(root / label / "made" / f"seed_{seed}") for root in (tmp_path, out))
        same = all(torch.equal(one.weights[name], rows) for name, rows in two.weights.items())
        assert same != changes


def write_lists(folder):
    write_list(folder / "train.tsv", TRAIN)
    write_list(folder / "test.tsv", TEST)
    return ["--list", str(folder / "train.tsv"), "--test-list", str(folder / "test.tsv")]


def invoke(*arguments):
    return CliRunner().invoke(main, ["benchmark", *map(str, arguments)])


@pytest.mark.slow
def test_killed_at_any_time_the_same_command_gives_the_same_table(done, store, tmp_path):
    _, _, table = done
    command = [
        sys.executable,
        "-m",
        "score.cli",
        "benchmark",
        "--head",
        "mil",
        "--head",
        "claws",
        "--store",
        str(store.root),
        *write_lists(tmp_path),
        "--seeds",
        "2",
        "--out",
        str(tmp_path / "out"),
        "--jobs",
        "2",
        "--device",
        "cpu",
        "--resamples",
        "50",
        *(part for text in TINY for part in ("--set", text)),
    ]
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: [*tmp_path.rglob("seed_*/resume.pt"), *tmp_path.rglob("seed_*/result.json")], 120)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    for _ in range(200):  # wait for its processes, which end with it and would write what the next run reads
        state = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("seed_*/*")}
        time.sleep(0.05)
        if {path: path.stat().st_mtime_ns for path in tmp_path.rglob("seed_*/*")} == state:
            break
    assert len(list(tmp_path.rglob(RESULT))) < 4
    command[command.index("--jobs") + 1] = "1"
    again = invoke(*command[4:])
    assert again.exit_code == 0, again.output
    assert timeless(
        Table.from_json(json.loads((tmp_path / "out" / "benchmark.json").read_text()))
    ) == timeless(table)


def test_other_settings_are_refused_and_more_heads_and_seeds_are_not(done, store):
    plan, out, table = done
    changed = make_plan(store, overrides=(*TINY, "train.epochs=3"))
    with pytest.raises(
        CheckpointError, match=r"trained with other settings.*mil\.train\.epochs was 2, now 3"
    ):
        check_plan(changed, out)
    with pytest.raises(CheckpointError, match="folds was 0, now 4"):
        check_plan(make_plan(store, folds=4), out)
    with pytest.raises(CheckpointError, match="threads was 1, now 2"):
        check_plan(replace(plan, threads=2), out)
    check_plan(replace(plan, entries=plan.entries[:1], seeds=3), out)
    check_plan(replace(plan, entries=make_entries(["rtfm"], (), ["train.epochs=1"])), out)
    check_plan(plan, out)  # those left out meanwhile are still known
    with pytest.raises(CheckpointError):
        check_plan(changed, out)


def test_a_failing_head_is_a_row_with_its_reason_and_the_others_continue(store, tmp_path):
    result = invoke(
        "--head",
        "mil",
        "--head",
        "claws",
        "--store",
        store.root,
        *write_lists(tmp_path),
        "--seeds",
        2,
        "--jobs",
        1,
        "--out",
        tmp_path / "out",
        "--device",
        "cpu",
        *(part for text in TINY for part in ("--set", text)),
        "--set",
        "claws:train.optimizer.lr=1e30",
        "--set",
        "claws:train.optimizer.clip_norm=null",
        "--set",
        "claws:train.optimizer.name=sgd",
    )
    assert result.exit_code == 1, result.output
    table = Table.from_json(json.loads((tmp_path / "out" / "benchmark.json").read_text()))
    mil, claws = (next(row for row in table.rows if row.head == name) for name in ("mil", "claws"))
    assert mil.numbers["frame_auc"] and not mil.failure
    assert not claws.numbers and "seed 0: training of seed 0 diverged in epoch" in claws.failure
    assert re.search(r"\| claws \| failed: seed 0: training .* \(and 1 more of 2 trainings\)", result.stdout)
    assert "TrainingDiverged" in (tmp_path / "out" / "claws" / "made" / "seed_0" / "failure.txt").read_text()


def test_the_difference_to_itself_is_zero_and_to_another_head_has_a_sign_and_an_interval(done):
    plan, out, table = done
    cells = {label: [c for c in plan.cells(out) if c.entry.label == label] for label in ("mil", "claws")}
    drawn = {label: draw(scored_videos(plan, own)[0], resamples=50) for label, own in cells.items()}
    rows = {row.head: row for row in table.rows if row.kind == "ours"}
    for measure in ("frame_auc", "frame_ap", "video_auc"):
        same = difference(drawn["mil"], drawn["mil"], measure)
        assert same.mean == 0 and same.interval == (0, 0)
        there, back = (
            difference(drawn[a], drawn[b], measure) for a, b in (("claws", "mil"), ("mil", "claws"))
        )
        assert there.mean == -back.mean and there.interval == pytest.approx(
            (-back.interval[1], -back.interval[0])
        )
        assert there.mean == pytest.approx(
            rows["claws"].numbers[measure].mean - rows["mil"].numbers[measure].mean
        )
        assert rows["claws"].differences[measure] == there and rows["claws"].against == "mil"
    assert rows["mil"].differences["frame_auc"].interval == (0, 0)


def test_pairing_narrows_the_interval_of_a_difference():
    """One head is the other plus a little noise: the variance of the videos cancels."""
    random = np.random.default_rng(0)
    videos = [replace(video, anomaly_spans=()) for video in make_videos(40, 40)]
    scores = random.normal(size=80) + np.array([video.is_anomalous for video in videos])
    rows = [
        [
            ScoredVideo(video, None, np.zeros((1, 1)), np.array([score]))
            for video, score in zip(videos, values, strict=True)
        ]
        for values in (scores, scores + 0.1 * random.normal(size=80))
    ]
    one, other = (draw(each, resamples=400) for each in rows)
    low, high = difference(one, other, "video_auc").interval
    assert 0 < high - low < 0.3 * np.subtract(*np.quantile(one.draws["video_auc"], [0.975, 0.025]))


@pytest.mark.slow
def test_out_of_fold_scores_come_from_heads_that_never_saw_the_video(crossed):
    plan, out, table = crossed
    videos, folds = scored_videos(plan, list(plan.cells(out)))
    assert [each.video.video_id for each in videos] == [video.video_id for video in TRAIN]
    assert sorted(map(sorted, folds)) == sorted(
        sorted(video.video_id for video in part.test) for part in plan.parts
    )
    for cell in plan.cells(out):
        trained = load_checkpoint(cell.folder).lists["train"]["video_ids"]
        assert sorted(trained) == sorted(video.video_id for video in cell.part.train)
        assert not set(trained) & {video.video_id for video in cell.part.test}
    (row,) = [row for row in table.rows if row.kind == "ours"]
    label = np.array([video.is_anomalous for video in TRAIN], dtype=int)
    fold_of = {video.video_id: k for k, part in enumerate(plan.parts) for video in part.test}
    member = np.array([fold_of[video.video_id] for video in TRAIN])
    for seed in range(2):
        scores = np.array([each.video_score[seed] for each in videos])
        assert row.numbers["video_auc"].per_seed[seed] == roc_auc(label, scores).value
        inside = [roc_auc(label[member == k], scores[member == k]).value for k in range(4)]
        assert row.numbers["fold_video_auc"].per_seed[seed] == pytest.approx(np.mean(inside))
    assert "frame_auc" not in row.numbers and "4 folds by group (16 of 16 videos have one)" in markdown(table)


def test_no_head_can_be_trained_on_a_test_video(store, tmp_path):
    with pytest.raises(ValueError, match="in the training list and in the test list"):
        make_parts(TRAIN, [*TEST, TRAIN[0]], folds=0, group_by="group")
    with pytest.raises(ValueError, match="from a test split"):
        make_parts([replace(video, split="test") for video in TRAIN], (), folds=4, group_by="group")
    entry = make_entries(["mil"], (), TINY[:2])[0]
    work = Work(
        "leak", tmp_path, entry.config, (store.root,), train=tuple(TRAIN), test=(*TEST, TRAIN[3]), seeds=(0,)
    )
    (result,) = run_work(work)
    assert "1 test videos would be trained on, n3" in result.failure
    assert read_result(tmp_path / "seed_0") is None


def test_annotations_of_training_videos_change_nothing(store, tmp_path):
    spanned = [replace(video, anomaly_spans=((0, 16),) if video.is_anomalous else ()) for video in TRAIN]
    entry = make_entries(["mil"], (), TINY[:2])[0]
    for name, videos in (("with", spanned), ("without", TRAIN)):
        run_work(
            Work(name, tmp_path / name, entry.config, (store.root,), tuple(videos), tuple(TEST), seeds=(0,))
        )
    one, two = (read_scores(tmp_path / name / "seed_0") for name in ("with", "without"))
    assert np.array_equal(one.video_score, two.video_score)


@pytest.mark.slow
def test_best_on_test_has_its_own_column_and_changes_no_training(done, tmp_path):
    plan, out, table = done
    watched = benchmark(replace(plan, best_on_test=True), tmp_path)
    for row, plain in zip(watched.rows, table.rows, strict=True):
        numbers = dict(row.numbers)
        selected = numbers.pop(BEST_ON_TEST, None)
        assert numbers == plain.numbers and (selected is not None) == (row.kind == "ours")
    for cell in plan.cells(tmp_path):
        lines = [json.loads(line) for line in (cell.folder / "test_selected.jsonl").read_text().splitlines()]
        assert [line["epoch"] for line in lines] == [1, 2]
        kept = lines[load_checkpoint(cell.folder).epoch - 1]
        row = next(row for row in watched.rows if row.head == cell.entry.label)
        assert kept["frame_auc"] == row.numbers["frame_auc"].per_seed[cell.seed]
        assert row.numbers[BEST_ON_TEST].per_seed[cell.seed] == max(line["frame_auc"] for line in lines)
    assert "| test-selected |" in markdown(watched) and "test-selected" not in markdown(table)


@pytest.mark.slow
def test_what_each_choice_on_test_adds_is_measured_on_scores_of_that_choice(tmp_path):
    store = make_store(tmp_path / "crops", [*TRAIN, *TEST], num_crops=2)
    plan = replace(make_plan(store, heads=("mil",), seeds=1), best_on_test=True)
    table = benchmark(plan, tmp_path / "out")
    (row,) = (each for each in table.rows if each.kind == "ours")
    (cell,) = plan.cells(tmp_path / "out")
    lengths = [store.header(video.video_id).num_frames for video in TEST]
    truth = np.concatenate([frame_labels(video, n) for video, n in zip(TEST, lengths, strict=True)])

    def auc(scores):
        return roc_auc(truth, np.concatenate(scores.frame_scores())).value

    honest = read_scores(cell.folder)
    assert row.added.keys() == set(CHOICES) and auc(honest) == row.numbers["frame_auc"].mean
    chosen = {choice: read_scores(chosen_folder(cell.folder, choice)) for choice in CHOICES}
    for choice, scores in chosen.items():
        assert row.added[choice].mean == pytest.approx(auc(scores) - auc(honest), abs=1e-12)
    smoothed = [
        replace(honest, segment_score=tuple(map(smoothing, honest.segment_score))) for smoothing in CANDIDATES
    ]
    assert auc(chosen[SMOOTHING]) == max(map(auc, smoothed))
    scorer, single = Scorer(load_checkpoint(cell.folder)), [honest]
    for crop in range(2):
        rows = []
        for video in TEST:
            features = scorer.bags(store.read(video.video_id)).features["rgb"][[crop]]
            found = scorer.head(bags_of(features, [0])).segment_score[0].detach().double().numpy()
            rows.append(spread(found, store.header(video.video_id).num_segments, scorer.segments))
        single.append(replace(honest, segment_score=tuple(rows)))
    assert auc(chosen[CROP]) == max(map(auc, single))
    most = max(row.added[choice].mean for choice in (EPOCH, CROP, SMOOTHING))
    assert row.added[ALL].mean >= most >= 0
    assert "What choosing on the test videos adds" in markdown(table)
    assert Table.from_json(json.loads(json.dumps(table.to_json()))) == table


@pytest.mark.slow
def test_with_folds_the_videos_of_each_fold_choose_for_it(crossed, tmp_path):
    plan, out, table = crossed
    watched = benchmark(replace(plan, best_on_test=True), tmp_path)
    (plain,), (row,) = ([each for each in one.rows if each.kind == "ours"] for one in (table, watched))
    numbers = dict(row.numbers)
    selected = numbers.pop(BEST_ON_TEST)
    assert numbers == plain.numbers and row.added.keys() == set(CHOICES)
    added = []
    for seed in range(plan.seeds):
        best, honest = [], []
        for cell in (cell for cell in plan.cells(tmp_path) if cell.seed == seed):
            lines = [
                json.loads(line) for line in (cell.folder / "test_selected.jsonl").read_text().splitlines()
            ]
            best.append(max(line["video_auc"] for line in lines))
            label = np.array([video.is_anomalous for video in cell.part.test], dtype=int)
            honest.append(roc_auc(label, read_scores(cell.folder).video_score).value)
            chosen = read_scores(chosen_folder(cell.folder, EPOCH)).video_score
            assert roc_auc(label, chosen).value == best[-1]
        assert selected.per_seed[seed] == pytest.approx(np.mean(best))
        added.append(np.mean(best) - np.mean(honest))
    # The best epoch of a fold is never worse there than the last one.
    assert row.added[EPOCH].mean == pytest.approx(np.mean(added)) and np.mean(added) >= 0
    assert "| head | video AUC, mean of folds, nothing chosen on test |" in markdown(watched)
    assert "choices are made on the videos of each fold" in markdown(watched)
    # Only the order inside a fold counts: scores of one fold may all shrink.
    cell = next(iter(plan.cells(tmp_path)))
    for choice in CHOICES:
        chosen = read_scores(chosen_folder(cell.folder, choice))
        keep(cell.folder, choice, replace(chosen, video_score=chosen.video_score / 8))
    (again,) = (
        each for each in benchmark(replace(plan, best_on_test=True), tmp_path).rows if each.kind == "ours"
    )
    assert again.added == row.added


def test_the_table_survives_a_round_trip_through_json_and_csv(done, crossed):
    for _, _, table in (done, crossed):
        assert Table.from_json(json.loads(json.dumps(table.to_json()))) == table
        back = list(csv.DictReader(io.StringIO(to_csv(table))))
        assert len(back) == len(table.rows)
        for line, record in zip(back, records(table), strict=True):
            for name, value in record.items():
                assert line[name] == "" if value in (None, "") else type(value)(line[name]) == value
        lines = markdown(table).split("\n\n")[0].splitlines()
        assert len({line.count("|") for line in lines}) == 1 and len(lines) == 2 + len(table.rows)


def test_words_of_others_stay_in_their_cells():
    name = "=1|2 <script> $x^2$ `c` [x](y) {{7*7}} _e_\n\n| forged | row |\x1b[31m\udce9\u202e"
    rows = (Row("ours", name, "mil", failure=name), Row("ours", "t", "mil", failure="-2+3"))
    details = {"videos": 1, "anomalous_videos": 0, "frames": 0, "positives": None, "device": "cpu"}
    table = Table("frame_auc", rows, (name,), details | {"threads": 1, "seeds": 1})
    text = markdown(table)
    text.encode()
    lines = text.splitlines()
    assert [line for line in lines if line.startswith("| ")] == lines[:4] and len(lines) == 7
    bare = re.sub(r"\\[\W_]", "", text.partition("\n\n")[0])  # without what a backslash takes its meaning
    assert len({line.count("|") for line in bare.splitlines()}) == 1
    assert not re.search(r"[<$`\[{]|_\b|\b_", bare) and not {"\x1b", "\u202e"} & set(text)
    back = list(csv.DictReader(io.StringIO(to_csv(table), newline="")))
    assert [row["store"][:2] for row in back] == ["'=", "t"] and back[1]["failure"] == "'-2+3"


@pytest.mark.parametrize("name", ["..", ".", ".hidden", "a/b", "a b"])
def test_the_name_of_a_store_is_the_name_of_a_folder(name, tmp_path):
    with pytest.raises(ValueError, match="not begin with a dot"):
        make_stores([f"{name}={tmp_path}"])


@pytest.mark.slow
def test_two_stores_are_two_blocks_and_joined_ones_give_one(store, tmp_path):
    flow = FeatureStore.create(tmp_path / "flow", make_spec(modality="flow", feature_dim=3))
    for video_id in store.ids():
        flow.write(make_features(video_id, store.read(video_id).features[:, 0, 3:]))
    result = invoke(
        "--head",
        "mil",
        "--store",
        store.root,
        "--store",
        f"both={store.root}+{flow.root}",
        *write_lists(tmp_path),
        "--seeds",
        1,
        "--jobs",
        1,
        "--out",
        tmp_path / "out",
        "--set",
        "train.epochs=1",
        "--set",
        "head.hidden=[4]",
    )
    assert result.exit_code == 0, result.output
    table = Table.from_json(json.loads((tmp_path / "out" / "benchmark.json").read_text()))
    first, second = (row for row in table.rows if row.kind == "ours")
    assert (first.store, second.store) == ("made", "both")
    assert second.parameters - first.parameters == 3 * 4  # three more inputs to four units
    found = second.differences["frame_auc on made"].mean
    assert found == pytest.approx(second.numbers["frame_auc"].mean - first.numbers["frame_auc"].mean)
    assert "minus the same on made" in result.stdout


def test_rows_are_heads_with_their_own_presets_and_settings():
    entries = make_entries(
        ["mil", "mil:learner", "claws"],
        ["claws=claws-eccv20"],
        ["train.epochs=7", "mil:learner:train.batch=9"],
    )
    assert [entry.label for entry in entries] == ["mil", "mil:learner", "claws:claws-eccv20"]
    assert [entry.config.train.epochs for entry in entries] == [7, 7, 7]
    assert entries[1].config.train.batch == 9 != entries[0].config.train.batch
    with pytest.raises(ConfigError, match="given twice"):
        make_entries(["mil", "mil"], (), ())
    with pytest.raises(ConfigError, match="did you mean 'mil'"):
        make_entries(["mill"], (), ())
    with pytest.raises(ConfigError, match="unknown head 'clawz'"):
        make_entries(["mil", "claws"], (), ["clawz:train.epochs=3"])


@pytest.mark.parametrize("dataset", MEASURES)
def test_published_numbers_stand_beside_a_complete_published_test_split(dataset):
    test = load_split(dataset, "test")
    name, rows = published_for(test)
    assert name == dataset and len(rows) >= 10 and all(0.5 < row.value < 1 for row in rows)
    assert published_for(test[:-1]) == ("", [])
    assert any(row.test_selected for row in rows) and not all(row.test_selected for row in rows)


def test_published_numbers_are_those_of_the_papers():
    found = {(row.dataset, row.method, row.features): row.value for row in PUBLISHED}
    assert found["ucf_crime", "Sultani", "C3D"] == 0.7541
    assert found["ucf_crime", "RTFM", "I3D"] == 0.8430
    assert found["shanghaitech", "CLAWS", "C3D"] == 0.8967
    assert found["xd_violence", "VadCLIP", "CLIP B/16"] == 0.8451
    # 89.97 is the AUC on UCF-Crime with CLIP, 88.47 the AP on XD-Violence with I3D
    assert found["ucf_crime", "LEC-VAD", "CLIP"] == 0.8997 and ("ucf_crime", "LEC-VAD", "I3D") not in found
    assert found["xd_violence", "LEC-VAD", "I3D"] == 0.8847
    assert found["xd_violence", "LEC-VAD", "CLIP"] == 0.8656
    assert len(found) == len(PUBLISHED)


def test_published_numbers_say_how_they_were_chosen():
    rows = [row for row in PUBLISHED if row.method in ("VadCLIP", "DSANet", "UR-DMU")]
    for row in rows:
        again = "again" in row.features
        assert row.test_selected is not again
        assert row.one_crop is (not again and row.method != "UR-DMU")


def test_wrong_usage_is_reported_before_any_training(store, tmp_path):
    lists = write_lists(tmp_path)
    begin = ["--head", "mil", "--store", store.root, "--out", tmp_path / "out"]
    for arguments, text in [
        (lists[:2], "give --test-list, or --folds"),
        ([*lists, "--folds", 3], "give --test-list, or --folds"),
        ([*lists, "--against", "claws"], "--against claws: not among the rows mil"),
        ([*lists, "--store", tmp_path / "nothing"], "no feature store"),
        ([*lists, "--store", f"made={store.root}"], "two stores are named made"),
        ([*lists, "--store", f"a b={store.root}"], "the name 'a b' may only contain"),
        ([*lists[:2], "--folds", 99], "8 groups cannot make 99 folds"),
        ([*lists[:2], "--test-list", "ucf_crime/test"], "lacks 290 of 306 videos"),
    ]:
        result = invoke(*begin, *arguments)
        assert result.exit_code == 2 and text in result.output, result.output
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("seed_*"))


def test_an_unfinished_cell_has_no_result(done):
    plan, out, _ = done
    for cell in plan.cells(out):
        assert (cell.folder / SCORES).is_file() and read_result(cell.folder).epoch in (1, 2)
        assert not list(cell.folder.glob("*.partial"))


def test_the_mean_over_folds_leaves_out_folds_of_one_class():
    random = np.random.default_rng(0)
    folds = [
        [
            ScoredVideo(
                Video(f"{fold}{number}", "Fight" if kind else "Normal"),
                None,
                np.zeros((2, 1)),
                random.random(2),
            )
            for number, kind in enumerate(kinds)
        ]
        for fold, kinds in enumerate(([0, 1, 1, 0], [0, 0, 0], [1, 0, 1]))
    ]
    expected = [
        np.mean(
            [
                roc_auc(
                    np.array([each.video.is_anomalous for each in fold], dtype=int),
                    np.array([each.video_score[seed] for each in fold]),
                ).value
                for seed in range(2)
            ]
        )
        for fold in (folds[0], folds[2])
    ]
    found = draw_folds(folds, resamples=20)
    assert found.mean["video_auc"] == pytest.approx(np.mean(expected))
    assert found.draws["video_auc"].shape == (20,)
