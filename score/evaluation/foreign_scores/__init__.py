"""Scores that other programs wrote, in whatever form, as one score per frame of each listed video.

score_content   what a file holds: rows of one video, of videos one after another, or by name
score_tables    CSV and text          score_documents  JSON, and that of vad-score predict
score_arrays    .npy .npz .mat .pt    score_hdf5       HDF5
score_columns   which columns of a table name the video, the score and the position
score_rows      checked scores and where they lie, as the file says
numbering       from 0 or from 1, with or without the last frame, frames or seconds: one rule a source
score_spans     positions -> frames, with every gap, overlap and overrun
segment_rules   rows without positions -> frames: --segment-length and --segments
long_array      videos one after another, cut in a known order
video_order     the lines of --order
score_sources   a file or a folder -> the frame scores of listed videos
"""
