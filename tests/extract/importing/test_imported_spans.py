"""Which frames imported rows cover, and which numbers of rows fit a video."""

import itertools

import pytest

from extract.importing.spans import imported_spans, possible_rows
from extract.segments import segment_spans


def test_sultani_rows_cover_the_video_as_its_script_divides_it():
    # n = 100 clips: round(linspace(1, 100, 33)) begins 1, 4.09 -> 4, 7.19 -> 7, so row 0 is clips 1..3
    spans, _ = imported_spans("sultani", 32, num_frames=1605, clip_length=16)
    assert spans[:3].tolist() == [[0, 48], [48, 96], [96, 144]] and spans[-1, 1] == 1605
    assert (spans[1:, 0] == spans[:-1, 1]).all()


def test_a_missing_last_clip_is_accepted():
    assert imported_spans("clips", 9, num_frames=160, clip_length=16)[0][-1].tolist() == [128, 144]
    with pytest.raises(ValueError, match="8 rows, expected 9 or 10"):
        imported_spans("clips", 8, num_frames=160, clip_length=16)


@pytest.mark.parametrize("rows", [20, 31, 33])
def test_sultani_features_have_32_rows(rows):
    with pytest.raises(ValueError, match=f"{rows} rows, expected the 32 of Sultani's features"):
        imported_spans("sultani", rows, num_frames=1605, clip_length=16)


@pytest.mark.parametrize("num_frames", [1, 15, 16, 17, 40, 63, 64, 65, 160])
@pytest.mark.parametrize("clip_length, stride", [(16, 16), (16, 4), (16, 8), (16, 32), (8, 3)])
@pytest.mark.parametrize("tail", ["pad", "drop"])
def test_rows_as_our_own_extraction_makes_them_fit_and_have_its_spans(num_frames, clip_length, stride, tail):
    expected = segment_spans(num_frames, clip_length, 1, stride, tail)
    if not len(expected):
        return
    assert len(expected) in (possible_rows("clips", num_frames, clip_length, stride) or ())
    spans, frames = imported_spans(
        "clips", len(expected), num_frames=num_frames, clip_length=clip_length, stride=stride
    )
    assert spans.tolist() == expected.tolist() and frames == num_frames


@pytest.mark.parametrize("stride", [4, 16, 20])
def test_every_number_of_rows_fits_and_gives_spans_within_the_video_or_is_refused(stride):
    for num_frames, rows in itertools.product((1, 15, 16, 17, 37, 40, 60, 64), range(1, 18)):
        settings = {"num_frames": num_frames, "clip_length": 16, "stride": stride}
        if rows in possible_rows("clips", num_frames, 16, stride):
            spans, _ = imported_spans("clips", rows, **settings)
            assert (spans[:, 0] < spans[:, 1]).all() and spans.max() <= num_frames
        else:
            with pytest.raises(ValueError, match=f"{rows} rows, expected .* for {num_frames} frames"):
                imported_spans("clips", rows, **settings)


def test_without_a_length_overlapping_rows_end_with_the_last_clip():
    spans, num_frames = imported_spans("clips", 3, num_frames=None, clip_length=16, stride=4)
    assert spans.tolist() == [[0, 16], [4, 20], [8, 24]] and num_frames == 24
