"""What is fuzzed: a healthy file, and the command that reads it.

A target with `content` has a digest: if its command says that the file is sound, the content must be what it
was. The others have none (a number in a CSV may be any number), so only crashes, tracebacks, hangs and errors
without the file's name count.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import h5py
import numpy as np
import torch
from PIL import Image

from data_lists import Video, write_list
from extract.decode.folder_reader import open_folder
from extract.decode.pyav_reader import open_pyav
from extract.decode.sources import find_source
from extract.store import FeatureSpec, FeatureStore, VideoFeatures
from extract.store.packing import pack

LENGTHS = {"a": 96, "b": 64}  # frames of the two videos
SPAN = (32, 64)  # the anomalous frames of a


@dataclass(frozen=True)
class Target:
    """One kind of file.

    make: writes a healthy world below a folder and returns the file to damage. command: program and
    arguments, with {root} for the folder; or a program that starts processes, whose reader is called itself.
    writes: what the command makes, removed before each input.
    """

    name: str
    make: Callable[[Path], Path]
    command: tuple[str, ...] | Callable[[Path], None]
    content: Callable[[Path], Any] | None = None
    writes: tuple[str, ...] = ()


def scores() -> dict[str, np.ndarray]:
    return {name: np.linspace(0, 1, length) for name, length in LENGTHS.items()}


def features() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    return {
        name: chance.normal(size=(length // 16, 8)).astype(np.float32) for name, length in LENGTHS.items()
    }


def training_features() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(1)
    return {f"t{number}": chance.normal(size=(4, 8)).astype(np.float32) for number in range(8)}


def make_list(root: Path) -> Path:
    videos = [Video("a", "Fight", LENGTHS["a"], (SPAN,)), Video("b", "Normal", LENGTHS["b"])]
    write_list(root / "list.tsv", videos)
    return root / "list.tsv"


def make_list_and_scores(root: Path) -> Path:
    write_csv(root / "scores.csv")
    return make_list(root)


def make_store(root: Path) -> Path:
    """A store of features and one additional array; returns the file of a."""
    spec = FeatureSpec(
        preset="made",
        backbone="made",
        weights="",
        modality="rgb",
        clip_length=16,
        segment_stride=16,
        feature_dim=8,
    )
    store = FeatureStore.create(root / "store", spec)
    for name, rows in {**features(), **training_features()}.items():
        start = 16 * np.arange(len(rows))
        span = np.stack([start, start + 16], 1)
        store.write(VideoFeatures(name, rows[:, None], span, span / 25, num_frames=16 * len(rows), fps=25.0))
    make_list(root)
    return store.path("a")


def make_pack(root: Path) -> Path:
    make_store(root)
    pack(root / "store", root / "packed.h5")
    return root / "packed.h5"


def stored(place: str) -> Callable[[Path], Any]:
    def content(root: Path) -> Any:
        video = FeatureStore(root / place).read("a")
        rows = {name: rows.tobytes() for name, rows in video.arrays.items()}
        numbers = video.num_frames, video.fps, video.width, video.height
        records = video.decode, video.source, video.provenance
        spans = video.frame_span.tobytes(), video.time_span.tobytes()
        return np.asarray(video.features).tobytes(), spans, rows, numbers, records

    return content


def score_file(name: str, write: Callable[[Path], object]) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        make_list(root)
        write(root / name)
        return root / name

    return make


def write_csv(path: Path) -> None:
    rows = [f"{name},{frame},{value}" for name, each in scores().items() for frame, value in enumerate(each)]
    path.write_text("video_id,frame,score\n" + "\n".join(rows) + "\n")


def write_scores_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name, each in scores().items():
            file[name] = each


def write_features_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name, each in features().items():
            file.create_dataset(f"{name}/features", data=each, compression="gzip")


def write_json(path: Path) -> None:
    path.write_text(json.dumps({name: each.tolist() for name, each in scores().items()}))


def write_npz(path: Path) -> None:
    np.savez_compressed(path, a=scores()["a"], b=scores()["b"])


def write_tensors(path: Path) -> None:
    torch.save({name: torch.tensor(each) for name, each in scores().items()}, path)


def write_mat(path: Path) -> None:
    from scipy.io import savemat

    savemat(path, scores(), do_compression=True)


def feature_folder(suffix: str, write: Callable[[Path, np.ndarray], object]) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        make_list(root)
        (root / "features").mkdir()
        for name, rows in features().items():
            write(root / "features" / f"{name}{suffix}", rows)
        return root / "features" / f"a{suffix}"

    return make


def make_frames(suffix: str) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        make_list(root)
        chance = np.random.default_rng(0)
        for name, length in LENGTHS.items():
            (root / "videos" / name).mkdir(parents=True)
            for frame in range(length):
                picture = np.kron(chance.integers(0, 255, (6, 8, 3)), np.ones((4, 4, 1))).astype(np.uint8)
                Image.fromarray(picture).save(root / "videos" / name / f"{frame:03}{suffix}")
        return root / "videos" / "a" / f"040{suffix}"

    return make


def make_archive(root: Path) -> Path:
    make_frames(".png")(root)
    path = root / "videos" / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for image in sorted((root / "videos" / "a").iterdir())[:4]:
            archive.write(image, image.name)
    shutil.rmtree(root / "videos" / "a")
    return path


def read_frames(root: Path) -> None:
    """As a decode worker reads a folder of frames, or an archive of them."""
    source = find_source(root / "videos", "a")
    for frame in open_folder(source, None).frames:
        frame.rgb()


def make_video(root: Path) -> Path:
    (root / "videos").mkdir()
    path = root / "videos" / "a.mp4"
    chance = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            picture = np.kron(chance.integers(0, 255, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def read_video(root: Path) -> None:
    """As a decode worker reads a video file with its second decoder."""
    for frame in open_pyav(find_source(root / "videos", "a"), 1 << 28).frames:
        frame.rgb()


def make_checkpoint(root: Path) -> Path:
    """A head trained for an epoch; returns its checkpoint."""
    from click.testing import CliRunner

    from score.cli import main

    make_store(root)
    names = sorted(training_features())
    write_list(root / "train.tsv", [Video(name, "Fight" if name > "t3" else "Normal") for name in names])
    arguments = ["train", "--head", "mil", "--store", root / "store", "--list", root / "train.tsv"]
    arguments += ["--out", root / "run", "--workers", "1"]
    arguments += ["--set", "train.epochs=1", "--set", "head.hidden=[4]"]
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exit_code == 0, result.output
    return root / "run" / "seed_0" / "checkpoint.pt"


def checkpoint_content(root: Path) -> Any:
    from score.runs.torch_file import load_file

    return plain(load_file(root / "run" / "seed_0" / "checkpoint.pt", "checkpoint"))


def plain(value: Any) -> Any:
    """Tensors as bytes, so that contents compare."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


