"""Exports a trained head as an ONNX model on pooled features, and compares it with torch; needs the extra
[onnx].

    inputs    one per modality, named after it: float32 [batch, time, D], and mask: bool [batch, time]
    outputs   segment_score: float32 [batch, time], video_score: float32 [batch], both in [0, 1]

Batch and time are dynamic. Standardisation and scaling are in the model; pooling segments to instances and
frame differences are not, and the metadata say how the head was trained in these respects.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from extract.runtime.atomic import write_bytes
from score.bags.standardise import has_unit_rows, unit_rows
from score.export.onnx_graph import OUTPUTS, ExportError, to_onnx, unlabelled
from score.runs.checkpoint import Checkpoint

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
SHAPES = ((1, 1), (1, 32), (3, 77), (8, 200))  # bags x instances at which the model is compared with torch
# Sizes for tracing; nothing is computed at them. Tracing would take a size of 1 for a constant, and likewise
# the number of windows of a video with a single one.
TRACED = (3, 4000)
BOUND = 1e-4  # largest difference of a score; float32 loses about 1e-7 per layer


@dataclass(frozen=True)
class Export:
    """A written model. difference: the largest one between its scores and torch's, per shape in SHAPES."""

    path: Path
    num_bytes: int
    difference: dict[tuple[int, int], float]


def check_packages() -> None:
    """Raise ValueError, one line, if the extra is not installed."""
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError:
            raise ValueError(
                f"export needs a package that is not installed ({name}): pip install 'vad-pipeline[onnx]'"
            ) from None


def export(checkpoint: Checkpoint, path: Path) -> Export:
    """Write a checkpoint as ONNX if its scores agree with torch's at all SHAPES.

    Raises ExportError if they do not, and then leaves `path` as it was.
    """
    if checkpoint.bag_spec.array_shapes:
        raise ExportError(
            f"the head {checkpoint.config.name} takes clips of pixels; only heads on features can be exported"
        )
    model = to_onnx(checkpoint, *_rows_like_training(checkpoint, *TRACED))
    try:
        difference = compare(checkpoint, model)
    except Exception as error:
        # onnxruntime raises its own exception types.
        reason = (str(error).splitlines() or [""])[0][:300]
        raise ExportError(
            f"the head {checkpoint.config.name} as ONNX does not run ({reason}); nothing was written"
        ) from error
    worst = max(difference, key=lambda shape: difference[shape])
    if not difference[worst] <= BOUND:
        raise ExportError(
            f"the scores of {checkpoint.config.name} as ONNX differ from torch's by {difference[worst]:.1g} "
            f"at {worst[0]} x {worst[1]} instances, more than {BOUND:g}; nothing was written"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, model)
    return Export(path, len(model), difference)


def compare(checkpoint: Checkpoint, model: bytes) -> dict[tuple[int, int], float]:
    """The largest difference between scores of the model in onnxruntime and the head in torch, per shape."""
    session, head = make_session(model), checkpoint.build_head()
    found = {}
    for batch, time in SHAPES:
        features, mask = _rows_like_training(checkpoint, batch, time)
        with torch.no_grad():
            expected = head(unlabelled(_prepared(checkpoint, features, mask), mask))
        given = {name: rows.numpy() for name, rows in features.items()} | {"mask": mask.numpy()}
        segment_score, video_score = session.run(list(OUTPUTS), given)
        found[batch, time] = float(
            max(
                np.abs(segment_score - expected.segment_score.numpy()).max(),
                np.abs(video_score - expected.video_score.numpy()).max(),
            )
        )
    return found


def make_session(model: bytes | Path):
    """An onnxruntime session on the CPU, with the same number of threads as torch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # 3: errors only.
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _rows_like_training(checkpoint: Checkpoint, batch: int, time: int) -> tuple[dict[str, Tensor], Tensor]:
    """(random instances distributed as in training, with absurd values in the padding; their mask)."""
    generator = torch.Generator().manual_seed(1000 * batch + time)
    length = torch.randint(1, time + 1, (batch,), generator=generator)
    length[0] = time
    mask = torch.arange(time) < length[:, None]
    stats, features = checkpoint.standardisation, {}
    for name, size in sorted(checkpoint.bag_spec.feature_dims.items()):
        rows = torch.randn(batch, time, size, generator=generator)
        if stats is not None:
            rows = rows * stats.deviation[name] + stats.mean[name]
        # A model that looks at padding gives itself away by such values.
        features[name] = rows.masked_fill(~mask[:, :, None], 1e3)
    return features, mask


def _prepared(checkpoint: Checkpoint, features: dict[str, Tensor], mask: Tensor) -> dict[str, Tensor]:
    """The instances as score.scoring.scorer prepares them for the head."""
    prepared = {}
    for name, rows in features.items():
        rows = rows.clone()
        if checkpoint.standardisation is not None:
            checkpoint.standardisation.apply_(rows, name)
        if has_unit_rows(checkpoint.config.data.normalise, rows.shape[-1]):
            unit_rows(rows)
        prepared[name] = rows.masked_fill(~mask[:, :, None], 0.0)
    return prepared
