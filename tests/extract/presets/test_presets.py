"""Every preset: it builds, its numbers have sources, and its pixels are those of a PIL reference."""

import dataclasses

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from extract.backbones import BACKBONES
from extract.clips.streams import stream_maker
from extract.clips.transforms import crop, scale
from extract.descriptors import DESCRIPTORS
from extract.presets import NUM_CROPS, PRESETS, Preset
from extract.presets.language_presets import LANGUAGE_PRESETS
from extract.presets.preset_overrides import continuing, overridden
from extract.presets.sound_presets import SOUND_PRESETS

NETWORKS = [preset for preset in PRESETS.values() if preset.backbone]
RGB = [preset for preset in NETWORKS if preset.modality == "rgb"]
PIL_FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
CPU = torch.device("cpu")


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_the_numbers_have_sources(preset):
    fields = {
        field
        for field in ("resize", "crop", "scaling", "flow", "sound")
        if getattr(preset, field) is not None
    }
    fields |= {"clip_length", "segment_stride"}
    assert fields <= {source.partition(".")[0] for source in preset.sources}
    assert set(preset.sources) <= {field.name for field in dataclasses.fields(preset)} | {
        "flow.clamp",
        "flow.quantiser",
        "sound.place",
    }
    parts = (preset.backbone, preset.descriptor, preset.scene, preset.regions)
    assert sum(part is not None for part in parts) == 1


@pytest.mark.parametrize("preset", [*LANGUAGE_PRESETS, *SOUND_PRESETS], ids=lambda preset: preset.name)
def test_the_frame_of_a_segment_is_a_choice_where_a_clip_is_one_frame(preset):
    assert ("clip_start" in preset.sources) == (preset.clip_length == 1 and preset.segment_stride > 1)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_the_spec_carries_what_decides_the_numbers(preset):
    spec = preset.spec(weights="w")
    assert spec.feature_dim == preset.feature_dim and spec.num_crops == NUM_CROPS[spec.crops]
    assert type(spec).from_json(spec.to_json()) == spec
    for change in (
        f"clip_length={preset.clip_length + 1}",
        "segment_stride=5",
        "fps=12.5",
        "tail=drop" if preset.tail == "pad" else "tail=pad",
        "dtype=float16",
    ):
        field = change.partition("=")[0]
        (difference,) = overridden(preset, [change]).spec(weights="w").differences(spec)
        assert difference.startswith(f"{field} is ")


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_a_spec_gives_its_preset_back(preset):
    assert Preset.from_spec(preset.spec(weights="w", precision="bf16"), PRESETS) == preset
    changed = overridden(preset, ["segment_stride=6", "frame_stride=1", "fps=12.5", "dtype=float16"])
    if preset.scene is not None:
        changed = overridden(changed, ["flow=null", "scene.sigma=3.0"])
    elif preset.sound is not None:
        changed = overridden(changed, ["sound.place=start", "sound.offset=0.02"])
    elif preset.backbone is not None:
        changed = overridden(
            changed, ["resize.mode=exact", "resize.size=[300,300]", "crop.layout=five-gowtham"]
        )
    assert changed != preset and Preset.from_spec(changed.spec(), PRESETS) == changed


@pytest.mark.parametrize("start, every", [(0, 16), (8, 8), (5, 1)])
def test_which_frame_stands_for_a_segment_is_a_setting_of_its_own(start, every):
    preset = PRESETS["clip-vit-b16"]
    chosen = overridden(preset, [f"clip_start={start}"])
    assert chosen.keep_every == every
    assert Preset.from_spec(chosen.spec(), PRESETS) == chosen
    # specs from before this setting are those of today's default
    assert ("clip_start" in chosen.spec().to_json()) == (start > 0)
    assert chosen.spec().differences(preset.spec()) == (
        [f"clip_start is {start}, expected 0"] if start else []
    )


def test_a_clip_that_would_leave_its_segment_is_refused():
    for name, changes in (
        ("clip-vit-b16", ["clip_start=16"]),
        ("clip-vit-b16-mean", ["clip_start=1"]),
        ("clip-vit-b16", ["clip_start=-1"]),
        ("motion", ["clip_start=3"]),
    ):
        with pytest.raises(ValueError, match="clip_start"):
            overridden(PRESETS[name], changes)


def earlier_spec(name: str):
    """What version 0.3.0 recorded for the presets whose protocol has changed since."""
    spec = PRESETS[name].spec(weights="w")
    preprocessing = {key: value for key, value in spec.preprocessing.items() if key != "sampling"}
    preprocessing["resize"] = preprocessing["resize"] | {"filter": "bilinear"}
    flow = spec.flow and {key: value for key, value in spec.flow.items() if key != "grey"}
    return dataclasses.replace(spec, preprocessing=preprocessing, flow=flow)


