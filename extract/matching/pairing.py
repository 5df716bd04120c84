"""Which array belongs to which video: by name, else by order, else by the numbers of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_lists.name_matching import match_names
from extract.matching.foreign_rows import ForeignFeatures
from extract.matching.row_rules import Explained, VideoLength, explain, explain_counts

# Arrays that are compared with a video where nobody knows which is its own.
MOST_PARTNERS = 64


@dataclass(frozen=True)
class Pairing:
    """How arrays and videos were brought together. by: name, order or rows.

    partners: video id -> the names of the arrays that may be its own, one unless by is "rows".
    """

    by: str
    partners: dict[str, list[str]]
    rules: list[Explained]

    def possible(self, video_id: str, rows: int | None, counts: dict[str, int]) -> list[str]:
        """The arrays to compare with a video for which a rule says this many rows; None = any number."""
        names = self.partners.get(video_id, [])
        if self.by != "rows" or rows is None:
            return names[:MOST_PARTNERS]
        return sorted(names, key=lambda name: abs(counts[name] - rows))[:MOST_PARTNERS]


def names_that_fit(wanted: Sequence[str], found: Sequence[str]) -> dict[str, str]:
    """Video id -> name of its array, by the one rule for names."""
    return match_names(wanted, found).matched


def pair(
    features: ForeignFeatures, videos: Sequence[VideoLength], every_id: Sequence[str], extra: Sequence
) -> Pairing:
    """Arrays and videos together. videos: those whose length is known. every_id: of all videos, sorted.

    extra: grids of presets, for the rules of rows.
    """
    counts = features.counts()
    matched = names_that_fit(every_id, list(features.entries))
    known = {
        video.video_id: matched[video.video_id] for video in videos if matched.get(video.video_id) in counts
    }
    if known:
        found = {video_id: counts[name] for video_id, name in known.items()}
        rules = explain(videos, found, list(counts.values()), extra=extra)
        return Pairing("name", {video_id: [name] for video_id, name in known.items()}, rules)
    by_rows = explain_counts(videos, list(counts.values()), extra=extra)
    names = sorted(features.entries)
    if len(names) == len(every_id) and all(name in counts for name in names):
        in_order = dict(zip(sorted(every_id), names, strict=True))
        found = {video.video_id: counts[in_order[video.video_id]] for video in videos}
        rules = explain(videos, found, list(counts.values()), extra=extra)
        varied = len(set(found.values())) > 1 or len(found) == 1
        if varied and rules and by_rows and rules[0].count >= max(by_rows[0].count, 0.6 * len(videos)):
            return Pairing("order", {video_id: [in_order[video_id]] for video_id in found}, rules)
    return Pairing("rows", {video.video_id: sorted(counts) for video in videos}, by_rows)
