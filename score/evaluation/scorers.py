"""What scores the test videos of an evaluation: the seeds of one run, or of several that are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_lists import Video
from extract.store import FeatureStore, VideoFeatures
from score.evaluation.evaluation_settings import RunOptions
from score.leakage.leak_check import LeakCheck
from score.runs.checkpoint import Checkpoint, load_run
from score.scoring.ensemble import Ensemble, load_ensemble
from score.scoring.ensemble_scorer import EnsembleScorer
from score.scoring.scorer import Scorer

Scorers = Sequence[Scorer] | Sequence[EnsembleScorer]  # one per seed


class Leaks:
    """The leak checks of every run, each of which compares test videos with its own training videos."""

    def __init__(self, runs: Sequence[Sequence[Checkpoint]], videos: Sequence[Video], *, allow: bool):
        """runs: the seeds of each. Raises ListError as LeakCheck does."""
        self.counts = [len(run[0].specs) for run in runs]
        self.checks = [
            LeakCheck(
                [record for each in run for record in each.records],
                videos,
                specs=run[0].specs,
                of_clips=bool(run[0].bag_spec.array_shapes),
                allow=allow,
            )
            for run in runs
        ]

    def check_bytes(self, stores: Sequence[FeatureStore], video_ids: Sequence[str]) -> None:
        """stores: of all runs, in their order."""
        for check, own in zip(self.checks, self._of_runs(stores), strict=True):
            check.check_bytes(own[0], video_ids)

    def compare(self, parts: Sequence[VideoFeatures]) -> None:
        """parts: as the scorers read them."""
        own = parts if len(self.checks) == 1 else parts[1:]  # an EnsembleScorer puts the grid first
        for check, each in zip(self.checks, self._of_runs(own), strict=True):
            check.compare(each)

    def finish(self) -> list[str]:
        """Notes that belong next to the numbers, each once."""
        return list(dict.fromkeys(note for check in self.checks for note in check.finish()))

    def _of_runs(self, each: Sequence) -> list[Sequence]:
        ends = [sum(self.counts[: number + 1]) for number in range(len(self.counts))]
        return [each[end - count : end] for end, count in zip(ends, self.counts, strict=True)]


def load_runs(
    run: Path | str | Sequence[Path | str], settings: RunOptions
) -> tuple[list[Sequence[Checkpoint]], Ensemble | None]:
    """(the seeds of each run, how they are averaged or None). Raises CheckpointError, ValueError."""
    paths = [run] if isinstance(run, (str, Path)) else list(run)
    if len(paths) == 1:
        return [[each.joining(settings.join) for each in load_run(paths[0])]], None
    if settings.pixel_truth is not None:
        raise ValueError("--masks and --boxes are for one run: maps of heads have no common scale")
    if settings.online:
        raise ValueError("--online is for one run: watch takes no more")
    ensemble = load_ensemble(paths, weights=settings.run_weights, join=settings.join)
    return list(ensemble.runs), ensemble


def match_stores(
    runs: Sequence[Sequence[Checkpoint]], ensemble: Ensemble | None, stores: Sequence[FeatureStore]
) -> list[FeatureStore]:
    """The stores of every run one after another, in the order of its training. Raises CheckpointError."""
    if ensemble is None:
        return runs[0][0].match_stores(list(stores))
    return ensemble.match_stores(stores)


def build_scorers(runs: Sequence[Sequence[Checkpoint]], ensemble: Ensemble | None, *, device: str) -> Scorers:
    """One per seed."""
    if ensemble is None:
        return [Scorer(checkpoint, device=device) for checkpoint in runs[0]]
    return [EnsembleScorer(ensemble, seed, device=device) for seed in range(ensemble.num_seeds)]
