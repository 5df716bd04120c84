"""Optical flow: TV-L1, RAFT, and the quantisers of the published protocols."""
