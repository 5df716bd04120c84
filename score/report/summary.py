"""The measures of an evaluation as people read them, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from score.evaluation.evaluation import Evaluation, Summary
from score.evaluation.measure_names import GROUPS, NAMES, ORACLE_NAMES
from score.evaluation.protocols import ProtocolResult

PROTOCOL_TITLE = "frame AUC by published protocols, not comparable with the plain one"
HEADLINE = ("frame_auc", "frame_ap", "frame_auc_abnormal", "video_auc", "video_ap")


@dataclass(frozen=True)
class Line:
    """One measure in words. value: "-" where there is none. interval, note: empty if there is none."""

    name: str
    value: str
    interval: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """Everything but the name."""
        return "  ".join(part for part in (self.value, self.interval, self.note) if part)


def undefined(evaluation: Evaluation) -> dict[str, str]:
    """Measure -> why it has no number."""
    found = {name: summary.reason for name, summary in evaluation.summaries.items() if summary.mean is None}
    return found | {
        name: measure.reason for name, measure in evaluation.oracle.items() if measure.value is None
    }


def headline(evaluation: Evaluation) -> list[Line]:
    """The measures that matter most, with the oracle next to frame measures, and the size of the test set."""
    lines = []
    for name in HEADLINE:
        lines.append(summary_line(NAMES[name], evaluation.summaries[name]))
        if (oracle := f"oracle_{name}") in ORACLE_NAMES:
            lines.append(Line(ORACLE_NAMES[oracle], number(evaluation.oracle[oracle].value)))
    lines.append(summary_line(NAMES["false_alarm_rate"], evaluation.summaries["false_alarm_rate"]))
    positives = "" if evaluation.positives is None else f"({evaluation.positives:,} anomalous)"
    lines.append(Line("frames", f"{evaluation.frames:,}", note=positives))
    videos = f"({evaluation.num_anomalous:,} anomalous)"
    lines.append(Line("videos", f"{len(evaluation.videos):,}", note=videos))
    return lines


def groups(evaluation: Evaluation) -> list[tuple[str, list[Line]]]:
    """Everything below the headline: (title, lines) of each group that has a number."""
    found = []
    for title, names in GROUPS.items():
        lines = [
            summary_line(words, evaluation.summaries[name], note=_averaged_videos(evaluation, name))
            for name, words in names.items()
            if name in evaluation.summaries and evaluation.summaries[name].mean is not None
        ]
        if lines:
            at = f" at {threshold_text(evaluation)}" if title == "decisions" else ""
            found.append((title + at, lines))
    return found


def protocol_lines(protocols: Sequence[ProtocolResult]) -> list[Line]:
    """The frame AUC of each published protocol."""
    return [
        summary_line(
            each.name, each.auc, note=each.words + (f"; {each.auc.reason}" if each.auc.reason else "")
        )
        for each in protocols
    ]


def online_lines(evaluation: Evaluation) -> list[str]:
    """When scores were known, which thresholds the online measures have, and what limits them."""
    online = evaluation.online
    if online is None:
        return []
    thresholds = [
        f"{each.name.replace('_', ' ')} "
        f"{' / '.join(f'{value:.4g}' for value in each.threshold)} ({each.source})"
        for each in online.thresholds
        if each.threshold
    ]
    return [
        f"online: {online.words}; {online.events} events, {online.hours:.2f} hours without one",
        f"online alerts: {online.rule}",
        f"online thresholds: {'; '.join(thresholds)}",
        *(f"online: {note}" for note in online.notes),
    ]


def threshold_text(evaluation: Evaluation) -> str:
    """The chosen thresholds in words: 0.41 for frames, 0.5 for videos (best-f1: 24 validation videos)."""
    thresholds = evaluation.thresholds
    frame, video = (
        " / ".join(f"{value:.4g}" for value in values) for values in (thresholds.frame, thresholds.video)
    )
    where = frame if frame == video else f"{frame} for frames, {video} for videos"
    return f"{where} ({thresholds.rule}: {thresholds.source})"


def summary_line(name: str, summary: Summary, *, note: str = "") -> Line:
    """Mean, standard deviation over several seeds, and interval if there is one."""
    if summary.mean is None:
        return Line(name, "-", note=note)
    value = f"{summary.mean:.4f}"
    if len(summary.per_seed) > 1:
        value += f" ± {summary.std:.4f}"
    return Line(name, value, interval_text(summary), note)


def interval_text(summary: Summary) -> str:
    """[0.7123, 0.7345]; empty if there is no interval."""
    return "" if summary.interval is None else f"[{summary.interval[0]:.4f}, {summary.interval[1]:.4f}]"


def number(value: float | None, digits: int = 4) -> str:
    """Fixed digits, "-" for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def column_text(evaluation: Evaluation) -> str:
    """What the columns of numbers are."""
    seeds = evaluation.num_seeds
    over = f"mean ± sample deviation over {seeds} seeds" if seeds > 1 else "one set of scores"
    return f"{over}; [95% interval over videos]"


def _averaged_videos(evaluation: Evaluation, name: str) -> str:
    """How many videos a mean of videos is over, because most test videos have frames of one class only."""
    if not name.endswith("_macro") or name.startswith("class_"):
        return ""
    return f"({evaluation.macro_videos} of {len(evaluation.videos)}; the others have one class of frames)"
