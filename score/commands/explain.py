"""vad-score explain: where a head that looks at pixels finds a video unusual."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import click

from extract.store.option import STORE


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--store", required=True, type=STORE, metavar="DIR", help="Store of clips with the video in it."
)
@click.option(
    "--video",
    "video_ids",
    multiple=True,
    required=True,
    metavar="ID",
    help="Which video; may be given again.",
)
@click.option(
    "--videos",
    "root",
    required=True,
    metavar="ROOT",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the videos are, to draw over their frames.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Gets ID.mp4, ID.png and ID.json.",
)
@click.option(
    "--percentile",
    default=99.0,
    show_default=True,
    type=click.FloatRange(0, 100),
    help="A region gets a box that is more unusual than anything in so many percent of the frames of the "
    "normal training videos.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, min_open=True),
    help="Instead, on the scale on which 99 % of these frames stay below 1, for pictures, motion and people "
    "each.",
)
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
def explain(run, store, video_ids, root, out, percentile, threshold, device):
    """Draw what RUN (a seed's folder, its checkpoint, or a run of one seed) finds unusual in videos.

    ID.mp4 is the video with heat and boxes over it; ID.png shows its most unusual frames, with heat below
    them and HiResCAM (Grad-CAM place by place) below that; ID.json holds the boxes.
    """
    import cv2

    from extract.runtime.atomic import write_bytes
    from extract.runtime.device import choose_device
    from score.bags.store_access import open_stores
    from score.predict.extraction import ExtractionSettings
    from score.predict.output.frame_replay import replay
    from score.predict.output.heatmap import HeatmapVideo, write_boxes
    from score.runs.checkpoint import CheckpointError, checkpoint_paths
    from score.scoring.anomaly_maps import check_maps
    from score.scoring.anomaly_maps import explain as explain_video
    from score.scoring.scorer import load_scorer

    paths = checkpoint_paths(run)
    if len(paths) > 1:
        raise CheckpointError(f"{run} holds {len(paths)} seeds; name one, for example {paths[0].parent}")
    scorer = load_scorer(paths[0], device=choose_device(device))
    (opened,) = scorer.match_stores(open_stores([store]))
    check_maps(scorer)
    percentile = percentile if threshold is None else None
    if threshold is None:
        threshold = scorer.head.statistics.threshold(percentile)
    origin = "" if percentile is None else f", percentile {percentile:g} of normal training frames"
    for video_id in video_ids:
        features = opened.read(video_id)
        found = explain_video(scorer, features)
        place = out.joinpath(*PurePosixPath(video_id).parts)
        heat = HeatmapVideo(place.with_name(f"{place.name}.mp4"), found, threshold=threshold)
        replay(video_id, [heat], root=root, num_frames=features.num_frames, settings=ExtractionSettings())
        written, picture = cv2.imencode(".png", heat.contact_sheet()[:, :, ::-1])
        if not written:
            raise ValueError(f"{video_id}: its contact sheet cannot be encoded as PNG")
        write_bytes(place.with_name(f"{place.name}.png"), picture.tobytes())
        write_boxes(
            place.with_name(f"{place.name}.json"),
            found,
            heat.boxes,
            threshold=threshold,
            percentile=percentile,
        )
        count = sum(bool(boxes) for boxes in heat.boxes)
        click.echo(
            f"{place}.mp4: {count} of {len(found.frame)} frames that were looked at have boxes "
            f"(from {threshold:.2f} on{origin})"
        )
