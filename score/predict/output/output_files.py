"""Where what was found goes: which files a call was asked for, checked before any work, written after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from extract.runtime.atomic import write_text
from score.predict.inputs import Input
from score.predict.intervals import IntervalRule
from score.predict.output.prediction_json import json_text, to_json
from score.predict.output.text_formats import to_csv, to_vtt
from score.predict.predictor import Prediction, Predictor, VideoResult

if TYPE_CHECKING:
    from score.predict.output.page_media import PageMedia
    from score.predict.output.viewer import Media


@dataclass(frozen=True)
class Outputs:
    """Files of one call, None for none. vtt, annotate: a file, or a folder that gets one file a video.

    embed: videos inside the page, None = while they are small.
    """

    json_file: Path | None = None
    csv_file: Path | None = None
    vtt: Path | None = None
    annotate: Path | None = None
    viewer: Path | None = None
    embed: bool | None = None

    def check(self, inputs: Sequence[Input]) -> None:
        """Raise ValueError where one file is named for several videos, or an output would overwrite an
        input."""
        own, several = {each.path.resolve() for each in inputs}, len(inputs) > 1
        places = {
            "--json": (self.json_file, None),
            "--csv": (self.csv_file, None),
            "--viewer": (self.viewer, None),
        }
        places |= {"--vtt": (self.vtt, ".vtt"), "--annotate": (self.annotate, ".mp4")}
        for option, (place, suffix) in places.items():
            if place is None:
                continue
            if suffix is not None and several and (place.is_file() or place.suffix.lower() == suffix):
                raise ValueError(
                    f"{option} {place} names one file, but there are {len(inputs)} videos; name a folder"
                )
            targets = (
                [place]
                if suffix is None
                else [target(place, each, suffix=suffix, several=several) for each in inputs]
            )
            if clash := own & {each.resolve() for each in targets}:
                raise ValueError(f"{option} would overwrite the video {clash.pop()}; choose another place")
        if self.annotate is not None and not several and not self.annotate.is_dir():
            if self.annotate.suffix.lower() != ".mp4":
                raise ValueError(f"--annotate {self.annotate}: expected a file *.mp4 or a folder that exists")

    def write(
        self, prediction: Prediction, predictor: Predictor, *, say: Callable[[str], None]
    ) -> dict[Path, str]:
        """Write everything; returns why videos could not be annotated or shown, by path."""
        several = len(prediction.results) + len(prediction.failures) > 1
        if self.json_file is not None:
            say(_written(self.json_file, json_text(to_json(prediction))))
        if self.csv_file is not None:
            say(_written(self.csv_file, to_csv(prediction.results)))
        if self.vtt is not None:
            for result in prediction.results:
                say(_written(target(self.vtt, result, suffix=".vtt", several=several), to_vtt(result)))
        if self.annotate is None and self.viewer is None:
            return {}
        return self._show(prediction, predictor, several=several, say=say)

    def _show(
        self, prediction: Prediction, predictor: Predictor, *, several: bool, say: Callable[[str], None]
    ) -> dict[Path, str]:
        """Everything that needs the frames again: one more pass over each video."""
        from score.predict.output.page_media import PageMedia
        from score.predict.output.viewer import viewer_html

        page = PageMedia(self.viewer or Path("."), self.embed, len(prediction.results))
        media, failures = {}, {}
        for result in prediction.results:
            try:
                media[result.name] = self._watch(
                    result, predictor, page, several=several, rule=prediction.rule, say=say
                )
            except ValueError as error:
                failures[result.path] = f"it was scored, but cannot be shown: {error}"
        if self.viewer is not None:
            told = {str(path): reason for path, reason in {**prediction.failures, **failures}.items()}
            text = viewer_html(
                prediction.results,
                rule=prediction.rule,
                media=media,
                subtitle=prediction.model.title,
                failures=told,
            )
            say(_written(self.viewer, text))
        return failures

    def _watch(
        self,
        result: VideoResult,
        predictor: Predictor,
        page: PageMedia,
        *,
        several: bool,
        rule: IntervalRule,
        say: Callable[[str], None],
    ) -> Media | None:
        from score.predict.output.annotated_video import Annotator
        from score.predict.output.frame_replay import watch

        annotated, watchers = None, []
        if self.annotate is not None:
            annotated = target(self.annotate, result, suffix=".mp4", several=several)
            watchers.append(Annotator(annotated, result, threshold=rule.threshold))
        if self.viewer is not None:
            thumbnails = page.thumbnails(result)
            file, copiers = page.file_of(result, annotated)
            watchers += [thumbnails, *copiers]
        watch(
            result.name,
            watchers,
            root=predictor.root,
            num_frames=result.timeline.num_frames,
            settings=predictor.settings,
        )
        if annotated is not None:
            say(f"written: {annotated}")
        return page.media(file, thumbnails) if self.viewer is not None else None


def target(place: Path, video, *, suffix: str, several: bool) -> Path:
    """The file of one video: the place itself, or below it under the video's name. video: an Input or a
    VideoResult."""
    if not several and not place.is_dir():
        return place
    name = video.video_id if isinstance(video, Input) else video.name
    return place.joinpath(*PurePosixPath(name + suffix).parts)


def _written(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return f"written: {path}"
