"""RECLASS: frames, motion and people, adversarial and one-class (after github.com/aasimwadood/RECLASS)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from score.bags.bags import Bags, BagSpec
from score.heads.base import HeadOutput
from score.heads.reclass_parts.clip_inputs import Clips
from score.heads.reclass_parts.error_maps import highest_values
from score.heads.reclass_parts.frame_scoring import FrameScoring
from score.heads.reclass_parts.loss_terms import (
    flow_loss,
    frame_losses,
    least_squares,
    mean_of,
    people_losses,
)
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


class RECLASS(FrameScoring):
    """Predicts frames, motion and closeness of normal clips; prediction errors are the anomaly score."""

    config_class = RECLASSConfig
    players = ("generator", "discriminator")
    one_class = True
    with_maps = True
    arrays = ("rgb", "flow?", "nodes", "node_mask", "adjacency", "frame_mask", "clip_frame", "speed?")

    def __init__(self, config: RECLASSConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        _, height, width, _ = bag_spec.array_shapes["rgb"]
        self.statistics = TermStatistics((height, width))
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
