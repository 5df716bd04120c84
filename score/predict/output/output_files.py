"""The files that one call of vad-score predict writes: checked before any work, written after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from extract.runtime.atomic import write_text
from extract.store.output_file import check_apart, check_output
from score.predict.inputs import Input
from score.predict.output.prediction_json import json_text, to_json
from score.predict.output.text_formats import to_csv, to_scores_csv, to_vtt
from score.predict.predictor import Prediction, Predictor, VideoResult

if TYPE_CHECKING:
    from score.predict.output.page_media import PageMedia
    from score.predict.output.viewer import Media


@dataclass(frozen=True)
class Outputs:
    """Paths of one call, None for files that are not written."""

    json_file: Path | None = None
    csv_file: Path | None = None
    scores_csv: Path | None = None
    vtt: Path | None = None
    """A file, or a folder that gets one file per video."""
    annotate: Path | None = None
    """A file, or a folder that gets one file per video."""
    viewer: Path | None = None
    embed: bool | None = None
    """Whether the viewer contains the videos; None embeds small ones."""

    def check(self, inputs: Sequence[Input]) -> None:
        """Raise ValueError if one file is named for several videos, or an output would overwrite an input."""
        several = len(inputs) > 1
        outputs = [("--json", self.json_file), ("--csv", self.csv_file), ("--scores-csv", self.scores_csv)]
        outputs.append(("--viewer", self.viewer))
        targets = {option: [place] for option, place in outputs if place is not None}
        for option, place, suffix in (("--vtt", self.vtt, ".vtt"), ("--annotate", self.annotate, ".mp4")):
            if place is None:
                continue
            if several and (place.is_file() or place.suffix.lower() == suffix):
                raise ValueError(
                    f"{option} {place} names one file, but there are {len(inputs)} videos; name a folder"
                )
            names = [each.video_id for each in inputs]
            targets[option] = [target(place, name, suffix=suffix, several=several) for name in names]
        kinds = {"--vtt": "prediction VTT", "--annotate": "annotated video"}
        for option, places in targets.items():
            for place in places:
                if (read := _read_from(place, inputs)) is not None:
                    raise ValueError(
                        f"{option} {place} would overwrite the video {read}; choose another path"
                    )
                if option in kinds:
                    check_output(place, kinds[option], option=option)
        check_apart([(option, place) for option, places in targets.items() for place in places], ())
        if self.annotate is not None and not several and not self.annotate.is_dir():
            if self.annotate.suffix.lower() != ".mp4":
                raise ValueError(f"--annotate {self.annotate}: expected a file *.mp4 or an existing folder")

    def write(
        self, prediction: Prediction, predictor: Predictor, *, say: Callable[[str], None]
    ) -> dict[Path, str]:
        """Write everything; say gets a line per file. Returns path -> reason for videos not shown."""
        several = len(prediction.results) + len(prediction.failures) > 1
        if self.json_file is not None:
            say(_written(self.json_file, json_text(to_json(prediction))))
        if self.csv_file is not None:
            say(_written(self.csv_file, to_csv(prediction.results)))
        if self.scores_csv is not None:
            say(_written(self.scores_csv, to_scores_csv(prediction.results)))
        if self.vtt is not None:
            for result in prediction.results:
                place = target(self.vtt, result.name, suffix=".vtt", several=several)
                say(_written(place, to_vtt(result)))
        if self.annotate is None and self.viewer is None:
            return {}
        return self._write_pictures(prediction, predictor, several=several, say=say)

    def _write_pictures(
        self, prediction: Prediction, predictor: Predictor, *, several: bool, say: Callable[[str], None]
    ) -> dict[Path, str]:
        """The outputs for which videos are decoded again, once for all of them."""
        from score.predict.output.page_media import PageMedia
        from score.predict.output.viewer import viewer_html

        page = None
        if self.viewer is not None:
            read = frozenset(result.path.resolve() for result in prediction.results)
            page = PageMedia(self.viewer, self.embed, len(prediction.results), read)
        media, failures = {}, {}
        for result in prediction.results:
            annotated = None
            if self.annotate is not None:
                annotated = target(self.annotate, result.name, suffix=".mp4", several=several)
            try:
                shown = _replay(result, predictor, annotated, page, threshold=prediction.rule.threshold)
            except ValueError as error:
                failures[result.path] = f"it was scored, but cannot be shown: {error}"
                continue
            if annotated is not None:
                say(f"written: {annotated}")
            if shown is not None:
                media[result.name] = shown
        if self.viewer is not None:
            text = viewer_html(
                prediction.results,
                rule=prediction.rule,
                media=media,
                subtitle=prediction.model.title,
                failures={str(path): why for path, why in {**prediction.failures, **failures}.items()},
            )
            say(_written(self.viewer, text))
        return failures


def _replay(
    result: VideoResult,
    predictor: Predictor,
    annotated: Path | None,
    page: PageMedia | None,
    *,
    threshold: float,
) -> Media | None:
    """Decode a video once for its annotated copy and for the page; returns its media, None without a page."""
    from score.predict.output.annotated_video import AnnotatedVideo
    from score.predict.output.frame_replay import FrameConsumer, replay

    consumers: list[FrameConsumer] = []
    if annotated is not None:
        consumers.append(AnnotatedVideo(annotated, result, threshold=threshold))
    thumbnails = file = None
    if page is not None:
        thumbnails = page.thumbnails(result)
        file, copiers = page.file_of(result, annotated)
        consumers += [thumbnails, *copiers]
    replay(
        result.name,
        consumers,
        root=predictor.root,
        num_frames=result.timeline.num_frames,
        settings=predictor.settings,
    )
    return None if page is None or file is None or thumbnails is None else page.media(file, thumbnails)


def target(place: Path, name: str, *, suffix: str, several: bool) -> Path:
    """The file of one video: the place itself, or the video's name below it."""
    if not several and not place.is_dir():
        return place
    return place.joinpath(*PurePosixPath(name + suffix).parts)


def _read_from(place: Path, inputs: Sequence[Input]) -> Path | None:
    """The input that a file belongs to: a video file, or a folder of frames that already holds it."""
    if not place.exists():
        return None
    within = place.resolve().parents
    for each in inputs:
        if each.path.resolve() in within or place.samefile(each.path):
            return each.path
    return None


def _written(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return f"written: {path}"
