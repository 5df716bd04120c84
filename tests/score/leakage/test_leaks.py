"""A test video that was in training is found by its name, its bytes or its content; another clip of the same
camera passes."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from data_lists import ListError, Video, write_list
from extract.store import FeatureSpec, FeatureStore, VideoFeatures
from score.cli import main
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluation_settings import RunOptions
from score.leakage.fingerprints import ALIKE, Collector, Fingerprints, Trace, likeness
from score.pooling.moments import Moments
from score.pooling.pooled_video import PooledVideo, crops_joined
from score.pooling.time_bins import time_bin_means
from score.runs.checkpoint import load_checkpoint
from score.runs.checkpoint_error import CheckpointError
from score.training.loop import train_seed
from score.training.training_data import prepare

SPEC = FeatureSpec(
    preset="made",
    backbone="made",
    weights="",
    modality="rgb",
    clip_length=16,
    segment_stride=16,
    feature_dim=24,
)
CAMERA = np.random.default_rng(7).normal(size=24) * 4  # what every clip of one static camera shares


def recorded(video_id, frames, seed, *, first=0, noise=0.0, sha256=""):
    """Features of 16-frame segments of a smooth course of events from frame `first` of a longer video."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(6, 24)), rng.uniform(0.005, 0.03, 6), rng.uniform(0, 6, 6)
    starts = np.arange(0, frames, 16)
    spans = np.stack([starts, np.minimum(starts + 16, frames)], axis=1)
    middle = spans.mean(axis=1) + first
    rows = CAMERA + np.sin(middle[:, None] * waves[1] + waves[2]) @ waves[0]
    rows = rows + noise * np.random.default_rng(99).normal(size=rows.shape)
    source = {"sha256": sha256} if sha256 else {}
    rows = rows[:, None].astype(np.float32)
    return VideoFeatures(video_id, rows, spans, spans / 25.0, num_frames=frames, fps=25.0, source=source)


