"""Files of several ports of a network, read into the names of our networks.

Translations only look at names, so tensors of an unknown file keep their own names and `fit` refuses them.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path

from torch import Tensor

from extract.backbones.backbone import PublishedNetwork
from extract.runtime.foreign.foreign_error import ForeignFileError, one_line
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.foreign.safetensors_files import is_safetensors, read_safetensors
from extract.runtime.foreign.tensor_files import read_tensors
from extract.runtime.foreign.torchscript_files import is_torchscript, read_torchscript
from extract.runtime.text import listed
from extract.weights.caffe2 import read_blobs, resnet_names
from extract.weights.error import WeightsError
from extract.weights.transformer_dialects import authors_names

SHOWN = 5  # names of each kind in an error
LEGACY_MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # the start of PyTorch's files before 1.6
SECOND_PORT = re.compile(r"(conv3d_\d|mixed_\d)")
BRANCHES = {
    "branch_0.": "b0.",
    "branch_1.0.": "b1a.",
    "branch_1.1.": "b1b.",
    "branch_2.0.": "b2a.",
    "branch_2.1.": "b2b.",
    "branch_3.1.": "b3b.",
}
# lukemelas' EfficientNet and its kin -> ours; each block numbers its own normalisations.
OF_LUKEMELAS = (
    (re.compile(r"^_blocks\.(\d+)\._(expand|depthwise|project)_conv\."), r"blocks.\1.\2.conv."),
    (re.compile(r"^_blocks\.(\d+)\._bn0\."), r"blocks.\1.expand.norm."),
    (re.compile(r"^_blocks\.(\d+)\._bn1\."), r"blocks.\1.depthwise.norm."),
    (re.compile(r"^_blocks\.(\d+)\._bn2\."), r"blocks.\1.project.norm."),
    (re.compile(r"^_conv_(stem|head)\."), r"\1.conv."),
    (re.compile(r"^_bn0\."), "stem.norm."),
    (re.compile(r"^_bn1\."), "head.norm."),
    (re.compile(r"^_fc\."), "logits."),
)


def read_state(path: Path) -> dict[str, Tensor]:
    """Our names -> tensors of a weights file in any known dialect. Runs nothing that is in the file.

    Raises WeightsError for a file that holds anything but tensors, and for an unknown format.
    """
    path = Path(path)
    try:
        if is_safetensors(path):
            return our_names(_tensors(read_safetensors(path), path))
        if is_torchscript(path):
            return our_names(_tensors(read_torchscript(path), path))
        with open_regular(path, expected="a file of weights") as file:
            start = file.read(len(LEGACY_MAGIC))
            of_torch = start == LEGACY_MAGIC or zipfile.is_zipfile(file)
        # Neither of PyTorch's formats: Caffe2's is the only other one.
        if not of_torch:
            return resnet_names(read_blobs(path))
        return our_names(_tensors(read_tensors(path), path))
    except ForeignFileError as error:
        raise WeightsError(str(error)) from None


def our_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state without DataParallel's prefix, with the names of our networks."""
    if state and all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): each for name, each in state.items()}
    if any(name.startswith("conv3d_1a_7x7.") for name in state):
        state = {_first_port(name): each for name, each in state.items()}
    if "_conv_stem.weight" in state:
        state = {_of_lukemelas(name): each for name, each in state.items()}
    return authors_names(state)


def second_port_name(name: str) -> str:
    """A name of the first port of Inception-I3D -> the second port's (hassony2, video_features)."""
    name = name.replace("logits.conv3d.", "conv3d_0c_1x1.conv3d.")
    name = name.replace("Conv3d", "conv3d").replace("Mixed", "mixed").replace(".bn.", ".batch3d.")
    for second, first in BRANCHES.items():
        name = name.replace("." + first, "." + second)
    return name


def _first_port(name: str) -> str:
    if name.startswith("conv3d_0c_1x1.conv3d."):
        return name.replace("conv3d_0c_1x1.", "logits.")
    if not SECOND_PORT.match(name):
        return name
    for second, first in BRANCHES.items():
        name = name.replace("." + second, "." + first)
    return name[0].upper() + name[1:].replace(".batch3d.", ".bn.")


def _of_lukemelas(name: str) -> str:
    for published, ours in OF_LUKEMELAS:
        name = published.sub(ours, name)
    return name


def _tensors(content, path: Path) -> dict[str, Tensor]:
    for key in ("state_dict", "model_state", "module", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        raise WeightsError(f"{path} holds a {type(content).__name__}, expected a state_dict")
    others = [
        str(name)
        for name, each in content.items()
        if not isinstance(name, str) or not isinstance(each, Tensor)
    ]
    if others:
        raise WeightsError(
            f"{path} is not a state_dict: besides tensors it holds {listed(others, shown=SHOWN)}"
        )
    return dict(content)


def published_state(backbone: PublishedNetwork) -> dict[str, Tensor]:
    """The backbone's own tensors under their published names."""
    return {name.removeprefix(backbone.prefix): each for name, each in backbone.state_dict().items()}


def fit(backbone: PublishedNetwork, state: dict[str, Tensor], *, origin: str) -> None:
    """Copy a state (our names) into the backbone.

    Tensors that features do not depend on may differ: a classifier of another width or none, and the counters
    that files from before PyTorch 0.4 lack. Raises WeightsError, which lists all other missing, unexpected,
    misshapen and non-finite tensors.
    """
    expected = published_state(backbone)
    state = dict(state)
    for name in [name for name in {**expected, **state} if name.startswith(backbone.classifier)]:
        if name not in state or name not in expected or state[name].shape != expected[name].shape:
            state.pop(name, None)
            if name in expected:
                state[name] = expected[name]
    # Counters of batches do not enter the features.
    for name in expected:
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, expected[name])
    problems = {
        "missing": sorted(set(expected) - set(state)),
        "unexpected": sorted(set(state) - set(expected)),
        "with another shape": [
            f"{name} {list(state[name].shape)} for {list(each.shape)}"
            for name, each in expected.items()
            if name in state and state[name].shape != each.shape
        ],
        "not finite": [
            name for name, each in state.items() if each.is_floating_point() and not each.isfinite().all()
        ],
    }
    if any(problems.values()):
        lists = "; ".join(
            f"{len(names)} {kind}: {listed(names, shown=SHOWN)}" for kind, names in problems.items() if names
        )
        raise WeightsError(f"{origin} does not fit {backbone.name}: {lists}")
    try:
        backbone.load_state_dict({backbone.prefix + name: each for name, each in state.items()})
    except (RuntimeError, TypeError) as error:  # types of numbers that cannot be copied into ours
        raise WeightsError(f"{origin} does not fit {backbone.name}: {one_line(error)}") from None
