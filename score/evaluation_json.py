"""The JSON and the printed table of an evaluation; numbers in [0, 1], null where there is none."""

from __future__ import annotations

from score.evaluation import Evaluation, Summary, own_auc

NAMES = {
    "frame_auc": "frame AUC",
    "frame_ap": "frame AP",
    "frame_auc_abnormal": "frame AUC, anomalous videos only",
    "frame_auc_macro": "frame AUC, mean of videos",
    "frame_ap_trapezoid": "frame AP by trapezoids",
    "false_alarm_rate": "false alarms at 0.5, normal videos",
    "video_auc": "video AUC",
    "video_ap": "video AP",
}
ORACLE_NAMES = {
    "oracle_frame_auc": "video-level oracle, frame AUC",
    "oracle_frame_ap": "video-level oracle, frame AP",
}


def to_json(evaluation: Evaluation) -> dict:
    """Plain values: {"frame_auc": {"mean", "std", "per_seed", "interval"}, ..., "oracle_frame_auc", "frames",
    ...}."""
    return {
        **{name: _summary_json(evaluation.summaries[name]) for name in NAMES},
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
        "classes": [row.__dict__ for row in evaluation.classes],
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
