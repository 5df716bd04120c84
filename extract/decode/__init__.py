"""Frames out of video files and folders of frames, in child processes that may be killed."""
