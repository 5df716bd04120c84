"""Write the part of a list whose videos are in a store, and name the others.

python -m scripts.tools.list_extracted test.tsv store test_extracted.tsv
"""

from __future__ import annotations

from pathlib import Path

import click

from data_lists import ListError, read_list, resolve_lists, write_list
from extract.store import FeatureStore, StoreError


@click.command(help=__doc__)
@click.argument("source", metavar="LIST")
@click.argument("store", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def main(source: str, store: Path, out: Path) -> None:
    try:
        videos, stored = resolve_lists([source]), set(FeatureStore(store).ids())
        left_out = [video.video_id for video in videos if video.video_id not in stored]
        if len(left_out) == len(videos):
            raise click.ClickException(f"{source}: none of its {len(videos)} videos could be extracted")
        _refuse_foreign(out, source, {video.video_id for video in videos})
        write_list(out, [video for video in videos if video.video_id in stored])
    except (ListError, StoreError) as error:
        raise click.ClickException(str(error)) from None
    kept = len(videos) - len(left_out)
    click.echo(f"{source}: {kept} of {len(videos)} videos; without {', '.join(left_out) or 'none'}")


def _refuse_foreign(out: Path, source: str, known: set[str]) -> None:
    """Raise ListError for a file that is no part of the list, as an earlier call has written it."""
    if not out.exists():
        return
    own = not (Path(source).is_file() and out.samefile(source)) and out.stat().st_size > 0
    if not own or not {video.video_id for video in read_list(out)} <= known:
        raise ListError([f"{out} is no part of {source} and would be replaced; choose another file"])


if __name__ == "__main__":
    main()
