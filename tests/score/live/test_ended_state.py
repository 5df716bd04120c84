"""When a recording counts as ended: after its last score, because alerts end with it."""

import threading

import numpy as np

from extract.presets import PRESETS
from extract.store import FeatureStore
from score.live.frames.capture import Capture
from score.live.frames.captures import Captures
from score.live.frames.frame_buffer import MOST_FRAMES
from score.live.watcher import Watcher
from support.tiny_checkpoints import block_video, train_head, write_h264
from support.tiny_stores import make_features, make_videos
from support.waiting import wait_until
from support.watching import Kept, file_camera, live_model


class Order(Kept):
    """What was reported, as words. Each frame is looked at until no more of them can be read."""

    def __init__(self):
        super().__init__()
        self.words: list[str] = []
        self.capture: Capture | None = None

    def frame(self, _frame):
        capture = self.capture
        assert capture is not None
        wait_until(lambda: capture.connection == "ended" or len(capture.buffer._frames) == MOST_FRAMES)

    def segment(self, _segment):
        self.words.append("score")

    def state(self, state):
        self.words.append(state.connection)


def test_a_file_that_is_read_faster_than_it_is_scored_ends_after_its_last_score(tmp_path):
    videos = make_videos(2, 2)
    store = FeatureStore.create(tmp_path / "store", PRESETS["motion"].spec())
    random = np.random.default_rng(0)
    for video in videos:
        store.write(make_features(video.video_id, random.normal(size=(8, 69))))
    overrides = ["train.epochs=1", "data.segments.mode=none"]
    train_head(tmp_path / "run", [store], videos, overrides=overrides)
    write_h264(tmp_path / "a.mp4", block_video(0, hectic=False, num_frames=80, width=64, height=48))
    order = Order()
    watcher = Watcher(Captures([file_camera(tmp_path / "a.mp4")]), live_model(tmp_path / "run"), [order])
    order.capture = watcher.cameras[0].capture
    thread = threading.Thread(target=watcher.run)
    thread.start()
    thread.join(60)
    assert order.words.count("score") == 5 and "ended" in order.words
    assert "score" not in order.words[order.words.index("ended") :]
