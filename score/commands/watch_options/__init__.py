"""The options of vad-score watch, by what they are about."""
