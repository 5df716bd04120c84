"""A head for each store, whose scores are averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.fusion.score_weights import weights_by_auc
from score.pooling.modality_table import Part

SCORES = ("segment_score", "video_score")
# What heads give for each instance or video that still means something when it is averaged.
AVERAGED = ("class_probability", "attention", "weight")


class LateFusion(Head):
    """Heads of the same settings on one store each; scores are their weighted mean.

    A store whose features of an instance are all 0, such as the sound of a silent video, has no say there.
    Each head is trained by its own losses, which are named STORE.TERM.
    """

    score_weight: Tensor

    def __init__(self, make_head: Callable[[BagSpec], Head], bag_spec: BagSpec, *, choose_weights: bool):
        heads = [make_head(single_spec(bag_spec, part)) for part in bag_spec.parts]
        super().__init__(heads[0].config, bag_spec)
        self.heads, self.choose_weights = nn.ModuleList(heads), choose_weights
        self.register_buffer("score_weight", torch.full((len(heads),), 1 / len(heads)))

    def forward(self, bags: Bags) -> HeadOutput:
        parts = [self._part(bags, number) for number in range(len(self.heads))]
        outputs = [head(part) for head, part in zip(self.heads, parts, strict=True)]
        present = torch.stack([(part.features[_only(part)] != 0).any(dim=2) for part in parts])  # [M, B, T]
        weight = self._weights(present)  # [M, B, T]
        segment = (weight * torch.stack([each.segment_score for each in outputs])).sum(dim=0)
        of_video = self._weights(present.any(dim=2))  # [M, B]
        video = (of_video * torch.stack([each.video_score for each in outputs])).sum(dim=0)
        aux = {
            f"{number}.{name}": value
            for number, each in enumerate(outputs)
            for name, value in {**each.aux, **{name: getattr(each, name) for name in SCORES}}.items()
        }
        for name in AVERAGED:
            if all(name in each.aux for each in outputs):
                values = torch.stack([each.aux[name] for each in outputs])  # [M, B, T] or [M, B, T, K]
                shares = weight.reshape(*weight.shape, *[1] * (values.dim() - 3))
                aux[name] = (shares * values).sum(dim=0)
        return HeadOutput(segment.clamp(0.0, 1.0).masked_fill(~bags.mask, 0.0), video.clamp(0.0, 1.0), aux)

    def losses(self, output: HeadOutput, bags: Bags, player: str = "head") -> dict[str, Tensor]:
        terms = {}
        for number, part in enumerate(self.bag_spec.parts):
            own = self._own(output, number)
            found = self._head(number).losses(own, self._part(bags, number), player)
            terms |= {f"{part.name}.{name}": value for name, value in found.items()}
        return terms

    def calibrate(self, batches: Iterable[Bags]) -> None:
        for number in range(len(self.heads)):
            self._head(number).calibrate(_PartBags(self, number, batches))

    @torch.no_grad()
    def fit_weights(self, batches: Iterable[Bags]) -> None:
        """Set the weights of the heads by the AUC of these videos, if they are to be chosen."""
        if not self.choose_weights:
            return
        scores, labels = [], []
        for bags in batches:
            output = self(bags)
            scores.append(
                torch.stack([output.aux[f"{number}.video_score"] for number in range(len(self.heads))], dim=1)
            )
            labels.append(bags.label)
        if labels:
            found = weights_by_auc(torch.cat(scores).cpu().numpy(), torch.cat(labels).cpu().numpy())
            self.score_weight.copy_(torch.from_numpy(found))

    def watched(self, player: str = "head") -> dict[str, Tensor]:
        return {
            f"{part.name}.{name}": value
            for number, part in enumerate(self.bag_spec.parts)
            for name, value in self._head(number).watched(player).items()
        }

    def _head(self, number: int) -> Head:
        head = self.heads[number]
        assert isinstance(head, Head)
        return head

    def _part(self, bags: Bags, number: int) -> Bags:
        part = self.bag_spec.parts[number]
        return bags.with_features({part.modality: bags.part(part)})

    def _own(self, output: HeadOutput, number: int) -> HeadOutput:
        """What the head of one store gave."""
        prefix = f"{number}."
        own = {
            name.removeprefix(prefix): value for name, value in output.aux.items() if name.startswith(prefix)
        }
        segment, video = (own.pop(name) for name in SCORES)
        return HeadOutput(segment, video, own)

    def _weights(self, present: Tensor) -> Tensor:
        """The weights of the stores that are present, which sum to 1; all of them where none is.

        bool [M, ...] -> [M, ...].
        """
        weight = self.score_weight.reshape(-1, *[1] * (present.dim() - 1))
        shares = weight * (present | ~present.any(dim=0))
        # Where only stores of weight 0 are present, they count equally.
        shares = torch.where(shares.sum(dim=0) > 0, shares, present.to(shares.dtype))
        return shares / shares.sum(dim=0)


@dataclass(frozen=True)
class _PartBags:
    """Bags with the features of one store, in every iteration."""

    fusion: LateFusion
    number: int
    batches: Iterable[Bags]

    def __iter__(self) -> Iterator[Bags]:
        return (self.fusion._part(bags, self.number) for bags in self.batches)


def single_spec(bag_spec: BagSpec, part: Part) -> BagSpec:
    """The spec of bags that hold the features of one store, as Bags.part returns them."""
    alone = replace(part, columns=((0, part.width),))
    return replace(bag_spec, feature_dims={part.modality: part.width}, table=(alone,))


def _only(bags: Bags) -> str:
    (name,) = bags.features
    return name
