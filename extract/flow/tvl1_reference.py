"""TV-L1 written to be read: the reference for tests of every faster version, on any device.

The energy of a scale is split in two: a pointwise step moves the flow to where the warped brightness agrees,
and a dual variable p keeps it smooth (see tvl1_settings.py for the papers). Each pair of a batch stops on its
own: finished pairs leave the batch, so the result of a pair does not depend on the other pairs.
"""

from __future__ import annotations

import itertools
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from extract.flow.tvl1_settings import TVL1Settings

FLAT = 1.1920929e-07  # float32 epsilon; smaller squared gradients count as none


def tvl1_reference(first: Tensor, second: Tensor, settings: TVL1Settings) -> Tensor:
    """Grey float32 [B, H, W] on 0..255, twice -> flow float32 [B, 2, H, W] in pixels: x, then y."""
    shapes = settings.pyramid(*first.shape[-2:])
    pyramid = [(first, second)]
    for shape in shapes[1:]:
        first, second = (resize(planes, shape, step=1 / settings.scale_step) for planes in pyramid[-1])
        pyramid.append((first, second))
    flow = first.new_zeros(len(first), 2, *shapes[-1])
    # Coarse to fine: each scale starts from the flow of the coarser one.
    for level in reversed(range(len(shapes))):
        if flow.shape[-2:] != shapes[level]:
            flow = resize(flow, shapes[level]) * (1 / settings.scale_step)
        flow = _one_scale(*pyramid[level], flow, settings)
    return flow


def resize(planes: Tensor, shape: tuple[int, int], *, step: float | None = None) -> Tensor:
    """Bilinear without antialiasing, [..., H, W] -> [..., H', W'].

    step: source pixels per pixel of the result, None = the ratio of the sizes.
    """
    for dim, size in ((-2, shape[0]), (-1, shape[1])):
        length = planes.shape[dim]
        # Positions are computed in float64, as in OpenCV; torch's own interpolate rounds sizes and steps
        # differently.
        centres = torch.arange(size, dtype=torch.float64, device=planes.device) + 0.5
        position = (centres * (step or length / size) - 0.5).float().clamp(0, length - 1)
        lower = position.floor().long()
        weight = position - lower
        weight = weight if dim == -1 else weight[:, None]
        upper = (lower + 1).clamp(max=length - 1)
        planes = planes.index_select(dim, lower) * (1 - weight) + planes.index_select(dim, upper) * weight
    return planes


def _one_scale(first: Tensor, second: Tensor, flow: Tensor, settings: TVL1Settings) -> Tensor:
    images = torch.stack([second, *central_gradient(second)], dim=1)  # [B, 3, H, W]
    dual = flow.new_zeros(len(flow), 2, 2, *flow.shape[-2:])  # plane, then direction; kept over warps
    for _ in range(settings.warps):
        warped, grad_x, grad_y = _warp(images, flow).unbind(dim=1)
        # Linearise the second image around the current flow: residual + gradient . flow is the difference.
        square = grad_x**2 + grad_y**2
        residual = warped - grad_x * flow[:, 0] - grad_y * flow[:, 1] - first
        flow, dual = _iterate(flow, dual, torch.stack([grad_x, grad_y, square, residual], dim=1), settings)
    return flow


def _iterate(flow: Tensor, dual: Tensor, terms: Tensor, settings: TVL1Settings) -> tuple[Tensor, Tensor]:
    """Alternate both updates, per pair until its flow hardly changes. terms: [B, 4, H, W]."""
    stop = settings.stop_error(*flow.shape[-2:])
    final_flow, final_dual = torch.empty_like(flow), torch.empty_like(dual)
    live = torch.arange(len(flow), device=flow.device)  # the pairs that are still running
    for iteration in range(settings.inner_iterations * settings.outer_iterations):
        if iteration % settings.inner_iterations == 0 and settings.median_size > 1:
            flow = median_5x5(flow)
        before, flow = flow, _primal_step(flow, dual, terms, settings)
        dual = _dual_step(flow, dual, settings)
        running = (flow - before).square().sum(dim=(1, 2, 3)) > stop
        # Take finished pairs out of the batch, so that they stop exactly where they would alone.
        if not running.all():
            ended = live[~running]
            final_flow[ended], final_dual[ended] = flow[~running], dual[~running]
            live, flow, dual, terms = (each[running] for each in (live, flow, dual, terms))
            if not len(live):
                break
    final_flow[live], final_dual[live] = flow, dual
    return final_flow, final_dual


