"""The feature store, the contract between the stages: see extract/store/feature_store.py."""

from extract.store.feature_store import FeatureStore
from extract.store.spec import FeatureSpec
from extract.store.store_places import place_of
from extract.store.video_features import StoreError, VideoFeatures

__all__ = ["FeatureSpec", "FeatureStore", "StoreError", "VideoFeatures", "place_of"]
