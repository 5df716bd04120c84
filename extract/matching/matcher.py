"""From features and videos to the protocols that may have made them, best first, with the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from extract.matching.descriptor_search import best_of_descriptor, best_of_sound
from extract.matching.fitting_commands import FittingRun, fitting_import, fitting_run
from extract.matching.foreign_rows import ForeignFeatures
from extract.matching.network_widths import networks_elsewhere
from extract.matching.networks.available_networks import available_networks
from extract.matching.networks.candidate_network import CandidateNetwork
from extract.matching.networks.network_search import NetworkSearch
from extract.matching.networks.network_trials import NetworkTrials
from extract.matching.pairing import Pairing, pair
from extract.matching.row_rules import Explained, VideoLength, frames_per_row
from extract.matching.sampled_videos import SampledVideos
from extract.matching.structure import Structure, structure
from extract.matching.timings import descriptor_timings, grid_of, network_timings
from extract.matching.trial import Theirs, Trial
from extract.presets import Preset
from extract.sound.sound_settings import PLACES

# Arrays whose rows are looked at for their structure.
STRUCTURE_ARRAYS = 24
# Billions of multiplications: 26,000 frames of EfficientNet-Lite0, 570 of CLIP ViT-B/16, three minutes or so
# of one core.
EFFORT = 10_000
ORDER = {"same": 0, "close": 1, "none": 2}


@dataclass(frozen=True)
class SearchSettings:
    """What may be computed. weights: of a preset or backbone, a file or a name; "" stands for all.

    effort: billions of multiplications that each network may take.
    """

    weights: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    effort: int = EFFORT


@dataclass(frozen=True)
class Candidate:
    """A network or descriptor whose rows were compared. trial: the best of its hypotheses.

    ended_early: whether others were left out to stay below the effort.
    """

    presets: tuple[str, ...]
    backbone: str
    weights: str
    trial: Trial
    tried: int
    explained: Explained | None
    run: FittingRun
    ended_early: bool = False

    @property
    def verdict(self) -> str:
        return self.trial.agreement.verdict


@dataclass
class Match:
    """What was found. candidates: best first, also those that do not fit. not_compared: preset -> why."""

    features: ForeignFeatures
    structure: Structure
    pairing: Pairing
    lengths: list[VideoLength]
    candidates: list[Candidate]
    not_compared: dict[str, str]
    same_width: tuple[str, ...]
    elsewhere: str | None
    per_row: tuple[float, float] | None
    import_command: str
    notes: list[str] = field(default_factory=list)

    @property
    def fitting(self) -> list[Candidate]:
        """The candidates whose rows agree."""
        return [each for each in self.candidates if each.verdict != "none"]


def match(
    features: ForeignFeatures,
    videos: SampledVideos,
    *,
    every_id: Sequence[str],
    root: Path,
    settings: SearchSettings,
    presets: Mapping[str, Preset],
) -> Match:
    """Compare features with videos. every_id: of all videos, decoded or not. root: of the videos.

    presets: the protocols that are tried. Raises ValueError where nothing can be decoded.
    """
    lengths = videos.lengths()
    if not lengths:
        reasons = "; ".join(videos.failed.values())
        raise ValueError(f"no video could be decoded: {reasons or 'there is none'}")
    fitting = [
        preset
        for preset in presets.values()
        if preset.kind != "scene" and preset.feature_dim == features.feature_dim
    ]
    pairing = pair(features, lengths, every_id, [grid_of(preset) for preset in fitting])
    found = structure(_some_arrays(features, pairing))
    theirs = _theirs(features, pairing, found)
    candidates, refused = _compare(fitting, features, videos, pairing, theirs, settings, root)
    candidates.sort(key=lambda each: (ORDER[each.verdict], -each.trial.agreement.rank))
    backbone = candidates[0].backbone if candidates and candidates[0].verdict != "none" else None
    known = {id: names[0] for id, names in pairing.partners.items() if pairing.by != "rows"}
    counts = features.counts()
    return Match(
        features=features,
        structure=found,
        pairing=pairing,
        lengths=lengths,
        candidates=candidates,
        not_compared=refused,
        same_width=tuple(preset.name for preset in fitting),
        elsewhere=networks_elsewhere(features.feature_dim),
        per_row=frames_per_row(lengths, {id: counts[name] for id, name in known.items()}),
        import_command=fitting_import(features, pairing.rules, backbone),
        notes=[f"left out: {reason}" for reason in videos.failed.values()],
    )


def _compare(
    presets: Sequence[Preset],
    features: ForeignFeatures,
    videos: SampledVideos,
    pairing: Pairing,
    theirs: Theirs,
    settings: SearchSettings,
    root: Path,
) -> tuple[list[Candidate], dict[str, str]]:
    candidates: list[Candidate] = []

    def note(group: Sequence[Preset], backbone: str, weights: str, trial: Trial, tried: int, *, early=False):
        run = fitting_run(trial, group, num_crops=features.num_crops, weights=weights, videos=root)
        explained = _explained(pairing.rules, trial)
        names = tuple(preset.name for preset in group)
        candidates.append(Candidate(names, backbone, weights, trial, tried, explained, run, early))

    described = [preset for preset in presets if preset.kind == "descriptor"]
    for preset in described:
        timings = descriptor_timings(pairing.rules, [preset])
        trial = best_of_descriptor(str(preset.descriptor), videos, theirs, timings)
        if trial is not None:
            note([preset], str(preset.descriptor), "", trial, len(timings))
    networks, refused = available_networks(
        [preset for preset in presets if preset.backbone],
        settings.weights,
        seed=settings.seed,
        device=settings.device,
    )
    for each in networks:
        sound = each.presets[0].sound
        if sound is not None:
            timings = descriptor_timings(pairing.rules, each.presets)
            trial = best_of_sound(sound, each.network, videos, theirs, timings)
            early, tried, reason = False, len(timings) * len(PLACES), "no row has a sound"
        else:
            network = CandidateNetwork(each.backbone, each.presets, each.choice, each.network, each.plain)
            trials = NetworkTrials(network, videos, theirs, effort=settings.effort)
            search = NetworkSearch(trials)
            trial = search.best(_timings(network, pairing))
            early, tried = search.ended_early, trials.tried
            reason = trials.problems[0] if trials.problems else "no row lies in the frames that were decoded"
        if trial is not None:
            note(each.presets, each.backbone, each.choice, trial, tried, early=early)
        else:
            refused |= {preset.name: reason for preset in each.presets}
    return candidates, refused


def _timings(network: CandidateNetwork, pairing: Pairing) -> list:
    return network_timings(
        pairing.rules, network.presets, frames_alone=network.frames_alone, accepts=network.accepts
    )


def _theirs(features: ForeignFeatures, pairing: Pairing, found: Structure) -> Theirs:
    counts = features.counts()
    return Theirs(
        rows=features.rows,
        counts=counts,
        possible=lambda video_id, rows: pairing.possible(video_id, rows, counts),
        num_crops=features.num_crops,
        unit_norm=found.unit_norm,
        non_negative=found.least >= 0,
    )


def _some_arrays(features: ForeignFeatures, pairing: Pairing):
    """Arrays that are compared first, then others."""
    counts = features.counts()
    first = [names[0] for names in pairing.partners.values() if pairing.by != "rows"]
    names = dict.fromkeys([*first, *sorted(counts)])
    return (features.rows(name) for name in list(names)[:STRUCTURE_ARRAYS])


def _explained(rules: Sequence[Explained], trial: Trial) -> Explained | None:
    """How many videos the rule of a trial explains; None for one that explains none."""
    rule = trial.timing.rule
    if trial.timing.fixed is not None:
        rule = replace(rule, stride=1, length=1)
    return next((each for each in rules if each.rule == rule), None)
