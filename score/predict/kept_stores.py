"""The stores in which a prediction keeps features, and which store holds the features of which spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from extract.store import FeatureSpec, FeatureStore, StoreError


def assigned(specs: Sequence[FeatureSpec], stores: Sequence[Path], *, otherwise: Path) -> list[Path]:
    """A place for the features of each spec: the given store that holds such features, else the next new one.

    otherwise: the parent of new stores if none are given. Raises ValueError if the numbers of stores and
    specs differ, StoreError for a store of other features.
    """
    if not stores:
        return [otherwise / f"store_{number}" for number in range(len(specs))]
    if len(stores) != len(specs):
        raise ValueError(f"{len(stores)} stores are given, the checkpoint needs {len(specs)}, one per preset")
    left = {place: opened(place) for place in stores}
    fitting: dict[int, Path] = {}
    # Stores with features claim their specs first, so that the order of --store does not matter.
    for number, spec in enumerate(specs):
        fits = [
            place for place, store in left.items() if store is not None and not store.spec.differences(spec)
        ]
        if fits:
            fitting[number] = fits[0]
            del left[fits[0]]
    for number, spec in enumerate(specs):
        if number not in fitting:
            place, store = next(iter(left.items()))
            if store is not None:
                raise StoreError(
                    f"{place} was extracted with other settings than the checkpoint needs: "
                    f"{'; '.join(store.spec.differences(spec))}"
                )
            fitting[number] = place
            del left[place]
    return [fitting[number] for number in range(len(specs))]


def opened(place: Path | str) -> FeatureStore | None:
    """The store at a place, None if nothing is there yet. Raises StoreError if something else is there."""
    new = (
        not FeatureStore.is_at(place)
        if isinstance(place, str)
        else (not place.exists() or place.is_dir() and not any(place.iterdir()))
    )
    return None if new else FeatureStore(place)