def _primal_step(flow: Tensor, dual: Tensor, terms: Tensor, settings: TVL1Settings) -> Tensor:
    gradient, square, residual = terms[:, :2], terms[:, 2], terms[:, 3]
    brightness = residual + (gradient * flow).sum(dim=1)  # [B, H, W]; zero where the images agree
    bound = settings.lam * settings.theta
    # Move along the gradient to where the images agree, at most `bound`. Where there is no gradient, the
    # product below vanishes by itself.
    step = (-brightness / square.clamp(min=FLAT)).clamp(-bound, bound)
    return flow + step[:, None] * gradient + settings.theta * _divergence(dual)


def _dual_step(flow: Tensor, dual: Tensor, settings: TVL1Settings) -> Tensor:
    rate = settings.tau / settings.theta
    gradient = _forward_gradient(flow)
    length = gradient.square().sum(dim=2, keepdim=True).sqrt()
    return (dual + rate * gradient) / (1 + rate * length)


def central_gradient(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Half the difference of the two neighbours, with a repeated border. [B, H, W] -> x, y."""
    padded = functional.pad(planes[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    across = 0.5 * (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2])
    return across, 0.5 * (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1])


def _forward_gradient(flow: Tensor) -> Tensor:
    """[B, 2, H, W] -> [B, 2, direction, H, W]; zero at the far border."""
    across = functional.pad(flow.diff(dim=-1), (0, 1))
    return torch.stack([across, functional.pad(flow.diff(dim=-2), (0, 0, 0, 1))], dim=2)


def _divergence(dual: Tensor) -> Tensor:
    """The negative adjoint of the forward gradient. [B, 2, direction, H, W] -> [B, 2, H, W]."""
    zero_before = partial(functional.pad, mode="constant", value=0.0)
    across = zero_before(dual[:, :, 0], (1, 0)).diff(dim=-1)
    return across + zero_before(dual[:, :, 1], (0, 0, 1, 0)).diff(dim=-2)


def _warp(images: Tensor, flow: Tensor) -> Tensor:
    """Bicubic interpolation at each pixel moved by the flow; zero outside the image. [B, 3, H, W]."""
    batch, channels, height, width = images.shape
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1]
    left, top = x.floor(), y.floor()
    across, down = _cubic_weights(x - left), _cubic_weights(y - top)
    left, top = left.long() - 1, top.long() - 1
    pixels, warped = images.flatten(2), torch.zeros_like(images)
    for i, j in itertools.product(range(4), range(4)):
        column, row = left + i, top + j
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        index = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).flatten(1)
        taps = pixels.gather(2, index[:, None].expand(batch, channels, -1)).view_as(images)
        warped += (across[i] * down[j] * inside)[:, None] * taps
    return warped


def _cubic_weights(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights (a = -0.75, as in OpenCV) of the pixels at -1, 0, 1 and 2 for a point at t in [0, 1)."""
    s = 1 - t
    return -0.75 * t * s**2, 1 - (2.25 - 1.25 * t) * t**2, 1 - (2.25 - 1.25 * s) * s**2, -0.75 * s * t**2


def median_5x5(flow: Tensor) -> Tensor:
    """Median of the 25 values around each pixel, with a repeated border. [B, 2, H, W]."""
    padded = functional.pad(flow, (2, 2, 2, 2), mode="replicate")
    windows = padded.unfold(2, 5, 1).unfold(3, 5, 1).flatten(4)  # [B, 2, H, W, 25]
    return windows.median(dim=-1).values
