"""The scores of another program, read from files, evaluated on a test list. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_lists import Video
from extract.runtime.text import counted, listed
from score.evaluation.checks import check_videos, list_details, missing_note, uncovered_note, zero_scores
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import Evaluation, OperatingPoint, Provenance, ScoredVideo
from score.evaluation.evaluation_settings import EvaluationSettings
from score.evaluation.foreign_scores.score_content import ScoreFileError
from score.evaluation.foreign_scores.score_form import AS_FOUND, ScoreForm
from score.evaluation.foreign_scores.score_sources import FoundScores, read_scores
from score.evaluation.foreign_scores.score_spans import FileScores
from score.evaluation.foreign_scores.video_order import orders_of
from score.evaluation.frame_truth import NATIVE, Truth
from score.evaluation.measure_names import NAMES

DEFAULTS = EvaluationSettings()


def evaluate_scores(
    sources: Path | str | Sequence[Path | str],
    videos: Sequence[Video],
    settings: EvaluationSettings = DEFAULTS,
    *,
    form: ScoreForm = AS_FOUND,
) -> Evaluation:
    """Evaluate the scores of another program; the video score is the highest frame score.

    sources: a folder or a file as score.evaluation.foreign_scores reads it; several are seeds of one method.
    form: what the user says about them. Raises ScoreFileError, ListError, and ValueError for a threshold that
    needs validation videos.
    """
    check_videos(videos)
    thresholds, convention = settings.fixed_thresholds(), settings.convention
    paths = [Path(each) for each in ([sources] if isinstance(sources, (str, Path)) else sources)]
    truth = Truth.of(convention, videos, settings.given)
    orders = orders_of(videos, convention, form.order)
    seeds = [
        read_scores(
            path, videos, form=form, orders=orders, exact=convention == NATIVE, length_of=truth.length
        )
        for path in paths
    ]
    problems = [problem for seed in seeds for problem in seed.problems]
    for path, seed in zip(paths, seeds, strict=True):
        if seed.absent and (settings.missing == "error" or len(seed.absent) == len(videos)):
            problems += _absent(path, videos, seed)
    # A problem of one video must not hide those of the others.
    readable = not problems or any(seed.scores for seed in seeds)
    rows, how = _turned([seed.scores for seed in seeds], invert=form.invert)
    lowest = [min([0.0, *(each.score.min() for each in found.values())]) for found in rows]
    scored = _scored(videos, truth, seeds, rows, lowest, problems) if readable else []
    if problems:
        raise ScoreFileError(problems)
    provenance = _provenance(paths, seeds, videos, truth, lowest, form=form, how=how)
    found = evaluate_videos(
        scored, provenance, operating_point=OperatingPoint(thresholds), resamples=settings.resamples
    )
    notes = (*provenance.notes, *_upside_down(found, invert=form.invert))
    return replace(found, provenance=replace(provenance, notes=notes))


def _turned(
    seeds: Sequence[dict[str, FileScores]], *, invert: bool
) -> tuple[list[dict[str, FileScores]], list[str]]:
    """Scores of which higher ones mean anomalous, and a note on how they were turned."""
    if not invert:
        return list(seeds), []
    inside = all(
        0 <= each.score.min() and each.score.max() <= 1 for found in seeds for each in found.values()
    )
    turned = [
        {name: replace(each, score=1 - each.score if inside else -each.score) for name, each in found.items()}
        for found in seeds
    ]
    return turned, [
        f"scores are inverted ({'1 - score' if inside else '-score'}), because higher ones mean normal"
    ]


def _upside_down(found: Evaluation, *, invert: bool) -> list[str]:
    name = next((name for name in ("frame_auc", "video_auc") if found.summaries[name].mean is not None), None)
    if name is None or (found.summaries[name].mean or 0) >= 0.5:
        return []
    question = "do they need --invert at all?" if invert else "if higher ones mean normal, give --invert"
    return [f"the {NAMES[name]} is below 0.5: scores count higher as more anomalous; {question}"]


def _provenance(
    paths: Sequence[Path],
    seeds: Sequence[FoundScores],
    videos: Sequence[Video],
    truth: Truth,
    lowest: Sequence[float],
    *,
    form: ScoreForm,
    how: Sequence[str],
) -> Provenance:
    absent = sorted({name for seed in seeds for name in seed.absent})
    uncovered = {
        name: each.uncovered for seed in seeds for name, each in seed.scores.items() if each.uncovered
    }
    return Provenance(
        title=f"scores of {', '.join(path.stem or str(path) for path in paths)}",
        convention=truth.convention,
        notes=(
            "the video score is the highest frame score",
            *how,
            *dict.fromkeys(note for seed in seeds for note in seed.notes),
            *_unlisted_lengths(videos, form, truth.convention),
            *_not_listed(paths, seeds),
            *missing_note(absent, value=min(lowest)),
            *uncovered_note(uncovered),
            *truth.notes(videos),
        ),
        details={
            "scores": [str(path) for path in paths],
            "segment_length": form.segments.length,
            "segments": form.segments.rule,
            "fps": form.fps,
            "read": list(dict.fromkeys(note for seed in seeds for note in seed.notes)),
            "invert": form.invert,
            **truth.details(),
            **list_details(videos),
        },
    )


def _scored(
    videos: Sequence[Video],
    truth: Truth,
    seeds: Sequence[FoundScores],
    rows: Sequence[dict[str, FileScores]],
    lowest: Sequence[float],
    problems: list[str],
) -> list[ScoredVideo]:
    """The videos with their scores of all seeds; appends to `problems` what does not fit."""
    scored = []
    for video in videos:
        name = video.video_id
        if any(name not in seed.scores and name not in seed.absent for seed in seeds):
            continue  # already one of the problems
        found = [each.get(name) for each in rows]
        try:
            if any(each is not None for each in found):
                scored.append(_joined(video, truth, found, lowest))
            else:
                scored.append(zero_scores(video, truth, seeds=len(seeds), values=lowest))
        except ValueError as error:
            problems.append(str(error))
    return scored


def _joined(
    video: Video, truth: Truth, found: Sequence[FileScores | None], lowest: Sequence[float]
) -> ScoredVideo:
    lengths = sorted({len(each.score) for each in found if each is not None})
    if len(lengths) > 1:
        raise ValueError(
            f"{video.video_id}: the files hold scores of {' and '.join(map(str, lengths))} frames"
        )
    rows = [
        np.full(lengths[0], value) if each is None else each.score
        for each, value in zip(found, lowest, strict=True)
    ]
    label, scores = truth.match(video, np.stack(rows))
    return ScoredVideo(video, label, scores, scores.max(axis=1), missing=None in found)


def _absent(source: Path, videos: Sequence[Video], seed: FoundScores) -> list[str]:
    """The videos without scores, each with the nearest names that are there."""
    names = sorted(seed.absent)
    if len(names) == len(videos):
        what = f"files like {names[0]}.npy in it" if source.is_dir() else f"rows of video_id {names[0]}"
        there = f"; it holds {listed(seed.unlisted)}" if seed.unlisted else ""
        return [f"{source} holds no scores of any of the {len(videos)} test videos; expected {what}{there}"]
    return [
        f"{source}: no scores of {name} ({seed.absent[name]}); score the video, or use --missing zero"
        for name in names
    ]


def _not_listed(paths: Sequence[Path], seeds: Sequence[FoundScores]) -> list[str]:
    return [
        f"{path} also holds scores of {counted(seed.unlisted, 'video')} not in the list: "
        f"{listed(seed.unlisted)}"
        for path, seed in zip(paths, seeds, strict=True)
        if seed.unlisted
    ]


def _unlisted_lengths(videos: Sequence[Video], form: ScoreForm, convention: str) -> list[str]:
    unknown = [video.video_id for video in videos if video.num_frames is None]
    if convention != NATIVE or not unknown:
        return []
    length = form.segments.length
    source = "the number of scores" if length is None else f"segments x {length}"
    return [f"the list has no num_frames for {counted(unknown, 'video')}: {source} stands for it, unchecked"]
