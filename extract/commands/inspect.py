"""vad-extract inspect: what a store, or a file of class texts, holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from extract.runtime.say import say
from extract.store.option import STORE

SHOWN_PROMPTS = 3


@click.command()
@click.argument("store", type=STORE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def inspect(store, as_json):
    """Show the spec of STORE, its counts and its damaged files; of a file of class texts, how it was made.

    Keeps an index in the store, so that the next call opens only new files.
    """
    from extract.store.output_file import carries_mark

    if isinstance(store, Path) and store.is_file() and carries_mark(store, "class texts"):
        summary = _texts(store)
        lines = _text_lines(summary)
    else:
        summary = _summary(store)
        lines = _lines(summary)
    # JSON writes every character that is not ASCII as an escape, names that are not UTF-8 too.
    for line in json.dumps(summary, indent=1).split("\n") if as_json else lines:
        say(line)


def _summary(store) -> dict:
    from extract.store import FeatureStore
    from extract.store.failures import read_failures
    from extract.store.index import StoreIndex

    opened = FeatureStore(store)
    with StoreIndex(opened) as index:
        return {
            **index.totals(),
            "remarks": index.remarks(),
            "unreadable": index.ids("problem != ''"),
            "unusable": index.problems,
            "decoders": index.decoders(),
            "failures": [asdict(failure) for failure in read_failures(opened)],
            "batch_shape": opened.batch_shape,
            "spec": json.loads(opened.spec.to_json()),
        }


def _texts(path: Path) -> dict:
    from extract.store.texts import read_class_texts

    texts = read_class_texts(path)
    return {
        "classes": texts.classes,
        "feature_dim": texts.feature_dim,
        "prompts": texts.prompts,
        "preset": texts.preset,
        "text_weights": texts.text_weights,
        "image_weights": texts.image_weights,
    }


def _text_lines(summary: dict) -> list[str]:
    from extract.runtime.text import counted, listed

    preset = f", of the preset {summary['preset']}" if summary["preset"] else ""
    lines = [f"{counted(summary['classes'], 'class')}, {summary['feature_dim']} numbers{preset}"]
    for name, prompts in zip(summary["classes"], summary["prompts"], strict=True):
        lines.append(f"  {name}: {listed(prompts, shown=SHOWN_PROMPTS, separator='; ')}")
    lines.append(f"texts read with the weights {summary['text_weights'] or 'nobody knows'}")
    lines.append(f"for features of the weights {summary['image_weights'] or 'nobody knows'}")
    return lines


def _lines(summary: dict) -> list[str]:
    from extract.runtime.text import counted, listed
    from extract.store.video_features import REMARKS

    lines = [
        f"{summary['videos']} videos, {summary['segments']} segments, {summary['frames']} frames, "
        f"{summary['bytes'] / 1e6:.1f} MB"
    ]
    lines += [
        f"  {name}: {json.dumps(value)}"
        for name, value in sorted(summary["spec"].items())
        if value not in (None, [], {}, False)
    ]
    lines.append(
        "decoded by " + ", ".join(f"{name} ({count})" for name, count in sorted(summary["decoders"].items()))
    )
    lines += [
        f"{counted(summary['remarks'][key], 'video')} {meaning}: {listed(summary['remarks'][key], shown=10)}"
        for key, meaning in REMARKS.items()
        if summary["remarks"][key]
    ]
    for name, meaning in (
        ("unreadable", "damaged files, which vad-extract verify explains and run replaces"),
        ("unusable", "other things in the store that cannot be used"),
    ):
        if summary[name]:
            lines.append(f"{len(summary[name])} {meaning}: {listed(summary[name], shown=10)}")
    lines += [f"failed in the last run: {each['video_id']}: {each['reason']}" for each in summary["failures"]]
    return lines
