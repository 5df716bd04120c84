"""Which test videos were used in training: found by name, by the bytes of the file, or by content."""
