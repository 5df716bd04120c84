"""The media of a viewer page: videos that browsers play, or H.264 copies of them, embedded or linked."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import size_text
from extract.store.output_file import carries_mark
from score.predict.output.annotated_video import AnnotatedVideo
from score.predict.output.codec import codec_of
from score.predict.output.frame_replay import FrameConsumer
from score.predict.output.thumbnails import EVENLY, PEAKS, Thumbnails, frames_to_show
from score.predict.output.viewer import Media
from score.predict.predictor import VideoResult

EMBEDDED_BYTES = 50_000_000  # per page; base64 makes them a third larger
EMBEDDABLE_BYTES = 350_000_000  # of one video: as base64, browsers hold no longer text
THUMBNAILS = 2_000  # per page
COPY = "annotated video"  # the kind of the copies, which are written in the same way
LONGEST_STEM = 200  # bytes of a video's name in the name of its copy
# suffix -> (MIME type, codecs) that all major browsers play
PLAYABLE = {
    ".mp4": ("video/mp4", ("h264",)),
    ".m4v": ("video/mp4", ("h264",)),
    ".webm": ("video/webm", ("vp8", "vp9")),
}


@dataclass
class PageMedia:
    """Collects the media of one page.

    page: where the page will be written. embed: whether it contains the videos; None embeds them up to
    EMBEDDED_BYTES in total. read: the videos that are shown, resolved.
    """

    page: Path
    embed: bool | None
    num_videos: int
    read: frozenset[Path] = frozenset()
    embedded: int = 0
    # the copies of this page, each with the folders that did not exist before
    _copies: dict[Path, list[Path]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of copies that are not embedded."""
        return self.page.with_name(f"{self.page.stem}_files")

    def thumbnails(self, result: VideoResult) -> Thumbnails:
        """A consumer for the thumbnails of one video; of many videos each gets fewer."""
        share = min(1.0, THUMBNAILS / (self.num_videos * (EVENLY + PEAKS)))
        evenly, peaks = (max(4, round(share * number)) for number in (EVENLY, PEAKS))
        return Thumbnails(frames_to_show(result.timeline, evenly=evenly, peaks=peaks))

    def file_of(self, result: VideoResult, annotated: Path | None) -> tuple[Path, list[FrameConsumer]]:
        """The file that the page plays, and the consumers that write it if it does not exist yet.

        annotated: the annotated video, None if there is none.
        """
        # A damaged file may play differently in each browser; a copy has exactly the frames that were
        # scored, at the times of their scores.
        sound = result.complete and not result.messages and not result.plays_otherwise
        if sound and is_playable(result.path):
            return result.path, []
        if annotated is not None:
            return annotated, []
        path = self._new_copy(result)
        return path, [AnnotatedVideo(path, result, threshold=0.5, with_bar=False)]

    def media(self, file: Path, thumbnails: Thumbnails) -> Media:
        """What the page needs, once its files are written; copies that the page embeds are removed."""
        size = file.stat().st_size
        kind = PLAYABLE[file.suffix.lower()][0]
        inside = self.embed
        if inside is None:
            inside = self.embedded + size <= EMBEDDED_BYTES
        if not inside:
            return Media(address(file, self.page.parent), kind, tuple(thumbnails.pictures))
        if size > EMBEDDABLE_BYTES:
            raise ValueError(
                f"it has {size_text(size)}, and a page holds videos of up to {size_text(EMBEDDABLE_BYTES)}; "
                "leave out --embed"
            )
        self.embedded += size
        data = file.read_bytes()
        self._remove_copy(file)
        return Media(data, kind, tuple(thumbnails.pictures))

    def _new_copy(self, result: VideoResult) -> Path:
        """A path that no file of the user has: videos of theirs may lie in the folder of the copies, too."""
        source = hashlib.sha256(os.fsencode(result.path.resolve())).hexdigest()[:8]
        name = PurePosixPath(result.name)
        # Cut by bytes, because file systems allow 255; the digest keeps the names apart.
        stem = name.name.encode()[:LONGEST_STEM].decode(errors="ignore")
        for number in count():
            last = f"-{number}" if number else ""
            path = self.folder.joinpath(*name.parent.parts, f"{stem}.copy-{source}{last}.mp4")
            # An earlier copy of ours may be replaced, unless it is itself shown on this page.
            if not path.exists() or (path.resolve() not in self.read and carries_mark(path, COPY)):
                break
        self._copies[path] = [folder for folder in path.parents if not folder.exists()]
        return path

    def _remove_copy(self, file: Path) -> None:
        """Remove a copy of this run with the folders made for it, and nothing else."""
        if (folders := self._copies.pop(file, None)) is None:
            return
        file.unlink()
        for folder in folders:
            if any(folder.iterdir()):
                break
            folder.rmdir()


def address(file: Path, folder: Path) -> str:
    """The relative URL of a file for a page in `folder`."""
    # As bytes, because names need not be UTF-8; a colon in the first part would be a scheme, so it is quoted.
    return quote(os.fsencode(Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()))


def is_playable(path: Path) -> bool:
    """Whether all major browsers play a file as it is."""
    if path.suffix.lower() not in PLAYABLE or not path.is_file():
        return False
    try:
        name, pixel_format = codec_of(path)
    except ForeignFileError:
        return False
    _, codecs = PLAYABLE[path.suffix.lower()]
    return name in codecs and pixel_format in ("yuv420p", "yuvj420p")
