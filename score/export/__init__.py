"""Exports trained heads as ONNX models, optionally with 8-bit weights, and checks their scores."""
