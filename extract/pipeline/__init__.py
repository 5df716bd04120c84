"""Videos to stored features: decoding, batching, the device and the writer at once."""
