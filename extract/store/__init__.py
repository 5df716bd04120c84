"""The feature store, the contract between the stages: see extract/store/feature_store.py.

Names are imported when they are used, because commands that need the type of an option need no HDF5.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extract.store.feature_store import FeatureStore
    from extract.store.spec import FeatureSpec
    from extract.store.store_places import place_of
    from extract.store.video_features import StoreError, VideoFeatures

__all__ = ["FeatureSpec", "FeatureStore", "StoreError", "VideoFeatures", "place_of"]

HOMES = {
    "FeatureSpec": "extract.store.spec",
    "FeatureStore": "extract.store.feature_store",
    "StoreError": "extract.store.video_features",
    "VideoFeatures": "extract.store.video_features",
    "place_of": "extract.store.store_places",
}


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(HOMES[name]), name)
