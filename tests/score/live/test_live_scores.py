"""What watch computes is what predict computes on the recorded file."""

from dataclasses import replace

import numpy as np
import pytest

from data_lists import Video
from extract.pipeline.extractor import run as extract
from extract.pipeline.run_settings import RunSettings
from extract.presets import PRESETS
from extract.presets.preset_overrides import overridden
from extract.runtime.progress import Progress
from extract.store import FeatureStore
from score.live.frames.captures import Captures
from score.live.watcher import Watcher
from score.predict.extraction import ExtractionSettings
from score.predict.inputs import find_inputs
from score.predict.intervals import IntervalRule
from score.predict.predictor import Predictor, load_model
from support.tiny_checkpoints import block_video, make_features, train_head, write_h264
from support.waiting import wait_until
from support.watching import Kept, file_camera, live_model, watched

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def motion(tmp_path_factory):
    """Two seeds of mil on motion, which smooth over neighbours, and two new videos, one with a short tail."""
    root = tmp_path_factory.mktemp("motion")
    store, videos = make_features(root, each=2)
    overrides = ["train.epochs=4", "data.segments.mode=none"]
    train_head(root / "run", [store], videos, seeds=2, overrides=overrides)
    train_head(root / "whole", [store], videos, overrides=["train.epochs=2"])
    write_h264(root / "new.mp4", block_video(90, hectic=True))
    write_h264(root / "odd.mp4", block_video(91, hectic=False, num_frames=71), fps=30)
    return root


def predicted(root, run, *, every=None):
    """(features of each store and video, timelines) of new.mp4 and odd.mp4."""
    inputs = find_inputs([root / "new.mp4", root / "odd.mp4"])
    settings = ExtractionSettings(device="cpu", workers=1)
    with Predictor(load_model(run), settings=settings, every=every) as predictor:
        prediction = predictor.predict(inputs, rule=IntervalRule(0.5))
        assert not prediction.failures
        stores = [FeatureStore(place) for place in predictor.stores]
        features = {each.video_id: [store.read(each.video_id) for store in stores] for each in inputs}
    return features, {each.name: each.timeline for each in prediction.results}


def assert_equal(root, run, *, every=None):
    features, timelines = predicted(root, run, every=every)
    kept = watched([file_camera(root / f"{name}.mp4") for name in features], live_model(run, every=every))
    for name, parts in features.items():
        segments = kept.of(name)
        assert [each.number for each in segments] == list(range(parts[0].num_segments))
        for part, rows in zip(parts, zip(*(each.rows for each in segments), strict=True), strict=True):
            assert part.features is not None
            np.testing.assert_array_equal(np.stack(rows).astype(part.features.dtype), part.features)
        np.testing.assert_array_equal([each.frame_span for each in segments], parts[0].frame_span)
        np.testing.assert_allclose([each.time_span for each in segments], parts[0].time_span, atol=1e-6)
        assert [each.restarted for each in segments] == [True] + [False] * (len(segments) - 1)
        # Frames of several segments take their mean, as predict does.
        total, count = np.zeros(parts[0].num_frames), np.zeros(parts[0].num_frames)
        for each in segments:
            total[slice(*each.frame_span)] += each.score
            count[slice(*each.frame_span)] += 1
        assert (count > 0).all()
        np.testing.assert_allclose(total / count, timelines[name].frame_score, atol=1e-6)
        assert np.ptp(total / count) > 0.01
    return kept


@pytest.mark.parametrize("every", [None, "6", "0.5s"])
def test_rows_are_those_of_predict_to_the_bit_and_scores_to_rounding(motion, every):
    kept = assert_equal(motion, motion / "run", every=every)
    assert kept.closed == 1
    assert [each.number for each in kept.frames if each.camera == "odd"] == list(range(71))
    assert all(state.skipped == 0 for state in kept.states)


def test_frames_that_came_before_the_model_was_loaded_are_scored_as_predict_scores_them(motion):
    """odd.mp4 at its own pace, over before the engine begins: twice as many frames as it takes at once."""
    captures = Captures([file_camera(motion / "odd.mp4", realtime=True, played_seconds=60.0)])
    captures.start()
    (capture,) = captures
    wait_until(lambda: capture.connection == "ended")
    kept = Kept()
    Watcher(captures, live_model(motion / "run"), [kept]).run()
    features, timelines = predicted(motion, motion / "run")
    (part,) = features["odd"]
    assert part.features is not None and len(kept.frames) == 71 and capture.skipped == 0
    rows = np.stack([each.rows[0] for each in kept.segments])
    np.testing.assert_array_equal(rows.astype(part.features.dtype), part.features)


def test_rows_of_a_network_are_those_of_predict_to_the_bit(motion, tmp_path):
    small = ["resize.size=48", "crop.size=40"]
    preset = overridden(PRESETS["efficientnet-lite0"], small)
    videos = [Video("new"), Video("odd", "Fight"), Video("more"), Video("fight", "Fight")]
    for number, name in enumerate(("more", "fight")):
        write_h264(motion / f"{name}.mp4", block_video(number, hectic=False, num_frames=48))
    settings = RunSettings(device="cpu", workers=1, weights="none", seed=3)
    job = {"root": motion, "store_root": tmp_path / "store", "settings": settings}
    extract(preset, videos, progress=Progress(total=0), **job)
    overrides = ["train.epochs=1", "data.segments.mode=none"]
    train_head(tmp_path / "run", [FeatureStore(tmp_path / "store")], videos, overrides=overrides)
    assert_equal(motion, tmp_path / "run")


def test_a_head_that_looks_at_the_whole_video_scores_the_newest_segment_of_a_window(motion):
    """By hand: the scorer on the last three segments, for each segment."""
    model = live_model(motion / "whole", window=3)
    kept = watched([file_camera(motion / "new.mp4")], model)
    features, _ = predicted(motion, motion / "whole")
    (video,) = features["new"]
    (scorer,) = model.scorers
    assert video.features is not None
    for number, segment in enumerate(kept.segments):
        rows = slice(max(0, number - 2), number + 1)
        shifted = video.frame_span[rows] - video.frame_span[rows][0, 0]
        part = replace(video, features=video.features[rows], frame_span=shifted, time_span=shifted / 25)
        assert segment.score == pytest.approx(scorer.score(part).segment_score[-1], abs=1e-6)
