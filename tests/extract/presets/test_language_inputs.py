"""Presets of CLIP, SigLIP and VideoMAE: the networks' inputs equal those of their own preprocessing."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from extract.clips.streams import stream_maker
from extract.clips.transforms import crop, network_input
from extract.presets import PRESETS, Preset
from extract.presets.preset_overrides import overridden

SIZES = [(240, 320), (480, 360), (241, 319)]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def frames_of(height: int, width: int) -> np.ndarray:
    """uint8 [2, H, W, 3], random: no two neighbours agree, which is hardest for a resize."""
    return np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)


def our_inputs(preset: Preset, frames: np.ndarray) -> torch.Tensor:
    """float32 [C, 3, L, S, S]: all crops of a clip of these frames."""
    resized = stream_maker(preset, torch.device("cpu"))().add(frames, np.arange(len(frames)))
    views = crop(resized, layout=preset.crop.layout, size=preset.crop.size)
    return network_input(views, batch_size=len(views), mean=preset.scaling.mean, std=preset.scaling.std)


@pytest.mark.parametrize("height, width", SIZES)
def test_vadclips_crops_are_cut_from_cv2s_resize_and_mirrored_one_by_one(height, width):
    frames = frames_of(height, width)
    small = np.stack([cv2.resize(frame, (340, 256)) for frame in frames])
    windows = [
        small[:, 16:240, 58:282],
        small[:, :224, :224],
        small[:, :224, -224:],
        small[:, -224:, :224],
        small[:, -224:, -224:],
    ]
    crops = np.stack(windows + [window[:, :, ::-1] for window in windows])
    expected = torch.from_numpy((crops / 255 - CLIP_MEAN) / CLIP_STD).float().permute(0, 4, 1, 2, 3)
    ours = our_inputs(PRESETS["clip-vit-b16-vadclip"], frames)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("height, width", SIZES)
def test_videomaes_frames_are_cv2s(height, width):
    frames = frames_of(height, width)
    short, long = min(height, width), max(height, width)
    sides = [224 if side == short else int(224 * long / short) for side in (height, width)]
    small = np.stack([cv2.resize(frame, sides[::-1]) for frame in frames])
    top, left = (int(round((side - 224) / 2)) for side in sides)
    window = small[:, top : top + 224, left : left + 224]
    expected = torch.from_numpy((window / 255 - IMAGENET_MEAN) / IMAGENET_STD).float().permute(3, 0, 1, 2)
    torch.testing.assert_close(our_inputs(PRESETS["videomae-b16"], frames)[0], expected, atol=1e-5, rtol=0)


@pytest.mark.slow  # its packages take seconds to import
@pytest.mark.parametrize("name, model", [("clip-vit-b16", "ViT-B-16"), ("siglip-vit-b16", "ViT-B-16-SigLIP")])
def test_the_input_is_that_of_open_clips_own_transform(name, model):
    open_clip = pytest.importorskip("open_clip")
    # what its table of pretrained weights says of openai's and webli's
    settings = open_clip.get_pretrained_cfg(model, "webli" if "SigLIP" in model else "openai")
    transform = open_clip.image_transform(
        224,
        is_train=False,
        mean=settings["mean"],
        std=settings["std"],
        resize_mode=settings["resize_mode"],
        interpolation=settings["interpolation"],
    )
    for height, width in SIZES:
        frames = frames_of(height, width)
        expected = torch.stack([transform(Image.fromarray(frame)) for frame in frames], dim=1)
        levels = (our_inputs(PRESETS[name], frames)[0] - expected) * 255 * 0.27  # grey levels
        assert levels.abs().mean() < 0.01 and levels.abs().max() < 1.1


@pytest.mark.slow
def test_the_input_of_videomae_is_that_of_transformers_image_processor():
    transformers = pytest.importorskip("transformers")
    # what the files of the published network say
    processor = transformers.VideoMAEImageProcessor(image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD)
    preset = overridden(PRESETS["videomae-b16"], ["resize.filter=bilinear"])
    for height, width in SIZES[:2]:  # its centre of odd sizes is another pixel than the authors'
        frames = frames_of(height, width)
        expected = processor([list(frames)], return_tensors="pt")["pixel_values"][0].transpose(0, 1)
        levels = (our_inputs(preset, frames)[0] - expected) * 255 * 0.225  # grey levels
        assert levels.abs().mean() < 0.01 and levels.abs().max() < 1.1
