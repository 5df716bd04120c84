"""Weights of the backbones: where they are, what they are, and how they get into a network."""

from extract.weights.error import WeightsError
from extract.weights.files import found_weights
from extract.weights.known import KNOWN, KnownWeights
from extract.weights.load import load_weights

__all__ = ["KNOWN", "KnownWeights", "WeightsError", "found_weights", "load_weights"]
