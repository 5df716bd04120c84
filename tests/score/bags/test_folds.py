"""Folds: every video is tested once, groups are not split, classes are even, or a clear error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_lists import ListError, Video
from score.bags.folds import make_folds
from support.tiny_stores import make_videos


def ids(videos):
    return [video.video_id for video in videos]


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=6, max_size=25),
    number=st.integers(2, 5),
    seed=st.integers(0, 3),
)
def test_every_video_is_tested_once_and_no_group_is_divided(sizes, number, seed):
    videos = [
        Video(f"{group}/{label}{member}", label, group=f"g{group}")
        for group, counts in enumerate(
            [*sizes, *[(1, 1)] * 6]
        )  # enough mixed groups that no class can run out
        for label, count in zip(("Normal", "Fight"), counts, strict=True)
        for member in range(count)
    ]
    folds = make_folds(videos, number, seed=seed)
    assert sorted(ids([video for fold in folds for video in fold.test])) == sorted(ids(videos))
    for fold in folds:
        assert fold.test and sorted(ids(fold.train) + ids(fold.test)) == sorted(ids(videos))
        assert not {video.group for video in fold.train} & {video.group for video in fold.test}


def test_classes_are_even_where_groups_allow_it():
    for fold in make_folds(make_videos(20, 10, groups=10), 5):
        assert len(fold.test) == 6 and sum(video.is_anomalous for video in fold.test) == 2


def test_without_groups_every_video_stands_alone():
    videos = make_videos(7, 8, groups=2)
    with pytest.raises(ListError, match="2 groups cannot make 3 folds"):
        make_folds(videos, 3)
    folds = make_folds(videos, 3, group_by="video")
    assert sorted(len(fold.test) for fold in folds) == [5, 5, 5]


def test_the_order_inside_is_that_of_the_list_and_the_seed_decides():
    videos = make_videos(12, 12, groups=12)
    folds = make_folds(videos, 3, seed=1)
    for fold in folds:
        assert ids(fold.train) == [each for each in ids(videos) if each in set(ids(fold.train))]
    assert folds == make_folds(videos, 3, seed=1)
    assert folds != make_folds(videos, 3, seed=2)


def test_a_fold_that_leaves_no_class_to_train_on_is_refused():
    videos = [
        Video("a0", "Fight", group="one"),
        Video("a1", "Fight", group="one"),
        Video("n0"),
        Video("n1"),
        Video("n2"),
    ]
    with pytest.raises(ListError, match="would train on no anomalous video"):
        make_folds(videos, 2)
