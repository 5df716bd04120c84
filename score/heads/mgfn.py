"""MGFN: glance at the complete video, focus on neighbours, contrast magnitudes.

Chen et al., AAAI 2023, https://arxiv.org/abs/2211.15098.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.crop_groups import crops_of
from score.heads.layers.global_local import GlobalLocalAttention, feed_forward
from score.heads.layers.masked_norm import MaskedBatchNorm
from score.heads.layers.time_conv import TimeConv
from score.heads.layers.top_k import top_count
from score.heads.layers.top_weights import top_weights
from score.heads.losses import score_losses
from score.settings import MOST_LAYERS, Count, Depth, DropoutRate, Layers, NotNegative, Share, settings

Block = Literal["glance", "focus", "none"]


@settings
class MGFNConfig:
    """Defaults are those of the authors' code."""

    # Per stage: what a block has between its convolution and its feed-forward network ("glance": attention,
    # "focus": a second convolution, "none": nothing), its channels, and the number of blocks.
    blocks: Annotated[tuple[Block, ...], Field(min_length=1, max_length=MOST_LAYERS)] = (
        "glance",
        "focus",
        "focus",
    )
    widths: Layers = (64, 128, 1024)
    depths: Annotated[tuple[Depth, ...], Field(max_length=MOST_LAYERS)] = (3, 3, 2)
    # Channels per attention head.
    head_width: Count = 64
    # Instances that a focus block covers, odd.
    focus_kernel: Count = 5
    # How much wider the hidden layer of feed-forward networks is, and their dropout.
    expansion: Count = 4
    dropout: DropoutRate = 0.0
    # alpha: how much of the convolved feature magnitude is added to the input; 0 leaves it out.
    amplification: NotNegative = 0.1
    # Instances are selected by the magnitude of their feature; False selects by score.
    magnitude: bool = True
    # Share of the instances that are drawn in each training step to be selected last.
    hidden_share: DropoutRate = 0.7
    # A video's score is the mean of the top_k selected instances, or of this share of them if that is more.
    top_k: Count = 3
    top_share: Share = 0.0
    # What is contrasted. "magnitude": the mean L2 norm of a video's selected instances. "snippets": as in the
    # published code, the L1 norms of the top_k selected instances after the last layer norm, the largest
    # first, as one vector per crop; the margin of 200 is meant for these.
    contrast: Literal["magnitude", "snippets"] = "magnitude"
    # Weight of the contrastive loss between magnitudes; apart_weight is for its pairs of different classes,
    # whose magnitudes should differ by the margin.
    contrast_weight: NotNegative = 1e-3
    apart_weight: NotNegative = 1e-3
    margin: NotNegative = 200.0
    smoothness_weight: NotNegative = 8e-4  # lambda_1
    sparsity_weight: NotNegative = 8e-3  # lambda_2

    def __post_init__(self):
        if not len(self.blocks) == len(self.widths) == len(self.depths):
            counts = f"{len(self.blocks)} blocks, {len(self.widths)} widths and {len(self.depths)} depths"
            raise ValueError(f"{counts}, expected as many of each")
        if odd := [width for width in self.widths if width % self.head_width]:
            raise ValueError(f"width {odd[0]} is not a multiple of head_width {self.head_width}")
        if self.focus_kernel % 2 == 0:
            raise ValueError(f"focus_kernel is {self.focus_kernel}, expected an odd number of instances")


class Focus(nn.Module):
    """Mixes an instance with its neighbours by one kernel per head, shared by the channels of the head."""

    def __init__(self, width: int, *, heads: int, head_width: int, kernel: int):
        super().__init__()
        self.norm = MaskedBatchNorm(width)
        self.value = nn.Linear(width, heads * head_width, bias=False)
        self.kernel = nn.Conv1d(heads, heads, kernel, padding=kernel // 2, groups=heads)
        self.out = nn.Linear(heads * head_width, width)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width] -> [B, T, width]
        heads = self.kernel.in_channels
        value = self.value(self.norm(rows, mask)).unflatten(2, (-1, heads))  # [B, T, channels, heads]
        mixed = self.kernel(value.permute(0, 2, 3, 1).flatten(0, 1))  # [B * channels, heads, T]
        return self.out(mixed.unflatten(0, (rows.shape[0], -1)).permute(0, 3, 1, 2).flatten(2))


class Glance(nn.Module):
    """Layer norm and attention over all instances of the video."""

    def __init__(self, width: int, *, heads: int, head_width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = GlobalLocalAttention(width, heads=heads, head_width=head_width, parts="global")

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width] -> [B, T, width]
        return self.attention(self.norm(rows), mask)


class Stage(nn.Module):
    """Blocks of a short convolution, a glance or focus, and a feed-forward network, each with a residual."""

    def __init__(self, config: MGFNConfig, kind: Block, *, width: int, depth: int):
        super().__init__()
        sizes = {"heads": width // config.head_width, "head_width": config.head_width}
        make = {
            "glance": lambda: Glance(width, **sizes),
            "focus": lambda: Focus(width, **sizes, kernel=config.focus_kernel),
        }
        self.convolutions = nn.ModuleList(TimeConv(width, width, 3) for _ in range(depth))
        self.mixers = nn.ModuleList(make[kind]() for _ in range(depth)) if kind in make else None
        self.networks = nn.ModuleList(
            feed_forward(width, config.expansion * width, config.dropout) for _ in range(depth)
        )

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width] -> [B, T, width]
        for number, (convolution, network) in enumerate(zip(self.convolutions, self.networks, strict=True)):
            rows = rows + convolution(rows, mask)
            if self.mixers is not None:
                rows = rows + self.mixers[number](rows, mask)
            rows = rows + network(rows)
        return rows


