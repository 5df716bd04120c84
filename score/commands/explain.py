"""vad-score explain: draws where a head that looks at pixels finds anomalies."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import click

from extract.runtime.say import say
from extract.store.option import STORE
from extract.store.output_file import check_output, check_output_folder, marked_png
from score.commands.common_options import device_option, single_checkpoint

KINDS = {
    ".mp4": "heatmap video",
    ".png": "PNG figure",
    ".json": "boxes JSON",
}  # suffix -> kind of output_file


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--store", required=True, type=STORE, metavar="DIR", help="Store that contains the videos.")
@click.option(
    "--video",
    "video_ids",
    multiple=True,
    required=True,
    metavar="ID",
    help="Video id in the store; repeat it for more videos.",
)
@click.option(
    "--videos",
    "root",
    required=True,
    metavar="ROOT",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the video files, over whose frames the maps are drawn.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for ID.mp4, ID.png and ID.json.",
)
@click.option(
    "--percentile",
    default=99.0,
    show_default=True,
    type=click.FloatRange(0, 100),
    help="Box threshold, in percent of the frames of normal training videos that stay below it.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, min_open=True),
    help="Instead of --percentile: the box threshold on a scale where 99 % of these frames stay below 1.",
)
@device_option
def explain(run, store, video_ids, root, out, percentile, threshold, device):
    """Draw where RUN (a seed's folder, its checkpoint, or a run of one seed) finds anomalies in videos.

    ID.mp4 is the video with heatmaps and boxes; ID.png shows its most anomalous frames above their heatmaps
    and, for reclass, HiResCAM (Grad-CAM per pixel), for speed and head.scoring=frames the cells and for
    attributes the region that the score rests on; ID.json has the boxes. For attributes, ID.regions.json and
    ID.regions.png say of the most anomalous regions which attribute it was, and show the nearest normal
    region of the training videos.
    """
    import cv2

    from extract.runtime.device import choose_device, import_torch

    import_torch()  # first of all, since others import it
    from extract.runtime.atomic import write_bytes
    from score.bags.store_access import open_stores
    from score.heads.attributes import Attributes
    from score.predict.extraction import ExtractionSettings
    from score.predict.output.frame_replay import replay
    from score.predict.output.heatmap import HeatmapVideo, write_boxes
    from score.predict.region_reasons import KINDS as REGION_KINDS
    from score.predict.region_reasons import explain_regions
    from score.scoring.anomaly_maps import check_maps
    from score.scoring.anomaly_maps import explain as explain_video
    from score.scoring.scorer import load_scorer

    check_output_folder(out, option="--out")
    places = {video_id: out.joinpath(*PurePosixPath(video_id).parts) for video_id in video_ids}
    for place in places.values():
        for suffix, kind in (KINDS | REGION_KINDS).items():
            check_output(place.with_name(f"{place.name}{suffix}"), kind, option="--out")
    scorer = load_scorer(single_checkpoint(run), device=choose_device(device))
    (opened,) = scorer.match_stores(open_stores([store]))
    check_maps(scorer)
    if threshold is None:
        threshold = scorer.head.map_threshold(percentile)
        origin = f", percentile {percentile:g} of normal training frames"
    else:
        percentile, origin = None, ""
    for video_id in video_ids:
        features = opened.read(video_id)
        found = explain_video(scorer, features)
        place = places[video_id]
        heat = HeatmapVideo(place.with_name(f"{place.name}.mp4"), found, threshold=threshold)
        replay(video_id, [heat], root=root, num_frames=features.num_frames, settings=ExtractionSettings())
        written, picture = cv2.imencode(".png", heat.contact_sheet()[:, :, ::-1])
        if not written:
            raise ValueError(f"{video_id}: its contact sheet cannot be encoded as PNG")
        write_bytes(place.with_name(f"{place.name}.png"), marked_png(picture.tobytes()))
        write_boxes(
            place.with_name(f"{place.name}.json"),
            found,
            heat.boxes,
            threshold=threshold,
            percentile=percentile,
        )
        if isinstance(scorer.head, Attributes):
            explain_regions(scorer, features, place, store=opened, root=root)
        count = sum(bool(boxes) for boxes in heat.boxes)
        say(
            f"{place}.mp4: boxes in {count} of {len(found.frame)} frames analysed "
            f"(threshold {threshold:.2f}{origin})"
        )
