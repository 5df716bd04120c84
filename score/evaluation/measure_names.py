"""Every measure of an evaluation: its JSON key and its display name, by group."""

from __future__ import annotations

HEADLINE = {
    "frame_auc": "frame AUC",
    "frame_ap": "frame AP",
    "frame_auc_abnormal": "frame AUC, anomalous videos only",
    "video_auc": "video AUC",
    "video_ap": "video AP",
    "false_alarm_rate": "false positive rate at 0.5, normal videos",
}
RANKING = {
    "frame_ap_abnormal": "frame AP, anomalous videos only",
    "frame_auc_macro": "frame AUC, mean over videos",
    "frame_ap_macro": "frame AP, mean over videos",
    "frame_ap_trapezoid": "frame AP by the trapezoid rule",
    "frame_eer": "frame equal error rate",
    "precision_at_100": "precision at the 100 highest frames",
    "precision_at_1000": "precision at the 1000 highest frames",
    "precision_at_positives": "frame R-precision",
    "video_eer": "video equal error rate",
}
DECISIONS = {
    "video_accuracy": "video accuracy",
    "video_precision": "video precision",
    "video_recall": "video recall",
    "video_f1": "video F1",
    "frame_precision": "frame precision",
    "frame_recall": "frame recall",
    "frame_f1": "frame F1",
    "temporal_iou": "temporal IoU, mean over anomalous videos",
    "false_alarm_rate_chosen": "false positive rate, normal videos",
    "event_precision": "event precision at tIoU 0.5",
    "event_recall": "event recall at tIoU 0.5",
    "event_f1": "event F1 at tIoU 0.5",
}
DETECTION = {
    **{f"map_tiou_{tiou}": f"mAP@{tiou}" for tiou in (0.1, 0.2, 0.3, 0.4, 0.5)},
    "map_tiou": "mAP, mean over these overlaps",
}
CLASSES = {
    "class_accuracy": "video accuracy",
    "class_f1_macro": "video F1, mean over classes",
    **{
        f"class_map_tiou_{tiou}": f"event mAP@{tiou}, mean over classes" for tiou in (0.1, 0.2, 0.3, 0.4, 0.5)
    },
    "class_map_tiou": "event mAP, mean over these overlaps",
}
PIXELS = {
    "pixel_auc": "pixel AUC, 40 % of the anomalous pixels of a frame",
    "pixel_eer": "pixel equal error rate",
    "rbdc": "RBDC, regions at IoU 0.1",
    "tbdc": "TBDC, tracks with 10 % of their regions",
}

ONLINE = {
    "causal_frame_auc": "frame AUC, causal",
    "held_frame_auc": "frame AUC of the latest score known at each frame",
    **{
        f"{name}_{place}": f"{words}, {where}"
        for place, where in (
            ("chosen", "at the threshold"),
            ("at_1", "at 1 false alarm per hour on validation"),
            ("at_5", "at 5 false alarms per hour on validation"),
        )
        for name, words in (
            ("delay", "seconds from event to alert"),
            ("missed", "share of events missed"),
            ("false_alarms", "false alarms per camera-hour"),
        )
    },
}

IN_THE_FRAME = "where in the frame"
# Title of each group below the headline.
LIVE = "online, as if the videos were live"
GROUPS = {
    LIVE: ONLINE,
    "ranking": RANKING,
    IN_THE_FRAME: PIXELS,
    "decisions": DECISIONS,
    "detection of events without a threshold, by temporal IoU": DETECTION,
    "event classes": CLASSES,
}
NAMES = {name: words for group in (HEADLINE, *GROUPS.values()) for name, words in group.items()}
ORACLE_NAMES = {
    "oracle_frame_auc": "video-level oracle, frame AUC",
    "oracle_frame_ap": "video-level oracle, frame AP",
}
NEED_TRUTH = tuple(
    name
    for name in NAMES
    if not name.startswith(("video_", "class_", "false_alarm_rate"))
    and name not in PIXELS
    and name not in ONLINE
)
