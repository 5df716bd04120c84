"""A video in, scores, intervals, an annotated video and a page out: the one place of score that reaches into
extract.

Nothing here imports extract beyond its store until a video is decoded.
"""
