"""What is worth knowing of a video that was extracted: it is in its file, and a run and inspect count it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Key of a remark -> how a line about several videos ends.
REMARKS = {
    "messages": "with decoder messages",
    "incomplete": "that were only partly decoded",
    "missing": "with missing images",
    "clock": "whose times were repaired",
    "streams": "with several video streams",
    "header": "with another number of frames than their header states",
}
FEWEST_APART = 3  # frames by which a header may differ: containers count them in different ways


def remarks_of(decode: Mapping[str, Any], num_frames: int) -> list[str]:
    """Keys of REMARKS that hold for a video. decode: as in its file."""
    header = decode.get("header_num_frames")
    holds = {
        "messages": bool(decode.get("messages")),
        "incomplete": not decode.get("complete", True),
        "missing": bool(decode.get("missing_frames")),
        "clock": bool(decode.get("clock")),
        "streams": bool(decode.get("other_streams")),
        "header": isinstance(header, int) and abs(header - num_frames) > max(FEWEST_APART, 0.02 * header),
    }
    return [key for key, value in holds.items() if value]
