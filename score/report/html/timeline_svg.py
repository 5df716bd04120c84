"""Score timelines as inline SVG: small enough for hundreds on a page, coloured by the page's own style."""

from __future__ import annotations

from typing import Any

import numpy as np

from score.evaluation.evaluation import ScoredVideo
from score.report.figures.timelines import spans, thinned

WIDTH, HEIGHT = 600, 80  # units of the drawing; the page scales it
POINTS = 300


def timeline_svg(video: ScoredVideo) -> str:
    """Mean score over seeds as a line, the range of the seeds around it, annotated spans behind it.

    Classes of its parts: truth, range, score, half (the line at 0.5). Holds no text, so nothing needs
    escaping.
    """
    low, high = min(0.0, float(video.frame_score.min())), max(1.0, float(video.frame_score.max()))
    parts = [_span(start, stop, video.num_frames) for start, stop in spans(video.label)]

    def height(score: float | np.ndarray) -> Any:
        """Upside down: y grows downwards in SVG."""
        return HEIGHT * (1 - (score - low) / (high - low))

    parts.append(f'<path class="half" d="M0 {height(0.5):.1f}H{WIDTH}"/>')
    if len(video.frame_score) > 1:
        frames, upper = thinned(video.frame_score.max(axis=0), POINTS)
        lower = -thinned(-video.frame_score.min(axis=0), POINTS)[1]
        # There along the upper edge, back along the lower one.
        outline = _steps(frames, height(upper), video.num_frames, begin="M")
        back = _steps(frames, height(lower), video.num_frames, begin="L", backwards=True)
        parts.append(f'<path class="range" d="{outline}{back}Z"/>')
    frames, scores = thinned(video.mean_score, POINTS)
    parts.append(f'<path class="score" d="{_steps(frames, height(scores), video.num_frames, begin="M")}"/>')
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true"'
    return f"<svg {box}>{''.join(parts)}</svg>"


def _span(start: int, stop: int, num_frames: int) -> str:
    left, width = WIDTH * start / num_frames, WIDTH * (stop - start) / num_frames
    return f'<rect class="truth" x="{left:.1f}" y="0" width="{max(width, 1):.1f}" height="{HEIGHT}"/>'


def _steps(
    frames: np.ndarray, heights: np.ndarray, num_frames: int, *, begin: str, backwards: bool = False
) -> str:
    """A path of horizontal steps; neighbours of equal height are one step."""
    changes = np.flatnonzero(np.r_[True, np.abs(np.diff(heights)) > 0.05])
    left = WIDTH * frames[changes] / num_frames
    right = np.r_[left[1:], WIDTH]
    steps = list(zip(left, right, heights[changes], strict=True))
    if backwards:
        steps = [(stop, start, level) for start, stop, level in reversed(steps)]
    path = f"{begin}{steps[0][0]:.1f} {steps[0][2]:.1f}"
    return path + "".join(
        f"{'' if index == 0 else f'V{level:.1f}'}H{stop:.1f}" for index, (_, stop, level) in enumerate(steps)
    )
