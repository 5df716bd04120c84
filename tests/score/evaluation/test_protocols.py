"""Published one-class protocols: numbers of their own code's formulas, apart from the plain ones."""

import json
import math
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

from data_lists import Video, frame_labels, write_list
from score.cli import main
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import Provenance, ScoredVideo
from score.evaluation.foreign_scores.segment_rules import Segments, spread_rows
from score.evaluation.protocols import PROTOCOLS, protocol_results, unscored_from

VIDEOS = [Video("a", "Fight", 40, ((10, 25),)), Video("b", "Normal", 30), Video("c", "Fall", 20, ((0, 20),))]
RNG = np.random.default_rng(3)
SCORES = {
    video.video_id: RNG.random(video.num_frames) * scale
    for video, scale in zip(VIDEOS, (1, 0.2, 0.6), strict=True)
}
SCORES["a"][3] = 1.0  # as high as the frame that macro-aed adds: a tie
LABELS = {video.video_id: frame_labels(video, video.num_frames) for video in VIDEOS}


def evaluated(scores=SCORES, labelled=True):
    scored = [
        ScoredVideo(
            video,
            LABELS[video.video_id] if labelled else None,
            scores[video.video_id][None],
            scores[video.video_id].max()[None],
        )
        for video in VIDEOS
    ]
    return evaluate_videos(scored, Provenance("made"), resamples=0)


def as_in_matlab(parts: np.ndarray, num_frames: int) -> np.ndarray:
    """Evaluate_Anomaly_Detector.m, line by line, 1-based: 32 scores -> the scores of all frames."""
    clips = num_frames // 16
    detection = np.zeros(clips * 16)
    shots = [math.floor(1 + (clips - 1) * number / 32 + 0.5) for number in range(33)]
    for number in range(32):
        ss, ee = shots[number], shots[number + 1] - 1
        first, last = (ss - 1) * 16 + 1, (ss - 1) * 16 + 1 + 15 if ee < ss else (ee - 1) * 16 + 16
        detection[first - 1 : last] = parts[number]
    return np.r_[detection, np.full(num_frames - len(detection), detection[-1])]


@pytest.mark.parametrize("num_frames", [32, 40, 271, 272, 287, 288, 300, 512, 513, 1000, 4321])
def test_the_end_that_matlab_leaves_at_zero(num_frames):
    parts = np.random.default_rng(num_frames).uniform(0.5, 1, 32)
    frames = spread_rows(parts, Segments(rule="sultani"), num_frames=num_frames, fps=None).score
    frames[unscored_from(num_frames) :] = 0
    np.testing.assert_array_equal(frames, as_in_matlab(parts, num_frames))


def test_protocols_change_no_plain_number_and_sultanis_the_end_alone():
    video = Video("long", "Fight", 400, ((390, 400),))
    scores = np.linspace(0.1, 0.9, 400)
    scored = [ScoredVideo(video, frame_labels(video, 400), scores[None], np.array([0.9]))]
    evaluation = evaluate_videos(scored, Provenance("made"), resamples=0)
    # the anomaly lies in the last clip, frames 384 to 400, which scores below all others now
    assert protocol_results(evaluation, ["sultani"])[0].auc.mean == pytest.approx(0.5 * 6 / 390)
    assert roc_auc_score(frame_labels(video, 400), evaluation.videos[0].frame_score[0]) == 1.0


def as_published(name):
    """The loops of the published scripts, with scikit-learn."""
    if name == "sultani":
        # videos of one or two clips are scored to their end
        labels = np.concatenate([LABELS[video] for video in SCORES])
        return roc_auc_score(labels, np.concatenate([SCORES[video] for video in SCORES]))
    if name in ("min-max", "ano-pred"):
        labels, scores, left = np.array([]), np.array([]), 4 if name == "ano-pred" else 0
        for video in SCORES:
            distance = SCORES[video].copy()
            distance -= distance.min()
            distance /= distance.max()
            scores = np.concatenate((scores, distance[left:]))
            labels = np.concatenate((labels, LABELS[video][left:]))
        return roc_auc_score(labels, scores)
    top = 1 if name == "macro-aed" else sys.float_info.max
    return np.mean(
        [
            roc_auc_score(
                np.concatenate(([0], LABELS[video], [1])), np.concatenate(([0], SCORES[video], [top]))
            )
            for video in SCORES
        ]
    )


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_gives_the_number_of_published_code(name):
    (found,) = protocol_results(evaluated(), [name, name])
    assert found.auc.mean == pytest.approx(as_published(name), abs=1e-12)
    assert ("own future" in found.words) == (name in ("min-max", "ano-pred"))


def test_a_protocol_without_a_number_says_why():
    negative = {name: -values for name, values in SCORES.items()}
    assert "outside" in protocol_results(evaluated(negative), ["macro-aed"])[0].auc.reason
    assert "labels of all frames" in protocol_results(evaluated(labelled=False), ["min-max"])[0].auc.reason
    constant = {name: np.zeros(len(values)) for name, values in SCORES.items()}
    assert protocol_results(evaluated(constant), ["min-max"])[0].auc.mean == 0.5


@pytest.mark.slow
def test_the_command_keeps_protocols_apart_from_plain_numbers(tmp_path):
    for name, values in SCORES.items():
        np.save(tmp_path / f"{name}.npy", values)
    write_list(tmp_path / "test.tsv", VIDEOS)
    words = ["evaluate", "--scores", tmp_path, "--list", tmp_path / "test.tsv", "--resamples", "0"]
    plain, asked = (
        CliRunner().invoke(main, [*map(str, [*words, *more, "--json", tmp_path / "out.json"])])
        for more in ([], ["--protocol", "min-max", "--report", tmp_path / "out.html"])
    )
    assert plain.exit_code == asked.exit_code == 0, asked.output
    assert "min-max" not in plain.output and "not comparable with the plain one" in asked.output
    values = json.loads((tmp_path / "out.json").read_text())
    by_hand = roc_auc_score(np.concatenate(list(LABELS.values())), np.concatenate(list(SCORES.values())))
    assert values["frame_auc"]["mean"] == pytest.approx(by_hand)
    assert [each["name"] for each in values["protocols"]] == ["min-max"]
    assert values["protocols"][0]["frame_auc"]["mean"] == pytest.approx(as_published("min-max"))
    assert "uses its own future" in (tmp_path / "out.html").read_text()
