"""The order of a folder's images, and the frames of the video that they stand for, by their names.

    img_0001.jpg, img_0002.jpg, ...      frame numbers: a constant step and gaps are kept
    0.04.jpg, 0.1.jpg, ...               numbers with a decimal point: only their order counts
    2023-01-05_12-59-40.jpg, ...         dates, clocks, several numbers that change: only their order counts
    1700000000123.jpg, ...               the same, because no video has a thousand million frames
    a.jpg, b.jpg, ...                    no numbers: only their order counts

Images of two sequences in one folder (img_ and flow_x_, frames and masks, a thumbnail) are refused.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from datetime import datetime

from data_lists.file_names import natural_key
from data_lists.video_checks import MOST_FRAMES
from extract.decode.open_video import ReadError
from extract.decode.readers.frame_image import FrameImage

NUMBER = re.compile(r"[0-9]+")
DECIMAL = re.compile(r"([^0-9]*)([0-9]+)\.([0-9]+)([^0-9]*)")
CLOCK_DIGITS = 10  # numbers this long count seconds since 1970, or are dates
DATE_FORMATS = ("%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S")
# Numbers that leave out more frames than this for each image are times, not frame numbers.
MOST_GAPS = 50


def ordered(images: Sequence[FrameImage]) -> tuple[FrameImage, ...]:
    """Images in the order of their frames. Raises ReadError for two sequences in one folder."""
    _refuse_two_sequences(images)
    if _are_decimals(images):
        return tuple(sorted(images, key=lambda image: (_decimal(image), image.name)))
    return tuple(sorted(images, key=lambda image: natural_key(image.name)))


def native_frames(images: Sequence[FrameImage]) -> tuple[list[int], int]:
    """(native frame number of every image, the step between them). images: in order.

    Raises ReadError for two images of one frame.
    """
    in_order = list(range(len(images))), 1
    numbers = _frame_numbers(images)
    if numbers is None:
        return in_order
    for before, after in itertools.pairwise(zip(numbers, images, strict=True)):
        if before[0] == after[0]:
            raise ReadError(f"two images for one frame: {before[1].name} and {after[1].name}")
    frame_index = [number - numbers[0] for number in numbers]
    step = math.gcd(*frame_index) or 1
    if frame_index[-1] // step > MOST_GAPS * len(images) or frame_index[-1] + step > MOST_FRAMES:
        return in_order
    return frame_index, step


def _refuse_two_sequences(images: Sequence[FrameImage]) -> None:
    kinds: dict[str, list[FrameImage]] = {}
    for image in images:
        kinds.setdefault(_kind(image), []).append(image)
    if len(kinds) < 2 or max(map(len, kinds.values())) < 2:
        return  # one sequence, or names that have nothing in common, of which only the order counts
    first, second = sorted(kinds.values(), key=len, reverse=True)[:2]
    raise ReadError(
        f"holds images of two kinds, {len(first)} such as {first[0].name} and {len(second)} such as "
        f"{second[0].name}; move one kind to another folder"
    )


def _kind(image: FrameImage) -> str:
    """The name without its numbers; letters of either case."""
    return NUMBER.sub("#", image.stem).replace("#.#", "#").lower()


def _frame_numbers(images: Sequence[FrameImage]) -> list[int] | None:
    """The number in each name that counts frames; None if the names hold dates, clocks, or no such number."""
    fields = [NUMBER.findall(image.stem) for image in images]
    if len({_kind(image) for image in images}) > 1 or not fields[0] or _are_decimals(images):
        return None
    changing = [place for place in range(len(fields[0])) if len({each[place] for each in fields}) > 1]
    if len(changing) > 1:
        return None
    texts = [each[changing[0] if changing else -1] for each in fields]
    numbers = [int(text) for text in texts]
    is_clock = min(numbers) >= 10 ** (CLOCK_DIGITS - 1) or all(map(_is_date, texts))
    return None if is_clock and len(images) > 1 else numbers


def _is_date(text: str) -> bool:
    for form in DATE_FORMATS:
        try:
            # strptime also takes fewer digits.
            if datetime.strptime(text, form).strftime(form) == text and text.startswith(("19", "20")):
                return True
        except ValueError:
            continue
    return False


def _are_decimals(images: Sequence[FrameImage]) -> bool:
    """Whether names hold numbers with a decimal point, rather than a shot and a frame (shot1.9, shot1.10)."""
    matches = [DECIMAL.fullmatch(image.stem) for image in images]
    if len(images) < 2 or not all(matches):
        return False
    parts = [(match[2], match[3]) for match in matches if match]
    if len({whole for whole, _ in parts}) > 1:
        return True
    counters = sorted(int(after) for _, after in parts)
    return counters[-1] - counters[0] + 1 != len(counters)


def _decimal(image: FrameImage) -> float:
    match = DECIMAL.fullmatch(image.stem)
    return float(f"{match[2]}.{match[3]}") if match else math.inf
