"""Frames to clips: which frames make a segment, resizing, cropping, the clips of scenes."""