class MGFN(Head):
    """Looks at the complete video, then at neighbourhoods; features of a class should have one magnitude.

    Departure: the published code takes the magnitude after the last layer norm, which makes those of all
    instances nearly equal; this takes it before. The contrast of the preset mgfn-aaai23 is between L1 norms
    after it, as published, because the margin of 200 is out of reach of L2 norms.
    """

    config_class = MGFNConfig

    def __init__(self, config: MGFNConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        widths = config.widths
        self.embed = TimeConv(bag_spec.joined_dim, widths[0], 3)
        self.amplify = TimeConv(1, widths[0], 3) if config.amplification else None
        self.stages = nn.ModuleList(
            Stage(config, kind, width=width, depth=depth)
            for kind, width, depth in zip(config.blocks, widths, config.depths, strict=True)
        )
        self.widen = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, wider))
            for width, wider in zip(widths, widths[1:], strict=False)
        )
        self.scorer = nn.Sequential(nn.LayerNorm(widths[-1]), nn.Linear(widths[-1], 1), nn.Sigmoid())

    @classmethod
    def look_ahead(cls, config: MGFNConfig) -> int | None:
        if "glance" in config.blocks:
            return None
        kinds = zip(config.blocks, config.depths, strict=True)
        focus = config.focus_kernel // 2
        return 1 + sum(depth * (1 + focus * (kind == "focus")) for kind, depth in kinds)

    def forward(self, bags: Bags) -> HeadOutput:
        config, mask, crops = self.config, bags.mask, crops_of(bags)
        features = bags.joined()  # [B, T, D]
        rows = self.embed(features, mask)
        if self.amplify is not None:
            magnitude = torch.linalg.vector_norm(features, dim=2, keepdim=True)
            rows = rows + config.amplification * self.amplify(magnitude, mask)
        for number, stage in enumerate(self.stages):
            if number:
                rows = self.widen[number - 1](rows)
            rows = stage(rows, mask)
        score = self.scorer(rows).squeeze(2).masked_fill(~mask, 0.0)  # [B, T]
        length = torch.linalg.vector_norm(rows, dim=2).masked_fill(~mask, 0.0)
        chosen = top_weights(
            crops.mean(length if config.magnitude else score),
            crops.one(mask),
            top_count(crops.one(mask), least=config.top_k, share=config.top_share),
            hidden_share=config.hidden_share if self.training else 0.0,
        )
        weight = crops.back(chosen)  # all crops of a video select the same instances
        return HeadOutput(
            segment_score=score,
            video_score=(weight * score).sum(dim=1).clamp(0.0, 1.0),
            aux={"length": length, "weight": weight, "rows": rows},
        )

    def losses(self, output: HeadOutput, bags: Bags, _player: str = "head") -> dict[str, Tensor]:
        """Departure: smoothness and sparsity are of anomalous videos; the published code takes other ones."""
        config, crops = self.config, crops_of(bags)
        anomalous = crops.one(bags.label) > 0.5
        terms = score_losses(
            output,
            bags,
            crops,
            smoothness_weight=config.smoothness_weight,
            sparsity_weight=config.sparsity_weight,
        )
        if config.contrast_weight:
            if config.contrast == "snippets":
                lengths = crops.split(self._snippet_norms(output))  # [V, C, top_k]
            else:
                length = (output.aux["weight"] * output.aux["length"]).sum(dim=1)
                lengths = crops.mean(length)[:, None, None]
            terms["contrast"] = config.contrast_weight * contrast_loss(
                lengths[anomalous],
                lengths[~anomalous],
                margin=config.margin,
                apart_weight=config.apart_weight,
            )
        return terms

    def _snippet_norms(self, output: HeadOutput) -> Tensor:
        """L1 norms after the last layer norm of the top_k selected instances, largest first: [B, top_k].

        0 in place of instances that a shorter video does not have.
        """
        norms = self.scorer[0](output.aux["rows"]).abs().sum(dim=2)  # [B, T]
        chosen = output.aux["weight"] > 0
        rank = output.aux["length"].detach().masked_fill(~chosen, -1.0)
        order = rank.topk(min(self.config.top_k, rank.shape[1]), dim=1).indices
        return (norms * chosen).gather(1, order)


def contrast_loss(anomalous: Tensor, normal: Tensor, *, margin: float, apart_weight: float) -> Tensor:
    """Contrast magnitudes of anomalous [A, C, K] and normal [N, C, K] videos.

    The K magnitudes of a crop are one vector, compared with that of the same crop of another video; the loss
    is the mean over crops and all pairs. Within a class: squared distances. Between classes: the squared
    shortfall of the distance from the margin.
    Departure: the published code pairs one half of a class with the other, and bag i with bag i.
    """
    distance = torch.linalg.vector_norm(anomalous[:, None] - normal[None, :], dim=3)  # [A, N, C]
    shortfall = F.relu(margin - distance)
    apart = shortfall.square().mean() if shortfall.numel() else shortfall.sum()
    return apart_weight * apart + _within(anomalous) + _within(normal)


def _within(lengths: Tensor) -> Tensor:
    """Mean squared distance over crops and pairs of videos: [V, C, K] -> scalar; 0 for fewer than two."""
    pairs = max(1, len(lengths) * (len(lengths) - 1)) * lengths.shape[1]
    return (lengths[:, None] - lengths[None, :]).square().sum() / pairs
