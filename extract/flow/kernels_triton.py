"""The inner loops of TV-L1 on the GPU, in Triton: many pairs at once, each at its own scale and iteration.

Grid of every kernel: (tiles of an image, pairs). A pair's row of `table` gives its memory and its scale, in
the columns below. Buffers hold `area` pixels, those of the finest scale: flow [slot, side, plane, area], of
which one side contains the flow and the other is free for kernels that cannot work in place; dual [slot, 2 *
plane + direction, area]; terms [slot, 4, area]. Pyramids are flat: first [pair, total], images [pair, 3,
total] with the second image and its two gradients.

A kernel takes every pointer and size as its own argument: Triton has no structures to group them in.
"""

# pyright: reportGeneralTypeIssues=false
# tl.static_range is iterable only for Triton's compiler.

import triton
import triton.language as tl

COLUMNS = tl.constexpr(10)  # globals of kernels must have Triton's own constant type
SLOT, PAIR, HEIGHT, WIDTH, OFFSET = (tl.constexpr(column) for column in range(5))
COARSE_HEIGHT, COARSE_WIDTH, SIDE_COARSE, SIDE_WARP, SIDE_RUN = (tl.constexpr(n) for n in range(5, 10))
FLAT = tl.constexpr(1.1920929e-07)  # float32 epsilon, as in OpenCV: smaller squared gradients count as none
HUGE = tl.constexpr(3.0e38)


@triton.jit
def cell(table, COLUMN: tl.constexpr):
    """One number from the table row of this program's pair."""
    return tl.load(table + tl.program_id(1) * COLUMNS + COLUMN)


