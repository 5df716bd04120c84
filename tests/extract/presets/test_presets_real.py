"""Every network preset on real surveillance video: a few segments each, on the GPU too where there is one."""

import numpy as np
import pytest

from data_lists import Video
from extract.pipeline.extractor import run as extract
from extract.pipeline.run_settings import RunSettings
from extract.presets import PRESETS
from extract.presets.preset_overrides import overridden
from extract.runtime.progress import Progress
from extract.store import FeatureStore

pytestmark = pytest.mark.slow

# Of pictures; tests/extract/decode/test_sound_real.py hears these videos.
NETWORKS = [preset for preset in PRESETS.values() if preset.kind == "network"]
# At 5 frames a second the video has 75 frames; the stride leaves two segments, the last of them padded.
FEW = ["fps=5", "segment_stride=56"]
# Frames of a clip where the preset's own take long; what they go through is the same.
SHORT_CLIPS = {
    **dict.fromkeys(("efficientnet-b0", "clip-vit-b16-mean", "clip-vit-b16-vadclip"), 2),
    **dict.fromkeys(("rtfm", "rtfm-gowtham", "r2plus1d_18", "swin3d_t"), 8),
    **dict.fromkeys(("i3d-rgb-64", "i3d-rgb-64-levels", "i3d-flow-64"), 24),
}


def few_frames(preset):
    return overridden(preset, [*FEW, f"clip_length={SHORT_CLIPS.get(preset.name, preset.clip_length)}"])


def run(preset, test_data, store_root, *, device: str, precision: str = "fp32"):
    root = test_data / "ucf_crime" / "videos"
    name = next(root.rglob("Normal_Videos*006*.mp4")).relative_to(root).with_suffix("").as_posix()
    settings = RunSettings(
        device=device,
        workers=1,
        weights="none",
        precision=precision,
        batch_size=2 if device == "cpu" else None,
    )
    report = extract(
        few_frames(preset),
        [Video(name)],
        root=root,
        store_root=store_root,
        settings=settings,
        progress=Progress(total=0, live=False),
    )
    assert report.done == 1, report.failed
    return FeatureStore(store_root).verify(name)


@pytest.mark.parametrize("preset", NETWORKS, ids=lambda preset: preset.name)
def test_real_video_gives_finite_rows_that_differ(preset, test_data, tmp_path):
    video = run(preset, test_data, tmp_path, device="cpu")
    span = max(preset.clip_length * preset.frame_stride, 56)
    expected = 75 // span if preset.tail == "drop" else 1 + max(0, -(-(75 - span) // 56))
    assert video.features.shape == (expected, preset.num_crops, preset.feature_dim)
    assert video.num_frames == 450 and video.frame_span[0, 0] == 0
    rows = video.features.reshape(-1, preset.feature_dim)
    assert (rows.std(1) > 0).all()
    if len(rows) > 1:
        assert np.abs(rows[0] - rows[-1]).max() > 1e-4 * np.abs(rows).max()


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("preset", NETWORKS, ids=lambda preset: preset.name)
def test_the_gpu_gives_the_rows_of_the_cpu(preset, precision, test_data, tmp_path):
    gpu = run(preset, test_data, tmp_path / "gpu", device="cuda", precision=precision)
    cpu = run(preset, test_data, tmp_path / "cpu", device="cpu")
    one, other = (rows.features.reshape(-1, preset.feature_dim).astype(float) for rows in (gpu, cpu))
    cosine = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert cosine.min() > (0.999 if precision == "fp32" else 0.99)


def test_bf16_is_checked_against_fp32_and_recorded(test_data, tmp_path):
    # The smallest network: processors without bfloat16 arithmetic take minutes for a clip of I3D.
    video = run(PRESETS["efficientnet-b0-frames"], test_data, tmp_path, device="cpu", precision="bf16")
    assert 0.999 <= video.provenance["precision_cosine"] < 1
    assert FeatureStore(tmp_path).spec.precision == "bf16"
