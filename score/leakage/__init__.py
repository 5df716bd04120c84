"""Which test videos are training videos, by name, bytes or content."""
