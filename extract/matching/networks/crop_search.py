"""Which view each of several crops is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from extract.matching.networks.crop_views import ALL_VIEWS, crop_order, view_names
from extract.matching.networks.network_trials import FEW_ROWS, NetworkTrials
from extract.matching.trial import Trial

# All views of the rows take about this part of the effort for a network; at least this many rows are seen.
CROPS_PART_OF_EFFORT, LEAST_ROWS = 0.08, 3
CROPS_FIT = 0.5


def with_crops(trials: NetworkTrials, best: Trial) -> Trial:
    """The trial with its crops, where they can be identified."""
    names = view_names(ALL_VIEWS)
    names = names[:5] if trials.theirs.num_crops == 5 else names
    chosen = {
        video_id: each
        for video_id, each in trials.recipes(best.timing, FEW_ROWS).items()
        if video_id in best.partners
    }
    if trials.theirs.num_crops > len(names) or not chosen:
        return best
    frames = int(trials.effort * CROPS_PART_OF_EFFORT / trials.network.cost / len(names))
    size = len(best.timing.choice.clips[0])
    most = max(frames // size, LEAST_ROWS)
    rows = [
        (video_id, row) for row in range(FEW_ROWS) for video_id, each in chosen.items() if row < len(each)
    ]
    rows = rows[:most]
    recipes: dict = {}
    for video_id, place in rows:
        number, recipe = list(chosen[video_id].items())[place]
        recipes.setdefault(video_id, {})[number] = recipe.thinned(max(most // len(rows), 1))
    found = trials.rows(best.timing, recipes, best.prepared, names)
    ours = np.concatenate([found[video_id] for video_id in recipes])
    theirs = np.concatenate(
        [trials.theirs.rows(best.partners[video_id])[list(each)] for video_id, each in recipes.items()]
    )
    order, cosine = crop_order(ours, theirs)
    return replace(best, crops=order, crops_cosine=cosine) if cosine >= CROPS_FIT else best
