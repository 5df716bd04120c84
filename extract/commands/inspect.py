"""vad-extract inspect: what a store holds."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from extract.runtime.say import say
from extract.store.option import STORE


@click.command()
@click.argument("store", type=STORE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def inspect(store, as_json):
    """Show the spec of STORE, its counts and its damaged files.

    Keeps an index in the store, so that the next call opens only new files.
    """
    from extract.store import FeatureStore
    from extract.store.failures import read_failures
    from extract.store.index import StoreIndex

    opened = FeatureStore(store)
    with StoreIndex(opened) as index:
        summary = {
            **index.totals(),
            "remarks": index.remarks(),
            "unreadable": index.ids("problem != ''"),
            "unusable": index.problems,
            "decoders": index.decoders(),
            "failures": [asdict(failure) for failure in read_failures(opened)],
            "batch_shape": opened.batch_shape,
            "spec": json.loads(opened.spec.to_json()),
        }
    # JSON writes every character that is not ASCII as an escape, names that are not UTF-8 too.
    for line in json.dumps(summary, indent=1).split("\n") if as_json else _lines(summary):
        say(line)


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
