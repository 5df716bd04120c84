"""The sound track of a video file in a decode worker, on the clock of its picture."""
