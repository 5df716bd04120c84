"""The commands of vad-score, one per file."""
