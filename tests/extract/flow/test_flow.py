"""TV-L1 on small synthetic images: agreement with OpenCV, and the laws that flow must obey."""

import cv2
import numpy as np
import pytest
import torch

from extract.flow.numba_cache import compiled
from extract.flow.tvl1 import tvl1, tvl1_kernels
from extract.flow.tvl1_cpu import tvl1_cpu
from extract.flow.tvl1_reference import median_5x5, resize, tvl1_reference
from extract.flow.tvl1_settings import VARIANTS, TVL1Settings

HEIGHT, WIDTH = 72, 96


@pytest.fixture(autouse=True)
def one_torch_thread():
    """For small tensors on a busy machine torch's threads would mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def texture(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """float32 [H, W] in 0..255, smooth, with gradients everywhere."""
    noise = np.random.default_rng(seed).random((height, width), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)


def moved(image: np.ndarray, matrix) -> np.ndarray:
    """The image after an affine motion [2, 3], x first."""
    return cv2.warpAffine(
        image, np.float32(matrix), image.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    ).clip(0, 255)


MOTIONS = {
    "shift by half a pixel": [[1, 0, 0.5], [0, 1, 0]],
    "shift by a few pixels": [[1, 0, 3.2], [0, 1, -2.1]],
    "rotation by two degrees": cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 2, 1),
    "zoom by 3 %": cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 0, 1.03),
}


def pair(motion: str = "shift by a few pixels", seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two images with integer grey levels, float32 [1, H, W]."""
    first = texture(seed)
    second = moved(first, MOTIONS[motion])
    return tuple(torch.from_numpy(np.round(image))[None] for image in (first, second))


def opencv(first: torch.Tensor, second: torch.Tensor, **settings) -> np.ndarray:
    method = cv2.optflow.DualTVL1OpticalFlow_create(**settings)
    planes = [image[0].numpy().astype(np.uint8) for image in (first, second)]
    return method.calc(*planes, None).transpose(2, 0, 1)


def endpoint_error(flow, other) -> float:
    return float(np.hypot(*(np.asarray(flow) - np.asarray(other))).mean())


@pytest.mark.parametrize("motion", MOTIONS)
def test_reference_and_kernels_agree_with_opencv(motion):
    first, second = pair(motion)
    expected = opencv(first, second)
    # OpenCV's own flow changes by about 0.01 when its input changes by 0.0001 grey levels.
    assert endpoint_error(tvl1_reference(first, second, VARIANTS["opencv"])[0], expected) <= 0.02
    assert endpoint_error(tvl1(first, second, device="cpu")[0], expected) <= 0.02


@pytest.mark.parametrize(
    "settings, names",
    [
        (VARIANTS["quality"], {"scaleStep": 0.5}),
        (TVL1Settings(median_size=1), {"medianFiltering": 1}),
        (TVL1Settings(num_scales=2, warps=2), {"nscales": 2, "warps": 2}),
        (TVL1Settings(lam=0.05, tau=0.2, theta=0.4), {"lambda_": 0.05, "tau": 0.2, "theta": 0.4}),
        (TVL1Settings(inner_iterations=7, outer_iterations=3), {"innnerIterations": 7, "outerIterations": 3}),
    ],
)
def test_every_setting_has_the_meaning_of_opencvs(settings, names):
    first, second = pair()
    expected = opencv(first, second, **names)
    assert endpoint_error(expected, opencv(first, second)) > 0.002 or settings == TVL1Settings()
    assert endpoint_error(tvl1_reference(first, second, settings)[0], expected) <= 0.02
    assert endpoint_error(tvl1(first, second, settings=settings, device="cpu")[0], expected) <= 0.02


@pytest.mark.parametrize("height, width", [(16, 16), (17, 40), (31, 19), (9, 50), (3, 3), (5, 130)])
def test_small_and_odd_sizes_agree_with_opencv(height, width):
    first = torch.from_numpy(np.round(texture(1, height, width)))[None]
    second = torch.from_numpy(np.round(moved(first[0].numpy(), [[1, 0, 0.7], [0, 1, 0.4]])))[None]
    expected = opencv(first, second)
    assert endpoint_error(tvl1_reference(first, second, VARIANTS["opencv"])[0], expected) <= 0.03
    assert endpoint_error(tvl1(first, second, device="cpu")[0], expected) <= 0.03


def test_identical_images_have_no_flow():
    first, _ = pair()
    assert not tvl1(first, first, device="cpu").any()
    for kernels in (tvl1_reference, lambda *given: tvl1_cpu(given[0].numpy(), given[1].numpy(), given[2])):
        flow = torch.as_tensor(kernels(first, first, VARIANTS["opencv"]))
        assert not flow.any(), "even if the pair is not skipped"


