"""Builds the table of a benchmark from its finished cells: numbers, intervals, differences and costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from extract.runtime.text import listed
from score.benchmark.cell import CellResult
from score.benchmark.cell_scores import read_scores
from score.benchmark.chosen_scores import CHOICES, chosen_folder, has_choices
from score.benchmark.comparison_plan import Cell, Plan, StoreChoice, shared_groups
from score.benchmark.entries import Entry
from score.benchmark.online_rows import online_row
from score.benchmark.paired_difference import Difference, Draws, difference, draw, draw_folds
from score.benchmark.table_rows import BEST_ON_TEST, Number, Row, Table
from score.evaluation.evaluate_videos import evaluate_videos, lacks_truth
from score.evaluation.evaluation import Evaluation, Provenance, ScoredVideo
from score.evaluation.frame_truth import NATIVE, Truth
from score.evaluation.published_results import MEASURES, Published, published_for
from score.metrics import roc_auc

SHOWN = ("frame_auc", "frame_ap", "frame_auc_abnormal", "video_auc", "video_ap")
FOLD_MEASURES = {"fold_video_auc": "video_auc", "fold_frame_auc": "frame_auc"}


def make_table(
    plan: Plan,
    out: Path,
    results: dict[Path, CellResult],
    *,
    against: str = "",
    convention: str = NATIVE,
    resamples: int = 1000,
) -> Table:
    """Evaluate the scores of all cells.

    results: as run_plan returns them. against: the head that the others on the same store are compared with,
    "" for the first one. resamples: bootstrap draws per interval, 0 for no intervals.
    """
    against = against or plan.entries[0].label
    dataset, published = published_for(plan.videos) if not plan.folds else ("", [])
    measure = MEASURES.get(dataset) or _headline(plan, convention)
    rows: list[Row] = []
    first: dict[str, Draws] = {}
    oracle = None
    for number, store in enumerate(plan.stores):
        draws: dict[str, Draws] = {}
        block = []
        for entry in plan.entries:
            cells = [cell for cell in plan.cells(out) if cell.entry == entry and cell.store == store]
            own = [results[cell.folder] for cell in cells]
            # A mean over the seeds that happened to work would look like a result.
            if any(result.failure for result in own):
                block.append(Row("ours", store.name, entry.label, failure=_failure(cells, own)))
                continue
            videos, folds = scored_videos(plan, cells, convention=convention)
            fold_numbers = _fold_numbers(videos, folds) if plan.folds else {}
            evaluation = evaluate_videos(videos, Provenance(entry.label, convention), resamples=resamples)
            draws[entry.label] = draw(videos, resamples=resamples)
            row = _row(entry, store, own, evaluation, measure=measure, seeds=plan.seeds)
            added = _added(plan, cells, measure, convention, resamples)
            live = online_row(cells, plan.online)
            numbers = row.numbers | fold_numbers | ({} if live is None else live.numbers)
            block.append(dataclasses.replace(row, numbers=numbers, added=added, online=live and live.facts))
            # The oracle depends on the labels alone, so that of any head will do.
            oracle = oracle or evaluation
        rows += [_compared(row, draws, against, first, plan.stores[0].name) for row in block]
        if number == 0:
            first = draws
    if oracle is not None and oracle.oracle["oracle_frame_auc"].value is not None:
        rows.append(_oracle_row(oracle))
    rows += map(_published_row, published)
    return Table(measure, tuple(rows), tuple(_notes(plan)), _details(plan, dataset, convention, oracle))


def _added(
    plan: Plan, cells: Sequence[Cell], measure: str, convention: str, resamples: int
) -> dict[str, Difference]:
    """Choice on the test videos -> what it adds to the measure of the same seeds; {} if none was made.

    With folds, to the mean over folds: each fold chooses for itself, and epochs of different folds have
    scores of different ranges, which a measure over all videos would count against the choice.
    """
    if not plan.best_on_test or not all(has_choices(cell.folder) for cell in cells):
        return {}

    def drawn(choice: str) -> Draws:
        videos, folds = scored_videos(plan, cells, convention=convention, choice=choice)
        if not plan.folds:
            return draw(videos, resamples=resamples)
        by_id = {video.video.video_id: video for video in videos}
        return draw_folds([[by_id[name] for name in fold] for fold in folds], resamples=resamples)

    honest, found = drawn(""), {choice: drawn(choice) for choice in CHOICES}
    added = {choice: difference(each, honest, measure) for choice, each in found.items()}
    return {choice: each for choice, each in added.items() if each is not None}


def _headline(plan: Plan, convention: str) -> str:
    # The other conventions define frame labels without annotations in the list.
    annotated = convention != NATIVE or all(video.has_frame_truth for video in plan.videos)
    return "frame_auc" if annotated else "video_auc"


def _failure(cells: Sequence[Cell], results: Sequence[CellResult]) -> str:
    """The reason of the first cell that failed, and how many more did."""
    failed = [(cell, result) for cell, result in zip(cells, results, strict=True) if result.failure]
    cell, result = failed[0]
    place = " ".join(filter(None, (cell.part.name, f"seed {cell.seed}")))
    more = f" (and {len(failed) - 1} more of {len(cells)} trainings)" if len(failed) > 1 else ""
    return f"{place}: {result.failure}{more}"


def scored_videos(
    plan: Plan, cells: Sequence[Cell], *, convention: str = NATIVE, choice: str = ""
) -> tuple[list[ScoredVideo], list[tuple[str, ...]]]:
    """(the test videos with the scores of all seeds, in the order of their list; the ids of each fold).

    With folds, each video has the scores of the heads that were not trained on it. choice: scores after this
    choice on the test videos.
    """
    truth = Truth.of(convention, plan.videos)
    by_id: dict[str, dict[int, tuple[np.ndarray, float, float]]] = {}
    members: dict[str, tuple[str, ...]] = {}
    for cell in cells:
        scores = read_scores(chosen_folder(cell.folder, choice) if choice else cell.folder)
        members[cell.part.name] = scores.video_ids
        for place, (video_id, frames) in enumerate(zip(scores.video_ids, scores.frame_scores(), strict=True)):
            by_id.setdefault(video_id, {})[cell.seed] = (
                frames,
                scores.video_score[place],
                float(scores.fps[place]),
            )
    videos = []
    for video in plan.videos:
        seeds = [by_id[video.video_id][seed] for seed in range(plan.seeds)]
        label, frames = truth.match(video, np.stack([each[0] for each in seeds]))
        videos.append(
            ScoredVideo(video, label, frames, np.array([each[1] for each in seeds]), fps=seeds[0][2])
        )
    return videos, list(members.values())


def _fold_numbers(videos: Sequence[ScoredVideo], folds: Sequence[Sequence[str]]) -> dict[str, Number]:
    """The mean over folds of each fold's AUC, without folds whose videos have one class."""
    by_id = {video.video.video_id: video for video in videos}
    numbers = {}
    for name, measure in FOLD_MEASURES.items():
        if measure == "frame_auc" and lacks_truth(videos):
            continue
        per_seed = []
        for seed in range(len(videos[0].video_score)):
            values = [_fold_auc([by_id[each] for each in fold], seed, measure) for fold in folds]
            # A fold whose videos have one class has no AUC.
            values = [value for value in values if value is not None]
            per_seed.append(float(np.mean(values)) if values else np.nan)
        if np.isfinite(per_seed).all():
            numbers[name] = Number.of(per_seed)
    return numbers