@pytest.mark.parametrize(
    "name, words",
    [
        ("i3d-r50", ["sampling=stride", "resize.filter=bilinear"]),
        ("r2plus1d_18", ["resize.filter=bilinear"]),
        ("s3d", ["resize.filter=bilinear"]),
        ("mvit_v2_s", ["resize.filter=bilinear"]),
        ("swin3d_t", ["resize.filter=bilinear"]),
        ("i3d-flow-16", ["flow.grey=rounded"]),
        ("reclass", ["flow.grey=rounded"]),
    ],
)
def test_a_spec_of_an_earlier_protocol_differs_and_can_be_continued(name, words):
    earlier, preset = earlier_spec(name), PRESETS[name]
    assert earlier.differences(preset.spec(weights="w"))
    assert Preset.from_spec(earlier, PRESETS).spec(weights="w") == earlier
    assert continuing(earlier, preset) == words
    assert overridden(preset, words).spec(weights="w") == earlier
    # stores that fit, and those of other presets, need no words
    assert continuing(preset.spec(), preset) == continuing(earlier, PRESETS["motion"]) == []


def test_flow_needs_whole_levels():
    with pytest.raises(ValueError, match="expected one that rounds, as flow needs"):
        overridden(PRESETS["i3d-flow-16"], ["resize.filter=bilinear-float"])


def test_a_spec_that_no_preset_makes_is_refused_with_the_reason():
    spec = PRESETS["i3d-flow-16"].spec()
    for other, reason in (
        (dataclasses.replace(spec, imported=True), "belong to no preset"),
        (dataclasses.replace(spec, preset="mine"), "unknown preset 'mine'; known presets: motion"),
        (dataclasses.replace(spec, feature_dim=70), "feature_dim is 1024, expected 70"),
        (
            dataclasses.replace(spec, preprocessing={"resize": {"filter": "odd"}}),
            "Resize.mode is wrong: Field required",
        ),
        (
            dataclasses.replace(spec, flow={"method": "raft", "weights": "sha256:0"}),
            "flow.weights is .sha256:0., expected",
        ),
    ):
        with pytest.raises(ValueError, match=reason):
            Preset.from_spec(other, PRESETS)


@pytest.mark.parametrize("preset", NETWORKS, ids=lambda preset: preset.name)
def test_the_width_is_that_of_the_network(preset):
    with torch.device("meta"):
        backbone = BACKBONES[preset.backbone]()
    assert backbone.feature_dim == preset.feature_dim
    assert backbone.channels == {"rgb": 3, "flow": 2, "audio": 1}[preset.modality]
    assert preset.clip_length >= backbone.min_length


def test_the_width_of_motion():
    for name, descriptor in DESCRIPTORS.items():
        assert PRESETS[name].feature_dim == descriptor.feature_dim


def reference_crops(preset, frame: np.ndarray) -> list[np.ndarray]:
    """Float [3, S, S] of one frame by PIL and plain arithmetic."""
    height, width = frame.shape[:2]
    if preset.resize.mode == "exact":
        new = preset.resize.size[::-1]
    else:
        short = preset.resize.size
        new = (short, int(short * height / width)) if width < height else (int(short * width / height), short)
    if preset.resize.filter in PIL_FILTERS:
        small = np.asarray(Image.fromarray(frame).resize(new, PIL_FILTERS[preset.resize.filter]))
    else:
        # the same four neighbours, in another library's fixed point
        small = cv2.resize(frame, new, interpolation=cv2.INTER_LINEAR)
    small = small.astype(np.float64)
    size = preset.crop.size
    top, left = int(round((new[1] - size) / 2)), int(round((new[0] - size) / 2))
    corners = {
        "tl": (0, 0),
        "tr": (0, new[0] - size),
        "bl": (new[1] - size, 0),
        "br": (new[1] - size, new[0] - size),
        "c": (top, left),
    }
    order = {
        "center": ["c"],
        "ten-torchvision": ["tl", "tr", "bl", "br", "c"],
        "ten-gowtham": ["tl", "tr", "c", "bl", "br"],
        "ten-vadclip": ["c", "tl", "tr", "bl", "br"],
    }
    # VadCLIP mirrors each crop, so its corners of the mirrored picture are the other ones
    opposite = {"tl": "tr", "tr": "tl", "bl": "br", "br": "bl"} if preset.crop.layout == "ten-vadclip" else {}
    crops = []
    for picture in (small, small[:, ::-1]) if preset.num_crops == 10 else (small,):
        for name in order[preset.crop.layout]:
            y, x = corners[name if picture is small else opposite.get(name, name)]
            window = picture[y : y + size, x : x + size]
            crops.append(((window - preset.scaling.mean) / preset.scaling.std).transpose(2, 0, 1))
    return crops


