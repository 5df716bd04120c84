"""CUHK Avenue: one camera, 16 normal training videos, 21 test videos with pixel masks.

Lu, Shi & Jia, "Abnormal Event Detection at 150 FPS in MATLAB", ICCV 2013. The masks come with the videos
and are the only annotation, so scripts/tools/make_mask_lists.py writes the lists from the data set itself:

    training_videos/01.avi ... 16.avi, testing_videos/01.avi ... 21.avi
    testing_label_mask/1_label.mat ... 21_label.mat, also below ground_truth_demo/
"""

from __future__ import annotations

from pathlib import Path

from data_lists.list_error import ListError
from data_lists.masks import open_masks
from data_lists.official import OfficialLists
from data_lists.video import NORMAL, Video

TRAIN, TEST = 16, 21
MASKS = ("testing_label_mask", "ground_truth_demo/testing_label_mask")


def masks_folder(root: Path) -> Path:
    """The folder of the masks. Raises ListError if there is none."""
    for name in MASKS:
        if (root / name).is_dir():
            return root / name
    raise ListError([f"{root}: contains neither {' nor '.join(MASKS)}; they come with the data set"])


def parse(root: Path) -> OfficialLists:
    """Both splits, without frame counts: in some videos decoders and masks differ by a frame."""
    folder = masks_folder(root)
    train = [Video(f"training_videos/{number:02d}", NORMAL, split="train") for number in range(1, TRAIN + 1)]
    test = [
        Video(
            f"testing_videos/{number:02d}",
            "Anomaly",
            None,
            open_masks(folder, f"{number:02d}").spans(),
            split="test",
        )
        for number in range(1, TEST + 1)
    ]
    return OfficialLists(train, test)
