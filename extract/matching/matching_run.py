"""From two paths to a match: which videos are decoded, and which arrays are read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data_lists.folders import every_video
from extract.decode import DecodeJob, DecodeSettings
from extract.decode.single_video import is_image_folder, single_video_job
from extract.matching.foreign_rows import ForeignSettings, read_foreign
from extract.matching.matcher import EFFORT, Match, SearchSettings, match
from extract.matching.network_widths import usual_widths
from extract.matching.pairing import names_that_fit
from extract.matching.sampled_videos import SampledVideos
from extract.matching.shortest_videos import shortest_first
from extract.presets import PRESETS
from extract.runtime.text import unknown

# Of a large data set this many videos are looked at, evenly spread, to find the short ones.
LOOKED_AT = 400


@dataclass(frozen=True)
class MatchSettings:
    """How a match is made; see the options of vad-extract match."""

    weights: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    count: int = 12
    compare: int = 3
    arrays: int = 400
    effort: int = EFFORT
    layout: str | None = None
    pattern: str | None = None
    axes: str | None = None
    dataset: str | None = None
    modality: str = "rgb"
    device: str = "auto"
    workers: int = 2
    seed: int = 0


def run_match(features: Path, videos: Path, settings: MatchSettings) -> Match:
    """Match features with videos, a file or a folder each. Raises ValueError for what cannot be used."""
    for name in settings.names:
        if name not in PRESETS:
            raise ValueError(unknown(name, PRESETS, kind="preset"))
    presets = {name: PRESETS[name] for name in settings.names or PRESETS}
    foreign = ForeignSettings(
        layout=settings.layout,
        pattern=settings.pattern,
        axes=settings.axes,
        dataset=settings.dataset,
        modality=settings.modality,
        most=settings.arrays,
    )
    alone = not videos.is_dir() or is_image_folder(videos)
    root = videos.resolve().parent if alone else videos
    with _jobs(videos, alone=alone) as jobs:
        ids = [job.video_id for job in jobs]
        widths = usual_widths(PRESETS.values())
        found = read_foreign(features, foreign, wanted=ids, first=(), dimensions=widths)
        named = names_that_fit(ids, list(found.shapes))
        usable = [job for job in jobs if job.video_id in named] or jobs
        step = max(len(usable) // LOOKED_AT, 1)
        most = max(settings.count, settings.compare)
        chosen = shortest_first(usable[::step], least=settings.compare, most=most)
        decoding = DecodeSettings(workers=settings.workers, on_damage="salvage")
        sampled = SampledVideos(chosen, decoding, shown=settings.compare)
        search = SearchSettings(settings.weights, settings.seed, settings.device, settings.effort)
        return match(found, sampled, every_id=ids, root=root, settings=search, presets=presets)


@contextlib.contextmanager
def _jobs(videos: Path, *, alone: bool) -> Iterator[list[DecodeJob]]:
    """The decode jobs of one video (`alone`), a file or a folder of images, or of all below a folder."""
    if not alone:
        found, _ = every_video(videos)
        yield [DecodeJob(video.video_id, videos) for video in found]
        return
    with single_video_job(videos) as job:
        yield [job]
