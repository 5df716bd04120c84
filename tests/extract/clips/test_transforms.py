"""Preprocessing against PIL and torchvision, which the published protocols used."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2

from extract.clips.pil_resize import pil_resize
from extract.clips.transforms import CROPS, crop, network_input, resize, resized_shape, scale
from extract.presets import NUM_CROPS, PRESETS, Resize
from extract.presets.preset_parts import RESIZE_FILTERS
from extract.segments import clip_offsets

SEEDED = torch.Generator().manual_seed(0)
PIL_FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth shapes with hard edges and some noise, as in real frames."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = 127 + 80 * np.sin(rows / 9.0 + seed)[..., None] * np.cos(columns / 7.0)[..., None] * [
        1.0,
        0.7,
        -1.0,
    ]
    waves[height // 3 : height // 2, width // 4 : width // 2] = [250, 5, 90]
    return np.clip(waves + rng.normal(0, 12, waves.shape), 0, 255).astype(np.uint8)


def tensor(frame: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frame).permute(2, 0, 1)[None]


@pytest.mark.parametrize("filter", PIL_FILTERS)
@pytest.mark.parametrize("height, width", [(240, 320), (241, 321), (360, 480), (479, 321), (120, 160)])
@pytest.mark.parametrize("mode, size", [("short_side", 256), ("short_side", 112), ("exact", (256, 340))])
def test_resize_equals_pil(filter, height, width, mode, size):
    if mode == "exact" and height > width:
        pytest.skip("Pillow 13 shrinks the rows first here; the Pillow that the protocol used did not")
    frame = picture(height, width)
    ours = resize(tensor(frame), mode=mode, size=size, filter=filter)[0].permute(1, 2, 0).numpy().astype(int)
    new_height, new_width = resized_shape(height, width, size=size)
    theirs = np.asarray(Image.fromarray(frame).resize((new_width, new_height), PIL_FILTERS[filter])).astype(
        int
    )
    assert ours.shape == theirs.shape
    if mode == "exact" or filter == "lanczos":
        np.testing.assert_array_equal(ours, theirs)
    assert np.abs(ours - theirs).mean() <= 0.01 and np.abs(ours - theirs).max() <= 2


@pytest.mark.parametrize("height, width", [(240, 320), (90, 61), (333, 251)])
@pytest.mark.parametrize("filter", PIL_FILTERS)
def test_pil_resize_is_pils_on_random_pixels(filter, height, width):
    """Random pixels and sides in simple ratios give many ties, which one rule must break."""
    rng = np.random.default_rng(1)
    for shape in ((height, width // 2), (height * 2, width), (120, 160), (67, 93)):
        frame = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        theirs = Image.fromarray(frame).resize((shape[1], height), PIL_FILTERS[filter])
        # one side at a time, because Pillow 13 chooses itself which side it resizes first
        theirs = np.asarray(theirs.resize(shape[::-1], PIL_FILTERS[filter]))
        ours = pil_resize(tensor(frame), shape, filter=filter)[0].permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(ours, theirs)


SIZES = {each.resize: each for each in PRESETS.values() if each.resize is not None}
RESIZES = [*SIZES, *(Resize("exact", (61, 93), name) for name in RESIZE_FILTERS)]


@pytest.mark.parametrize("settings", RESIZES, ids=lambda each: f"{each.mode}-{each.size}-{each.filter}")
@pytest.mark.parametrize("height, width", [(60, 80), (97, 71)])
def test_a_pixel_does_not_depend_on_the_frames_resized_with_it(settings, height, width):
    """Bit for bit, in the memory layout of decoded frames, alone and in chunks of every size."""
    frames = torch.randint(0, 256, (4, height, width, 3), dtype=torch.uint8, generator=SEEDED)

    def resized(part: torch.Tensor) -> torch.Tensor:
        return resize(
            part.permute(0, 3, 1, 2), mode=settings.mode, size=settings.size, filter=settings.filter
        )

    together = resized(frames)
    for count in (1, 2, 3):
        assert torch.equal(torch.cat([resized(part) for part in frames.split(count)]), together)


@given(
    clip_length=st.integers(1, 32),
    frame_stride=st.integers(1, 8),
    sampling=st.sampled_from(["stride", "linspace"]),
)
def test_a_clip_takes_its_frames_from_its_span(clip_length, frame_stride, sampling):
    offsets = clip_offsets(clip_length, frame_stride, sampling)
    assert offsets[0] == 0 and len(offsets) == clip_length and (np.diff(offsets) >= 1).all()
    last = clip_length * frame_stride - (1 if sampling == "linspace" and clip_length > 1 else frame_stride)
    assert offsets[-1] == last
    # steps are as even as whole numbers allow
    assert clip_length < 3 or np.ptp(np.diff(offsets)) <= 1


@pytest.mark.cuda
@pytest.mark.parametrize("filter", PIL_FILTERS)
def test_resize_on_the_gpu_is_within_a_tenth_of_a_level(filter):
    frame = picture(241, 321)
    ours = (
        resize(tensor(frame).to("cuda"), mode="short_side", size=256, filter=filter)[0]
        .permute(1, 2, 0)
        .cpu()
        .numpy()
        .astype(int)
    )
    theirs = np.asarray(Image.fromarray(frame).resize((340, 256), PIL_FILTERS[filter])).astype(int)
    assert np.abs(ours - theirs).mean() <= 0.1


@given(height=st.integers(1, 2000), width=st.integers(1, 2000), size=st.integers(1, 300))
def test_the_short_side_becomes_the_size_and_the_long_side_is_floored(height, width, size):
    new = resized_shape(height, width, size=size)
    assert min(new) == size and (new[0] <= new[1]) == (height <= width or new[0] == new[1])
    assert max(new) == int(size * max(height, width) / min(height, width))


@pytest.mark.parametrize("height, width", [(256, 340), (257, 341), (256, 256)])
def test_ten_crops_equal_torchvision(height, width):
    frames = tensor(picture(height, width))
    for ours, theirs in zip(
        crop(frames, layout="ten-torchvision", size=224), v2.TenCrop(224)(frames), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_the_gowtham_order_has_the_centre_third_and_its_own_window():
    frames = tensor(picture(256, 340))
    crops = crop(frames, layout="ten-gowtham", size=224)
    windows = [(0, 0), (0, 116), (16, 58), (32, 0), (32, 116)]
    for picture_, views in ((frames, crops[:5]), (frames.flip(-1), crops[5:])):
        for (top, left), view in zip(windows, views, strict=True):
            assert torch.equal(view, picture_[..., top : top + 224, left : left + 224])


@pytest.mark.parametrize("layout", CROPS)
def test_every_layout_gives_its_number_of_crops(layout):
    views = crop(torch.zeros(2, 3, 30, 40), layout=layout, size=20)
    assert len(views) == NUM_CROPS[layout] and all(view.shape == (2, 3, 20, 20) for view in views)


def test_a_frame_smaller_than_the_crop_is_named():
    with pytest.raises(ValueError, match="340x200 are smaller than the crop of 224x224"):
        crop(torch.zeros(3, 200, 340), layout="center", size=224)


def test_scaling_is_the_published_formula():
    levels = torch.arange(256, dtype=torch.uint8).expand(3, 256)
    x = torch.arange(256, dtype=torch.float64)
    torch.testing.assert_close(
        scale(levels, mean=(127.5,) * 3, std=(127.5,) * 3)[0].double(), 2 * x / 255 - 1, atol=1e-6, rtol=0
    )
    torch.testing.assert_close(
        scale(levels, mean=(114.75,) * 3, std=(57.375,) * 3)[1].double(),
        (x / 255 - 0.45) / 0.225,
        atol=1e-6,
        rtol=0,
    )


def test_the_input_of_a_network_is_scaled_and_padded_with_zeros():
    views = [torch.randint(0, 256, (4, 3, 9, 9), dtype=torch.uint8) for _ in range(2)]
    mean, std = (10.0, 20.0, 30.0), (2.0, 4.0, 8.0)
    found = network_input([view[..., 1:8, 2:9] for view in views], batch_size=3, mean=mean, std=std)
    expected = torch.stack(
        [scale(view[..., 1:8, 2:9], mean=mean, std=std, dim=1).transpose(0, 1) for view in views]
    )
    assert found.shape == (3, 3, 4, 7, 7) and found.is_contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(found[:2], expected) and not found[2].any()