EVALUATE = ("vad-score", "evaluate", "--list", "{root}/list.tsv", "--resamples", "0", "--scores")
IMPORT = ("vad-extract", "import", "--list", "{root}/list.tsv", "--store", "{root}/imported", "--layout")


def array_scores(suffix: str, write: Callable[[Path], object]) -> Target:
    name = f"scores{suffix}"
    return Target(f"scores {suffix}", score_file(name, write), (*EVALUATE, f"{{root}}/{name}"))


def imported(layout: str, suffix: str, write: Callable[[Path, np.ndarray], object]) -> Target:
    command = (*IMPORT, layout, "--features", "{root}/features")
    return Target(f"features {suffix}", feature_folder(suffix, write), command, writes=("imported",))


TARGETS = {
    target.name: target
    for target in (
        Target("store file", make_store, ("vad-extract", "verify", "{root}/store"), stored("store")),
        Target("pack", make_pack, ("vad-extract", "verify", "{root}/packed.h5"), stored("packed.h5")),
        Target(
            "store.json",
            lambda root: make_store(root).with_name("store.json"),
            ("vad-extract", "inspect", "{root}/store", "--json"),
            lambda root: FeatureStore(root / "store").spec,
        ),
        Target(
            "checkpoint",
            make_checkpoint,
            ("vad-score", "evaluate", "{root}/run", "--store", "{root}/store", "--list", "{root}/list.tsv")
            + ("--resamples", "0"),
            checkpoint_content,
        ),
        Target("list", make_list_and_scores, (*EVALUATE, "{root}/scores.csv")),
        array_scores(".npy", lambda path: np.save(path, np.concatenate(list(scores().values())))),
        array_scores(".npz", write_npz),
        array_scores(".csv", write_csv),
        array_scores(".json", write_json),
        array_scores(".h5", write_scores_h5),
        array_scores(".mat", write_mat),
        array_scores(".pt", write_tensors),
        imported("npy", ".npy", np.save),
        imported("npz", ".npz", lambda path, rows: np.savez_compressed(path, features=rows)),
        Target(
            "features .h5",
            score_file("features.h5", write_features_h5),
            (*IMPORT, "hdf5", "--features", "{root}/features.h5", "--dataset", "{id}/features"),
            writes=("imported",),
        ),
        Target("frames .png", make_frames(".png"), read_frames),
        Target("frames .jpg", make_frames(".jpg"), read_frames),
        Target("frames .zip", make_archive, read_frames),
        Target("video .mp4", make_video, read_video),
    )
}
