"""The 5x5 median on the GPU, in Triton, by comparisons only.

Sort the five values of each column, then each rank across the five columns. A value of rank i at position j
then has (i + 1)(j + 1) values not above it and (5 - i)(5 - j) not below it, itself included; if either number
exceeds 13, it cannot be the median of 25. Six values are discarded as too small and six as too large. From
the remaining thirteen the smallest and the largest are discarded repeatedly, each time with one more value
added.
"""

import triton
import triton.language as tl

from extract.flow.kernels_triton import HEIGHT, SIDE_RUN, SIDE_WARP, SLOT, WIDTH, cell


@triton.jit
def median_5x5(table, flow, area, BLOCK: tl.constexpr):
    """Median of the 25 values around each pixel, with a repeated border, written to the other side."""
    height, width = cell(table, HEIGHT), cell(table, WIDTH)
    slot, plane = cell(table, SLOT).to(tl.int64), tl.program_id(2)
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < height * width
    x, y = i % width, i // width
    source = flow + ((slot * 2 + cell(table, SIDE_WARP)) * 2 + plane) * area
    v0, w0, x0, y0, z0 = _column(source, tl.maximum(x - 2, 0), y, height, width, inside)
    v1, w1, x1, y1, z1 = _column(source, tl.maximum(x - 1, 0), y, height, width, inside)
    v2, w2, x2, y2, z2 = _column(source, x, y, height, width, inside)
    v3, w3, x3, y3, z3 = _column(source, tl.minimum(x + 1, width - 1), y, height, width, inside)
    v4, w4, x4, y4, z4 = _column(source, tl.minimum(x + 2, width - 1), y, height, width, inside)
    v0, v1, v2, v3, v4 = _sorted(v0, v1, v2, v3, v4)
    w0, w1, w2, w3, w4 = _sorted(w0, w1, w2, w3, w4)
    x0, x1, x2, x3, x4 = _sorted(x0, x1, x2, x3, x4)
    y0, y1, y2, y3, y4 = _sorted(y0, y1, y2, y3, y4)
    z0, z1, z2, z3, z4 = _sorted(z0, z1, z2, z3, z4)
    median = _median_of_13(v3, v4, w2, w3, w4, x1, x2, x3, y0, y1, y2, z0, z1)
    target = flow + ((slot * 2 + cell(table, SIDE_RUN)) * 2 + plane) * area
    tl.store(target + i, median, mask=inside)


@triton.jit
def _column(source, x, y, height, width, inside):
    above_2, above_1 = tl.maximum(y - 2, 0), tl.maximum(y - 1, 0)
    below_1, below_2 = tl.minimum(y + 1, height - 1), tl.minimum(y + 2, height - 1)
    a = tl.load(source + above_2 * width + x, mask=inside, other=0.0)
    b = tl.load(source + above_1 * width + x, mask=inside, other=0.0)
    c = tl.load(source + y * width + x, mask=inside, other=0.0)
    d = tl.load(source + below_1 * width + x, mask=inside, other=0.0)
    e = tl.load(source + below_2 * width + x, mask=inside, other=0.0)
    return _sorted(a, b, c, d, e)


@triton.jit
def _ordered(a, b):
    return tl.minimum(a, b), tl.maximum(a, b)


@triton.jit
def _sorted(a, b, c, d, e):
    a, b = _ordered(a, b)
    d, e = _ordered(d, e)
    c, e = _ordered(c, e)
    c, d = _ordered(c, d)
    b, e = _ordered(b, e)
    a, d = _ordered(a, d)
    a, c = _ordered(a, c)
    b, d = _ordered(b, d)
    b, c = _ordered(b, c)
    return a, b, c, d, e


@triton.jit
def _median_of_13(a, b, c, d, e, f, g, h, i, j, k, m, n):
    # Of any eight values, neither the smallest nor the largest is the median of thirteen.
    a, b = _ordered(a, b)
    c, d = _ordered(c, d)
    e, f = _ordered(e, f)
    g, h = _ordered(g, h)
    a, c = _ordered(a, c)
    e, g = _ordered(e, g)
    a, e = _ordered(a, e)
    b, d = _ordered(b, d)
    f, h = _ordered(f, h)
    d, h = _ordered(d, h)
    b, c, d, e, f = _without_extremes_of_7(b, c, d, e, f, g, i)
    c, d, e, f = _without_extremes_of_6(b, c, d, e, f, j)
    d, e, f = _without_extremes_of_5(c, d, e, f, k)
    e, f = _without_extremes_of_4(d, e, f, m)
    e, f = _ordered(e, f)
    return tl.maximum(e, tl.minimum(f, n))


@triton.jit
def _without_extremes_of_7(a, b, c, d, e, f, g):
    a, b = _ordered(a, b)
    c, d = _ordered(c, d)
    e, f = _ordered(e, f)
    a, c = _ordered(a, c)
    a, e = _ordered(a, e)
    a, g = _ordered(a, g)
    b, d = _ordered(b, d)
    d, f = _ordered(d, f)
    f, g = _ordered(f, g)
    return b, c, d, e, f


@triton.jit
def _without_extremes_of_6(a, b, c, d, e, f):
    a, b = _ordered(a, b)
    c, d = _ordered(c, d)
    e, f = _ordered(e, f)
    a, c = _ordered(a, c)
    a, e = _ordered(a, e)
    b, d = _ordered(b, d)
    d, f = _ordered(d, f)
    return b, c, d, e


@triton.jit
def _without_extremes_of_5(a, b, c, d, e):
    a, b = _ordered(a, b)
    c, d = _ordered(c, d)
    a, c = _ordered(a, c)
    a, e = _ordered(a, e)
    b, d = _ordered(b, d)
    d, e = _ordered(d, e)
    return b, c, d


@triton.jit
def _without_extremes_of_4(a, b, c, d):
    a, b = _ordered(a, b)
    c, d = _ordered(c, d)
    a, c = _ordered(a, c)
    b, d = _ordered(b, d)
    return b, c
