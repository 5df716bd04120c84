"""Turn the official annotation files of the published data sets into the lists of data_lists.

    python -m scripts.tools.make_lists OFFICIAL

OFFICIAL holds ucf_crime/, shanghaitech/, xd_violence/ and ucsd/ with the files that the parsers name. The
same files give the same lists, byte for byte.
"""

from __future__ import annotations

from pathlib import Path

import click

from data_lists import ListError, Video, digest, write_list
from data_lists.official import OfficialLists
from data_lists.shanghaitech import parser as shanghaitech
from data_lists.shanghaitech_one_class import parser as shanghaitech_one_class
from data_lists.ucf_crime import parser as ucf_crime
from data_lists.ucsd_ped1 import parser as ucsd_ped1
from data_lists.ucsd_ped2 import parser as ucsd_ped2
from data_lists.xd_violence import parser as xd_violence
from extract.runtime.atomic import write_text

COMMITTED = Path(__file__).parents[2] / "data_lists"
# Data set -> its folder of official files, its parser.
SOURCES = {
    "ucf_crime": ("ucf_crime", ucf_crime.parse),
    "shanghaitech": ("shanghaitech", shanghaitech.parse),
    "shanghaitech_one_class": ("shanghaitech", shanghaitech_one_class.parse),
    "xd_violence": ("xd_violence", xd_violence.parse),
    "ucsd_ped1": ("ucsd", ucsd_ped1.parse),
    "ucsd_ped2": ("ucsd", ucsd_ped2.parse),
}


@click.command()
@click.argument("official", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=COMMITTED,
    show_default="data_lists",
    help="Where the folders of the data sets are.",
)
def main(official: Path, out: Path):
    """Write train.tsv and test.tsv of every data set from the files below OFFICIAL."""
    try:
        for dataset, (folder, parse) in SOURCES.items():
            lists = parse(official / folder)
            (out / dataset).mkdir(parents=True, exist_ok=True)
            _write(out / dataset, dataset, lists, replace=out == COMMITTED)
        lengths = xd_violence.floor16_lengths(official / "xd_violence")
    except ListError as error:
        raise click.ClickException(str(error)) from error
    rows = ["video_id\tlength", *(f"{video_id}\t{length}" for video_id, length in lengths.items())]
    write_text(out / "xd_violence" / "floor16_lengths.tsv", "\n".join(rows) + "\n")


def _write(folder: Path, dataset: str, lists: OfficialLists, *, replace: bool):
    """replace: the lists of another version, as in our own repository; elsewhere they may be somebody's."""
    for split, videos in (("train", lists.train), ("test", lists.test)):
        write_list(folder / f"{split}.tsv", videos, replace=replace)
        click.echo(f"{dataset}/{split}: {_summary(videos)}, digest {digest(videos)[:12]}")
    for sentence in lists.clipped:
        click.echo(f"  {sentence}")


def _summary(videos: list[Video]) -> str:
    anomalous = sum(video.is_anomalous for video in videos)
    counted = [video.num_frames for video in videos if video.num_frames is not None]
    positives = sum(stop - start for video in videos for start, stop in video.anomaly_spans)
    return (
        f"{len(videos)} videos ({anomalous} anomalous), {sum(counted)} frames in the {len(counted)} "
        f"counted videos, {positives} frames in spans"
    )


if __name__ == "__main__":
    main()
