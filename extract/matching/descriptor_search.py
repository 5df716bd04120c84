"""The search for how rows of a descriptor or of the sound were made: only their place in time can differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch

from extract.inference.network import Network
from extract.matching.networks.crop_views import CENTRE
from extract.matching.recipes import Timing
from extract.matching.sampled_videos import SampledVideos
from extract.matching.trial import Theirs, Trial
from extract.sound.sound_settings import PLACES, Sound

# The first rows of a video that are compared; a fixed number of rows would need all.
MOST_ROWS = 64
HEARD = {
    "start": "the sound that begins with it",
    "middle": "the sound around its middle",
    "end": "the sound that ends with it",
}


def best_of_descriptor(
    descriptor: str, videos: SampledVideos, theirs: Theirs, timings: Sequence[Timing]
) -> Trial | None:
    """The timing that agrees best; None where nothing can be compared."""
    return _best(((timing, descriptor) for timing in timings), videos, theirs, lambda rows: rows)


def best_of_sound(
    sound: Sound, network: Network, videos: SampledVideos, theirs: Theirs, timings: Sequence[Timing]
) -> Trial | None:
    """As best_of_descriptor, of a network that hears; where its window lies is tried as well."""

    @torch.inference_mode()
    def rows(patches: np.ndarray) -> np.ndarray:
        """Patches, one a row, -> [n, D]; zeros where there is no sound, as in extraction."""
        patches = patches.reshape(-1, sound.frames, sound.bands)
        silent = np.array([np.isnan(patch).any() for patch in patches])
        heard = torch.from_numpy(np.where(silent[:, None, None], np.float32(0), patches))
        found = network.forward(heard[:, None, None].to(network.device)).float().cpu().numpy()
        return np.where(silent[:, None], np.float32(0), found)

    places = dict.fromkeys([sound.place, *PLACES])
    hypotheses = (
        (_heard_at(timing, place), replace(sound, place=place)) for timing in timings for place in places
    )
    return _best(hypotheses, videos, theirs, rows)


def _heard_at(timing: Timing, place: str) -> Timing:
    fields = (*(timing.choice.fields or ()), ("sound.place", place))
    return replace(timing, choice=replace(timing.choice, name=HEARD[place], fields=fields))


def _best(
    hypotheses: Iterable[tuple[Timing, str | Sound]],
    videos: SampledVideos,
    theirs: Theirs,
    computed: Callable[[np.ndarray], np.ndarray],
) -> Trial | None:
    best = None
    for timing, described in hypotheses:
        rule = timing.rule
        found = videos.described(described, fps=rule.fps, length=rule.length, stride=rule.stride)
        ours = {}
        for video_id, video in found.items():
            expected = rule.rows(video.length)
            count = min(len(video.rows), theirs.most_rows(video_id, expected), MOST_ROWS)
            # The last row may be cut off at the end of the video in other ways.
            numbers = list(range(max(count - 1, min(count, 1))))
            if numbers:
                ours[video_id] = (expected, numbers, computed(video.rows[numbers]))
        agreement = theirs.agreement(ours)
        if agreement is not None:
            trial = Trial(timing, None, CENTRE, *agreement)
            if best is None or trial.agreement.rank > best.agreement.rank:
                best = trial
        if best is not None and best.agreement.exact:
            break
    return best
