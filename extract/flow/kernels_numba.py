"""The inner loops of TV-L1 on the CPU, by numba: one sweep updates flow and dual variable.

Planes are flat, row after row. Each dual plane has one row of zeros before it, and its last column is always
zero (there is no forward difference across the border), so "the pixel to the left" and "the pixel above" need
no border cases: index - 1 and index - width are zero where there is no neighbour. All arithmetic is float32.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from extract.flow.numba_cache import compiled

FLAT = np.float32(1.1920929e-07)  # float32 epsilon, as in OpenCV: smaller squared gradients count as none
ZERO, ONE, HUGE = np.float32(0.0), np.float32(1.0), np.float32(3.0e38)
ROWS = 8  # rows that are updated together: long loops, but still in the cache for the dual update


class Planes(NamedTuple):
    """The arrays of one scale, n = height * width pixels, all float32."""

    flow: np.ndarray  # [2, n + 1], x and y, with one unused pixel at the end
    dual: np.ndarray  # [4, n + width], the dual variable of flow x and y, each across and down
    terms: np.ndarray  # [4, n], see linearise


class Steps(NamedTuple):
    """Constants of the iterations, float32 (see TVL1Settings)."""

    bound: np.float32  # lam * theta, the longest brightness step
    theta: np.float32
    rate: np.float32  # tau / theta, of the dual update


@compiled
def linearise(first, warped, flow, terms):
    """Fill terms [4, n] with gradient x, gradient y, 1 / squared gradient and the residual at zero flow.

    first: [n]; warped: [n, 3], the second image and its two gradients at the moved pixels; flow: [2, n + 1].
    """
    for i in range(first.size):
        grad_x, grad_y = warped[i, 1], warped[i, 2]
        terms[0, i] = grad_x
        terms[1, i] = grad_y
        terms[2, i] = ONE / max(grad_x * grad_x + grad_y * grad_y, FLAT)
        terms[3, i] = warped[i, 0] - grad_x * flow[0, i] - grad_y * flow[1, i] - first[i]


@compiled
def _flow_rows(begin, end, width, planes, steps):
    """Update the flow of the pixels [begin, end); returns the sum of its squared changes."""
    flow, dual, terms = planes
    bound, theta, _ = steps
    flow_x, flow_y = flow[0, begin:end], flow[1, begin:end]
    grad_x, grad_y = terms[0, begin:end], terms[1, begin:end]
    inverse, residual = terms[2, begin:end], terms[3, begin:end]
    first, last = begin + width, end + width  # the dual planes start with a row of zeros
    across_x, left_x = dual[0, first:last], dual[0, first - 1 : last - 1]
    down_x, above_x = dual[1, first:last], dual[1, begin:end]
    across_y, left_y = dual[2, first:last], dual[2, first - 1 : last - 1]
    down_y, above_y = dual[3, first:last], dual[3, begin:end]
    change = ZERO
    for i in range(flow_x.size):
        old_x, old_y = flow_x[i], flow_y[i]
        step = -(residual[i] + grad_x[i] * old_x + grad_y[i] * old_y) * inverse[i]
        step = min(max(step, -bound), bound)
        move_x = step * grad_x[i] + theta * (across_x[i] - left_x[i] + down_x[i] - above_x[i])
        move_y = step * grad_y[i] + theta * (across_y[i] - left_y[i] + down_y[i] - above_y[i])
        flow_x[i] = old_x + move_x
        flow_y[i] = old_y + move_y
        change += move_x * move_x + move_y * move_y
    return change


@compiled
def _dual_plane(here, right, below, across, down, rate):
    """Update the dual variable of one flow plane at complete rows; all arguments have the same length."""
    for i in range(here.size):
        dx, dy = right[i] - here[i], below[i] - here[i]
        shrink = ONE / (ONE + rate * np.sqrt(dx * dx + dy * dy))
        across[i] = (across[i] + rate * dx) * shrink
        down[i] = (down[i] + rate * dy) * shrink


@compiled
def _dual_rows(begin, end, width, below, planes, steps, kept):
    """Update the dual variable at complete rows, at most ROWS.

    below: width, or 0 for the last row, which has no row below it. kept: memory for one number per row.
    """
    flow, dual, _ = planes
    rate = steps.rate
    for k in range(2):
        here, under = flow[k, begin:end], flow[k, begin + below : end + below]
        across, down = dual[2 * k, begin + width : end + width], dual[2 * k + 1, begin + width : end + width]
        for row in range((end - begin) // width):
            kept[row] = down[row * width + width - 1]
        _dual_plane(here, flow[k, begin + 1 : end + 1], under, across, down, rate)
        # The sweep used the first pixel of the next row as the right neighbour of the last column, which has
        # none: recompute that column.
        for row in range((end - begin) // width):
            i = row * width + width - 1
            dy = under[i] - here[i]
            across[i] = ZERO
            down[i] = (kept[row] + rate * dy) / (ONE + rate * abs(dy))


@compiled
def iterate(height, width, planes, steps, stop, limit):
    """Update flow and dual variable in place until the summed squared change is at most stop.

    planes: Planes. steps: Steps. limit: most iterations. Returns (iterations, last change).
    A row's dual variable needs the new flow of the row below, and its flow needs the old dual variable of the
    row above. Every other iteration goes from bottom to top, so that it starts with the rows that are still
    in the cache.
    """
    change, kept = HUGE, np.empty(ROWS, np.float32)
    blocks = (height + ROWS - 1) // ROWS
    for iteration in range(limit):
        total = 0.0
        if iteration % 2 == 0:
            done = 0  # rows whose dual variable is updated
            for block in range(blocks):
                row, end = block * ROWS, min(block * ROWS + ROWS, height)
                total += _flow_rows(row * width, end * width, width, planes, steps)
                _dual_rows(done * width, (end - 1) * width, width, width, planes, steps, kept)
                done = end - 1
            _dual_rows(done * width, height * width, width, 0, planes, steps, kept)
        else:
            for block in range(blocks - 1, -1, -1):
                row, end = block * ROWS, min(block * ROWS + ROWS, height)
                total += _flow_rows(row * width, end * width, width, planes, steps)
                inner = min(end, height - 1)
                _dual_rows(row * width, inner * width, width, width, planes, steps, kept)
                _dual_rows(inner * width, end * width, width, 0, planes, steps, kept)
        change = np.float32(total)
        if change <= stop:
            return iteration + 1, change
    return limit, change
