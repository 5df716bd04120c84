"""The commands of vad-score, one a file."""