@triton.jit
def start_scale(table, flow, dual, area, factor, BLOCK: tl.constexpr):
    """Resize the coarser scale's flow and multiply it by factor (zero at the coarsest); clear the dual."""
    height, width = cell(table, HEIGHT), cell(table, WIDTH)
    coarse_height, coarse_width = cell(table, COARSE_HEIGHT), cell(table, COARSE_WIDTH)
    slot = cell(table, SLOT).to(tl.int64)
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < height * width
    step_x, step_y = coarse_width.to(tl.float32) / width, coarse_height.to(tl.float32) / height
    x = ((i % width).to(tl.float32) + 0.5) * step_x - 0.5
    y = ((i // width).to(tl.float32) + 0.5) * step_y - 0.5
    x = tl.maximum(tl.minimum(x, (coarse_width - 1).to(tl.float32)), 0.0)
    y = tl.maximum(tl.minimum(y, (coarse_height - 1).to(tl.float32)), 0.0)
    left, upper = x.to(tl.int32), y.to(tl.int32)
    share_x, share_y = x - left.to(tl.float32), y - upper.to(tl.float32)
    right, lower = tl.minimum(left + 1, coarse_width - 1), tl.minimum(upper + 1, coarse_height - 1)
    read = i < tl.where(coarse_width > 0, height * width, 0)
    for plane in tl.static_range(2):
        source = flow + ((slot * 2 + cell(table, SIDE_COARSE)) * 2 + plane) * area
        high = tl.load(source + upper * coarse_width + left, mask=read, other=0.0) * (1 - share_x)
        high += tl.load(source + upper * coarse_width + right, mask=read, other=0.0) * share_x
        low = tl.load(source + lower * coarse_width + left, mask=read, other=0.0) * (1 - share_x)
        low += tl.load(source + lower * coarse_width + right, mask=read, other=0.0) * share_x
        target = flow + ((slot * 2 + cell(table, SIDE_WARP)) * 2 + plane) * area
        tl.store(target + i, (high * (1 - share_y) + low * share_y) * factor, mask=inside)
    zero = tl.zeros([BLOCK], tl.float32)
    for k in tl.static_range(4):
        tl.store(dual + (slot * 4 + k) * area + i, zero, mask=inside)


@triton.jit
def _cubic_weight(distance):
    """Weight (a = -0.75, as in OpenCV) of a pixel at this distance from the point, at most 2."""
    d = tl.abs(distance)
    near = 1 - (2.25 - 1.25 * d) * d * d
    far = -0.75 * (d - 1) * (2 - d) * (2 - d)
    return tl.where(d <= 1, near, far)


@triton.jit
def warp(table, first, images, flow, terms, errors, area, total, BLOCK: tl.constexpr):
    """Terms of a warp: gradient x and y, 1 / squared gradient, residual at zero flow; resets the error."""
    height, width, offset = cell(table, HEIGHT), cell(table, WIDTH), cell(table, OFFSET)
    slot, pair = cell(table, SLOT).to(tl.int64), cell(table, PAIR).to(tl.int64)
    if tl.program_id(0) == 0:
        tl.store(errors + slot, HUGE)
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < height * width
    flow += (slot * 2 + cell(table, SIDE_WARP)) * 2 * area
    flow_x = tl.load(flow + i, mask=inside, other=0.0)
    flow_y = tl.load(flow + area + i, mask=inside, other=0.0)
    x, y = (i % width).to(tl.float32) + flow_x, (i // width).to(tl.float32) + flow_y
    # Farther out all taps are outside; the bound keeps the conversion to integers defined.
    x = tl.maximum(tl.minimum(x, (width + 2).to(tl.float32)), -3.0)
    y = tl.maximum(tl.minimum(y, (height + 2).to(tl.float32)), -3.0)
    left, top = tl.floor(x), tl.floor(y)
    images += pair * 3 * total + offset
    value = tl.zeros([BLOCK], tl.float32)
    grad_x, grad_y = value, value
    for j in tl.static_range(4):
        row = top.to(tl.int32) + (j - 1)
        down = _cubic_weight(y - top - (j - 1))
        for k in tl.static_range(4):
            column = left.to(tl.int32) + (k - 1)
            weight = down * _cubic_weight(x - left - (k - 1))
            there = inside & (row >= 0) & (row < height) & (column >= 0) & (column < width)
            tap = images + row * width + column
            value += weight * tl.load(tap, mask=there, other=0.0)
            grad_x += weight * tl.load(tap + total, mask=there, other=0.0)
            grad_y += weight * tl.load(tap + 2 * total, mask=there, other=0.0)
    residual = value - grad_x * flow_x - grad_y * flow_y
    residual -= tl.load(first + pair * total + offset + i, mask=inside, other=0.0)
    terms += slot * 4 * area
    tl.store(terms + i, grad_x, mask=inside)
    tl.store(terms + area + i, grad_y, mask=inside)
    square = grad_x * grad_x + grad_y * grad_y
    tl.store(terms + 2 * area + i, 1 / tl.maximum(square, FLAT), mask=inside)
    tl.store(terms + 3 * area + i, residual, mask=inside)


@triton.jit
def update_flow(
    table, flow, dual, terms, errors, partial, area, tiles, epsilon_2, bound, theta, BLOCK: tl.constexpr
):
    """One step of the flow, in place, and each tile's sum of squared changes; skips stopped pairs."""
    height, width = cell(table, HEIGHT), cell(table, WIDTH)
    slot, tile = cell(table, SLOT).to(tl.int64), tl.program_id(0)
    running = tl.load(errors + slot) > epsilon_2 * (height * width)
    if running & (tile * BLOCK < height * width):
        i = tile * BLOCK + tl.arange(0, BLOCK)
        inside = i < height * width
        has_left, has_above = inside & (i % width > 0), inside & (i >= width)
        flow += (slot * 2 + cell(table, SIDE_RUN)) * 2 * area
        dual += slot * 4 * area
        terms += slot * 4 * area
        old_x = tl.load(flow + i, mask=inside, other=0.0)
        old_y = tl.load(flow + area + i, mask=inside, other=0.0)
        grad_x = tl.load(terms + i, mask=inside, other=0.0)
        grad_y = tl.load(terms + area + i, mask=inside, other=0.0)
        brightness = tl.load(terms + 3 * area + i, mask=inside, other=0.0) + grad_x * old_x + grad_y * old_y
        step = -brightness * tl.load(terms + 2 * area + i, mask=inside, other=0.0)
        step = tl.maximum(tl.minimum(step, bound), -bound)
        move_x = step * grad_x + theta * _divergence(dual, i, width, area, inside, has_left, has_above)
        dual += 2 * area
        move_y = step * grad_y + theta * _divergence(dual, i, width, area, inside, has_left, has_above)
        tl.store(flow + i, old_x + move_x, mask=inside)
        tl.store(flow + area + i, old_y + move_y, mask=inside)
        change = tl.where(inside, move_x * move_x + move_y * move_y, 0.0)
        tl.store(partial + slot * tiles + tile, tl.sum(change, axis=0))


@triton.jit
def _divergence(plane, i, width, area, inside, has_left, has_above):
    across, down = plane + i, plane + area + i
    change = tl.load(across, mask=inside, other=0.0) - tl.load(across - 1, mask=has_left, other=0.0)
    return change + tl.load(down, mask=inside, other=0.0) - tl.load(down - width, mask=has_above, other=0.0)


@triton.jit
def update_dual(
    table,
    flow,
    dual,
    errors,
    next_errors,
    partial,
    area,
    tiles,
    epsilon_2,
    rate,
    BLOCK: tl.constexpr,
    TILES: tl.constexpr,
):
    """One step of the dual variable, in place; next_errors gets the new error of running pairs.

    One program adds the tiles' sums, in a fixed order. TILES: a power of two, at least `tiles`.
    """
    height, width = cell(table, HEIGHT), cell(table, WIDTH)
    slot, tile = cell(table, SLOT).to(tl.int64), tl.program_id(0)
    error = tl.load(errors + slot)
    running = error > epsilon_2 * (height * width)
    if tile == 0:
        k = tl.arange(0, TILES)
        sums = tl.load(partial + slot * tiles + k, mask=k * BLOCK < height * width, other=0.0)
        tl.store(next_errors + slot, tl.where(running, tl.sum(sums, axis=0), error))
    if running & (tile * BLOCK < height * width):
        i = tile * BLOCK + tl.arange(0, BLOCK)
        inside = i < height * width
        has_right, has_below = inside & (i % width < width - 1), i < (height - 1) * width
        flow += (slot * 2 + cell(table, SIDE_RUN)) * 2 * area
        for plane in tl.static_range(2):
            place = flow + plane * area + i
            here = tl.load(place, mask=inside, other=0.0)
            dx = tl.where(has_right, tl.load(place + 1, mask=has_right, other=0.0) - here, 0.0)
            dy = tl.where(has_below, tl.load(place + width, mask=has_below, other=0.0) - here, 0.0)
            shrink = 1 / (1 + rate * tl.sqrt(dx * dx + dy * dy))
            across = dual + (slot * 4 + 2 * plane) * area + i
            tl.store(across, (tl.load(across, mask=inside, other=0.0) + rate * dx) * shrink, mask=inside)
            down = across + area
            tl.store(down, (tl.load(down, mask=inside, other=0.0) + rate * dy) * shrink, mask=inside)
