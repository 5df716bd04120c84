"""One truth in every form is one list; what contradicts itself is refused with one line."""

import pytest

from data_lists.truths.truth_files import read_truth
from data_lists.truths.truth_videos import KnownVideo, truth_videos
from support.truth_forms import FORMS, VIDEOS


@pytest.mark.parametrize("form", FORMS)
def test_one_truth_in_every_form_is_one_list(tmp_path, form):
    found = read_truth(FORMS[form].write(tmp_path))
    known = [KnownVideo(video.video_id, video.num_frames) for video in VIDEOS]
    made = truth_videos(found, known, FORMS[form].rule)
    assert made.videos == VIDEOS
