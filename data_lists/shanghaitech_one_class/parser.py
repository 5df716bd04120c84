"""The original split, from the files of the weak split: they name every video and have all frame masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from data_lists.official import OfficialLists
from data_lists.shanghaitech import parser as weak


def parse(folder: Path) -> OfficialLists:
    """Both splits; `folder` is that of the weak split. The original training videos are the normal ones."""
    lists = weak.parse(folder)
    videos = sorted(lists.train + lists.test, key=lambda video: video.video_id)
    train = [
        replace(video, video_id=f"training/videos/{video.video_id}", split="train")
        for video in videos
        if not video.is_anomalous
    ]
    test = [
        replace(video, video_id=f"testing/frames/{video.video_id}", split="test")
        for video in videos
        if video.is_anomalous
    ]
    return OfficialLists(train, test)
