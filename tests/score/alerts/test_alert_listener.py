"""From scores to events with clips, pictures and features: what is on disk is what the events say."""

import json
import threading
import time

import av
import cv2
import numpy as np
import pytest

from extract.store import FeatureStore
from extract.store.output_file import carries_mark
from score.alerts.alert_event import EventTexts
from score.alerts.alert_folder import AlertFolder
from score.alerts.alert_listener import AlertListener
from score.alerts.alert_rule import AlertRule
from score.alerts.clips.camera_ring import CameraRing
from score.alerts.clips.frame_intake import FrameIntake
from score.alerts.kept_files import ClipSettings
from score.alerts.outputs.event_file import EventFile
from score.alerts.outputs.event_webhook import EventWebhook
from score.alerts.outputs.metrics import Metrics
from support.live_segments import FPS, a_frame, a_segment, a_state
from support.receiver import receiving
from support.tiny_stores import make_spec
from support.waiting import wait_until

RULE = AlertRule(threshold=0.5, minimum_seconds=1, quiet_seconds=3, cool_down_seconds=0)
SPECS = [make_spec(), make_spec(preset="other", feature_dim=3, num_crops=2, dtype="float16")]
CLIPS = ClipSettings(lead_seconds=2, trail_seconds=2, fps=5)


def rows_of(number):
    return np.full((1, 6), number, np.float32), np.full((2, 3), number + 0.5, np.float32)


class Events:
    """An output that keeps the events."""

    name, delivered, failed, problem = "list", 0, 0, ""

    def __init__(self):
        self.got = []

    def send(self, event):
        self.got.append(event)

    def close(self, _seconds): ...


def listener(root, *, clips=CLIPS, rule=RULE, outputs=(), **more):
    folder = None if root is None else AlertFolder(root, SPECS)
    return AlertListener(rule, folder=folder, clips=clips, outputs=outputs, **more)


def feed(running, scores, *, start=0, size=(48, 64), camera="yard"):
    """A second of frames, then the segment over them, for each score."""
    for second, score in enumerate(scores, start=start):
        for frame in range(FPS):
            running.frame(a_frame(second + frame / FPS, size=size, camera=camera))
        running.segment(a_segment(second, score, number=second, rows=rows_of(second), camera=camera))


def levels_of(path):
    """(seconds, grey level) of each frame of a clip."""
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        return [
            (float(frame.time), float(frame.to_ndarray(format="rgb24").mean()))
            for frame in container.decode(video=0)
        ]


SCORES = [0.1] * 5 + [0.6, 0.9, 0.7] + [0.1] * 6


def test_an_alert_leaves_a_clip_a_picture_and_features(tmp_path):
    events, root = Events(), tmp_path / "alerts"
    texts = {"yard": EventTexts(model="m", place="north", event_classes=("Normal", "Fight"))}
    running = listener(root, outputs=[events, EventFile(root / "alerts.jsonl")], texts=texts)
    feed(running, SCORES)
    running.close()
    assert [event.event for event in events.got] == ["new", "end"] and running.open_alerts() == []
    new, end = events.got
    assert (end.start_seconds, end.end_seconds, end.reason, end.place) == (5.0, 9.0, "quiet", "north")
    assert (new.number, end.number, new.id, new.clip) == (0, 1, end.id, None)
    # the clip: 2 s before to 2 s after, 5 frames a second, each as grey as its time
    levels = levels_of(root / end.clip)
    assert [round(seconds, 3) for seconds, _ in levels] == [round(n / 5, 3) for n in range(41)]
    assert [level for _, level in levels] == pytest.approx([30 + 2 * n for n in range(41)], abs=2)
    assert carries_mark(root / end.clip, "alert video")
    # the picture: the frame at the peak, the middle of [6, 7)
    picture = cv2.imread(str(root / end.picture))
    assert picture is not None and picture.shape == (48, 64, 3) and abs(picture.mean() - 65) <= 2
    # the features: of the segments in the clip, in stores of the checkpoint's specs
    for number, spec in enumerate(SPECS):
        store = FeatureStore(root / end.features / spec.preset)
        video = store.verify(end.id)
        assert store.spec == spec and store.ids() == [end.id]
        expected = np.stack([rows_of(second)[number] for second in range(3, 11)])
        np.testing.assert_array_equal(video.features, expected.astype(spec.dtype))
        assert video.frame_span.tolist() == [[10 * n, 10 * n + 10] for n in range(8)] and video.fps == 10
        np.testing.assert_allclose(video.time_span[:, 0], np.arange(8))
    lines = [json.loads(line) for line in (root / "alerts.jsonl").read_text().splitlines()]
    assert lines == [event.model_dump() for event in events.got]


