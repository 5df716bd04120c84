"""From videos to anomaly scores, intervals, annotated videos and a page.

Of stage 2, only this package and score.app use stage 1 beyond its stores, and only once a video is decoded.
"""
