"""Networks on a device: precision, batch size, transfer, CUDA graphs."""
