"""What vad-score predict writes: JSON, CSV, WebVTT, annotated videos and the viewer page."""