def listed(video_id, frames, event_class="Normal"):
    return Video(video_id, event_class, frames, ((16, 64),) if event_class != "Normal" else ())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on 16 videos of one camera, whose store also holds test videos; and the store."""
    root = tmp_path_factory.mktemp("leaks")
    store = FeatureStore.create(root / "store", SPEC)
    train = [
        listed(f"train/{index:02}", 300 + index, "Fight" if index % 2 else "Normal") for index in range(16)
    ]
    for index, video in enumerate(train):
        store.write(recorded(video.video_id, video.num_frames, index, sha256=f"{index:064}"))
    config = resolve(preset_of("mil", "default"), overrides=["train.epochs=1"])
    train_seed(config, prepare(config, [store], train), folder=root / "run" / "seed_0", seed=0)
    for index in range(6):
        store.write(recorded(f"test/{index}", 301, 100 + index, sha256=f"a{index}"))
    store.write(recorded("copy/bytes", 303, 3, sha256=f"{3:064}"))
    store.write(recorded("copy/encoded", 304, 4, noise=0.2, sha256="b"))
    store.write(recorded("copy/trimmed", 305 - 11, 5, first=11, sha256="c"))
    store.write(recorded("short/0", 40, 200, sha256="d"))
    return root, store


def of_test(*more):
    return [listed(f"test/{index}", 301, "Fight" if index % 2 else "Normal") for index in range(6)] + list(
        more
    )


def test_other_clips_of_the_same_camera_pass(trained):
    root, store = trained
    found = evaluate_run(root / "run", [store], of_test(), RunOptions(resamples=0))
    note = next(note for note in found.notes if "name, bytes or content" in note)
    assert "most alike: test/" in note and f"copies have {ALIKE}" in note
    assert not any("LEAK" in note for note in found.notes)


@pytest.mark.parametrize(
    "leak, said",
    [
        (listed("train/03", 303, "Fight"), "1 of 7 test videos were used in training (train/03)"),
        (listed("copy/bytes", 303), "have the same bytes as training videos (copy/bytes = train/03)"),
        (
            listed("copy/encoded", 304),
            "are copies of training videos (likeness of at least 0.85) (copy/encoded ~ train/04",
        ),
        (listed("copy/trimmed", 294), "(likeness of at least 0.85) (copy/trimmed ~ train/05"),
    ],
    ids=["name", "bytes", "encoded again", "trimmed"],
)
def test_a_training_video_is_found_under_any_name(trained, leak, said):
    root, store = trained
    with pytest.raises(ListError) as caught:
        evaluate_run(root / "run", [store], of_test(leak), RunOptions(resamples=0))
    assert said in str(caught.value) and "--allow-leak" in str(caught.value)
    found = evaluate_run(root / "run", [store], of_test(leak), RunOptions(allow_leak=True, resamples=0))
    assert [note for note in found.notes if note.startswith("LEAK") and said in note]


@pytest.mark.slow
def test_the_command_refuses_in_one_line_or_says_it_in_the_report(trained, tmp_path):
    root, _ = trained
    write_list(tmp_path / "test.tsv", of_test(listed("copy/encoded", 304)))
    files = {"--store": root / "store", "--list": tmp_path / "test.tsv", "--resamples": 0}
    words = ["evaluate", str(root / "run"), *(str(word) for pair in files.items() for word in pair)]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 2 and "copy/encoded ~ train/04" in refused.output
    assert len(refused.output.splitlines()) == 1
    page = tmp_path / "page.html"
    allowed = CliRunner().invoke(main, [*words, "--allow-leak", "--report", str(page)])
    assert allowed.exit_code == 0 and "LEAK: 1 of 7" in allowed.output and "LEAK: 1 of 7" in page.read_text()


def test_what_is_too_short_to_compare_is_said(trained):
    root, store = trained
    found = evaluate_run(root / "run", [store], of_test(listed("short/0", 40)), RunOptions(resamples=0))
    assert any("1 video of fewer than 8 segments: name and bytes only" in note for note in found.notes)


def test_a_checkpoint_keeps_its_fingerprints_and_old_ones_have_none(trained, tmp_path):
    import torch

    root, store = trained
    path = root / "run" / "seed_0" / "checkpoint.pt"
    kept = load_checkpoint(path).fingerprints
    assert [trace.video_id for trace in kept.traces][:2] and len(kept.traces) == 16
    values = torch.load(path, weights_only=True)
    del values["fingerprints"], values["digest"]
    values["format_version"] = 1  # as old ones are
    torch.save(values, tmp_path / "checkpoint.pt")
    found = evaluate_run(tmp_path / "checkpoint.pt", [store], of_test(), RunOptions(resamples=0))
    assert any("has no fingerprints" in note for note in found.notes)
    values["fingerprints"] = kept.to_dict() | {"steps": torch.zeros(3, 2, 1)}
    torch.save(values, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="traces have shape"):
        load_checkpoint(tmp_path / "checkpoint.pt")


def collected(*videos):
    collector = Collector()
    for video in videos:
        rows, moments = crops_joined({"rgb": video.features}), Moments()
        moments.add(rows)
        collector.add(
            PooledVideo(video.video_id, len(rows), video.num_frames, "", time_bin_means(rows), moments)
        )
    return collector.finish()


def test_likeness_does_not_depend_on_scale_and_survives_a_checkpoint():
    videos = [recorded(f"v{index}", 320, index) for index in range(4)]
    plain = collected(*videos)
    scaled = collected(*(replace(video, features=video.features * 50 + 3) for video in videos))
    again = Fingerprints.from_dict(plain.to_dict())
    for one in range(4):
        for other in range(4):
            expected = likeness(plain.traces[one], plain.traces[other])
            assert expected == pytest.approx(1.0 if one == other else expected, abs=1e-5)
            assert likeness(scaled.traces[one], scaled.traces[other]) == pytest.approx(expected, abs=0.02)
            assert likeness(again.traces[one], again.traces[other]) == expected


def test_lengths_and_few_segments_rule_a_copy_out():
    steps = np.random.default_rng(0).normal(size=(16, 32)).astype(np.float32)
    base = Trace("a", "", 1000, 60, steps)
    assert likeness(base, replace(base, num_frames=1020)) is not None
    assert likeness(base, replace(base, num_frames=1021)) is None
    assert likeness(base, replace(base, num_segments=7)) is None
    assert likeness(replace(base, num_frames=100), replace(base, num_frames=116)) is not None


def test_time_bins_are_means_of_equal_parts():
    rows = np.arange(32.0)[:, None]
    assert time_bin_means(rows)[:, 0].tolist() == [2 * index + 0.5 for index in range(16)]
    # the second half only: rows 16 to 31, one per bin
    assert time_bin_means(rows, 0.5, 1.0)[:, 0].tolist() == list(range(16, 32))
    # half a row per bin
    assert time_bin_means(np.arange(8.0)[:, None])[:, 0].tolist() == [index // 2 for index in range(16)]


def test_a_still_picture_is_like_nothing():
    still = Trace("still", "", 1000, 60, np.ones((16, 32), np.float32))
    assert (
        likeness(still, still) == 0.0
    )  # nothing happens that would distinguish it from others of its camera


def test_features_that_make_all_videos_alike_need_more_to_call_a_copy():
    rng = np.random.default_rng(0)
    course = rng.normal(size=(16, 32))  # what untrained networks say about every video

    def trace(index, share):
        steps = share * course + (1 - share) * rng.normal(size=(16, 32))
        return Trace(f"v{index}", "", 500, 31, steps.astype(np.float32))

    unlike = Fingerprints(tuple(trace(index, 0.0) for index in range(20)), np.zeros(1), np.ones(1))
    alike = Fingerprints(tuple(trace(index, 0.7) for index in range(20)), np.zeros(1), np.ones(1))
    pairs = [likeness(one, other) for one in alike.traces for other in alike.traces if one is not other]
    assert unlike.limit == ALIKE and ALIKE < alike.limit < 1 and max(pairs) < alike.limit
