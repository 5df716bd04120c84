"""Published results on the data sets that come with the package, for comparison with one's own numbers.

By the published protocols: frame AUC for UCF-Crime and ShanghaiTech (weak split), frame AP for XD-Violence.
Their truth differs from the native one by a few frames per video (see --convention), which moves the numbers
little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_lists import ListError, Video, digest, load_split

MEASURES = {"ucf_crime": "frame_auc", "shanghaitech": "frame_auc", "xd_violence": "frame_ap"}
MARKS = {
    "R": "the authors' repository or log",
    "A": "an audit table of a public thesis",
    "L": "a public list of results",
    "P": "a public page",
    "N": "a note on the paper",
    "M": "from memory, not checked",
    "T": "an independent re-training with official features",
}
# Their code chooses the epoch on the test videos.
TEST_SELECTED = {"RTFM", "UR-DMU", "BN-WVAD", "MGFN", "PEL4VAD", "VadCLIP", "DSANet"}
# Their code tests one crop, which its authors chose because its result is better (nwpu-zxr/VadCLIP issue 2).
ONE_CROP = {"VadCLIP", "DSANet"}


@dataclass(frozen=True)
class Published:
    """One published number in [0, 1]; source is one of MARKS."""

    dataset: str
    method: str
    year: int
    features: str
    value: float
    source: str

    @property
    def measure(self) -> str:
        return MEASURES[self.dataset]

    @property
    def test_selected(self) -> bool:
        """Whether the code of the paper chooses the epoch on the test videos; unknown for re-trainings."""
        return self.method in TEST_SELECTED and self.source != "T"

    @property
    def one_crop(self) -> bool:
        """Whether the code of the paper tests the crop that is best there; unknown for re-trainings."""
        return self.method in ONE_CROP and self.source != "T"


# method, year, features, then value and source mark of UCF-Crime, ShanghaiTech, XD-Violence
_ROWS = (
    ("Sultani", 2018, "C3D", ".7541 A", "", ".7320 T"),
    ("IBL", 2019, "C3D", ".7866 L", ".825 L", ""),
    ("MA-MIL", 2019, "PWC", ".790 L", "", ""),
    ("GCN label cleaner", 2019, "TSN-RGB", ".8212 L", ".8444 L", ""),
    ("AR-Net", 2020, "I3D RGB + flow", "", ".9124 L", ""),
    ("CLAWS", 2020, "C3D", ".8303 R", ".8967 R", ""),
    ("HL-Net", 2020, "I3D + VGGish", ".8244 M", "", ".7864 A"),
    ("MIST", 2021, "I3D", ".8230 M", ".9483 M", ""),
    ("RTFM", 2021, "I3D", ".8430 A", ".9721 M", ".7781 A"),
    ("RTFM", 2021, "C3D", ".8328 A", ".9151 M", ""),
    ("MSL", 2022, "VideoSwin", ".8562 M", ".9732 M", ".7859 M"),
    ("S3R", 2022, "I3D", ".8599 A", ".9748 M", ".8026 M"),
    ("CLAWS Net+", 2023, "C3D", ".8337 M", ".9012 M", ""),
    ("CLAWS Net+", 2023, "3D-ResNeXt", ".8416 M", ".9146 M", ""),
    ("MGFN", 2023, "I3D", ".8698 A", "", ".7919 A"),
    ("MGFN", 2023, "VideoSwin", ".8667 A", "", ".8011 A"),
    ("UR-DMU", 2023, "I3D", ".8697 R", "", ".8166 R"),
    ("BN-WVAD", 2023, "I3D", ".8724 R", "", ".8493 R"),
    ("CLIP-TSA", 2023, "CLIP", ".8758 A", ".9832 M", ".8219 A"),
    ("PEL4VAD", 2023, "I3D + prompts", ".8676 R", ".9814 R", ".8559 R"),
    ("VadCLIP", 2024, "CLIP B/16", ".8802 R", "", ".8451 R"),
    ("TPWNG", 2024, "CLIP", ".8779 M", "", ".8368 M"),
    ("STPrompt", 2024, "CLIP", ".8808 L", ".9781 M", ""),
    ("ReFLIP", 2024, "CLIP", ".8857 N", "", ".8581 N"),
    ("PE-MIL", 2024, "features not listed", ".8683 L", ".9835 M", ".8821 L"),
    ("LEC-VAD", 2025, "CLIP", ".8997 P", "", ".8656 P"),
    ("LEC-VAD", 2025, "I3D", "", "", ".8847 P"),
    ("PI-VAD", 2025, "I3D + 5 induced modalities", ".9033 A", ".9805 M", ".8537 A"),
    ("GS-MoE", 2025, "I3D", ".9158 A", "", ".8289 A"),
    ("RefineVAD", 2026, "features not listed", ".8892 L", "", ".8866 L"),
    ("DSANet", 2026, "CLIP B/16", ".8944 L", "", ".8695 L"),
    ("DeSC", 2026, "CLIP B/16", ".8937 P", "", ".8718 P"),
    ("LAS-VAD", 2026, "CLIP", ".9086 L", "", ".8792 L"),
    ("LAS-VAD", 2026, "I3D", ".9105 L", "", ".8996 L"),
    # retrained by others on one machine; the papers state 88.02, 84.30, 86.98, 85.99 and 86.97
    ("VadCLIP", 2024, "CLIP B/16, trained again", ".8654 T", "", ""),
    ("VadCLIP", 2024, "CLIP B/16, trained again by others", ".873 T", ".9749 T", ".832 T"),
    ("DSANet", 2026, "CLIP B/16, trained again", "", "", ".8553 T"),
    ("RTFM", 2021, "I3D, trained again", ".834 T", "", ""),
    ("MGFN", 2023, "I3D, trained again", ".833 T", "", ""),
    ("S3R", 2022, "I3D, trained again", ".829 T", "", ""),
    ("UR-DMU", 2023, "I3D, trained again", ".797 T", "", ""),
)

PUBLISHED: tuple[Published, ...] = tuple(
    Published(dataset, method, year, features, float(cell.split()[0]), cell.split()[1])
    for method, year, features, *cells in _ROWS
    for dataset, cell in zip(MEASURES, cells, strict=True)
    if cell
)


def published_for(test: Sequence[Video]) -> tuple[str, list[Published]]:
    """The data set whose complete published test split these videos are, and its results; else ("", [])."""
    for dataset in MEASURES:
        try:
            split = load_split(dataset, "test")
        except ListError:
            continue
        if len(split) == len(test) and digest(split) == digest(test):
            return dataset, [each for each in PUBLISHED if each.dataset == dataset]
    return "", []
