"""The JSON and the printed table of an evaluation; numbers in [0, 1], null where there is none."""

from __future__ import annotations

from score.evaluation.names import GROUPS, NAMES, ORACLE_NAMES
from score.evaluation.results import ClassReport, Evaluation, Summary, own_auc

__all__ = [
    "NAMES",
    "ORACLE_NAMES",
    "groups",
    "reading",
    "summary_text",
    "table",
    "threshold_text",
    "to_json",
    "undefined",
]


def to_json(evaluation: Evaluation) -> dict:
    """Plain values: {"frame_auc": {"mean", "std", "per_seed", "interval"}, ..., "oracle_frame_auc", "frames",
    ...}."""
    return {
        **{name: _summary_json(evaluation.summaries[name]) for name in NAMES if name in evaluation.summaries},
        **{name: evaluation.oracle[name].value for name in ORACLE_NAMES},
        "frames": evaluation.frames,
        "positives": evaluation.positives,
        "videos": len(evaluation.videos),
        "anomalous_videos": evaluation.num_anomalous,
        "missing": evaluation.missing,
        "title": evaluation.title,
        "convention": evaluation.convention,
        "notes": list(evaluation.notes),
        "undefined": undefined(evaluation),
        "threshold": {
            "rule": evaluation.thresholds.rule,
            "source": evaluation.thresholds.source,
            "frame": list(evaluation.thresholds.frame),
            "video": list(evaluation.thresholds.video),
        },
        "smoothing": evaluation.smoothing,
        "macro_videos": evaluation.macro_videos,
        "events": [vars(row) for row in evaluation.events],
        "classes": [vars(row) for row in evaluation.classes],
        "confusion": _confusion_json(evaluation.class_report),
        "per_video": [
            {
                "video_id": video.video.video_id,
                "event_class": video.video.event_class,
                "frames": video.num_frames,
                "positives": None if video.label is None else int(video.label.sum()),
                "video_score": float(video.video_score.mean()),
                "frame_auc": own_auc(video),
                "pairs_in_order": share,
                "missing": video.missing,
            }
            for video, share in zip(evaluation.videos, evaluation.pairs, strict=True)
        ],
        "details": evaluation.details,
    }


def undefined(evaluation: Evaluation) -> dict[str, str]:
    """Why a measure has no number, by its name."""
    found = {name: summary.reason for name, summary in evaluation.summaries.items() if summary.mean is None}
    return found | {
        name: measure.reason for name, measure in evaluation.oracle.items() if measure.value is None
    }


def table(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Rows of the headline: a name, and the number as people read it, "-" where there is none."""
    rows = []
    for name in ("frame_auc", "frame_ap", "frame_auc_abnormal", "video_auc", "video_ap"):
        rows.append((NAMES[name], summary_text(evaluation.summaries[name])))
        if name in ("frame_auc", "frame_ap"):
            oracle = evaluation.oracle[f"oracle_{name}"].value
            rows.append((ORACLE_NAMES[f"oracle_{name}"], "-" if oracle is None else f"{oracle:.4f}"))
    rows.append((NAMES["false_alarm_rate"], summary_text(evaluation.summaries["false_alarm_rate"])))
    positives = "" if evaluation.positives is None else f"  ({evaluation.positives:,} anomalous)"
    rows.append(("frames", f"{evaluation.frames:,}{positives}"))
    rows.append(("videos", f"{len(evaluation.videos):,}  ({evaluation.num_anomalous:,} anomalous)"))
    return rows


def groups(evaluation: Evaluation) -> list[tuple[str, list[tuple[str, str]]]]:
    """Everything below the headline: (title, rows as of `table`) of each group that has a number."""
    found = []
    for title, names in GROUPS.items():
        rows = [
            (words, summary_text(evaluation.summaries[name]) + _among(evaluation, name))
            for name, words in names.items()
            if name in evaluation.summaries and evaluation.summaries[name].mean is not None
        ]
        if rows:
            found.append(
                (f"{title} at {threshold_text(evaluation)}" if title == "decisions" else title, rows)
            )
    return found


def threshold_text(evaluation: Evaluation) -> str:
    """The chosen thresholds in words: 0.41 for frames, 0.5 for videos (best-f1: 24 validation videos)."""
    thresholds = evaluation.thresholds
    frame, video = (
        " / ".join(f"{value:.4g}" for value in values) for values in (thresholds.frame, thresholds.video)
    )
    where = frame if frame == video else f"{frame} for frames, {video} for videos"
    return f"{where} ({thresholds.rule}: {thresholds.source})"


def _among(evaluation: Evaluation, name: str) -> str:
    """How many videos a mean of videos is about: most test lists have videos of one class of frames only."""
    if not name.endswith("_macro") or name.startswith("class_"):
        return ""
    return f"  ({evaluation.macro_videos} of {len(evaluation.videos)}; the others have one class of frames)"


def summary_text(summary: Summary) -> str:
    """Mean, deviation over seeds where there are several, interval where there is one."""
    if summary.mean is None:
        return "-"
    text = f"{summary.mean:.4f}"
    if len(summary.per_seed) > 1:
        text += f" ± {summary.std:.4f}"
    return text + (f"  [{summary.interval[0]:.4f}, {summary.interval[1]:.4f}]" if summary.interval else "")


def reading(evaluation: Evaluation) -> str:
    """What the columns of the table are."""
    seeds = len(evaluation.summaries["video_auc"].per_seed)
    over = f"mean ± sample deviation over {seeds} seeds" if seeds > 1 else "one set of scores"
    return f"{over}; [95% interval over videos]"


def _summary_json(summary: Summary) -> dict:
    return {
        "mean": summary.mean,
        "std": summary.std,
        "per_seed": list(summary.per_seed),
        "interval": None if summary.interval is None else list(summary.interval),
    }


def _confusion_json(report: ClassReport | None) -> dict | None:
    if report is None:
        return None
    return {**vars(report), "confusion": report.confusion.tolist()}
