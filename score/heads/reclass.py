"""RECLASS: frames, motion and people, adversarial and one-class (after github.com/aasimwadood/RECLASS)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from score.bags.bags import Bags, BagSpec
from score.heads.base import HeadOutput
from score.heads.reclass_parts.clip_inputs import Clips, clips_of
from score.heads.reclass_parts.discriminators import ClipDiscriminator, GraphDiscriminator
from score.heads.reclass_parts.error_maps import highest_values
from score.heads.reclass_parts.frame_generator import FrameGenerator
from score.heads.reclass_parts.frame_scoring import FrameScoring
from score.heads.reclass_parts.loss_terms import (
    flow_loss,
    frame_losses,
    least_squares,
    mean_of,
    people_losses,
)
from score.heads.reclass_parts.people_generator import PeopleGenerator
from score.heads.reclass_parts.reclass_config import RECLASSConfig
from score.heads.reclass_parts.score_terms import (
    NAMES,
    averaged,
    flow_error,
    frame_error,
    fused,
    mean_shown,
    pair_error,
    squashed,
    worst,
)
from score.heads.reclass_parts.term_statistics import PlaceErrors, TermStatistics
from score.heads.reclass_parts.training_windows import windows_of

CHANNELS = 3  # channels of the adjacency: distance, mutual gaze, shared target


class RECLASS(FrameScoring):
    """Predicts frames, motion and closeness of normal clips; prediction errors are the anomaly score."""

    config_class = RECLASSConfig
    players = ("generator", "discriminator")
    one_class = True
    with_maps = True
    arrays = ("rgb", "flow?", "nodes", "node_mask", "adjacency", "frame_mask", "clip_frame", "speed?")

    def __init__(self, config: RECLASSConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        shapes = bag_spec.array_shapes
        self.with_flow: bool = config.flow and "flow" in shapes
        length, height, width, _ = shapes["rgb"]
        node_dim = shapes["nodes"][-1]
        if length < 2:
            raise ValueError("clips of 1 frame hold no future; extract with clip_length of at least 2")
        frames = FrameGenerator(config, size=(height, width), flow=self.with_flow)
        self.generator = nn.ModuleDict({"frames": frames})
        self.discriminator = nn.ModuleDict({"frames": ClipDiscriminator(width=config.judge_width)})
        if config.graph:
            self.generator["people"] = PeopleGenerator(
                node_dim, channels=CHANNELS, width=config.graph_width, latent=config.latent, code=config.code
            )
            self.discriminator["people"] = GraphDiscriminator(node_dim, width=config.graph_width)
        self.statistics = TermStatistics((height, width))
        self.prepare_frames(config, shapes)
        self._accuracy: dict[str, Tensor] = {}

    @classmethod
    def look_ahead(cls, _config: RECLASSConfig) -> int | None:
        return 0

    def forward(self, bags: Bags) -> HeadOutput:
        if self.frame_scores is not None:
            return self.train_frames(bags) if torch.is_grad_enabled() else self.score_frames(bags)
        if torch.is_grad_enabled():
            clips = self.clips(bags)
            generated = self.generate(clips)
            terms, known = self.terms(clips, {name: rows.detach() for name, rows in generated.items()})
            generated["autocast"] = torch.tensor(torch.is_autocast_enabled(bags.mask.device.type))
        else:
            generated = {}
            parts = [self.terms(clips, rows) for clips, rows in self.parts(bags)]
            terms, known = (torch.cat(rows) for rows in zip(*parts, strict=True))
        standard = self.statistics.standardise(terms, known)
        share = terms.new_tensor([getattr(self.config, f"{name}_share") for name in NAMES])
        value = bags.mask.new_zeros(bags.mask.shape, dtype=terms.dtype)
        value[bags.mask] = fused(standard, share, self.config.alpha)
        score = squashed(averaged(value, self.config.running)).masked_fill(~bags.mask, 0.0)
        along = terms.new_zeros(*bags.mask.shape, len(NAMES))
        along[bags.mask] = standard
        return HeadOutput(score, score.amax(dim=1), {**generated, "terms": along})

    def clips(self, bags: Bags, windows: Tensor | None = None) -> Clips:
        """The segments of all bags, one after another, or windows [m, 3] of them (see draw_windows)."""
        clips = self._clips_of({name: rows[bags.mask] for name, rows in bags.arrays.items()})
        return clips if windows is None else windows_of(clips, windows, self.config.window)

    def generate(self, clips: Clips) -> dict[str, Tensor]:
        """What the generators make: now, following, flow, nodes, adjacency [n, k, ...], codes [n, k, D]."""
        shape = clips.frames.shape[:2]
        inputs = [clips.frames.flatten(0, 1), clips.motion.flatten(0, 1)]
        if clips.median is not None:
            inputs.append(clips.median[:, None].expand(*shape, -1, -1, -1).flatten(0, 1))
        if self.config.recompute and torch.is_grad_enabled():
            frames = checkpoint(self.generator["frames"], *inputs, use_reentrant=False)
        else:
            frames = self.generator["frames"](*inputs)
        generated = {name: rows for name, rows in frames._asdict().items() if rows is not None}
        if self.config.graph:
            people = self.generator["people"](
                clips.nodes.flatten(0, 1), clips.adjacency.flatten(0, 1), clips.people.flatten(0, 1)
            )
            generated |= {"nodes": people.nodes, "adjacency": people.adjacency, "people_code": people.code}
        return {name: rows.unflatten(0, shape) for name, rows in generated.items()}

    def clip_logits(self, following: Tensor) -> Tensor:
        """The clip discriminator on predicted or real frames: [n, k, 3, H, W] -> [n]."""
        return self.discriminator["frames"](following.movedim(2, 1))

    def people_logits(self, clips: Clips, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """The graph discriminator on generated or real people: -> [n, k]."""
        flat = (rows.flatten(0, 1) for rows in (nodes, adjacency, clips.people))
        return self.discriminator["people"](*flat).unflatten(0, nodes.shape[:2])

    @torch.no_grad()
    def terms(self, clips: Clips, generated: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Terms of the score of n clips [n, K], in the order of NAMES, and whether each is known."""
        statistics, shown = self.statistics, clips.shown
        error = frame_error(clips, generated["now"], generated["following"])
        found = {
            "appearance": worst(error, statistics.picture_place, shown),
            "realism": -self.clip_logits(generated["following"]),
        }
        known = dict.fromkeys(found, shown.any(dim=1))
        if self.with_flow:
            found["motion"] = worst(flow_error(clips, generated["flow"]), statistics.flow_place, shown)
            known["motion"] = shown.any(dim=1)
        if self.config.graph:
            present = shown * clips.people.any(dim=2)
            pairs = pair_error(clips, generated["adjacency"]).amax(dim=(2, 3))
            logits = self.people_logits(clips, generated["nodes"], generated["adjacency"])
            found |= {"people": mean_shown(pairs, present), "people_realism": mean_shown(-logits, present)}
            known |= dict.fromkeys(("people", "people_realism"), present.any(dim=1))
        absent = torch.zeros_like(found["realism"])
        terms = torch.stack([found.get(name, absent).float() for name in NAMES], dim=1)
        return terms, torch.stack([known.get(name, absent.bool()) for name in NAMES], dim=1)

    def losses(self, output: HeadOutput, bags: Bags, player: str = "generator") -> dict[str, Tensor]:
        generated = output.aux
        clips = self.clips(bags, windows := generated.get("windows"))
        normal = (bags.label < 0.5)[:, None].expand_as(bags.mask)[bags.mask].to(clips.shown.dtype)
        normal = normal if windows is None else normal[windows[:, 0]]
        weight = clips.shown * normal[:, None]
        # Discriminators compute in the precision that the generators computed in.
        lower = bool(generated["autocast"])
        with torch.autocast(bags.mask.device.type, dtype=torch.bfloat16, enabled=lower):
            if player == "discriminator":
                return self._discriminator_losses(clips, generated, weight)
            terms = self._adversarial_losses(clips, generated, weight)
        terms |= frame_losses(clips, generated["now"], generated["following"], weight)
        if self.with_flow:
            terms["flow"] = flow_loss(clips, generated["flow"], weight)
        if self.config.graph:
            terms |= people_losses(clips, generated["nodes"], generated["adjacency"], weight)
            present = weight * clips.people.any(dim=2)
            terms["consistency"] = mean_of((generated["code"] - generated["people_code"]).square(), present)
        shared = {"people_adversarial": "adversarial"}  # terms that share the weight of another term
        return {
            name: getattr(self.config, f"{shared.get(name, name)}_weight") * value
            for name, value in terms.items()
        }

    def _adversarial_losses(
        self, clips: Clips, generated: dict[str, Tensor], weight: Tensor
    ) -> dict[str, Tensor]:
        """How far the discriminators are from mistaking what is generated for real."""
        logits = self.clip_logits(generated["following"]).float()
        terms = {"adversarial": least_squares(logits, 1.0, weight.amax(dim=1))}
        if self.config.graph:
            logits = self.people_logits(clips, generated["nodes"], generated["adjacency"]).float()
            terms["people_adversarial"] = least_squares(logits, 1.0, weight * clips.people.any(dim=2))
        return terms

    def _discriminator_losses(
        self, clips: Clips, generated: dict[str, Tensor], weight: Tensor
    ) -> dict[str, Tensor]:
        """Real is 1, generated is 0; clips of both go through the discriminator in one batch."""
        both = torch.cat([clips.following, generated["following"].detach()])
        real, fake = self.clip_logits(both).float().chunk(2)
        logits = {"frames": (real, fake, weight.amax(dim=1))}
        if self.config.graph:
            real = self.people_logits(clips, clips.nodes, clips.adjacency).float()
            fake = self.people_logits(
                clips, generated["nodes"].detach(), generated["adjacency"].detach()
            ).float()
            logits["people"] = (real, fake, weight * clips.people.any(dim=2))
        self._accuracy = {
            f"{name}_accuracy": (((real > 0.5).float() + (fake <= 0.5).float()) / 2 * part).sum()
            / part.sum().clamp(min=1)
            for name, (real, fake, part) in logits.items()
        }
        return {
            name: least_squares(real, 1.0, part) + least_squares(fake, 0.0, part)
            for name, (real, fake, part) in logits.items()
        }

    def watched(self, player: str = "generator") -> dict[str, Tensor]:
        """Accuracy of the discriminators, in [0, 1]."""
        return self._accuracy if player == "discriminator" else {}

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Bags]) -> None:
        """Fit the statistics to normal clips, the background model first because terms depend on it."""
        if self.frame_scores is not None:
            return self.frame_scores.fit(self.normal_maps(batches))
        if self.config.backdrop:
            self._fit_places(batches)
        parts: list[tuple[Tensor, Tensor]] = []
        highest: dict[str, list[Tensor]] = {}
        for clips, generated in (part for bags in batches for part in self.parts(bags)):
            parts.append(self.terms(clips, generated))
            for name, rows in highest_values(clips, generated, self.statistics).items():
                highest.setdefault(name, []).append(rows[clips.shown > 0])
        terms, known = zip(*parts, strict=True)
        self.statistics.fit(torch.cat(terms), torch.cat(known))
        self.statistics.fit_maps({name: torch.cat(rows) for name, rows in highest.items()})

    def map_threshold(self, percentile: float) -> float:
        scores = self.statistics if self.frame_scores is None else self.frame_scores
        return scores.threshold(percentile)

    def _fit_places(self, batches: Iterable[Bags]) -> None:
        statistics = self.statistics
        picture, flow = (
            PlaceErrors((place.shape[0], place.shape[1]), device=place.device)
            for place in (statistics.picture_place, statistics.flow_place)
        )
        for clips, generated in (part for bags in batches for part in self.parts(bags)):
            shown = clips.shown > 0
            picture.add(frame_error(clips, generated["now"], generated["following"])[shown])
            if self.with_flow:
                flow.add(flow_error(clips, generated["flow"])[shown])
        statistics.fit_places(picture, flow if self.with_flow else None)

    def parts(self, bags: Bags) -> Iterator[tuple[Clips, dict[str, Tensor]]]:
        """The clips of all bags, clips_at_once at a time to bound memory, and what is generated from them."""
        for part in bags.mask.nonzero().split(self.config.clips_at_once):
            arrays = {name: rows[part[:, 0], part[:, 1]] for name, rows in bags.arrays.items()}
            clips = self._clips_of(arrays)
            yield clips, self.generate(clips)

    def _clips_of(self, arrays: dict[str, Tensor]) -> Clips:
        clips = clips_of(arrays, frames=self.config.frames, flow=self.with_flow, graph=self.config.graph)
        if self.median is None:
            return clips
        return clips._replace(median=self.median.picture.expand(len(clips.frames), -1, -1, -1))
