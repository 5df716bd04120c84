"""The commands of vad-extract, one per file."""
