"""Was a test video used in training: by its name, by the bytes of its file, or as a re-encoded copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_lists import ListError, Video
from extract.runtime.text import counted, listed
from extract.store import FeatureSpec, FeatureStore, VideoFeatures
from score.leakage.fingerprints import FEWEST_SEGMENTS, Fingerprints, likeness

NO_NAMES = "the checkpoint does not record its training videos, so test videos were not compared with them"
NO_FINGERPRINTS = (
    "the checkpoint has no fingerprints of its training videos (an earlier version wrote it), so copies "
    "under other names were not looked for; train again to have them checked"
)
NO_FINGERPRINTS_OF_CLIPS = (
    "heads that look at clips of pixels keep no fingerprints: only the names of training videos were "
    "compared, copies under other names were not looked for"
)
LEAK = "LEAK: "  # how a note begins that makes the numbers no test result


@dataclass(frozen=True)
class TrainingRecord:
    """What one checkpoint records about the videos it was trained on.

    lists: "train" and "validation" -> digest and video_ids. fingerprints: None if there are none.
    """

    lists: Mapping[str, Mapping]
    fingerprints: Fingerprints | None


class LeakCheck:
    """Compares test videos with training videos, one after another as they are read for scoring.

    Raises ListError as soon as a leak is known, unless leaks are allowed: for names and bytes before any
    scoring, for copies after it.
    """

    def __init__(
        self,
        records: Sequence[TrainingRecord],
        videos: Sequence[Video],
        *,
        specs: Sequence[FeatureSpec],
        of_clips: bool = False,
        allow: bool = False,
    ):
        """records: one per seed. specs: of the stores that the test videos are read from. of_clips: the head
        looks at clips of pixels."""
        self.videos, self.specs, self.allow = videos, specs, allow
        self.notes: list[str] = []
        names = {
            name for record in records for part in record.lists.values() for name in part.get("video_ids", ())
        }
        self.known = _distinct(records)
        self.closest: tuple[float, str, str] = (-1.0, "", "")
        self.copies: list[str] = []
        self.too_short = 0
        self.named = {video.video_id for video in videos} & names
        if not names:
            self.notes.append(NO_NAMES)
        self._refuse("were used in training", sorted(self.named))
        if names and not all(record.fingerprints for record in records):
            self.notes.append(NO_FINGERPRINTS_OF_CLIPS if of_clips else NO_FINGERPRINTS)

    def check_bytes(self, store: FeatureStore, video_ids: Sequence[str]) -> None:
        """Compare the files that the features of these videos were extracted from."""
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
        self._refuse("have the same bytes as training videos", same)

    def compare(self, parts: Sequence[VideoFeatures]) -> None:
        """Compare the features of one test video with the fingerprints of all training videos."""
        if not self.known or parts[0].video_id in self.named:
            return
        if parts[0].num_segments < FEWEST_SEGMENTS:
            self.too_short += 1
            return
        for known in self.known:
            found = known.trace(parts, self.specs)
            for trace in known.near(found):
                if (alike := likeness(found, trace)) is not None:
                    self.closest = max(self.closest, (alike, found.video_id, trace.video_id))
                    if alike >= known.limit:
                        self.copies.append(f"{found.video_id} ~ {trace.video_id} ({alike:.2f})")

    def finish(self) -> list[str]:
        """Notes that belong next to the numbers."""
        limit = " or ".join(f"{known.limit:g}" for known in self.known)
        self._refuse(f"are copies of training videos (likeness of at least {limit})", self.copies)
        if not self.known or any(note.startswith(LEAK) for note in self.notes):
            return self.notes
        note = "no test video matches a training video by name, bytes or content"
        alike, one, other = self.closest
        if one:
            note += f" (most alike: {one} and {other}, {alike:.2f}; copies have {limit} or more)"
        if self.too_short:
            few = counted(self.too_short, "video")
            note += f"; {few} of fewer than {FEWEST_SEGMENTS} segments: name and bytes only"
        return [*self.notes, note]

    def _refuse(self, what: str, leaked: Sequence[str]) -> None:
        if not leaked:
            return
        problem = f"{len(leaked)} of {len(self.videos)} test videos {what} ({listed(leaked)})"
        if not self.allow:
            raise ListError(
                [
                    f"{problem}: this would not be a test result; use another list, or --allow-leak to "
                    "evaluate anyway"
                ]
            )
        self.notes.append(f"{LEAK}{problem}; this is not a test result")


def _distinct(records: Sequence[TrainingRecord]) -> list[Fingerprints]:
    """The fingerprints of each set of lists once: seeds of one run saw the same videos."""
    found: dict[tuple, Fingerprints] = {}
    for record in records:
        if record.fingerprints is not None:
            key = tuple(sorted((name, str(part.get("digest"))) for name, part in record.lists.items()))
            found[key] = record.fingerprints
    return list(found.values())
