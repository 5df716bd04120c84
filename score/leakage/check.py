"""Was a test video in training: by its name, by the bytes of its file, or as a copy with other bytes."""

from __future__ import annotations

from collections.abc import Sequence

from data_lists import ListError, Video
from extract.store import FeatureStore, VideoFeatures
from score.evaluation.checks import counted
from score.evaluation.judge import some
from score.leakage.fingerprints import FEWEST_SEGMENTS, Fingerprints, likeness
from score.runs.checkpoint import Checkpoint

NO_NAMES = (
    "the checkpoint does not tell which videos it was trained on, so nobody checked that none is a test video"
)
NO_TRACES = (
    "the checkpoint keeps no traces of its training videos (an earlier version made it), so nobody looked "
    "for copies of them under other names; train again to have it checked"
)
NO_TRACES_OF_CLIPS = (
    "of heads that look at clips of pixels only the names of training videos are compared: nobody looked for "
    "copies of them under other names"
)


class LeakCheck:
    """Looks at test videos one after another, as they are read for scoring anyway.

    Raises ListError as soon as leaks are known, unless they are allowed: names and bytes before any scoring,
    copies after it.
    """

    def __init__(self, checkpoints: Sequence[Checkpoint], videos: Sequence[Video], *, allow: bool):
        self.videos, self.allow = videos, allow
        self.notes: list[str] = []
        self.specs = checkpoints[0].specs
        names = {
            name
            for checkpoint in checkpoints
            for part in checkpoint.lists.values()
            for name in part.get("video_ids", ())
        }
        self.known = _distinct(checkpoints)
        self.closest: tuple[float, str, str] = (-1.0, "", "")
        self.copies: list[str] = []
        self.short = 0
        self.named = {video.video_id for video in videos} & names
        if not names:
            self.notes.append(NO_NAMES)
        self._refuse("were used in training", sorted(self.named))
        if names and not all(checkpoint.fingerprints for checkpoint in checkpoints):
            self.notes.append(NO_TRACES_OF_CLIPS if checkpoints[0].bag_spec.array_shapes else NO_TRACES)

    def check_bytes(self, store: FeatureStore, video_ids: Sequence[str]) -> None:
        """Compare the files that the features of these videos were made of."""
        used = {
            trace.sha256: trace.video_id for known in self.known for trace in known.traces if trace.sha256
        }
        if not used:
            return
        same = []
        for video_id in video_ids:
            sha256 = store.header(video_id).source.get("sha256")
            if sha256 in used and video_id not in self.named:
                same.append(f"{video_id} = {used[sha256]}")
                self.named.add(video_id)
        self._refuse("have the same bytes as videos of training", same)

    def see(self, parts: Sequence[VideoFeatures]) -> None:
        """Compare the features of one test video with all traces."""
        if not self.known or parts[0].video_id in self.named:
            return
        if parts[0].num_segments < FEWEST_SEGMENTS:
            self.short += 1
            return
        for known in self.known:
            found = known.trace(parts, self.specs)
            for trace in known.near(found):
                if (alike := likeness(found, trace)) is not None:
                    self.closest = max(self.closest, (alike, found.video_id, trace.video_id))
                    if alike >= known.limit:
                        self.copies.append(f"{found.video_id} ~ {trace.video_id} ({alike:.2f})")

    def finish(self) -> list[str]:
        """What a reader of the numbers is to know."""
        limit = " or ".join(f"{known.limit:g}" for known in self.known)
        self._refuse(f"are copies of videos of training (likeness of at least {limit})", self.copies)
        if not self.known or any(note.startswith("LEAK") for note in self.notes):
            return self.notes
        said = "no test video is one of training by name, bytes or content"
        alike, one, other = self.closest
        if one:
            said += f" (most alike: {one} and {other}, {alike:.2f}; copies have {limit} or more)"
        if self.short:
            few = counted(range(self.short), "video")
            said += f"; {few} of fewer than {FEWEST_SEGMENTS} segments: name and bytes only"
        return [*self.notes, said]

    def _refuse(self, what: str, leaked: Sequence[str]) -> None:
        if not leaked:
            return
        said = f"{len(leaked)} of {len(self.videos)} test videos {what} ({some(leaked)})"
        if not self.allow:
            raise ListError(
                [
                    f"{said}: the number would not be a test's; take another list, or --allow-leak to see it "
                    "all the same"
                ]
            )
        self.notes.append(f"LEAK: {said}; this is no test result")


def _distinct(checkpoints: Sequence[Checkpoint]) -> list[Fingerprints]:
    """Seeds of one run saw the same videos: each set of lists once."""
    found = {
        tuple(sorted((name, str(part.get("digest"))) for name, part in checkpoint.lists.items())): checkpoint
        for checkpoint in checkpoints
        if checkpoint.fingerprints is not None
    }
    return [checkpoint.fingerprints for checkpoint in found.values()]
