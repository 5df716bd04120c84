"""On features that say nothing about the label a head scores by chance, whatever the lengths and cuts."""

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from score.bags.bags import BagSpec
from score.config.presets import preset_of
from score.heads.mil import MIL
from score.metrics import Curve
from scripts.experiments.planted_videos import DIM, unmarked
from support.tiny_bags import bags_of, train


def test_the_marked_part_of_an_unmarked_video_has_the_mean_of_the_others():
    random, marked, others = np.random.default_rng(0), [], []
    for _ in range(300):
        video = unmarked(random, np.zeros((4, DIM)), True)
        assert video.planted is not None
        start, stop = video.planted
        marked.append(video.rows[start:stop].mean())
        others.append(np.concatenate([video.rows[:start], video.rows[stop:]]).mean())
    error = np.hypot(np.std(marked), np.std(others)) / np.sqrt(len(marked))
    assert abs(np.mean(marked) - np.mean(others)) < 3 * error


def drawn(random, count):
    """Bags of unmarked videos, half of them anomalous, and whether each instance is marked: list of [N]."""
    videos = [unmarked(random, np.zeros((4, DIM)), number % 2 == 1) for number in range(count)]
    rows = pad_sequence([torch.from_numpy(video.rows).float() for video in videos], batch_first=True)
    marks = [np.zeros(len(video.rows)) for video in videos]
    for mark, video in zip(marks, videos, strict=True):
        if video.planted is not None:
            mark[slice(*video.planted)] = 1
    return bags_of(rows, [number % 2 for number in range(count)], [len(mark) for mark in marks]), marks


@pytest.mark.slow
def test_mil_is_at_chance_over_many_draws_of_features_without_a_label():
    found = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        torch.manual_seed(seed)
        head = MIL(preset_of("mil").head, BagSpec({"rgb": DIM}))
        train(head, drawn(random, 24)[0], steps=30)
        bags, marks = drawn(random, 24)
        score = head.eval()(bags).segment_score.detach().numpy()
        scores = [row[: len(mark)] for row, mark in zip(score, marks, strict=True)]
        found.append(Curve.of(np.concatenate(marks), np.concatenate(scores).astype(float)).auc().value)
    assert abs(np.mean(found) - 0.5) < 3 * np.std(found, ddof=1) / len(found) ** 0.5
    assert 0.01 < np.std(found) < 0.2  # single draws are far from it
