"""The data of short schedules: whole videos, standardised so that a learning rate means one thing."""

from __future__ import annotations

from dataclasses import replace

from score.config.data_config import DataConfig
from score.pooling.rules import SegmentsConfig

SHORT_DATA = DataConfig(segments=SegmentsConfig(mode="none"), standardise="feature")

# For networks that recognise single training videos by their numbers where these are many. Video AUC on
# C3D's 4,096 numbers, five folds of 243 videos, one seed, without / with rows of length one / with both: rtfm
# 0.70 / 0.83 / 0.84, multitask 0.77 / 0.83 / 0.87, bn-wvad 0.79 / 0.83 / 0.86, mtn 0.81 / 0.81 / 0.86, mgfn
# 0.82 / 0.85 / 0.89, vadclip 0.84 / 0.84 / 0.87. Up to 128 numbers both change nothing.
WIDE_DATA = replace(SHORT_DATA, normalise="wide", feature_dropout=0.7)
