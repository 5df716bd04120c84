"""What a match found, as JSON for programs."""

from __future__ import annotations

import dataclasses

from extract.matching.matcher import Candidate, Match


def report_json(match: Match) -> dict:
    """The whole report, of plain values."""
    features = match.features
    return {
        "features": {
            "source": str(features.source),
            "layout": features.guess.layout,
            "pattern": features.guess.pattern,
            "axes": features.axes,
            "arrays": len(features.entries),
            "read": len(features.shapes),
            "feature_dim": features.feature_dim,
            "num_crops": features.num_crops,
            "problems": features.problems,
        },
        "fits": [each.run.preset for each in match.fitting],
        "videos": [dataclasses.asdict(video) for video in match.lengths],
        "paired_by": match.pairing.by,
        "rules": [{**dataclasses.asdict(each), "words": each.rule.words()} for each in match.pairing.rules],
        "structure": dataclasses.asdict(match.structure),
        "candidates": [_candidate_json(each) for each in match.candidates],
        "not_compared": match.not_compared,
        "import": match.import_command,
    }


def _candidate_json(candidate: Candidate) -> dict:
    trial = candidate.trial
    return {
        "preset": candidate.run.preset,
        "presets": candidate.presets,
        "verdict": candidate.verdict,
        "weights": candidate.weights,
        "agreement": {**dataclasses.asdict(trial.agreement), "shifted": trial.agreement.shifted},
        "rows": trial.timing.words(),
        "rule": dataclasses.asdict(trial.timing.rule),
        "frames": trial.timing.choice.name,
        "fixed": trial.timing.fixed,
        "pixels": None if trial.pixels is None else dataclasses.asdict(trial.pixels),
        "view": trial.view,
        "crops": trial.crops,
        "partners": trial.partners,
        "tried": candidate.tried,
        "ended_early": candidate.ended_early,
        "explained": None if candidate.explained is None else dataclasses.asdict(candidate.explained),
        "run": candidate.run.command,
        "run_does_not": candidate.run.beyond,
    }
