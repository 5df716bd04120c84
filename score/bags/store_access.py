"""Feature stores that are read together, and which videos of a list they lack."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_lists import Video
from extract.runtime.foreign.printable import printable
from extract.runtime.text import listed
from extract.store import FeatureStore, StoreError, place_of

MANY = 20  # names in a message that ends the command: enough to extract them by hand


@dataclass(frozen=True)
class MissingVideos:
    """The listed videos that one store lacks, in the order of the list. num_listed: videos of the list."""

    store: FeatureStore
    video_ids: tuple[str, ...]
    num_listed: int

    def text(self, videos: str = "videos", *, shown: int = 5) -> str:
        """STORE lacks 3 of 10 test videos: a, b, c. videos: what to call them."""
        return (
            f"{printable(str(self.store.root))} lacks {len(self.video_ids)} of {self.num_listed} {videos}: "
            f"{printable(listed(self.video_ids, shown=shown))}"
        )


def missing_videos(stores: Sequence[FeatureStore], videos: Sequence[Video]) -> list[MissingVideos]:
    """One entry for every store that lacks a video."""
    found = []
    for store in stores:
        known = set(store.ids())
        lacking = tuple(video.video_id for video in videos if video.video_id not in known)
        if lacking:
            found.append(MissingVideos(store, lacking, len(videos)))
    return found


def check_present(stores: Sequence[FeatureStore], videos: Sequence[Video]) -> None:
    """Raise StoreError, one line per store, unless every video is in every store."""
    if missing := missing_videos(stores, videos):
        raise StoreError(*(f"{each.text(shown=MANY)}; extract them first" for each in missing))


def open_stores(roots: Iterable[Path | str], *, together: bool = True) -> list[FeatureStore]:
    """Open stores to be read together; those with several crops have equally many, others one.

    together: False for stores of different runs, whose crops need not agree. Raises StoreError; ValueError
    for a store given twice.
    """
    places = [place_of(root) for root in roots]
    resolved = [os.path.realpath(place) if isinstance(place, Path) else place for place in places]
    repeated = sorted(
        str(place) for place, each in zip(places, resolved, strict=True) if resolved.count(each) > 1
    )
    if repeated:
        raise ValueError(f"the store {repeated[0]} is given twice")
    stores = [FeatureStore(place) for place in places]
    counts = {store.spec.num_crops for store in stores} - {1}
    if together and len(counts) > 1:
        crops = ", ".join(f"{store.root}: {store.spec.num_crops}" for store in stores)
        raise StoreError(f"stores that are used together need the same number of crops, or one ({crops})")
    return stores
