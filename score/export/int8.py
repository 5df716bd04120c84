"""Dynamic quantisation of an exported model: 8-bit weights, activations rounded per batch."""

from __future__ import annotations

import tempfile
from pathlib import Path

from score.export.onnx_graph import quiet


def quantise(model: bytes) -> bytes:
    """The model with int8 weights in its matrix products and convolutions; inputs and outputs stay float32.

    Activations are rounded to 8 bits by the range of each batch, so no calibration data are needed.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = onnx.load_from_string(model)
    # The shapes of inner values would contradict the rewritten graph.
    del graph.graph.value_info[:]
    with quiet(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_dynamic(graph, path, weight_type=QuantType.QInt8)
        small = onnx.load(path)
    small.producer_name, small.producer_version = graph.producer_name, graph.producer_version
    del small.metadata_props[:]
    small.metadata_props.extend(onnx.load_from_string(model).metadata_props)
    small.metadata_props.add(key="weights", value="int8")
    return small.SerializeToString()