def test_the_beginning_of_a_long_alert_is_kept_and_the_alert_goes_on(tmp_path):
    events, root = Events(), tmp_path / "alerts"
    running = listener(
        root, outputs=[events], clips=ClipSettings(lead_seconds=2, longest_seconds=6, fps=5, ring_seconds=9)
    )
    feed(running, [0.1] * 5 + [0.9] * 30)
    running.state(a_state("ended", 35))
    running.close()
    end = events.got[-1]
    assert (end.event, end.reason, end.end_seconds) == ("end", "the stream ended", 35.0)
    seconds, levels = zip(*levels_of(root / end.clip), strict=True)
    assert max(seconds) == pytest.approx(6) and levels[0] == pytest.approx(30, abs=2)
    assert [event.event for event in events.got[:-1]].count("update") == 2


def test_a_camera_that_changes_its_size_keeps_its_clip_whole(tmp_path):
    events, root = Events(), tmp_path / "alerts"
    running = listener(root, outputs=[events])
    feed(running, SCORES[:6], size=(96, 64))
    feed(running, SCORES[6:], start=6, size=(48, 65))  # odd sides, too
    running.close()
    assert len(levels_of(root / events.got[-1].clip)) == 41


def test_what_was_missed_is_kept_on_request(tmp_path):
    events, root = Events(), tmp_path / "alerts"
    running = listener(root, outputs=[events])
    feed(running, [0.1, 0.2, 0.4, 0.2, 0.1, 0.1])
    kept = running.keep_recent("yard", 3.0).result(timeout=60)
    with pytest.raises(ValueError, match="nothing of the camera lane is in memory"):
        running.keep_recent("lane", 3.0).result(timeout=60)
    assert (kept.event, kept.peak_score, kept.threshold) == ("missed", 0.4, 0.5) and events.got == [kept]
    assert (
        len(levels_of(root / kept.clip)) == 16
        and FeatureStore(root / "features" / "made").read(kept.id).num_segments == 4
    )
    assert (
        running.folder is not None
        and kept.id in dict(running.folder.recorded())
        and running.open_alerts() == []
    )
    running.close()


def test_an_alert_that_a_killed_watch_left_open_is_ended_by_the_next(tmp_path):
    before, after, root = Events(), Events(), tmp_path / "alerts"
    killed = listener(root, outputs=[before])
    feed(killed, SCORES[:9])
    wait_until(lambda: list((root / "open").glob("*.json")))
    assert killed.folder is not None
    killed.folder.close()  # as the system does; nothing else of it is finished
    (root / "open" / "holiday.json").write_text("mine")
    (root / "open" / "20200101T000000-yard-12345678.json").write_text('{"event": "new"}')
    listener(root, outputs=[after]).close()
    (new,), (end,) = before.got, after.got
    assert (end.event, end.id, end.number, end.reason) == ("end", new.id, 1, "the watch was interrupted")
    assert [path.name for path in (root / "open").iterdir()] == ["holiday.json"]
    last = Events()
    listener(root, outputs=[last]).close()
    assert last.got == []


def test_without_a_folder_alerts_are_sent_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    events = Events()
    running = listener(None, outputs=[events])
    feed(running, SCORES)
    running.close()
    assert [event.event for event in events.got] == ["new", "end"] and list(tmp_path.iterdir()) == []
    assert all(event.clip is event.picture is event.features is None for event in events.got)


