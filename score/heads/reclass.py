"""RECLASS: frames, motion and people, adversarial and one-class (after github.com/aasimwadood/RECLASS)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.reclass_parts.clip_inputs import Clips, clips_of
from score.heads.reclass_parts.discriminators import ClipDiscriminator, GraphDiscriminator
from score.heads.reclass_parts.frame_generator import FrameGenerator
from score.heads.reclass_parts.losses import flow_loss, judged, mean_of, people_losses, picture_losses
from score.heads.reclass_parts.maps import highest_values
from score.heads.reclass_parts.people_generator import PeopleGenerator
from score.heads.reclass_parts.terms import (
    NAMES,
    PlaceErrors,
    TermStatistics,
    averaged,
    flow_error,
    fused,
    mean_shown,
    pair_error,
    picture_error,
    squashed,
    worst,
)
from score.settings import Count, DropoutRate, NotNegative, Share, settings

CHANNELS = 3  # of the adjacency: distance, mutual gaze, shared target


@settings
class RECLASSConfig:
    """frames: seen of each clip, evenly apart. width: channels of the first convolutions; judge_width: of the
    judge of clips. latent: channels of the codes of frames and of motion, numbers of a person's code.
    graph_width, code: hidden size of the graph networks, common size of both codes.
    flow, graph: False leaves it out; flow also goes where the store has none. backdrop: a picture that is
    learned beside the codes, and errors are judged by what is usual at their place: for cameras that stand still.
    *_weight: of the terms of the losses. *_share: of the terms of the score, in deviations. alpha: of what is
    seen; 1 - alpha is of the people. running: average along a video's segments.
    clips_at_once: when scoring, which bounds memory. recompute: activations in the backward pass in place of
    keeping them, for large pictures.
    """

    frames: Count = 4
    width: Count = 16
    judge_width: Count = 16
    latent: Count = 16
    graph_width: Count = 32
    code: Count = 32
    flow: bool = True
    graph: bool = True
    backdrop: bool = True
    adversarial_weight: NotNegative = 0.05  # lambda_adv of Liu et al., CVPR 2018
    reconstruction_weight: NotNegative = 1.0
    prediction_weight: NotNegative = 1.0
    gradient_weight: NotNegative = 1.0
    temporal_weight: NotNegative = 0.1
    flow_weight: NotNegative = 1.0
    consistency_weight: NotNegative = 0.5
    nodes_weight: NotNegative = 1.0
    adjacency_weight: NotNegative = 1.0
    appearance_share: NotNegative = 1.0
    motion_share: NotNegative = 1.0
    realism_share: NotNegative = 1.0
    people_share: NotNegative = 1.0
    people_realism_share: NotNegative = 1.0
    alpha: Share = 0.85
    running: DropoutRate = 0.9
    clips_at_once: Count = 16
    recompute: bool = False


class RECLASS(Head):
    """Predicts frames, motion and closeness of normal clips; what it cannot predict is unusual."""

    config_class = RECLASSConfig
    players = ("generator", "discriminator")
    one_class = True
    with_maps = True
    arrays = ("rgb", "flow?", "nodes", "node_mask", "adjacency", "frame_mask", "clip_frame")

    def __init__(self, config: RECLASSConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        shapes = bag_spec.array_shapes
        self.with_flow = config.flow and "flow" in shapes
        size, node_dim = tuple(shapes["rgb"][1:3]), shapes["nodes"][-1]
        if shapes["rgb"][0] < 2:
            raise ValueError("clips of 1 frame hold no future; extract with clip_length of at least 2")
        self.generator = nn.ModuleDict(
            {
                "frames": FrameGenerator(
                    size=size,
                    width=config.width,
                    latent=config.latent,
                    flow=self.with_flow,
                    code=config.code if config.graph else 0,
                    backdrop=config.backdrop,
                )
            }
        )
        self.discriminator = nn.ModuleDict({"frames": ClipDiscriminator(width=config.judge_width)})
        if config.graph:
            self.generator["people"] = PeopleGenerator(
                node_dim, channels=CHANNELS, width=config.graph_width, latent=config.latent, code=config.code
            )
            self.discriminator["people"] = GraphDiscriminator(node_dim, width=config.graph_width)
        self.statistics = TermStatistics(size)
        self._watched: dict[str, Tensor] = {}

    def forward(self, bags: Bags) -> HeadOutput:
        if torch.is_grad_enabled():
            clips = self.clips(bags)
            made = self.generate(clips)
            terms, known = self.terms(clips, {name: rows.detach() for name, rows in made.items()})
            made["autocast"] = torch.tensor(torch.is_autocast_enabled(bags.mask.device.type))
        else:
            made = {}
            terms, known = self._terms_in_parts(bags)
        standard = self.statistics.standardise(terms, known)
        value = bags.mask.new_zeros(bags.mask.shape, dtype=terms.dtype)
        value[bags.mask] = fused(standard, self._shares(terms), self.config.alpha)
        score = squashed(averaged(value, self.config.running)).masked_fill(~bags.mask, 0.0)
        along = terms.new_zeros(*bags.mask.shape, len(NAMES))
        along[bags.mask] = standard
        return HeadOutput(score, score.amax(dim=1), {**made, "terms": along})

    def clips(self, bags: Bags) -> Clips:
        """Of all segments of all bags, one after another."""
        arrays = {name: rows[bags.mask] for name, rows in bags.arrays.items()}
        return self._clips_of(arrays)

    def _clips_of(self, arrays: dict[str, Tensor]) -> Clips:
        return clips_of(arrays, frames=self.config.frames, flow=self.with_flow, graph=self.config.graph)

    def generate(self, clips: Clips) -> dict[str, Tensor]:
        """What the generators make: now, following, flow, nodes, adjacency [n, k, ...], codes [n, k, D]."""
        shape = clips.frames.shape[:2]
        inputs = clips.frames.flatten(0, 1), clips.motion.flatten(0, 1)
        if self.config.recompute and torch.is_grad_enabled():
            frames = checkpoint(self.generator["frames"], *inputs, use_reentrant=False)
        else:
            frames = self.generator["frames"](*inputs)
        made = {name: rows for name, rows in frames._asdict().items() if rows is not None}
        if self.config.graph:
            people = self.generator["people"](
                clips.nodes.flatten(0, 1), clips.adjacency.flatten(0, 1), clips.people.flatten(0, 1)
            )
            made |= {"nodes": people.nodes, "adjacency": people.adjacency, "people_code": people.code}
        return {name: rows.unflatten(0, shape) for name, rows in made.items()}

    def judge_clips(self, following: Tensor) -> Tensor:
        """Logits [n] of predicted or real frames [n, k, 3, H, W]."""
        return self.discriminator["frames"](following.movedim(2, 1))

    def judge_people(self, clips: Clips, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """Logits [n, k]."""
        flat = (rows.flatten(0, 1) for rows in (nodes, adjacency, clips.people))
        return self.discriminator["people"](*flat).unflatten(0, nodes.shape[:2])

    def terms(self, clips: Clips, made: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Terms of the score of n clips, [n, K] in the order of NAMES, and whether each is known."""
        with torch.no_grad():
            shown = clips.shown
            found = {
                "appearance": worst(
                    picture_error(clips, made["now"], made["following"]), self.statistics.picture_place, shown
                ),
                "realism": -self.judge_clips(made["following"]),
            }
            known = dict.fromkeys(found, shown.any(dim=1))
            if self.with_flow:
                found["motion"] = worst(flow_error(clips, made["flow"]), self.statistics.flow_place, shown)
                known["motion"] = shown.any(dim=1)
            if self.config.graph:
                present = shown * clips.people.any(dim=2)
                pairs = pair_error(clips, made["adjacency"]).amax(dim=(2, 3))
                found["people"] = mean_shown(pairs, present)
                found["people_realism"] = mean_shown(
                    -self.judge_people(clips, made["nodes"], made["adjacency"]), present
                )
                known |= dict.fromkeys(("people", "people_realism"), present.any(dim=1))
            absent = torch.zeros_like(found["realism"])
            terms = torch.stack([found.get(name, absent).float() for name in NAMES], dim=1)
            return terms, torch.stack([known.get(name, absent.bool()) for name in NAMES], dim=1)

    def _terms_in_parts(self, bags: Bags) -> tuple[Tensor, Tensor]:
        parts = [self.terms(clips, made) for clips, made in self._parts(bags)]
        terms, known = (torch.cat(rows) for rows in zip(*parts, strict=True))
        return terms, known

    def _parts(self, bags: Bags) -> Iterator[tuple[Clips, dict[str, Tensor]]]:
        """The clips of all bags, so many at once as memory is meant to hold, and what is made of them."""
        for part in bags.mask.nonzero().split(self.config.clips_at_once):
            arrays = {name: rows[part[:, 0], part[:, 1]] for name, rows in bags.arrays.items()}
            clips = self._clips_of(arrays)
            yield clips, self.generate(clips)

    def _shares(self, like: Tensor) -> Tensor:
        return like.new_tensor([getattr(self.config, f"{name}_share") for name in NAMES])

    def losses(self, output: HeadOutput, bags: Bags, player: str = "head") -> dict[str, Tensor]:
        clips, made = self.clips(bags), output.aux
        normal = (bags.label < 0.5)[:, None].expand_as(bags.mask)[bags.mask].to(clips.shown.dtype)
        weight = clips.shown * normal[:, None]
        lower = bool(made["autocast"])  # judges compute in what the generators did
        with torch.autocast(bags.mask.device.type, dtype=torch.bfloat16, enabled=lower):
            judge = self._judge_losses if player == "discriminator" else self._adversarial_losses
            terms = judge(clips, made, weight)
        if player == "generator":
            terms |= picture_losses(clips, made["now"], made["following"], weight)
            if self.with_flow:
                terms["flow"] = flow_loss(clips, made["flow"], weight)
            if self.config.graph:
                terms |= people_losses(clips, made["nodes"], made["adjacency"], weight)
                present = weight * clips.people.any(dim=2)
                terms["consistency"] = mean_of((made["code"] - made["people_code"]).square(), present)
            names = {"people_adversarial": "adversarial"}
            terms = {
                name: getattr(self.config, f"{names.get(name, name)}_weight") * value
                for name, value in terms.items()
            }
        return terms

    def _adversarial_losses(self, clips: Clips, made: dict[str, Tensor], weight: Tensor) -> dict[str, Tensor]:
        """How far the generators are from being believed."""
        terms = {"adversarial": judged(self.judge_clips(made["following"]).float(), 1.0, weight.amax(dim=1))}
        if self.config.graph:
            logits = self.judge_people(clips, made["nodes"], made["adjacency"]).float()
            terms["people_adversarial"] = judged(logits, 1.0, weight * clips.people.any(dim=2))
        return terms

    def _judge_losses(self, clips: Clips, made: dict[str, Tensor], weight: Tensor) -> dict[str, Tensor]:
        """Real is 1, made is 0; both in one batch."""
        pictures = torch.cat([clips.following, made["following"].detach()])
        real, fake = self.judge_clips(pictures).float().chunk(2)
        pairs = {"frames": (real, fake, weight.amax(dim=1))}
        if self.config.graph:
            real, fake = (
                self.judge_people(clips, nodes, adjacency).float()
                for nodes, adjacency in (
                    (clips.nodes, clips.adjacency),
                    (made["nodes"].detach(), made["adjacency"].detach()),
                )
            )
            pairs["people"] = (real, fake, weight * clips.people.any(dim=2))
        self._watched = {
            f"{name}_accuracy": (((real > 0.5).float() + (fake <= 0.5).float()) / 2 * part).sum()
            / part.sum().clamp(min=1)
            for name, (real, fake, part) in pairs.items()
        }
        return {
            name: judged(real, 1.0, part) + judged(fake, 0.0, part)
            for name, (real, fake, part) in pairs.items()
        }

    def watched(self, player: str = "head") -> dict[str, Tensor]:
        """Share of right answers of the judges."""
        return self._watched if player == "discriminator" else {}

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Bags]) -> None:
        if self.config.backdrop:
            self._fit_places(batches)
        parts: list[tuple[Tensor, Tensor]] = []
        highest: dict[str, list[Tensor]] = {}
        for clips, made in (part for bags in batches for part in self._parts(bags)):
            parts.append(self.terms(clips, made))
            for name, rows in highest_values(clips, made, self.statistics).items():
                highest.setdefault(name, []).append(rows[clips.shown > 0])
        terms, known = zip(*parts, strict=True)
        self.statistics.fit(torch.cat(terms), torch.cat(known))
        self.statistics.fit_maps({name: torch.cat(rows) for name, rows in highest.items()})

    def _fit_places(self, batches: Iterable[Bags]) -> None:
        """Over all frames that are shown."""
        device = self.statistics.mean.device
        picture, flow = (
            PlaceErrors(tuple(place.shape), device=device)
            for place in (self.statistics.picture_place, self.statistics.flow_place)
        )
        for clips, made in (part for bags in batches for part in self._parts(bags)):
            shown = clips.shown > 0
            picture.add(picture_error(clips, made["now"], made["following"])[shown])
            if self.with_flow:
                flow.add(flow_error(clips, made["flow"])[shown])
        self.statistics.fit_places(picture, flow if self.with_flow else None)
