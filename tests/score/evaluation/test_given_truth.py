"""evaluate --truth: one truth in every form gives one AUC, and what contradicts the list is refused."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

from data_lists import ListError, Video, legacy_truth, load_split, write_list
from extract.store import FeatureStore
from score.cli import main
from score.evaluation.evaluate_files import evaluate_scores
from score.evaluation.evaluation_settings import EvaluationSettings
from score.evaluation.given_truth import read_given_truth
from support.tiny_stores import make_features, make_spec
from support.truth_forms import FORMS, LABELS, LONG, VIDEOS

# What a list says without truth.
LISTED = [replace(video, anomaly_spans=()) for video in VIDEOS]
RNG = np.random.default_rng(0)
SCORES = {video.video_id: RNG.random(video.num_frames) for video in VIDEOS}


def save_scores(folder):
    for name, scores in SCORES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", scores)
    return folder


def evaluated(tmp_path, given):
    settings = EvaluationSettings(resamples=0, given=given)
    return evaluate_scores(save_scores(tmp_path / "scores"), given.videos, settings)


@pytest.mark.parametrize("form", [form for form in FORMS if "--end" not in FORMS[form].options])
def test_one_truth_in_every_form_gives_one_auc(tmp_path, form):
    given = read_given_truth(FORMS[form].write(tmp_path), LISTED, fps=FORMS[form].rule.fps)
    assert given.videos == VIDEOS
    found = evaluated(tmp_path, given)
    expected = roc_auc_score(LONG, np.concatenate(list(SCORES.values())))
    assert found.summaries["frame_auc"].mean == pytest.approx(expected, abs=1e-9)
    assert found.provenance.details["truth"] in found.provenance.notes[1]


def test_a_long_array_follows_the_order_that_is_given(tmp_path):
    order = [VIDEOS[2], VIDEOS[0], VIDEOS[1]]
    np.save(tmp_path / "gt.npy", np.concatenate([LABELS[video.video_id] for video in order]))
    assert read_given_truth(tmp_path / "gt.npy", LISTED, order=order).videos == VIDEOS
    # In the list's order it marks frames of a video that is listed as Normal.
    with pytest.raises(ListError, match="cam/two: is Normal in the list, but the truth marks frames"):
        read_given_truth(tmp_path / "gt.npy", LISTED)


def test_an_array_of_a_published_list_needs_an_order(test_data):
    path = test_data / "lists/shanghaitech/gt-sh.npy"
    with pytest.raises(ListError, match="gt-sh.npy: .*--order"):
        read_given_truth(path, load_split("shanghaitech", "test"))


def test_an_array_of_a_convention_serves_a_part_of_its_videos(test_data):
    path = test_data / "lists/shanghaitech/gt-sh.npy"
    part = load_split("shanghaitech", "test")[::3]
    given = read_given_truth(path, part, convention="gt-sh")
    expected = dict(legacy_truth("gt-sh"))
    assert len(given.labels) == len(part)
    assert all(np.array_equal(labels, expected[name]) for name, labels in given.labels.items())


def test_a_video_without_an_anomalous_frame_counts_as_annotated_and_is_named(tmp_path):
    np.save(tmp_path / "gt.npy", np.r_[LABELS["cam/one"], np.zeros(80 + 50)])
    given = read_given_truth(tmp_path / "gt.npy", LISTED)
    assert given.silent == {"hall/three"} and any("hall/three" in note for note in given.notes)
    listed = [*LISTED[:2], replace(LISTED[2], event_class="Fall")]
    assert "no anomalous frame of Fall" in read_given_truth(tmp_path / "gt.npy", listed).notes[-1]
    found = evaluated(tmp_path, given)
    assert [video.label.sum() for video in found.videos] == [30, 0, 0]


def test_a_long_array_that_does_not_fit_the_list_is_refused_with_numbers(tmp_path):
    np.save(tmp_path / "gt.npy", LONG[1:])
    with pytest.raises(ListError, match="229 labels, but the 3 videos of the list have 230 frames"):
        read_given_truth(tmp_path / "gt.npy", LISTED)
    unknown = [*LISTED[:2], replace(LISTED[2], num_frames=None)]
    with pytest.raises(ListError, match="the list has no number of frames of 1 video: hall/three"):
        read_given_truth(tmp_path / "gt.npy", unknown)


def test_an_array_of_another_length_is_refused_with_both_lengths(tmp_path):
    path = FORMS["npy"].write(tmp_path)
    np.save(path / "cam/one.npy", LABELS["cam/one"][:-10])
    with pytest.raises(ListError) as caught:
        read_given_truth(path, LISTED)
    assert [each.split(": ", 1)[1] for each in caught.value.problems] == [
        "file one.npy: cam/one: the truth has 90 frames, but the video has 100"
    ]


def test_an_anomalous_video_without_truth_is_refused_with_the_nearest_name(tmp_path):
    path = FORMS["npy"].write(tmp_path)
    (path / "cam/one.npy").rename(path / "cam/ome.npy")
    with pytest.raises(ListError, match="no truth of cam/one: .*nearest: cam/ome"):
        read_given_truth(path, LISTED)


def test_a_published_array_is_the_truth_of_its_convention(test_data):
    videos = load_split("ucf_crime", "test")
    path = test_data / "lists/ucf_crime/gt-ucf_1109680.npy"
    given = read_given_truth(path, videos, convention="gt-ucf")
    for name, labels in legacy_truth("gt-ucf"):
        assert np.array_equal(given.labels[name], labels)
    with pytest.raises(ListError, match="1,109,680 labels is the length of --convention gt-ucf; "):
        read_given_truth(path, videos)
    with pytest.raises(ListError, match="1,109,680 labels, but the 290 videos .* have 1,111,808 frames"):
        read_given_truth(path, videos, order=videos)


def test_the_command_evaluates_by_the_truth(tmp_path):
    write_list(tmp_path / "test.tsv", LISTED)
    scores, truth = save_scores(tmp_path / "scores"), FORMS["seconds"].write(tmp_path)
    common = ["evaluate", "--scores", str(scores), "--list", str(tmp_path / "test.tsv"), "--resamples", "0"]
    run = CliRunner().invoke(main, [*common, "--truth", str(truth), "--fps", "25"])
    expected = roc_auc_score(LONG, np.concatenate(list(SCORES.values())))
    assert run.exit_code == 0 and f"{expected:.4f}" in run.output
    refused = CliRunner().invoke(main, [*common, "--truth", str(truth)])
    assert refused.exit_code == 2 and "--fps" in refused.output and "Traceback" not in refused.output


def test_rates_and_lengths_come_from_the_store(tmp_path):
    store = FeatureStore.create(tmp_path / "store", make_spec())
    for video in VIDEOS:
        rows = np.zeros((1, store.spec.feature_dim), np.float32)
        store.write(replace(make_features(video.video_id, rows), num_frames=video.num_frames))
    listed = [Video(video.video_id, video.event_class) for video in VIDEOS]
    assert read_given_truth(FORMS["seconds"].write(tmp_path), listed, stores=[store]).videos == VIDEOS
    path = FORMS["npy"].write(tmp_path)
    np.save(path / "cam/one.npy", LABELS["cam/one"][:-1])
    with pytest.raises(ListError, match="the truth has 99 frames, but the video has 100"):
        read_given_truth(path, listed, stores=[store])


def test_lengths_that_the_list_lacks_come_from_the_truth(tmp_path):
    listed = [Video(video.video_id, video.event_class) for video in VIDEOS]
    assert read_given_truth(FORMS["npy"].write(tmp_path), listed).videos == VIDEOS
