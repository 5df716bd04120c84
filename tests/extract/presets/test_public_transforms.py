"""Presets that name a library as their source: the network's input equals that of the library's own code."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torchvision.models import get_model_weights

from extract.clips.plain_resize import cv2_integers
from extract.clips.streams import stream_maker
from extract.clips.transforms import crop, network_input, resize
from extract.clips.video_clips import VideoClips
from extract.decode.decode_events import FramesDecoded
from extract.presets import PRESETS, Preset
from extract.presets.preset_overrides import overridden

CPU = torch.device("cpu")
# preset -> the names of torchvision's weights
TORCHVISION = {
    "r2plus1d_18": "r2plus1d_18",
    "s3d": "s3d",
    "mvit_v2_s": "mvit_v2_s",
    "swin3d_t": "swin3d_t",
}
SIZES = [(240, 320), (480, 640), (241, 319), (127, 171), (333, 250)]


def frames_of(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """uint8 [count, H, W, 3], random: no two neighbours agree, which is hardest for a resize."""
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def our_input(preset: Preset, frames: np.ndarray, *, chunk: int) -> torch.Tensor:
    """float32 [3, L, S, S]: the first clip of a video that is decoded chunk by chunk."""
    clips, found = VideoClips(stream_maker(preset, CPU)(), preset), []
    times = np.arange(len(frames), dtype=float)
    for begin in range(0, len(frames), chunk):
        part = slice(begin, begin + chunk)
        every = np.arange(len(frames))[part]
        found += clips.add(FramesDecoded("v", every, times[part], frames[part], release=lambda: None))
    (clip, *_) = found + clips.end()
    (view,) = crop(clip.frames, layout=preset.crop.layout, size=preset.crop.size)
    return network_input([view], batch_size=1, mean=preset.scaling.mean, std=preset.scaling.std)[0]


@pytest.mark.parametrize("height, width", SIZES)
@pytest.mark.parametrize("name", TORCHVISION)
def test_the_input_is_that_of_torchvisions_own_transforms(name, height, width):
    # a short clip: frames are resized one by one, as the law below states
    preset = overridden(PRESETS[name], ["clip_length=2", "segment_stride=2"])
    frames = frames_of(2, height, width)
    theirs = get_model_weights(TORCHVISION[name]).DEFAULT.transforms()(
        torch.from_numpy(frames).permute(0, 3, 1, 2)
    )
    torch.testing.assert_close(our_input(preset, frames, chunk=2), theirs, atol=1e-5, rtol=0)


def pytorchvideo_functional():
    """pytorchvideo.transforms.functional alone: its package imports a module that torchvision has removed."""
    package = importlib.util.find_spec("pytorchvideo")
    path = Path(next(iter(package.submodule_search_locations))) / "transforms" / "functional.py"
    spec = importlib.util.spec_from_file_location("pytorchvideo_functional", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("height, width", [(240, 320), (333, 250)])
def test_the_input_of_i3d_r50_is_that_of_pytorchvideos_transforms(height, width):
    theirs = pytorchvideo_functional()
    frames = frames_of(64, height, width)
    clip = torch.from_numpy(frames).permute(3, 0, 1, 2)  # [3, T, H, W]
    clip = theirs.uniform_temporal_subsample(clip, 8)
    assert torch.equal(clip, torch.from_numpy(frames[[0, 9, 18, 27, 36, 45, 54, 63]]).permute(3, 0, 1, 2))
    clip = (clip / 255.0 - 0.45) / 0.225
    clip = theirs.short_side_scale(clip, 256)
    top, left = (round((side - 256) / 2) for side in clip.shape[-2:])
    expected = clip[..., top : top + 256, left : left + 256]
    torch.testing.assert_close(our_input(PRESETS["i3d-r50"], frames, chunk=20), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    "height, width, shape", [(240, 320, (256, 340)), (241, 319, (100, 77)), (2, 3, (9, 1))]
)
def test_bilinear_cv2_is_cv2s_and_its_integers_are_the_same(height, width, shape):
    frames = frames_of(2, height, width)
    planes = torch.from_numpy(frames).permute(0, 3, 1, 2)
    theirs = np.stack([cv2.resize(frame, shape[::-1]) for frame in frames])
    for ours in (
        resize(planes, mode="exact", size=shape, filter="bilinear-cv2"),
        cv2_integers(planes, shape),
    ):
        np.testing.assert_array_equal(ours.permute(0, 2, 3, 1).numpy(), theirs)