def test_a_disk_that_refuses_costs_the_files_and_not_the_alert(tmp_path):
    events, root = Events(), tmp_path / "alerts"
    running = listener(root, outputs=[events])
    for name in ("clips", "pictures"):
        (root / name).rmdir()
        (root / name).write_text("in the way")
    feed(running, SCORES)
    running.close()
    new, end = events.got
    assert end.event == "end" and end.clip is None and end.picture is None and end.features == "features"
    assert "could not be kept" in running.recorder.problem


def test_every_camera_has_its_own_threshold_and_what_is_open_can_be_asked_for():
    events = Events()
    metrics = Metrics([events])
    running = listener(None, outputs=[events], rules={"yard": AlertRule(threshold=0.95)}, metrics=metrics)
    for camera in ("yard", "gate"):
        feed(running, [0.9] * 5, camera=camera)
    wait_until(running.open_alerts)
    assert [event.camera for event in running.open_alerts()] == ["gate"]
    found = {
        sample.labels["camera"]: sample.value
        for family in metrics.collect()
        for sample in family.samples
        if sample.name == "vad_alerts_total"
    }
    assert found == {"yard": 0, "gate": 1}
    running.close()
    assert events.got[-1].reason == "the watch ended"


def test_a_webhook_that_fails_twice_gets_every_event_in_order_and_no_camera_waits():
    with receiving() as server:
        server.answers = [500, 503]
        server.hold.clear()
        webhook = EventWebhook(server.address, waits=(0.01, 0.01, 0.01))
        running = listener(None, outputs=[webhook])
        begun = time.monotonic()
        feed(running, SCORES)
        assert time.monotonic() - begun < 20 and webhook.delivered == 0
        threading.Timer(0.05, server.hold.set).start()
        running.close()
        assert [body["event"] for _, body in server.got] == ["new", "new", "new", "end"]
        assert (webhook.delivered, webhook.failed, webhook.problem) == (2, 0, "")


def test_memory_of_a_camera_is_bounded_by_time_and_by_bytes():
    random = np.random.default_rng(0)
    ring = CameraRing("yard", ClipSettings(ring_seconds=5, ring_megabytes=0.1))
    for number in range(400):
        frame = a_frame(number / 10, size=(64, 64))
        # noise, which JPEG cannot compress, from the middle on
        pixels = random.integers(0, 256, frame.pixels.shape, np.uint8) if number > 200 else frame.pixels
        ring.add_frame(type(frame)("yard", number, frame.seconds, 0.0, pixels))
        ring.add_segment(a_segment(number / 10, 0.0, rows=(np.zeros((1, 500_000), np.float32),)))
        kept = ring.between(0, 1000)
        assert ring.bytes == sum(len(each.jpeg) for each in kept.pictures) <= 100_000
        assert kept.pictures[-1].seconds - kept.pictures[0].seconds <= 5
        assert len(kept.segments) <= 8  # 2 MB each, of 16
    assert ring.lost_until == pytest.approx(kept.pictures[0].seconds - 0.1)
    assert (
        ring.nearest(1.0) is None and (nearest := ring.nearest(39.84)) is not None and nearest.seconds == 39.8
    )


def test_frames_that_come_faster_than_pictures_are_made_are_left_out_and_said(tmp_path, monkeypatch, caplog):
    frame = a_frame(0)
    monkeypatch.setattr("score.alerts.clips.frame_intake.FRAME_BYTES", 2 * frame.pixels.nbytes)
    intake = FrameIntake(fps=10)
    taken = [second for second in (0, 0.05, 1, 2, 3) if intake.take(a_frame(second))]
    assert taken == [0, 1]
    assert intake.left_out == 2 and "clips lack 2 frames so far" in intake.news() and intake.news() == ""
    intake.done(frame)
    assert intake.take(a_frame(4)) and intake.left_out == 2
    running = listener(tmp_path / "alerts", outputs=[Events()])
    for second in range(2):  # as if nobody came to make pictures of these
        running.recorder.intake.take(a_frame(second, camera="busy"))
    feed(running, SCORES)
    running.close()
    assert "clips lack 70 frames so far" in caplog.text
