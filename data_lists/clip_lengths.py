"""Video lengths in whole clips of 16 frames, as the truths of published code use them."""

from __future__ import annotations

from data_lists.video import Video

CLIP = 16  # frames per clip of the features that those truths were made for


def known_num_frames(video: Video) -> int:
    """The number of frames of a video whose list states it. Raises ValueError if it does not."""
    if video.num_frames is None:
        raise ValueError(f"{video.video_id}: the list does not state num_frames")
    return video.num_frames


def floor_to_clips(num_frames: int) -> int:
    """The largest multiple of 16 that is at most num_frames."""
    return num_frames // CLIP * CLIP


def ceil_to_clips(num_frames: int) -> int:
    """The smallest multiple of 16 that is at least num_frames."""
    return -(-num_frames // CLIP) * CLIP
