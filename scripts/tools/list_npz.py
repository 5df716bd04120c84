"""Write a list of the videos of an .npz that holds names, y (1 anomalous) and group.

python -m scripts.tools.list_npz feats.npz fights.tsv --event-class Fight
vad-extract import --layout npz --features feats.npz --list fights.tsv --store fights
vad-score benchmark --store fights --list fights.tsv --folds 5 --seeds 3 --out compared
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from data_lists import Video, write_list
from data_lists.video import NORMAL


@click.command(help=__doc__)
@click.argument("features", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", metavar="LIST", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--event-class", default="Anomaly", show_default=True, help="Class of the videos with y = 1.")
def main(features: Path, out: Path, event_class: str) -> None:
    with np.load(features, allow_pickle=False) as archive:
        if missing := {"names", "y", "group"} - set(archive.files):
            raise click.ClickException(f"{features}: missing {', '.join(sorted(missing))}")
        rows = list(zip(archive["names"], archive["y"], archive["group"], strict=True))
    videos = [
        Video(str(name), event_class if label else NORMAL, group=str(group)) for name, label, group in rows
    ]
    write_list(out, videos)
    click.echo(f"{out}: {len(videos)} videos, {sum(video.is_anomalous for video in videos)} anomalous")


if __name__ == "__main__":
    main()