@pytest.mark.parametrize("shift", [(2, 0), (0, 3), (-1, 2)])
def test_a_translation_is_recovered(shift):
    first, second = pair()
    second = torch.roll(first, (shift[1], shift[0]), dims=(1, 2))
    inside = tvl1(first, second, device="cpu")[0, :, 10:-10, 10:-10]
    assert torch.allclose(inside.mean(dim=(1, 2)), torch.tensor(shift, dtype=torch.float32), atol=0.05)


def some_pairs() -> tuple[torch.Tensor, torch.Tensor]:
    """Five pairs, easy and hard, one of them still."""
    pairs = [pair(motion, seed) for seed, motion in enumerate(MOTIONS)] + [(pair(seed=9)[0],) * 2]
    return tuple(torch.cat(planes) for planes in zip(*pairs, strict=True))


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_flow_of_a_pair_does_not_depend_on_its_batch(threads):
    first, second = some_pairs()
    alone = torch.cat(
        [tvl1(a[None], b[None], device="cpu", threads=1) for a, b in zip(first, second, strict=True)]
    )
    order = torch.tensor([3, 0, 4, 1, 2])
    together = tvl1(first[order], second[order], device="cpu", threads=threads)
    assert torch.equal(together, alone[order])


@pytest.mark.slow
def test_pairs_of_the_reference_stop_independently():
    first, second = some_pairs()
    together = tvl1_reference(first, second, VARIANTS["opencv"])
    for number in range(len(first)):
        alone = tvl1_reference(first[number : number + 1], second[number : number + 1], VARIANTS["opencv"])[0]
        # Sums over a batch may be rounded in another order than over one pair.
        assert endpoint_error(together[number], alone) <= 0.01


def test_integer_levels_may_be_uint8_or_float():
    first, second = pair()
    assert torch.equal(tvl1(first, second, device="cpu"), tvl1(first.byte(), second.byte(), device="cpu"))


def test_the_callers_images_and_opencvs_threads_are_not_changed():
    first, second = pair()
    kept, threads = (first.clone(), second.clone()), cv2.getNumThreads()
    tvl1(first, second, device="cpu", threads=2)
    assert torch.equal(first, kept[0]) and torch.equal(second, kept[1])
    assert cv2.getNumThreads() == threads


def test_an_empty_batch_has_an_empty_flow():
    assert tvl1(torch.zeros(0, 20, 30), torch.zeros(0, 20, 30)).shape == (0, 2, 20, 30)


def test_images_of_different_or_too_small_sizes_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 20, 30\) and \(1, 20, 31\), expected two of the same shape"):
        tvl1(torch.zeros(1, 20, 30), torch.zeros(1, 20, 31))
    with pytest.raises(ValueError, match="2x20 are too small"):
        tvl1(torch.zeros(1, 20, 2), torch.zeros(1, 20, 2))


@pytest.mark.parametrize(
    "wrong", [{"tau": 0}, {"warps": 0}, {"num_scales": 1.5}, {"scale_step": 1.0}, {"median_size": 3}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TVL1Settings(**wrong)


def test_the_pyramid_rounds_and_ends_before_16_pixels():
    # 256 x 0.8 = 204.8, 205 x 0.8 = 164, 131.2, 104.8
    shapes = [(256, 340), (205, 272), (164, 218), (131, 174), (105, 139)]
    assert VARIANTS["opencv"].pyramid(256, 340) == shapes
    assert VARIANTS["quality"].pyramid(40, 100) == [(40, 100), (20, 50)]


@pytest.mark.parametrize("step", [0.8, 0.5])
def test_the_reference_resizes_like_opencv(step):
    image = texture(height=37, width=51)
    smaller = cv2.resize(image, None, fx=step, fy=step)
    ours = resize(torch.from_numpy(image), smaller.shape, step=1 / step)
    assert np.abs(ours.numpy() - smaller).max() <= 1e-3
    larger = cv2.resize(smaller, image.shape[::-1])
    assert np.abs(resize(torch.from_numpy(smaller), image.shape).numpy() - larger).max() <= 1e-3


def test_the_median_of_the_reference_is_opencvs():
    planes = np.random.default_rng(0).standard_normal((2, 13, 9)).astype(np.float32)
    ours = median_5x5(torch.from_numpy(planes)[None])[0].numpy()
    for plane, median in zip(planes, ours, strict=True):
        assert np.array_equal(median, cv2.medianBlur(plane, 5))


def test_kernels_compile_where_no_cache_is_possible():
    space = {}
    exec("def twice(x):\n    return 2 * x", space)  # without a source file numba has nowhere to put its cache
    assert compiled(space["twice"])(21) == 42


def test_each_device_has_its_kernels():
    assert tvl1_kernels("cpu") == "numba"
    assert tvl1_kernels("meta") == "torch"
