"""Whether a head with added classes distinguishes their examples from its other training videos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch

from score.bags.cache import BagCache
from score.metrics import roc_auc
from score.metrics.classes import video_class_probability
from score.runs.checkpoint import Checkpoint


@torch.no_grad()
def example_ranking(
    checkpoint: Checkpoint, cache: BagCache, examples: Mapping[str, Iterable[str]]
) -> dict[str, float]:
    """The AUC in [0, 1] of the probability of each class, its examples against all other videos.

    cache: the training videos. examples: class -> ids of its videos. Classes without any other video are left
    out. A high value promises nothing about new videos, because these were trained on; a low one says that
    the head does not see what distinguishes the class.
    """
    head, found = checkpoint.build_head(), []
    # Videos that are drawn more often stand in the cache several times.
    places = {video_id: number for number, video_id in enumerate(cache.video_ids)}
    for number in places.values():
        bags = cache.bags(torch.tensor([number])).to("cpu")
        each = head(bags).aux["class_probability"].double().mean(dim=0).numpy()  # [T, K], of all crops
        found.append(video_class_probability(each))
    probability = np.stack(found)  # [V, K]
    ranking = {}
    for name, ids in examples.items():
        label = np.isin(list(places), list(ids)).astype(np.uint8)
        column = checkpoint.bag_spec.event_classes.index(name)
        if (value := roc_auc(label, probability[:, column]).value) is not None:
            ranking[name] = value
    return ranking
