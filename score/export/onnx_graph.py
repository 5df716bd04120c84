"""The ONNX graph of a trained head, including standardisation and scaling of its instances."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from extract.runtime.versions import version
from score.bags.bags import Bags
from score.bags.standardise import has_unit_rows
from score.runs.checkpoint import Checkpoint

OUTPUTS = ("segment_score", "video_score")
OPSET = 18
ABOUT = (
    "The inputs are instances: compute them from a video's segments by data.segments of the config (frame "
    "differences first, then pooling). Padding comes after them and is False in mask; every bag has at least "
    "one instance. One bag is one crop: average the scores of a video's crops."
)


class ExportError(ValueError):
    """A head cannot be exported, or its exported model gives other scores; the text is one line."""


class RawHead(nn.Module):
    """A head that standardises and scales its instances: modality -> [B, T, D], mask bool [B, T]."""

    def __init__(self, checkpoint: Checkpoint):
        super().__init__()
        self.head = checkpoint.build_head()
        self.normalise = checkpoint.config.data.normalise
        stats = checkpoint.standardisation
        self.standardised = stats is not None
        self.keep_zeros = stats is not None and stats.keep_zeros
        if stats is not None:
            for name in checkpoint.bag_spec.feature_dims:
                self.register_buffer(f"mean_{name}", stats.mean[name])
                self.register_buffer(f"deviation_{name}", stats.deviation[name])

    def forward(self, features: dict[str, Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        prepared = {}
        for name, rows in features.items():
            missing = (rows == 0).all(dim=-1, keepdim=True) if self.keep_zeros else None
            if self.standardised:
                rows = (rows - getattr(self, f"mean_{name}")) / getattr(self, f"deviation_{name}")
            if missing is not None:
                rows = rows.masked_fill(missing, 0.0)
            if has_unit_rows(self.normalise, rows.shape[-1]):
                rows = rows / rows.norm(dim=-1, keepdim=True).clamp(min=1e-12)
            prepared[name] = rows.masked_fill(~mask[:, :, None], 0.0)
        output = self.head(unlabelled(prepared, mask))
        return output.segment_score, output.video_score


@contextlib.contextmanager
def quiet():
    """Silence the exporters: warnings, logs, and the graphs that they print."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def unlabelled(features: dict[str, Tensor], mask: Tensor) -> Bags:
    """Bags with all labels 0, for scoring only."""
    label = torch.zeros_like(mask[:, 0], dtype=torch.float32)
    return Bags(features, mask, label, label.long())


def to_onnx(checkpoint: Checkpoint, features: Mapping[str, Tensor], mask: Tensor) -> bytes:
    """The serialised model. features, mask: a batch to trace it with, of several bags and instances.

    Raises ExportError if torch cannot trace or translate the head.
    """
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    names = [*features, "mask"]
    try:
        with quiet(), torch.no_grad():
            traced = torch.export.export(
                RawHead(checkpoint).eval(),
                (dict(features), mask),
                dynamic_shapes=({name: free for name in features}, free),
                strict=False,
            )
            program = torch.onnx.export(
                traced,
                (dict(features), mask),
                dynamo=True,
                opset_version=OPSET,
                verbose=False,
                input_names=names,
                output_names=list(OUTPUTS),
                custom_translation_table={torch.ops.aten.sort.stable: _stable_sort},
            )
    except Exception as error:
        # torch reports what it cannot trace or translate by errors of many types.
        # torch wraps the reason in several layers of errors.
        cause = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = (str(cause).splitlines() or [""])[0][:200].strip()
        raise ExportError(
            f"the head {checkpoint.config.name} cannot be exported to ONNX: {type(cause).__name__}: {reason}"
        ) from error
    assert program is not None, "dynamo export returns a program"
    return _labelled(program.model_proto, checkpoint).SerializeToString()


def _stable_sort(self, *, stable=None, dim=-1, descending=False):  # noqa: ARG001, named by the aten operator
    """ONNX's TopK keeps equal values in their order, as a stable sort does."""
    from onnxscript import opset18

    op: Any = opset18  # its annotations reject symbolic values
    count = op.Gather(op.Shape(self), op.Constant(value_ints=[dim]))
    return op.TopK(self, count, axis=dim, largest=descending, sorted=True)


def _labelled(model, checkpoint: Checkpoint):
    """Name the dynamic axes and add metadata; source locations of this machine are removed."""
    graph = model.graph
    values = (*graph.input, *graph.output, *graph.value_info)
    batch, time, _ = graph.input[0].type.tensor_type.shape.dim
    named = {batch.dim_param: "batch", time.dim_param: "time"}
    for value in values:
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param in named:
                size.dim_param = named[size.dim_param]
    for part in (graph, *graph.node, *values):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    # The exporter's own names would say nothing about the head.
    model.producer_name, model.producer_version = "vad-score", version("vad-pipeline")
    del model.metadata_props[:]
    for name, text in _metadata(checkpoint).items():
        model.metadata_props.add(key=name, value=text)
    return model


def _metadata(checkpoint: Checkpoint) -> dict[str, str]:
    stats = checkpoint.standardisation
    inside = ["standardise"] if stats is not None else []
    normalise, widths = checkpoint.config.data.normalise, checkpoint.bag_spec.feature_dims.values()
    inside += ["l2"] if any(has_unit_rows(normalise, width) for width in widths) else []
    return {
        "head": checkpoint.config.name,
        "about": ABOUT,
        "config": json.dumps(checkpoint.config.to_dict()),
        "specs": json.dumps([json.loads(spec.to_json()) for spec in checkpoint.specs]),
        "feature_dims": json.dumps(dict(checkpoint.bag_spec.feature_dims)),
        "in_the_model": json.dumps(inside),
        "seed": str(checkpoint.seed),
        "epoch": str(checkpoint.epoch),
        "trained_with": json.dumps(dict(checkpoint.versions)),
        "version": version("vad-pipeline"),
    }
