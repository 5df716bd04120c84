"""Clips of alerts: frames in memory as pictures, and the video that is written of them."""
