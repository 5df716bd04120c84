"""vad-extract inspect: what a store holds."""
from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.argument("store", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def inspect(store, as_json):
    """Show the spec, the counts and the damage notes of STORE."""
    from extract.failures import read_failures
    from extract.store import FeatureStore, StoreError

    opened = FeatureStore(store)
    summary = {"videos": 0, "segments": 0, "frames": 0, "with_decoder_messages": [], "incomplete": [], "unreadable": []}
    decoders: dict[str, int] = {}
    for video_id in opened.ids():
        try:
            video = opened.header(video_id)
        except StoreError:
            summary["unreadable"].append(video_id)
            continue
        summary["videos"] += 1
        summary["segments"] += video.num_segments
        summary["frames"] += video.num_frames
        decoder = video.decode.get("decoder", "imported")
        decoders[decoder] = decoders.get(decoder, 0) + 1
        if video.decode.get("messages"):
            summary["with_decoder_messages"].append(video_id)
        if not video.decode.get("complete", True):
            summary["incomplete"].append(video_id)
    failures = [] if opened.packed else [asdict(failure) for failure in read_failures(store)]
    summary |= {
        "decoders": decoders, "failures": failures, "bytes": _bytes(store), "batch_shape": opened.batch_shape,
        "spec": json.loads(opened.spec.to_json()),
    }
    click.echo(json.dumps(summary, indent=1) if as_json else "\n".join(_lines(summary)))


def _bytes(store: Path) -> int:
    return store.stat().st_size if store.is_file() else sum(path.stat().st_size for path in store.rglob("*.h5"))


def _lines(summary: dict) -> list[str]:
    lines = [f"{summary['videos']} videos, {summary['segments']} segments, {summary['frames']} frames, {summary['bytes'] / 1e6:.1f} MB"]
    lines += [f"  {name}: {json.dumps(value)}" for name, value in sorted(summary["spec"].items()) if value not in (None, [], {}, False)]
    lines.append("decoded by " + ", ".join(f"{name} ({count})" for name, count in sorted(summary["decoders"].items())))
    for name, meaning in (
        ("with_decoder_messages", "videos whose decoder complained"), ("incomplete", "videos salvaged in part"),
        ("unreadable", "damaged files; vad-extract run makes them again"),
    ):
        if summary[name]:
            lines.append(f"{len(summary[name])} {meaning}: {', '.join(summary[name][:10])}")
    lines += [f"failed in the last run: {each['video_id']}: {each['reason']}" for each in summary["failures"]]
    return lines
