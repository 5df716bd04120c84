"""What the guides of this project take as given, small: videos, published features, frames with masks."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.io import savemat

from data_lists import Video, legacy_truth, load_split, write_list
from extract.store import FeatureStore
from score.feedback.feedback_list import Feedback, FeedbackList
from scripts.demo.scene.h264 import write_h264
from support.tiny_stores import make_features, make_spec

FRAMES = 60  # of every video


def write_square(path: Path, *, shaking: bool, seed: int) -> None:
    """A textured square that glides, or shakes in the second half."""
    texture = np.random.default_rng(seed).integers(60, 255, (24, 24), dtype=np.uint8)
    frames = np.full((FRAMES, 96 * 3 // 2, 128), 128, np.uint8)  # the luma rows, then grey chroma
    frames[:, :96] = 40
    for number, frame in enumerate(frames):
        jump = 9 * (-1) ** number if shaking and number >= FRAMES // 2 else 0
        left = 20 + number + jump
        frame[36 : 36 + 24, left : left + 24] = texture
    write_h264(path, frames, 25)


def write_folder_of_classes(videos: Path, folder: Path) -> None:
    for branch, name in (("normal", "cam1/1.mp4"), ("anomaly/Fighting", "cam1/2.mp4")):
        (folder / branch).mkdir(parents=True)
        shutil.copy(videos / name, folder / branch)


def write_ucf_features(folder: Path, count: int = 4) -> None:
    """All test videos, which the label arrays need, and a few short training videos in place of 1610."""
    (folder / "UCF_ten_crop_i3d").mkdir()
    (folder / "c3d").mkdir()
    rng = np.random.default_rng(0)
    short = [video for video in load_split("ucf_crime", "train") if (video.num_frames or 9999) < 3000]
    train = [video for video in short if video.is_anomalous][:count]
    train += [video for video in short if not video.is_anomalous][:count]
    write_list(folder / "ucf_train.tsv", [replace(video, group=None) for video in train])
    for video in [*train, *load_split("ucf_crime", "test")]:
        name = video.video_id.rsplit("/", 1)[-1]
        rows = rng.normal(size=((video.num_frames or 0) // 16, 10, 4)).astype(np.float32)
        np.save(folder / "UCF_ten_crop_i3d" / f"{name}_i3d.npy", rows)
        np.savetxt(folder / "c3d" / f"{name}.txt", rng.normal(size=(32, 8)))


def write_rgb_and_flow(folder: Path, videos: Sequence[Video], stride: int = 6) -> None:
    """Stores of two modalities; flow has one segment less, because it needs the frame after each clip."""
    rng = np.random.default_rng(3)
    for modality, less in (("rgb", 0), ("flow", 1)):
        spec = make_spec(modality=modality, clip_length=stride, segment_stride=stride)
        store = FeatureStore.create(folder / modality, spec)
        for video in videos:
            made = make_features(video.video_id, rng.normal(size=(FRAMES // stride - less, 6)), stride=stride)
            store.write(replace(made, num_frames=FRAMES))


def write_other_scores(folder: Path) -> None:
    """One score per frame of all test videos of UCF-Crime, and the published array of their labels."""
    rng = np.random.default_rng(2)
    for video in load_split("ucf_crime", "test"):
        path = folder / "other_method" / f"{video.video_id}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rng.random(video.num_frames or 0))
    np.save(folder / "gt-ucf.npy", np.concatenate([labels for _, labels in legacy_truth("gt-ucf")]))


def write_ped2(folder: Path, num_frames: int = 32) -> None:
    """Frames and masks in the layout of UCSD Ped2: a bright square, which jumps in the test video."""
    videos = {"Train/Train001": None, "Train/Train002": None, "Test/Test001": (16, num_frames)}
    for number, (video_id, span) in enumerate(videos.items()):
        place = folder / "UCSDped2" / video_id
        place.mkdir(parents=True)
        masks = place.with_name(f"{place.name}_gt")
        for frame in range(num_frames):
            picture, mask = np.full((60, 80), 40, np.uint8), np.zeros((60, 80), np.uint8)
            anomalous = span is not None and span[0] <= frame < span[1]
            left = (frame * (9 if anomalous else 1) + number * 7) % 60
            picture[20:40, left : left + 20] = 220
            Image.fromarray(picture).save(place / f"{frame + 1:03}.tif")
            if span is not None:
                masks.mkdir(exist_ok=True)
                mask[20:40, left : left + 20] = 255 * anomalous
                Image.fromarray(mask).save(masks / f"{frame + 1:03}.bmp")
    train = [Video(video_id) for video_id, span in videos.items() if span is None]
    test = [Video(video_id, "Anomaly", num_frames, (span,)) for video_id, span in videos.items() if span]
    write_list(folder / "ped2_train.tsv", train)
    write_list(folder / "ped2_test.tsv", test)


def write_avenue(root: Path, videos: int = 21, num_frames: int = 6) -> None:
    """The masks of CUHK Avenue in its layout, each anomalous from the second frame to the fourth."""
    masks = np.zeros((num_frames, 8, 10), np.uint8)
    masks[1:4, 2:5, 4:9] = 1
    cell = np.empty((1, num_frames), object)
    cell[0] = list(masks)
    folder = root / "ground_truth_demo/testing_label_mask"
    folder.mkdir(parents=True)
    for number in range(1, videos + 1):
        savemat(folder / f"{number}_label.mat", {"volLabel": cell})


def write_weights(path: Path) -> None:
    """A file of tensors under the name of Inception-I3D's."""
    torch.save({"weight": torch.zeros(2, 3)}, path)


def write_embeddings(path: Path, clips: int = 24) -> None:
    x = np.random.default_rng(1).normal(size=(clips, 16, 8)).astype(np.float16)
    names = [f"clip_{number}" for number in range(clips)]
    np.savez(path, x=x, names=names, y=np.arange(clips) % 2, group=np.arange(clips) // 2)


def write_feedback(root: Path, features: FeatureStore) -> None:
    """A folder of alerts with one clip, a false alarm, in a store like the given one."""
    clips = FeatureStore.create(root / "features" / features.spec.preset, features.spec)
    video = features.read(features.ids()[0])
    clips.write(replace(video, video_id="gate-1"))
    FeedbackList(root).add(Feedback("gate-1", "false alarm", camera="gate"))
