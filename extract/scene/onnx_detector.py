"""A YOLO network that the user brings as an ONNX file, run by onnxruntime; needs the extra [onnx].

extract/scene/yolo_outputs.py lists the forms that are read. The file must hold everything: a network with its
weights beside it is refused, because such a file may name any path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.regular_file import read_regular
from extract.scene.people import People, make_people
from extract.scene.yolo_outputs import Form, best_boxes, decoded, form_of, network_input

LARGEST_FILE = 1 << 29  # bytes; YOLOX-x has 400 MB
KIND = "an ONNX network"
PERSON = 0  # among COCO's classes
MIN_SCORE = 0.1  # detections below it are not even candidates for a track
OVERLAP = 0.45  # intersection over union of two boxes of one thing, as in YOLOX's demo
MOST_FOUND = 50  # per frame
DEEPEST = 8  # of graphs within graphs


class OnnxDetector:
    """Finds the things of some classes in single frames. classes: their numbers; () = people.

    Raises ValueError without a file, without onnxruntime, and for a class that the network does not know;
    ForeignFileError for a file that is no such network.
    """

    def __init__(self, weights: Path | str | None, *, classes: tuple[int, ...] = (), device: str = "cpu"):
        if weights is None or str(weights) == "none":
            raise ValueError("the detector onnx needs --weights FILE.onnx: a YOLOX, YOLOv5 or YOLOv8 network")
        path = Path(weights)
        content = read_regular(path, largest=LARGEST_FILE, expected=KIND)
        self.digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.session = _session(path, content, device)
        self.form = _form(path, self.session)
        self.input_name = self.session.get_inputs()[0].name
        self.classes = list(classes or (PERSON,))
        if max(self.classes) >= self.form.num_classes:
            raise ValueError(
                f"scene.classes has {max(self.classes)}, but {printable(path.name)} knows the classes 0 to "
                f"{self.form.num_classes - 1}"
            )

    def __call__(self, frames: np.ndarray) -> list[People]:
        """uint8 [n, H, W, 3] -> what was found in each, best first."""
        return [self._find(frame) for frame in frames]

    def _find(self, frame: np.ndarray) -> People:
        planes, factor, (left, top) = network_input(frame, self.form)
        (output,) = self.session.run(None, {self.input_name: planes})
        boxes, by_class = decoded(output, self.form)
        scores = by_class[:, self.classes].max(axis=1, initial=0)
        likely = scores >= MIN_SCORE
        boxes, scores = boxes[likely], scores[likely]
        kept = best_boxes(boxes, scores, overlap=OVERLAP)[:MOST_FOUND]
        return make_people((boxes[kept] - [left, top, left, top]) / factor, scores[kept])


def _session(path: Path, content: bytes, device: str) -> Any:
    """An onnxruntime session. Raises ForeignFileError for a file that is no network, or not all of one."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ValueError(
            f"the detector onnx needs a package that is not installed ({error.name}): "
            "pip install 'vad-pipeline[onnx]'"
        ) from None
    with reading(path, KIND):
        network = onnx.load_model_from_string(content)
        if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(network.graph)):
            raise ForeignFileError(path, "keeps its weights in other files; save it as one file")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong with a file is one line of ours
    # One order of additions, so that a store does not depend on the number of cores.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    on_gpu = device.startswith("cuda") and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    providers = ["CUDAExecutionProvider"] * on_gpu + ["CPUExecutionProvider"]
    with reading(path, KIND):
        # The fallback prints, and tries the same again.
        return onnxruntime.InferenceSession(content, options, providers=providers, enable_fallback=0)


def _form(path: Path, session: Any) -> Form:
    given, made = session.get_inputs(), session.get_outputs()
    if (
        (len(given), len(made)) != (1, 1)
        or given[0].type != "tensor(float)"
        or made[0].type != "tensor(float)"
    ):
        raise ForeignFileError(
            path, f"has {len(given)} inputs and {len(made)} outputs, expected one of each, of float32"
        )
    task = session.get_modelmeta().custom_metadata_map.get("task", "detect")
    if task != "detect":
        raise ForeignFileError(
            path, f"is a network for the task {printable(task[:40])!r}, expected one that detects"
        )
    try:
        return form_of(given[0].shape, made[0].shape)
    except ValueError as error:
        raise ForeignFileError(path, str(error)) from None


def _tensors(graph: Any, depth: int = 0) -> Iterator[Any]:
    """Every tensor that a graph holds, also within its nodes and the graphs in them."""
    if depth > DEEPEST:
        raise ValueError("its graphs are nested too deeply")
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for each in node.attribute:
            yield from (each.t, *each.tensors)
            for sparse in (each.sparse_tensor, *each.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for inner in (each.g, *each.graphs):
                if inner.ByteSize():
                    yield from _tensors(inner, depth + 1)
