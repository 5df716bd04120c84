"""The lines that vad-score train prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from extract.runtime.say import say
from extract.runtime.text import counted, listed

# AUC of a class on its own examples below which a note says that the head does not see it.
DISTINGUISHED = 0.75


def data_line(data, config, *, seconds: float) -> str:
    """The line before training: how many videos, which features. seconds: how long reading took."""
    # Videos that are drawn more often stand there several times.
    labels = dict(zip(data.train.video_ids, data.train.label.tolist(), strict=True))
    anomalous = round(sum(labels.values()))
    dims = " + ".join(f"{size} {modality}" for modality, size in data.bag_spec.feature_dims.items())
    if shapes := data.bag_spec.array_shapes:
        name = "rgb" if "rgb" in shapes else next(iter(shapes))
        what = {"rgb": "clips of", "region_box": "frames with up to"}.get(name, f"maps of {name} of")
        size = f"{shapes[name][0]} regions" if name == "region_box" else "x".join(map(str, shapes[name][:3]))
        dims = f"{int(data.train.length.sum())} {what} {size}"
    else:
        dims += " features"
    if len(data.specs) > 1 and (join := config.data.segments.join) != "exact":
        dims += f" joined by {'the shorter' if join == 'cut' else 'time'}"
    held = f"{len(data.validation)} held out" if data.validation is not None else "none held out"
    if data.validation is not None and "validation" in data.lists:
        held = f"{len(data.validation)} for validation"
    why = f" ({data.reason}; the last epoch is kept)" if data.reason else ""
    return (
        f"{config.name}: {len(labels)} training videos ({anomalous} anomalous), {held}{why}; "
        f"{dims}, read in {seconds:.1f} s"
    )


def start_lines(data, seeds: Iterable[int]) -> list[str]:
    """Where seeds start, if not from random weights, and which of their validation videos they know."""
    from score.training.starting_point import start_of

    if not data.starts:
        return []
    found = [start for seed in seeds if (start := start_of(data.starts, seed)) is not None]
    lines = list(dict.fromkeys(f"starts from {start.source.words}" for start in found))
    trained = set()
    for each in data.starts[0].source.chain():
        part = each.lists.get("train", {})
        trained |= set(part.get("video_ids", ())) - set(part.get("held_out", {}).get("video_ids", ()))
    validated = () if data.validation is None else data.validation.video_ids
    if known := sorted(trained & set(validated)):
        lines.append(
            f"note: {len(known)} of {len(validated)} validation videos were trained on there "
            f"({listed(known)}): the epoch and the threshold are chosen on videos that the head knows"
        )
    return lines


def shot_lines(shots, bag_spec) -> list[str]:
    """The classes that are added, and the examples that were drawn for them. shots: None without any."""
    if shots is None:
        return []
    counts = dict(zip(bag_spec.event_classes, bag_spec.class_counts, strict=True))
    others = [f"{count} of {name}" for name, count in counts.items() if count and name not in shots.drawn]
    missing = [name for name, count in counts.items() if not count]
    lines = [
        f"adds the class {name} from {counted(ids, 'example')}, drawn by seed {shots.seed}: {listed(ids)}"
        for name, ids in shots.drawn.items()
    ]
    lines.append(
        f"learnt against {', '.join(others)}; only the new rows are trained, so scores stay as they are"
    )
    if missing:
        lines.append(
            f"note: the lists have no video of {listed(missing)}, which the new class may be taken for; "
            "give the old training list too"
        )
    return lines


def example_lines(ranking: dict[str, float], seed: int) -> list[str]:
    """How well a seed distinguishes the examples of each added class from the other training videos."""
    lines = []
    for name, value in ranking.items():
        if value >= DISTINGUISHED:
            lines.append(
                f"seed {seed}: {name} ranks its examples above the other training videos, AUC {value:.2f}"
            )
        else:
            lines.append(
                f"note: seed {seed} does not distinguish {name} from the other training videos (AUC "
                f"{value:.2f} on its own examples), because the head has not learnt what it takes: do not "
                "rely on this class, and train a head on all classes, or add it to a pel4vad or vadclip"
            )
    return lines


def reporter(seed: int, epochs: int, events):
    """A callback for every epoch, which prints a line on a terminal and writes events if there are any."""
    listeners = [_epoch_line(seed, epochs)] if sys.stdout.isatty() else []
    if events:
        listeners.append(events.add)

    def report(record) -> None:
        for listener in listeners:
            listener(record)

    return report


def _epoch_line(seed: int, epochs: int):
    """A callback that prints one line per epoch, for a terminal."""

    def show(record) -> None:
        auc = record.validation.get("video_auc")
        validated = "" if auc is None else f"  validation video AUC {auc:.3f}"
        loss = f"  loss {record.loss['total']:.4f}" if "total" in record.loss else ""
        say(
            f"seed {seed}  epoch {record.epoch:>{len(str(epochs))}}/{epochs}{loss}"
            f"{validated}  lr {record.lr:.2g}  {record.seconds:.2f} s"
        )

    return show


def seed_line(checkpoint, folder: Path, *, seconds: float) -> str:
    """The line after training a seed."""
    auc = checkpoint.validation.get("video_auc")
    validated = "" if auc is None else f", validation video AUC {auc:.3f}"
    return f"seed {checkpoint.seed}: epoch {checkpoint.epoch} kept{validated}, {seconds:.1f} s -> {folder}"
