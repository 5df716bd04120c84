"""How the head reclass learns from windows and scores frame by frame, where its settings ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from score.bags.bags import Bags, BagSpec
from score.heads.base import HeadOutput
from score.heads.reclass_parts.cell_ratios import FrameScores, Maps
from score.heads.reclass_parts.clip_generation import ClipGeneration
from score.heads.reclass_parts.median_picture import MedianPicture
from score.heads.reclass_parts.reclass_config import RECLASSConfig
from score.heads.reclass_parts.score_terms import frame_error
from score.heads.reclass_parts.training_windows import draw_windows, on_cells


class FrameScoring(ClipGeneration):
    """The part of the head that is there with scoring=frames; frame_scores is None without.

    Raises ValueError for scoring=frames on a store without speed maps.
    """

    frame_scores: FrameScores | None

    def __init__(self, config: RECLASSConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        self.frame_scores = None
        self.scores_frames = config.scoring == "frames"
        if not self.scores_frames:
            return
        shapes = bag_spec.array_shapes
        if "speed" not in shapes:
            raise ValueError(
                "scoring is 'frames', but the store has no speed maps; extract with --preset reclass-frames "
                "or --set scene.speed=true, or use head.scoring=clips"
            )
        self.frame_scores = FrameScores(config, (shapes["speed"][0], shapes["speed"][1]))
        if config.median_background:
            _, height, width, _ = shapes["rgb"]
            self.median = MedianPicture((height, width))

    def train_frames(self, bags: Bags) -> HeadOutput:
        """What is generated in windows around what moves; scores of windows are not those of frames: 0."""
        windows, clips = None, self.clips(bags)
        if self.median is not None and self.training:
            normal = (bags.label < 0.5)[:, None].expand_as(bags.mask)[bags.mask]
            self.median.update(clips.frames[(clips.shown > 0) & normal[:, None]])
        if self.config.window:
            windows = draw_windows(
                bags.arrays["speed"][bags.mask],
                size=(clips.frames.shape[-2], clips.frames.shape[-1]),
                side=self.config.window,
                count=self.config.windows,
            )
        generated = self.generate(self.clips(bags, windows))
        generated["autocast"] = torch.tensor(torch.is_autocast_enabled(bags.mask.device.type))
        if windows is not None:
            generated["windows"] = windows
        score = bags.mask.new_zeros(bags.mask.shape, dtype=torch.float32)
        return HeadOutput(score, score.amax(dim=1), generated)

    def score_frames(self, bags: Bags) -> HeadOutput:
        assert self.frame_scores is not None
        maps, known = self._cell_maps(bags)
        terms = self.frame_scores.terms(self.frame_scores.ratios(maps), known)
        score = self.frame_scores.score(terms).masked_fill(~bags.mask, 0.0)
        return HeadOutput(score, score.amax(dim=1), {"terms": terms})

    def _cell_maps(self, bags: Bags) -> tuple[dict[str, Tensor], Tensor]:
        """Speeds and prediction errors on cells, [B, T, R, C], and which segments have both: bool [B, T]."""
        assert self.frame_scores is not None
        speed = bags.arrays["speed"]
        error, known = torch.zeros_like(speed), torch.zeros_like(bags.mask)
        parts = []
        for clips, made in self.parts(bags):
            errors = frame_error(clips, made["now"], made["following"]) * clips.shown[..., None, None]
            mean = errors.sum(dim=1) / clips.shown.sum(dim=1).clamp(min=1)[:, None, None]
            parts.append((on_cells(mean, self.frame_scores.shape), clips.shown.any(dim=1)))
        errors, shown = (torch.cat(rows) for rows in zip(*parts, strict=True))
        error[bags.mask], known[bags.mask] = errors.to(error.dtype), shown
        return {"speed": speed, "appearance": error}, known

    def normal_maps(self, batches: Iterable[Bags]) -> Iterator[Maps]:
        """The maps of normal videos, each bag without its padding."""
        for bags in batches:
            maps, known = self._cell_maps(bags)
            assert bags.video is not None
            for bag in torch.nonzero(bags.label < 0.5)[:, 0].tolist():
                mask = bags.mask[bag]
                yield (
                    {name: rows[bag][mask] for name, rows in maps.items()},
                    known[bag][mask],
                    int(bags.video[bag]),
                )

    @torch.no_grad()
    def frame_maps(self, bags: Bags) -> dict[str, Tensor]:
        assert self.frame_scores is not None
        return self.frame_scores.maps(self.frame_scores.ratios(self._cell_maps(bags)[0]))

    @torch.no_grad()
    def frame_attention(self, bags: Bags) -> Tensor:
        assert self.frame_scores is not None
        return self.frame_scores.attention(self.frame_scores.ratios(self._cell_maps(bags)[0]))
