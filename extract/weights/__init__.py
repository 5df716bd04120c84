"""Weights of the backbones: finding, fetching, verifying and loading their files."""

from extract.weights.error import WeightsError
from extract.weights.files import found_weights
from extract.weights.known import KNOWN, KnownWeights
from extract.weights.load import load_weights

__all__ = ["KNOWN", "KnownWeights", "WeightsError", "found_weights", "load_weights"]
