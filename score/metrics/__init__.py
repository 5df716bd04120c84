"""Arrays to numbers, one file a subject; loads no torch. Names that other files take from here are re-exported."""

from score.metrics.ranking import (
    FALSE_ALARM_THRESHOLD,
    Measure,
    Ranked,
    average_precision,
    average_precision_trapezoid,
    false_alarm_rate,
    frame_measures,
    oracle_measures,
    pairs_in_order,
    roc_auc,
    roc_points,
    video_measures,
)

__all__ = [
    "FALSE_ALARM_THRESHOLD",
    "Measure",
    "Ranked",
    "average_precision",
    "average_precision_trapezoid",
    "false_alarm_rate",
    "frame_measures",
    "oracle_measures",
    "pairs_in_order",
    "roc_auc",
    "roc_points",
    "video_measures",
]
