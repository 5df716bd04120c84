"""What the head reclass generates from clips, and what its discriminators say about that."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head
from score.heads.reclass_parts.clip_inputs import Clips, clips_of
from score.heads.reclass_parts.discriminators import ClipDiscriminator, GraphDiscriminator
from score.heads.reclass_parts.frame_generator import FrameGenerator
from score.heads.reclass_parts.median_picture import MedianPicture
from score.heads.reclass_parts.people_generator import PeopleGenerator
from score.heads.reclass_parts.reclass_config import RECLASSConfig
from score.heads.reclass_parts.training_windows import windows_of

CHANNELS = 3  # channels of the adjacency: distance, mutual gaze, shared target


class ClipGeneration(Head):
    """The networks of the head: generators of frames, motion and people, and a discriminator each."""

    # The background of a still camera, where frame_scoring takes one.
    median: MedianPicture | None

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
        self.median = None

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