def _fold_auc(videos: Sequence[ScoredVideo], seed: int, measure: str) -> float | None:
    if measure == "video_auc":
        label = np.array([video.video.is_anomalous for video in videos], dtype=np.uint8)
        return roc_auc(label, np.array([video.video_score[seed] for video in videos])).value
    label = np.concatenate([video.label for video in videos if video.label is not None])
    return roc_auc(label, np.concatenate([video.frame_score[seed] for video in videos])).value


def _row(
    entry: Entry,
    store: StoreChoice,
    results: Sequence[CellResult],
    evaluation: Evaluation,
    *,
    measure: str,
    seeds: int,
) -> Row:
    numbers = {
        name: Number.of([value for value in summary.per_seed if value is not None], summary.interval)
        for name in SHOWN
        if (summary := evaluation.summaries[name]).mean is not None
    }
    if all(measure in result.best_on_test for result in results):
        best = [
            [result.best_on_test[measure] for result in results if result.seed == seed]
            for seed in range(seeds)
        ]
        numbers[BEST_ON_TEST] = Number.of([float(np.mean(each)) for each in best])  # over the folds, if any
    return Row(
        "ours",
        store.name,
        entry.label,
        numbers=numbers,
        parameters=max(result.parameters for result in results),
        train_seconds=round(sum(result.train_seconds for result in results) / seeds, 3),
        score_seconds=round(sum(result.score_seconds for result in results) / seeds, 3),
    )


