"""A head as an ONNX or int8 file that gives the same scores."""
