"""What predict writes: videos, viewer, JSON, thumbnails."""
