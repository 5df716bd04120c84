"""TV-L1 on the CPU: OpenCV's warp, median and resize around numba's inner loops, one pair per thread."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import cv2
import numpy as np

from extract.flow import kernels_numba as kernels
from extract.flow.tvl1_settings import TVL1Settings


def tvl1_cpu(
    first: np.ndarray, second: np.ndarray, settings: TVL1Settings, *, threads: int = 1
) -> np.ndarray:
    """Grey float32 [B, H, W] on 0..255, twice -> flow float32 [B, 2, H, W] in pixels: x, then y."""
    return tvl1_counted(first, second, settings, threads=threads)[0]


def tvl1_counted(
    first: np.ndarray, second: np.ndarray, settings: TVL1Settings, *, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The flow, and the work per pair in iterations of the finest scale; others count by their area."""
    height, width = first.shape[1:]
    flow = np.empty((len(first), 2, height, width), np.float32)
    work = np.zeros(len(first))
    numbers = itertools.count()

    def run_pairs():
        # The last bits of IPP's results depend on the address of an array. The switch is per thread.
        cv2.ipp.setUseIPP(False)
        pair = _Pair(height, width, settings)
        while (number := next(numbers)) < len(first):  # next() gives each number to only one thread
            work[number] = pair.run(first[number], second[number], flow[number])

    threads = min(threads, len(first))
    with _opencv_on_one_thread():
        if threads <= 1:
            run_pairs()
        else:
            with ThreadPoolExecutor(threads) as pool:
                for running in [pool.submit(run_pairs) for _ in range(threads)]:
                    running.result()
    return flow, work


@contextmanager
def _opencv_on_one_thread():
    """OpenCV's own threads would compete with ours for the cores."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


class _Pair:
    """Memory of the size of the finest scale, in which one pair at a time is computed."""

    def __init__(self, height: int, width: int, settings: TVL1Settings):
        self.settings = settings
        self.shapes = settings.pyramid(height, width)
        area = height * width
        self.flow_memory = np.empty(2 * (area + 1), np.float32)
        self.dual_memory = np.empty(4 * (area + width), np.float32)
        self.terms_memory = np.empty(4 * area, np.float32)
        self.map_memory = np.empty(2 * area, np.float32)

    def run(self, first: np.ndarray, second: np.ndarray, result: np.ndarray) -> float:
        """Write the flow of a pair to result [2, H, W]; returns its iterations as the finest scale."""
        settings, work = self.settings, 0.0
        pyramid = [(first, second)]
        for _ in self.shapes[1:]:
            pyramid.append((self._smaller(pyramid[-1][0]), self._smaller(pyramid[-1][1])))
        coarse = None
        for (height, width), (small_first, small_second) in zip(
            reversed(self.shapes), reversed(pyramid), strict=True
        ):
            flow = self.flow_memory[: 2 * (height * width + 1)].reshape(2, -1)
            flow[:] = 0
            if coarse is not None:
                for plane, coarse_plane in zip(flow, coarse, strict=True):
                    finer = cv2.resize(coarse_plane, (width, height), interpolation=cv2.INTER_LINEAR)
                    np.multiply(finer.reshape(-1), np.float32(1 / settings.scale_step), out=plane[:-1])
            iterations = self._one_scale(small_first, small_second, flow)
            work += iterations * height * width / result[0].size
            coarse = flow[:, :-1].reshape(2, height, width).copy()
        result[:] = coarse
        return work

    def _smaller(self, image: np.ndarray) -> np.ndarray:
        step = self.settings.scale_step
        return cv2.resize(image, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)

    def _one_scale(self, first: np.ndarray, second: np.ndarray, flow: np.ndarray) -> int:
        settings, (height, width) = self.settings, first.shape
        area = height * width
        dual = self.dual_memory[: 4 * (area + width)].reshape(4, -1)
        dual[:] = 0
        terms = self.terms_memory[: 4 * area].reshape(4, -1)
        moved_x, moved_y = self.map_memory[: 2 * area].reshape(2, height, width)
        # Without the unused last pixel, which is there so that the dual update needs no border case.
        planes = [plane[:-1].reshape(height, width) for plane in flow]
        x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
        # One warp of three channels costs a third of three warps, and yields the same numbers.
        images = cv2.merge([second, _gradient(second, 1, 0), _gradient(second, 0, 1)])
        iterations = 0
        for _ in range(settings.warps):
            np.add(planes[0], x, out=moved_x)
            np.add(planes[1], y, out=moved_y)
            warped = cv2.remap(images, moved_x, moved_y, cv2.INTER_CUBIC)
            kernels.linearise(first.reshape(-1), warped.reshape(-1, 3), flow, terms)
            iterations += self._iterate(height, width, kernels.Planes(flow, dual, terms))
        return iterations

    def _iterate(self, height: int, width: int, planes: kernels.Planes) -> int:
        settings = self.settings
        steps = kernels.Steps(
            bound=np.float32(settings.lam * settings.theta),
            theta=np.float32(settings.theta),
            rate=np.float32(settings.tau / settings.theta),
        )
        stop = np.float32(settings.stop_error(height, width))
        iterations = 0
        for _ in range(settings.outer_iterations):
            if settings.median_size > 1:
                for plane in planes.flow:
                    image = plane[:-1].reshape(height, width)
                    cv2.medianBlur(image, settings.median_size, dst=image)
            count, change = kernels.iterate(height, width, planes, steps, stop, settings.inner_iterations)
            iterations += count
            if change <= stop:
                break
        return iterations


def _gradient(image: np.ndarray, x: int, y: int) -> np.ndarray:
    """Half the difference of the two neighbours; the border is repeated."""
    return cv2.Sobel(image, cv2.CV_32F, x, y, ksize=1, scale=0.5, borderType=cv2.BORDER_REPLICATE)
