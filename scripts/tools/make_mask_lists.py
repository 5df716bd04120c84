"""Write the lists of a data set whose ground truth is masks that come with its videos.

    python -m scripts.tools.make_mask_lists avenue "Avenue Dataset" lists/avenue
    python -m scripts.tools.make_mask_lists own MASKS lists/own --train TSV --test TSV

avenue: train.tsv and test.tsv of the data set as it is published. own: the spans of the videos of a list, by
its masks (MASKS/<video id>.npy, .npz, .mat or a folder of images); videos without masks are normal.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from data_lists import ListError, Video, read_list, write_list
from data_lists import avenue as avenue_set
from data_lists.masks import open_masks, shared_problems
from data_lists.video import NORMAL


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.argument("root", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
def avenue(root: Path, out: Path) -> None:
    """Lists of CUHK Avenue."""
    try:
        lists = avenue_set.parse(root)
        _write(out, "train", lists.train)
        _write(out, "test", lists.test)
    except ListError as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.argument("masks", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--train", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A TSV.")
@click.option("--test", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A TSV.")
def own(masks: Path, out: Path, train: Path | None, test: Path | None) -> None:
    """Lists with spans derived from masks."""
    try:
        for split, source in (("train", train), ("test", test)):
            if source is not None:
                _write(out, split, _annotated(read_list(source), masks))
    except ListError as error:
        raise click.ClickException(str(error)) from None


def _annotated(videos: list[Video], folder: Path) -> list[Video]:
    annotated, paths = [], {}
    for video in videos:
        try:
            masks = open_masks(folder, video.video_id)
        except ListError as error:
            if "no masks; expected" not in str(error):
                raise
            annotated.append(replace(video, event_class=NORMAL, anomaly_spans=()))
            continue
        paths[video.video_id], spans = masks.path, masks.spans()
        event_class = video.event_class if video.is_anomalous else "Anomaly"
        annotated.append(
            replace(
                video,
                event_class=event_class if spans else NORMAL,
                num_frames=len(masks),
                anomaly_spans=spans,
            )
        )
    if problems := shared_problems(paths):
        raise ListError(problems)
    return annotated


def _write(out: Path, split: str, videos: list[Video]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    write_list(out / f"{split}.tsv", videos, replace=False)
    positives = sum(stop - start for video in videos for start, stop in video.anomaly_spans)
    click.echo(f"{out / split}.tsv: {len(videos)} videos, {positives} frames in spans")


if __name__ == "__main__":
    main()
