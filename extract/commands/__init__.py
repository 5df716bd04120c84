"""The commands of vad-extract, one a file."""
