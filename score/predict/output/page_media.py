"""What a page shows of a video: the file itself where browsers play it, else an H.264 copy; inside the page
or beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from score.predict.output.annotated_video import Annotator
from score.predict.output.frame_replay import Watcher
from score.predict.output.thumbnails import EVENLY, PEAKS, Thumbnails, frames_to_show
from score.predict.output.viewer import Media
from score.predict.predictor import VideoResult

EMBEDDED_BYTES = 50_000_000  # of all videos of a page together; base64 makes them a third larger
THUMBNAILS = 2_000  # of all videos of a page together
# suffix -> (type, codecs) that every large browser plays
PLAYABLE = {
    ".mp4": ("video/mp4", ("h264",)),
    ".m4v": ("video/mp4", ("h264",)),
    ".webm": ("video/webm", ("vp8", "vp9")),
}


@dataclass
class PageMedia:
    """Gathers the media of one page. page: where it will be. embed: videos inside it, None = while they are
    small."""

    page: Path
    embed: bool | None
    num_videos: int
    embedded: int = 0

    @property
    def folder(self) -> Path:
        """Where copies go that are not inside the page."""
        return self.page.with_name(f"{self.page.stem}_files")

    def thumbnails(self, result: VideoResult) -> Thumbnails:
        """Fewer a video when there are many videos."""
        share = min(1.0, THUMBNAILS / (self.num_videos * (EVENLY + PEAKS)))
        evenly, peaks = (max(4, round(share * count)) for count in (EVENLY, PEAKS))
        return Thumbnails(frames_to_show(result.timeline, evenly=evenly, peaks=peaks))

    def file_of(self, result: VideoResult, annotated: Path | None) -> tuple[Path, list[Watcher]]:
        """The file that the page plays, and who makes it where it is not there yet."""
        if is_playable(result.path) and not result.messages and result.complete:
            return result.path, []
        if annotated is not None:
            return annotated, []
        path = self.folder.joinpath(*PurePosixPath(f"{result.name}.mp4").parts)
        return path, [Annotator(path, result, threshold=0.5, strip=False)]

    def media(self, file: Path, thumbnails: Thumbnails) -> Media:
        """What the page needs, after all files are made; copies that are inside the page are removed."""
        size = file.stat().st_size
        kind = PLAYABLE[file.suffix.lower()][0]
        inside = self.embed
        if inside is None:
            inside = self.embedded + size <= EMBEDDED_BYTES
        if not inside:
            return Media(address(file, self.page.parent), kind, tuple(thumbnails.pictures))
        self.embedded += size
        data = file.read_bytes()
        if self.folder in file.parents:
            file.unlink()
            for folder in (file.parent, *file.parent.parents):
                if folder == self.page.parent or any(folder.iterdir()):
                    break
                folder.rmdir()
        return Media(data, kind, tuple(thumbnails.pictures))


def address(file: Path, folder: Path) -> str:
    """How a page in a folder names a file, relative to itself."""
    return quote(Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix())


def is_playable(path: Path) -> bool:
    """Whether every large browser plays a file as it is."""
    if path.suffix.lower() not in PLAYABLE or not path.is_file():
        return False
    import av

    try:
        with av.open(str(path), options={"protocol_whitelist": "file"}) as container:
            stream = container.streams.video[0]
            return stream.codec_context.name in PLAYABLE[path.suffix.lower()][
                1
            ] and stream.codec_context.pix_fmt in ("yuv420p", "yuvj420p")
    except (av.FFmpegError, OSError, IndexError, ValueError):
        return False
