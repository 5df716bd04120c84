"""The feedback list: what is written is what training reads, whoever writes at the same time."""

import threading

import pytest

from data_lists import ListError, read_list, write_list
from data_lists.tsv import has_notes
from score.feedback.feedback_list import Feedback, FeedbackList
from support.tiny_stores import make_videos


def test_labels_become_videos_of_a_list_with_their_cameras(tmp_path):
    found = FeedbackList(tmp_path / "alerts")
    found.add(Feedback("a1", "false alarm", note="a dog\tran\nby", camera="gate"))
    found.add(Feedback("a2", "missed", camera="gate"))
    found.add(Feedback("a3", "confirmed", "Fight", note='"quoted"'))
    videos = read_list(found.path)
    assert [(each.video_id, each.event_class, each.group) for each in videos] == [
        ("a1", "Normal", "gate"),
        ("a2", "Anomaly", "gate"),
        ("a3", "Fight", None),
    ]
    assert [each.note for each in found.rows()] == ["a dog ran by", "", '"quoted"']
    assert all(each.time.endswith("+00:00") for each in found.rows()) and has_notes(found.path)


def test_the_last_label_of_a_clip_counts_and_can_be_taken_back(tmp_path):
    found = FeedbackList(tmp_path)
    assert found.rows() == [] and found.add(Feedback("a", "false alarm")) is None
    assert found.add(Feedback("a", "confirmed")).label == "false alarm"
    assert [each.label for each in found.rows()] == ["confirmed"]
    assert found.remove("a") and not found.remove("a")
    assert found.rows() == [] and not found.path.exists()


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    def write(first):
        for number in range(first, first + 5):
            FeedbackList(tmp_path).add(Feedback(f"a{number}", "missed"))

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 5, 10)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {each.video_id for each in FeedbackList(tmp_path).rows()} == {f"a{number}" for number in range(15)}


@pytest.mark.parametrize(
    "values, message",
    [
        (("a", "maybe"), "the label 'maybe' is unknown"),
        (("a", "false alarm", "Fight"), "does not go with the event class 'Fight'"),
        (("a", "missed", "Normal"), "does not go with the event class 'Normal'"),
        (("../a", "missed"), "leaves the root"),
        (("a", "missed", "", "x" * 1001), "the note has 1001 characters"),
    ],
)
def test_what_no_list_can_hold_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Feedback(*values)


def test_a_plain_list_is_no_feedback(tmp_path):
    write_list(tmp_path / "feedback.tsv", make_videos(1, 1))
    assert not has_notes(tmp_path / "feedback.tsv") and not has_notes(tmp_path / "absent.tsv")
    with pytest.raises(ListError, match="the label is ''"):
        FeedbackList(tmp_path).rows()