def real_frames(test_data) -> list[np.ndarray]:
    """Surveillance frames of even and odd sizes (a real 320x240 one, and an odd cut of it)."""
    import av

    path = next((test_data / "ucf_crime" / "videos").rglob("Assault020*.mp4"))
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return [frame, np.ascontiguousarray(frame[:239, :317])]


@pytest.mark.parametrize("preset", RGB, ids=lambda preset: preset.name)
def test_pixels_equal_a_pil_reference_on_real_frames(preset, test_data):
    for frame in real_frames(test_data):
        resized = stream_maker(preset, CPU)().add(frame[None])
        ours = [
            scale(view[0], mean=preset.scaling.mean, std=preset.scaling.std)
            for view in crop(resized, layout=preset.crop.layout, size=preset.crop.size)
        ]
        theirs = reference_crops(preset, frame)
        assert len(ours) == len(theirs) == preset.num_crops
        std = np.array(preset.scaling.std)[:, None, None]
        # grey levels; a rounding moves a quarter of one on average, another library's an eighth
        nearest = {"bilinear-float": 0.3, "bilinear-plain": 0.15}.get(preset.resize.filter, 0.01)
        for one, other in zip(ours, theirs, strict=True):
            assert np.abs((one.numpy() - other) * std).mean() <= nearest


FLOW = [preset for preset in NETWORKS if preset.modality == "flow"]


@pytest.mark.slow
@pytest.mark.parametrize("quantiser", ["mediapipe", "round", "none"])
@pytest.mark.parametrize("chunks", [[7], [1, 2, 4], [3, 1, 3]])
def test_flow_planes_are_those_of_the_resized_grey_frames(quantiser, chunks):
    """Against OpenCV's own TV-L1, in whatever chunks the video arrives."""
    cv2 = pytest.importorskip("cv2")
    preset = overridden(FLOW[0], [f"flow.quantiser={quantiser}", "resize.size=48"])
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(rng.integers(0, 256, (90, 120, 3)).astype(np.uint8), (0, 0), 2)
    frames = np.stack(
        [np.roll(scene, step, 1)[10:70, 20:100] for step in range(7)]
    )  # one pixel to the right a frame
    stream, parts, begin = stream_maker(preset, CPU)(), [], 0
    for count in chunks:
        parts.append(stream.add(frames[begin : begin + count]))
        begin += count
    levels = torch.cat([*parts, stream.end()])
    assert levels.shape == (7, 2, 48, 64) and torch.equal(levels[-1], levels[-2])
    greys = []
    for frame in frames:
        small = np.asarray(Image.fromarray(frame).resize((64, 48), Image.BILINEAR))
        greys.append(np.floor(small @ [0.299, 0.587, 0.114] + 0.5).astype(np.uint8))
    for step in range(6):
        flow = cv2.optflow.DualTVL1OpticalFlow_create().calc(greys[step], greys[step + 1], None)
        exact = 255 * (np.clip(flow, -20, 20) + 20) / 40
        expected = {"mediapipe": np.floor(exact), "round": np.round(exact), "none": exact}[quantiser]
        difference = np.abs(levels[step].permute(1, 2, 0).numpy() - expected)
        assert (difference <= 1).mean() >= 0.99
    assert abs(float(levels[:, 0].float().mean()) - (127.5 + 0.8 * 6.375)) < 2  # 0.8 pixels after resizing


def test_a_video_of_one_frame_has_no_motion():
    stream = stream_maker(FLOW[0], CPU)()
    assert stream.add(np.zeros((1, 40, 60, 3), np.uint8)).shape == (0, 2, 256, 384)
    assert (stream.end() == 127).all()


@pytest.mark.parametrize(
    "bad, words",
    [
        (["clip_lenght=3"], "did you mean 'clip_length'"),
        (["clip_length=0"], "clip_length is 0"),
        (["backbone=i3d-rgb"], "backbone is what makes the preset and cannot be changed"),
        (["resize.size=x", "crop.layout=[]"], "resize.size"),
        (["clip_length"], "expected field=value"),
        (["tail=loop"], "tail is 'loop'"),
        (["crop.layout=twelve"], "crop.layout is 'twelve'"),
    ],
)
def test_wrong_settings_are_named(bad, words):
    with pytest.raises(ValueError, match=words.replace("[", r"\[")):
        overridden(PRESETS["efficientnet-b0"], bad)
