"""TV-L1 on real frames: against OpenCV, the true flow, and the flow that I3D was trained on.

OpenCV's own flow changes when its input changes by 0.0001 grey levels, which limits any agreement with it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from extract.flow.flo_files import read_flo
from extract.flow.grey import grey
from extract.flow.quantise import quantise
from extract.flow.tvl1 import tvl1
from extract.flow.tvl1_settings import VARIANTS

pytestmark = pytest.mark.slow

MIDDLEBURY = ("Dimetrodon", "Grove2", "RubberWhale", "Urban2")
# Videos and frames in which something moves, and one in which nothing does.
UCF_CRIME = {
    "Assault020_x264": (100, 250, 300),
    "Explosion001_x264": (100, 200),
    "Normal_Videos_006_x264": (200, 300),
    "Normal_Videos_010_x264": (250,),
    "Normal_Videos_025_x264": (100,),
}
opencv_5 = pytest.mark.skipif(
    int(cv2.__version__.split(".")[0]) < 5, reason="limits are for OpenCV 5; 4 rounds positions to 1/32 pixel"
)


@dataclass
class Compared:
    """A pair of frames with the flow of OpenCV and ours."""

    name: str
    first: np.ndarray
    second: np.ndarray
    expected: np.ndarray  # OpenCV's flow
    flow: np.ndarray  # our flow


def opencv(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return cv2.optflow.DualTVL1OpticalFlow_create().calc(first, second, None).transpose(2, 0, 1)


def compare(name: str, first: np.ndarray, second: np.ndarray) -> Compared:
    flow = tvl1(torch.from_numpy(first)[None], torch.from_numpy(second)[None], device="cpu")[0].numpy()
    return Compared(name, first, second, opencv(first, second), flow)


def endpoint_errors(flow: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.hypot(*(flow - other))


def within_one_level(pair: Compared) -> float:
    levels = [quantise(torch.from_numpy(each), "mediapipe").int() for each in (pair.flow, pair.expected)]
    return float(((levels[0] - levels[1]).abs() <= 1).float().mean())


def grey_levels(rgb: np.ndarray) -> np.ndarray:
    return grey(torch.from_numpy(rgb)).numpy()


@pytest.fixture(scope="module")
def middlebury(request) -> list[Compared]:
    folder = request.getfixturevalue("module_test_data") / "flow" / "middlebury"
    pairs = []
    for name in MIDDLEBURY:
        images = [cv2.imread(str(folder / name / f"frame{number}.png"))[..., ::-1] for number in (10, 11)]
        pairs.append(compare(name, *(grey_levels(np.ascontiguousarray(each)) for each in images)))
    return pairs


@pytest.fixture(scope="module")
def ucf_crime(request) -> list[Compared]:
    folder = request.getfixturevalue("module_test_data") / "ucf_crime" / "videos"
    pairs = []
    for name, numbers in UCF_CRIME.items():
        frames = {}
        with av.open(str(folder / f"{name}.mp4")) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in numbers or number - 1 in numbers:
                    resized = cv2.resize(frame.to_ndarray(format="rgb24"), (340, 256))
                    frames[number] = grey_levels(resized)
                if number > max(numbers):
                    break
        pairs += [compare(f"{name} {number}", frames[number], frames[number + 1]) for number in numbers]
    return pairs


@pytest.fixture(scope="module")
def module_test_data() -> Path:
    """test_data of conftest.py with module scope, because OpenCV's flow takes long."""
    if not os.environ.get("VAD_TEST_DATA"):
        pytest.skip("needs the shared test data: set VAD_TEST_DATA to its folder")
    return Path(os.environ["VAD_TEST_DATA"]).resolve()


@opencv_5
def test_middlebury_agrees_with_opencv(middlebury):
    errors = {pair.name: endpoint_errors(pair.flow, pair.expected).mean() for pair in middlebury}
    assert np.mean(list(errors.values())) <= 0.02 and max(errors.values()) <= 0.06, errors
    near = {pair.name: within_one_level(pair) for pair in middlebury}
    assert np.mean(list(near.values())) >= 0.99 and min(near.values()) >= 0.98, near


@pytest.mark.parametrize("name, published", list(zip(MIDDLEBURY, (0.180, 0.157, 0.156, 3.572), strict=True)))
def test_middlebury_is_as_close_to_the_truth_as_opencv(middlebury, test_data, name, published):
    pair = next(each for each in middlebury if each.name == name)
    truth = read_flo(test_data / "flow" / "middlebury" / name / "flow10.flo")
    known = (np.abs(truth) < 1e9).all(axis=0)
    ours, theirs = (endpoint_errors(flow, truth)[known].mean() for flow in (pair.flow, pair.expected))
    assert abs(ours - theirs) <= 0.01
    assert ours == pytest.approx(published, rel=0.01)


def test_quality_follows_motion_that_the_default_misses(middlebury, test_data):
    pair = middlebury[-1]  # Urban2, up to 22 pixels
    truth = read_flo(test_data / "flow" / "middlebury" / pair.name / "flow10.flo")
    images = (torch.from_numpy(each)[None] for each in (pair.first, pair.second))
    flow = tvl1(*images, settings=VARIANTS["quality"], device="cpu")[0].numpy()
    assert endpoint_errors(flow, truth).mean() < 0.5 < 3 < endpoint_errors(pair.flow, truth).mean()


@opencv_5
def test_surveillance_agrees_with_opencv(ucf_crime):
    errors = {pair.name: endpoint_errors(pair.flow, pair.expected).mean() for pair in ucf_crime}
    assert np.mean(list(errors.values())) <= 0.01 and max(errors.values()) <= 0.03, errors
    assert min(within_one_level(pair) for pair in ucf_crime) >= 0.99


@opencv_5
def test_the_distance_to_opencv_is_opencvs_own_noise(ucf_crime):
    noise = np.random.default_rng(0)
    own = []
    for pair in ucf_crime:
        shaken = pair.first + noise.choice(np.float32([-1e-4, 1e-4]), pair.first.shape)
        # OpenCV expects floats in 0..1.
        own.append(endpoint_errors(opencv(shaken / 255, pair.second / np.float32(255)), pair.expected).mean())
    ours = [endpoint_errors(pair.flow, pair.expected).mean() for pair in ucf_crime]
    assert np.mean(ours) <= max(1.5 * np.mean(own), 0.002)


def test_flow_is_what_i3d_was_trained_on(test_data):
    folder = test_data / "flow" / "kinetics_i3d_sample"
    rgb, published = (
        np.stack([np.array(frame.convert("RGB")) for frame in ImageSequence.Iterator(Image.open(path))])
        for path in sorted(folder.glob("*.gif"), reverse=True)
    )
    frames = grey(torch.from_numpy(rgb))
    flow = tvl1(frames[:-1], frames[1:], device="cpu").numpy()
    expected = (published[: len(flow), ..., :2] / 255 - 0.5) * 20  # red is x, green is y
    assert np.corrcoef(flow.ravel(), expected.transpose(0, 3, 1, 2).ravel())[0, 1] >= 0.88