def _compared(
    row: Row, draws: dict[str, Draws], against: str, first: dict[str, Draws], first_store: str
) -> Row:
    """The row with its differences from the head `against`, and from the same head on the first store."""
    own = draws.get(row.head)
    if own is None:
        return row
    found = {}
    for measure in own.mean:
        if against in draws and (each := difference(own, draws[against], measure)) is not None:
            found[measure] = each
        if row.head in first and (each := difference(own, first[row.head], measure)) is not None:
            found[f"{measure} on {first_store}"] = each
    return dataclasses.replace(row, against=against, differences=found)


def _oracle_row(evaluation: Evaluation) -> Row:
    numbers = {
        "frame_auc": evaluation.oracle["oracle_frame_auc"],
        "frame_ap": evaluation.oracle["oracle_frame_ap"],
    }
    return Row(
        "oracle",
        "",
        "video-level oracle",
        numbers={
            name: Number(measure.value) for name, measure in numbers.items() if measure.value is not None
        },
    )


def _published_row(each: Published) -> Row:
    return Row(
        "published",
        "",
        f"{each.method} ({each.year}, {each.features}{', best crop on test' if each.one_crop else ''})",
        source=each.source,
        numbers={BEST_ON_TEST if each.test_selected else each.measure: Number(each.value)},
    )


def _notes(plan: Plan) -> list[str]:
    notes = []
    if plan.folds:
        known = sum(video.group is not None for video in plan.videos)
        how = (
            f"{known} of {len(plan.videos)} videos have one"
            if plan.group_by == "group"
            else "groups are ignored"
        )
        notes.append(
            f"{plan.folds} folds by {plan.group_by} ({how}): every video is scored by heads that were not "
            "trained on it; measures pool these scores over all videos, and means over folds are next to them"
        )
    if shared := shared_groups(plan):
        notes.append(
            f"{len(shared)} groups have videos in both training and test ({listed(shared)}): the numbers may "
            "be too high"
        )
    if plan.best_on_test:
        mean, scope = (
            (", mean of folds", "on the videos of each fold") if plan.folds else ("", "once, on all videos")
        )
        notes.append(
            f"the column test-selected is the best epoch on the test videos{mean}, which much published code "
            "reports; it is not a result. The second table says what it adds to choose the epoch, one crop "
            "instead of the mean of all, one of ten smoothings of scores, or all three on the test videos; "
            f"choices are made {scope}, for each seed"
        )
    return notes


def _details(plan: Plan, dataset: str, convention: str, evaluation: Evaluation | None) -> dict[str, Any]:
    return {
        "seeds": plan.seeds,
        "dataset": dataset,
        "convention": convention,
        "videos": len(plan.videos),
        "anomalous_videos": sum(video.is_anomalous for video in plan.videos),
        "frames": None if evaluation is None else evaluation.frames,
        "positives": None if evaluation is None else evaluation.positives,
        **plan.record(),
    }
