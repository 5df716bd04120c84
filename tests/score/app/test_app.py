"""vad-score app without a browser: uploads, jobs, alerts, cameras, stores, two models, and the page with
Streamlit's AppTest."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from click.testing import CliRunner
from PIL import Image

import score.app
from data_lists import Video
from extract.pipeline.extractor import run as extract
from extract.pipeline.run_settings import RunSettings
from extract.presets import PRESETS
from extract.presets.preset_overrides import overridden
from extract.runtime.foreign.printable import printable
from extract.runtime.progress import Progress
from extract.runtime.temp_folder import TempFolder
from extract.store import FeatureStore
from extract.store.failures import Failure, write_failures
from extract.store.output_file import MARKS, carries_mark
from extract.weights.known import KNOWN
from score.alerts.alert_delivery import Alerts
from score.app.app_settings import AppSettings, hand_to_page, settings_of_page
from score.app.cameras import Camera, Cameras, read_cameras
from score.app.model_comparison import agreement, curves, side_by_side
from score.app.server_state import ServerState
from score.app.store_browser import Scored, contents, mistakes
from score.app.upload_alert import alert_of
from score.cli import main
from score.jobs.job import Job
from score.jobs.upload_scoring import score_video
from score.jobs.uploads import Upload, UploadError, _probe, check, keep, safe_name
from score.predict.extraction import ExtractionSettings
from score.predict.extraction import extract as extract_new
from score.predict.intervals import IntervalRule, find_intervals
from score.predict.predictor import VideoResult, load_model
from score.predict.timeline import Timeline
from score.runs.checkpoint import load_checkpoint, save_checkpoint
from score.runs.run_folders import CHECKPOINT
from support.receiver import SECRET, receiving
from support.tiny_checkpoints import block_video, train_head, write_h264
from support.video_corpus import damage, write_sound, write_video
from support.waiting import wait_until

# Most of these start decode workers, or wait for jobs.
pytestmark = pytest.mark.slow


def timeline(scores, *, frames=10) -> Timeline:
    frame = np.arange(len(scores) + 1) * frames
    return Timeline(frame, frame / 25, np.array(scores, dtype=float))


def result(scores, name="cam") -> VideoResult:
    along = timeline(scores)
    return VideoResult(
        name, Path("cam.mp4"), max(scores), along, tuple(find_intervals(along, IntervalRule()))
    )


# uploads


@pytest.mark.parametrize(
    "given, kept",
    [
        ("a.MP4", "a.MP4"),
        ("../../etc/passwd", "passwd.mp4"),
        ("C:\\x\\b.avi", "b.avi"),
        ("", "video.mp4"),
        (".hidden", "hidden.mp4"),
        ("a\0b<c>.mkv", "a_b_c_.mkv"),
        ("é.mp4", "é.mp4"),
        ("...", "video.mp4"),
        ("x" * 300 + ".mp4", "x" * 160 + ".mp4"),
        ("\U00020000" * 80 + ".mp4", "\U00020000" * 40 + ".mp4"),  # four bytes each
    ],
)
def test_names_of_uploads_cannot_leave_their_folder(given, kept):
    assert safe_name(given) == kept


def test_uploads_are_stored_and_checked(tmp_path):
    data = write_video(tmp_path / "short.mp4", 50).read_bytes()
    path = keep("my video.mp4", io.BytesIO(data), tmp_path / "kept")
    upload = check(path, name="my video.mp4", max_minutes=1)
    assert path.read_bytes() == data and (upload.frames, upload.seconds) == (50, pytest.approx(2.0, abs=0.1))


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "is empty"),
        (b"just words " * 1000, "not a readable video .it contains text."),
        (bytes(range(256)) * 40, "not a readable video"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "a list of other files"),
    ],
)
def test_files_that_are_not_videos_are_explained(tmp_path, content, words):
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    with pytest.raises(UploadError, match=rf"^a b\.mp4 .*{words}"):
        check(path, name="a b.mp4", max_minutes=1)


def write_cover(path: Path, sound: Path, picture: Path) -> Path:
    """Sound with a cover picture, as songs have."""
    with av.open(str(sound)) as first, av.open(str(picture)) as second, av.open(str(path), "w") as both:
        streams = [(each, both.add_stream_from_template(each.streams[0])) for each in (first, second)]
        streams[1][1].disposition = Disposition.attached_pic
        for source, stream in streams:
            for packet in source.demux(source.streams[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    both.mux(packet)
    return path


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.webp", "x.mp4"])
def test_a_picture_is_not_a_video_whatever_its_name(tmp_path, name):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8))
    picture.save(tmp_path / name, format="JPEG" if name == "x.mp4" else None)
    with pytest.raises(UploadError, match="^a b.mp4 is a single image, not a video"):
        check(tmp_path / name, name="a b.mp4", max_minutes=1)


def test_sound_is_not_a_video_even_with_a_cover(tmp_path):
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    Image.fromarray(np.full((64, 96, 3), 90, np.uint8)).save(tmp_path / "cover.png")
    write_sound(tmp_path / "sound.mp4")
    cover = write_cover(tmp_path / "cover.mp4", tmp_path / "sound.mp4", tmp_path / "cover.png")
    with av.open(str(cover)) as both:
        assert both.streams.video[0].disposition & Disposition.attached_pic
    for path in (tmp_path / "sound.wav", cover):
        with pytest.raises(UploadError, match="^a.mp4 has sound but no video"):
            check(path, name="a.mp4", max_minutes=1)


def test_the_probe_of_hostile_files_does_not_learn_the_webhook(tmp_path, monkeypatch):
    monkeypatch.setenv("VAD_WEBHOOK", f"https://h/{SECRET}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    (tmp_path / "probe").write_text(
        f"#!{sys.executable}\nimport json, os\nprint(json.dumps(dict(os.environ)))\n"
    )
    (tmp_path / "probe").chmod(0o755)
    monkeypatch.setattr("score.jobs.uploads.sys.executable", str(tmp_path / "probe"))
    known = _probe(tmp_path / "x.mp4")
    assert known["PYTHONPATH"] and SECRET not in json.dumps(known)


def test_a_video_that_is_too_long_is_refused_with_its_length(tmp_path):
    path = write_video(tmp_path / "short.mp4", 50)
    with pytest.raises(UploadError, match="short.mp4 is 0.0 minutes long; the limit here is 0.01"):
        check(path, name="short.mp4", max_minutes=0.01)
    # short, but as much work as a long one
    path = write_video(tmp_path / "fast.mp4", 50, times_ms=range(50))
    with pytest.raises(UploadError, match="fast.mp4 has more than 29 frames"):
        check(path, name="fast.mp4", max_minutes=0.002)


def test_a_feature_file_of_another_preset_is_refused_with_both_presets(tmp_path):
    import h5py

    path, spec = tmp_path / "v.h5", PRESETS["motion"].spec(weights="")
    with h5py.File(path, "w") as file:
        file.attrs["spec"] = spec.to_json()
    other = PRESETS["r2plus1d_18"].spec(weights="x")
    with pytest.raises(
        UploadError, match=f"of the preset motion, but the checkpoint was trained on {other.preset}"
    ):
        check(path, name="v.h5", max_minutes=1, specs=[other])
    with pytest.raises(UploadError, match="Upload the video itself"):
        check(path, name="v.h5", max_minutes=1, specs=[spec])


# jobs


def working(job):
    (job.folder / "file").write_text("x")
    while True:
        job.report("at work", 0.5)
        time.sleep(0.005)


def test_a_job_reports_its_progress_and_can_be_cancelled():
    job = Job(working, turn=threading.Lock()).start()
    wait_until(lambda: job.stage == "at work")
    assert (job.state, job.share) == ("working", 0.5) and job.folder.exists()
    job.cancel()
    assert job.wait(60) and job.state == "cancelled" and not job.folder.exists()


def test_one_job_works_at_a_time_and_a_waiting_one_can_be_cancelled():
    turn = threading.Lock()
    first = Job(working, turn=turn).start()
    wait_until(lambda: first.state == "working")
    second, third = (Job(lambda _job, value=value: value, turn=turn).start() for value in (3, 4))
    third.close()
    assert third.wait(60) and third.state == "cancelled" and second.state == "waiting"
    first.close()
    assert second.wait(60) and (second.state, second.value) == ("done", 3)
    assert first.wait(60) and not first.folder.exists() and second.folder.exists()
    second.close()
    assert not second.folder.exists() and second.value is None


@pytest.mark.parametrize(
    "error, reason", [(ValueError("a\nb"), "a b"), (KeyError("secret"), "its log says where")]
)
def test_a_failed_job_gives_its_reason_in_one_line(error, reason):
    def fail(_job):
        raise error

    turn = threading.Lock()
    job = Job(fail, turn=turn).start()
    assert job.wait(60) and job.state == "failed" and reason in job.reason and "secret" not in job.reason
    assert not job.folder.exists() and not turn.locked()


def test_a_job_ends_when_its_page_has_been_gone_for_long(monkeypatch):
    monkeypatch.setattr("score.jobs.job.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("score.jobs.job.GONE_SECONDS", 0.05)
    job = Job(working, turn=threading.Lock(), present=lambda: False).start()
    assert job.wait(60) and job.state == "cancelled"


# folders

ENDLESS = """
import sys, time
from extract.runtime.temp_folder import TempFolder
path = TempFolder("vad-app-").path
(path / "video.mp4").write_bytes(b"x")
print(path, flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_a_new_server_removes_what_killed_ones_left_and_nothing_of_running_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    living, killed = (
        subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    )
    try:
        kept, left = (Path(each.stdout.readline().strip()) for each in (living, killed))
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        (tmp_path / "vad-app-own").mkdir()  # a folder without a lock must not be removed
        assert (left / "video.mp4").is_file()
        own = TempFolder("vad-app-")
        assert not left.exists() and (kept / "video.mp4").is_file() and (tmp_path / "vad-app-own").is_dir()
        assert own.path.parent == tmp_path and own.path not in (left, kept)
        own.close()
        assert not own.path.exists() and kept.exists()
    finally:
        for each in (living, killed):
            each.kill()
            each.communicate()


# alerts


@pytest.fixture
def receiver():
    with receiving() as server:
        yield server


def an_alert(name="cam"):
    return alert_of(
        result([0.1, 0.7, 0.9, 0.2], name), rule=IntervalRule(), model="m", camera=Camera("c", "door")
    )


def test_an_alert_says_what_when_and_where():
    alert = an_alert()
    assert (alert["camera"], alert["place"], alert["peak_score"]) == ("c", "door", 0.9)
    assert alert["peak_seconds"] == pytest.approx(1.0) and len(alert["intervals"]) == 1
    assert alert_of(result([0.1, 0.2]), rule=IntervalRule(), model="m") is None


def test_alerts_are_appended_to_the_file_and_posted(tmp_path, receiver):
    alerts = Alerts(tmp_path / "deep" / "alerts.jsonl", receiver.address)
    for name in ("one", "two"):
        alerts.send(an_alert(name))
    assert alerts.wait(60) and (alerts.posted, alerts.failed) == (2, "")
    alerts.close()
    lines = [json.loads(line) for line in alerts.file.read_text().splitlines()]
    assert [line["video"] for line in lines] == ["one", "two"]
    assert [each for each in MARKS if carries_mark(alerts.file, each)] == ["alerts"]  # may be continued
    assert receiver.got == [(f"/{SECRET}", line) for line in lines]


def test_lines_of_concurrent_writers_are_complete(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_text('{"broken')
    writers = [Alerts(path, None) for _ in range(4)]  # as many servers
    alerts = [{"writer": number, "words": "ä" * 40_000} for number in range(4)]

    def write(number):
        for _ in range(25):
            writers[number].send(alerts[number])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    first, *lines = path.read_text().splitlines()
    assert first == '{"broken' and len(lines) == 100
    assert sorted(json.loads(line)["writer"] for line in lines) == sorted([*range(4)] * 25)


def test_an_unwritable_alerts_file_is_reported_and_nothing_fails(tmp_path):
    alerts = Alerts(tmp_path, None)
    alerts.send(an_alert())
    assert alerts.unwritten == f"an alert could not be written to {tmp_path}: Is a directory"


def test_settings_reach_the_page_and_hide_the_webhook():
    with pytest.raises(ValueError, match="started by vad-score app"):
        settings_of_page()
    settings = AppSettings(("run",), stores=("s",), webhook=f"https://h/{SECRET}", weights=("a=b",))
    hand_to_page(settings)
    try:
        assert settings_of_page() is settings
        assert SECRET not in repr(settings) + json.dumps(dict(os.environ))
    finally:
        hand_to_page(None)


# names on the page


HOSTILE = (
    "<script>",
    "</script>",
    "-->",
    "a|b",
    "$x^2$",
    ":red[x]",
    "![p](//h/x.png)",
    "`c`",
    "{{7*7}}",
)


@pytest.mark.parametrize("name", (*HOSTILE, "a\n\n# b", "\u202egpj.exe\u200b", "caf\udce9", "\x1b[31m"))
def test_no_name_is_markdown_and_no_cell_a_formula(name):
    page_session = pytest.importorskip("score.app.page_session", reason="needs streamlit (extra app)")
    shown = page_session.slot(name)
    assert shown.encode() and "\n" not in shown and not {"\u202e", "\u200b", "\x1b"} & set(shown)
    bare = re.sub(r"\\[^\w\s]", "", shown)  # without what a backslash takes its meaning
    assert not set("\\`*_{}[]()#+-.!|<>~$:&") & set(bare)
    assert re.sub(r"\\([^\w\s])", r"\1", shown) == printable(" ".join(name.split()))
    for begin in "=+-@":
        assert page_session.cell(begin + name) == f"'{begin}{printable(name)}"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_download_has_a_harmless_name(name):
    assert not set(safe_name(f"{name}.mp4")) & set('<>|:*?/\\"`$\n{}!')


def test_the_frame_of_the_page_loads_nothing():
    frame = Path(score.app.__file__).with_name("frame") / "index.html"
    text = frame.read_text()
    assert "://" not in text and not re.search(r"""(src|href)\s*=|url\(|@import|["']//""", text)


# cameras


def test_cameras_are_found_by_file_name_and_by_ids_in_it(tmp_path):
    path = tmp_path / "cameras.tsv"
    path.write_text(
        "note\tplace\tcamera\n-\tGate\tcam1\n\n-\tRoof\tcam12\n-\tYard\tx_2024.mp4\n-\tHall\tcam1-b\n"
    )
    cameras = read_cameras(path)
    found = {
        name: each and each.place
        for name in (
            "CAM1_0800.mp4",
            "cam12.mp4",
            "x_2024.mp4",
            "cam1-b.avi",
            "cam123.mp4",
            "east/cam1/0800.mp4",
            "scam1.mp4",
        )
        for each in [cameras.of(name)]
    }
    assert found == {
        "CAM1_0800.mp4": "Gate",
        "cam12.mp4": "Roof",
        "x_2024.mp4": "Yard",
        "cam1-b.avi": "Hall",
        "cam123.mp4": None,
        "east/cam1/0800.mp4": "Gate",
        "scam1.mp4": None,
    }
    assert Cameras().of("cam1.mp4") is None


def test_a_cameras_table_is_read_as_spreadsheets_save_it_and_only_from_a_file(tmp_path):
    path = tmp_path / "cameras.csv"
    path.write_bytes('\ufeffPlace;camera\r\n"Gate; north";cam1\r\n;\r\n'.encode())
    assert read_cameras(path).places == {"cam1": "Gate; north"}
    path.write_bytes(b"camera\tplace\ncaf\xe9\tx\n")
    with pytest.raises(ValueError, match=f"{path}: cannot be read as UTF-8"):
        read_cameras(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe: is a pipe, expected"):
        read_cameras(tmp_path / "pipe")


def test_all_mistakes_of_a_cameras_table_are_reported_at_once(tmp_path):
    path = tmp_path / "cameras.tsv"
    path.write_text("camera\tplace\na\t\nb\tx\nb\ty\n\tz\n")
    with pytest.raises(ValueError) as raised:
        read_cameras(path)
    lines = [line.removeprefix(f"{path}:") for line in str(raised.value).splitlines()]
    assert lines == ["2: place is empty", "4: b is in the table twice", "5: camera is empty"]
    path.write_text("id,place\n")
    with pytest.raises(ValueError, match="column camera is missing"):
        read_cameras(path)


# two models


def test_agreement_is_measured_in_seconds_between_the_edges_of_both():
    first = timeline([0.9, 0.1])  # 0.4 s each
    second = timeline([0.9, 0.9, 0.1, 0.9], frames=5)  # 0.2 s each
    both = agreement(first, second, thresholds=(0.5, 0.5))
    assert both[:4] == pytest.approx((0.4, 0.0, 0.2, 0.2)) and both.share == pytest.approx(0.6 / 0.8)
    assert agreement(first, first, thresholds=(0.5, 0.5)).correlation == pytest.approx(1)
    assert agreement(first, timeline([0.5, 0.5]), thresholds=(0.5, 0.5)).correlation is None
    seconds, highest = curves(first, second, points=2)
    assert highest.tolist() == [[0.9, 0.1], [0.9, 0.9]] and seconds.tolist() == pytest.approx([0.2, 0.6])
    with pytest.raises(ValueError, match="two videos"):
        side_by_side(first, timeline([0.1]))


# stores


def scored(name, scores, spans=(), event_class="Normal", **more):
    video = Video(name, event_class, None, tuple(spans))
    return Scored(
        video, more.pop("listed", True), max(scores), timeline(scores), more.pop("trained_on", False)
    )


def test_mistakes_are_high_normal_moments_and_low_anomalies_worst_first():
    found = mistakes(
        [
            scored("n", [0.1, 0.8, 0.3]),  # false alarm of 0.8 in frames 10-20
            scored(
                "a", [0.6, 0.2, 0.9], [(10, 20), (20, 30)], "Fight"
            ),  # missed: 0.2, 0.9; false alarm of 0.6
            scored("u", [0.3, 0.4], event_class="Fight"),  # not annotated: its highest score counts
            scored("x", [1.0], listed=False),
            scored("bad", [0.9], [(0, 99)], "Fight"),  # ends after the last frame
        ]
    )
    assert [(each.video_id, each.kind, round(each.error, 2)) for each in found] == [
        ("a", "missed", 0.8),
        ("n", "false alarm", 0.8),
        ("a", "false alarm", 0.6),
        ("u", "missed", 0.6),
        ("a", "missed", 0.1),
    ]
    assert found[1].seconds == pytest.approx(0.6)  # the middle of frames 10-20 at 25/s
    assert len(mistakes([scored("n", [0.1])] * 5, limit=2)) == 2


# the page


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    from support.app_server import make

    return make(tmp_path_factory.mktemp("made"))


def test_contents_of_a_store_are_counted(made):
    listed = [Video("h0", "Fight"), Video("n0"), Video("absent")]
    facts = contents(FeatureStore(made.store), listed)
    assert facts.classes == {"not in a list": 4, "Fight": 1, "Normal": 1} and facts.absent == ("absent",)
    assert (
        facts.frames == {f"{kind}{number}": 128 for kind in "hn" for number in range(3)}
        and not facts.failures
    )


def test_failures_of_a_store_are_shown_whether_recorded_or_found(page, made, tmp_path):
    store = FeatureStore(shutil.copytree(made.store, tmp_path / "store"))
    os.truncate(tmp_path / "store" / "h0.h5", 700)
    write_failures(store, [Failure("gone", "decode", "it is cut short")])
    facts = contents(store, [Video("h0", "Fight"), Video("n0")])
    (damaged, problem), recorded = facts.failures
    assert damaged == "h0" and "damaged" in problem and recorded == ("gone", "it is cut short")
    assert "h0" not in facts.frames and facts.absent == ("h0",)
    at = page(made.run, stores=(str(tmp_path / "store"),))
    at.segmented_control[0].set_value("Feature store").run()
    assert not at.exception and "2 failures" in [each.label for each in at.expander]
    assert any(list(each.value["reason"]) == [problem, "it is cut short"] for each in at.dataframe)


@pytest.fixture
def page(tmp_path):
    """The page without a server: page(*checkpoints, **settings) -> AppTest after its first run."""
    testing = pytest.importorskip("streamlit.testing.v1", reason="needs streamlit (extra app)")
    import streamlit

    def run(*checkpoints, **settings):
        streamlit.cache_resource.clear()
        alerts = str(tmp_path / "alerts.jsonl")
        hand_to_page(AppSettings(tuple(map(str, checkpoints)), alerts=alerts, workers=1, **settings))
        return testing.AppTest.from_file(
            str(Path(score.app.__file__).with_name("main_page.py")), default_timeout=60
        ).run()

    yield run
    streamlit.cache_resource.clear()
    hand_to_page(None)


def finished(page, key="job"):
    assert page.session_state[key].wait(90)
    return page.run()


@pytest.mark.slow
def test_two_checkpoints_are_compared_on_one_upload_and_an_alert_is_written(page, made, tmp_path):
    at = page(made.run, made.other)
    assert not at.exception
    at.file_uploader[0].upload("my video.mp4", (made.videos / "h0.mp4").read_bytes(), "video/mp4").run()
    at = finished(at)
    assert not at.exception and not at.error
    found = at.session_state["job"].value
    assert len(found.results) == 2 and found.playable.is_file() and found.upload.name == "my video.mp4"
    assert any("They agree on" in each.value for each in at.markdown)
    (line,) = (tmp_path / "alerts.jsonl").read_text().splitlines()
    alert = json.loads(line)
    assert alert["video"] == "my video.mp4" and alert["peak_score"] >= alert["threshold"]
    folder = at.session_state["job"].folder
    next(each for each in at.button if each.label == "Close this video").click().run()
    assert not folder.exists() and "job" not in at.session_state


@pytest.mark.slow
def test_the_alerts_of_a_watch_are_a_view_of_their_own(page, made, tmp_path):
    at = page(made.run, watch=str(tmp_path))
    assert at.segmented_control[0].options == ["Video", "Live"]
    at.segmented_control[0].set_value("Live").run()
    assert not at.exception and [each.value for each in at.info] == ["No alerts yet."]


@pytest.mark.slow
def test_a_bad_upload_is_explained_and_leaves_nothing(page, made, tmp_path):
    at = page(made.run, max_minutes=0.05)
    name = (
        "![](http://h/x.png) $x$ notes.mp4"  # Streamlit reads errors as Markdown, which would fetch pictures
    )
    at.file_uploader[0].upload(name, b"words " * 1000, "video/mp4").run()
    at = finished(at)
    error = at.error[0].value
    assert re.sub(r"\\(.)", r"\1", error).startswith(f"{name} is not a readable video")
    assert not re.search(r"(?<!\\)[!\[\]($<]", error)
    assert not at.session_state["job"].folder.exists()
    # A raw stream has no header with its length.
    raw = write_video(tmp_path / "raw", 128, file_format="h264").read_bytes()
    at.file_uploader[0].upload("raw.mp4", raw, "video/mp4").run()
    at = finished(at)
    assert "is longer than 0\\.05 minutes" in at.error[0].value


def test_a_store_can_be_browsed_and_its_worst_mistake_watched(page, made):
    at = page(made.run, stores=(str(made.store),), lists=(str(made.list),), videos=str(made.videos))
    at.segmented_control[0].set_value("Feature store").run()
    assert any("**6** videos" in each.value for each in at.markdown)
    at.button(key="score_store").click().run()
    at = finished(at, "store_job")
    assert not at.exception
    scores = at.session_state["store_job"].value
    assert set(scores.scored) == {f"{kind}{number}" for kind in "hn" for number in range(3)}
    assert scores.mistakes and all(each.trained_on for each in scores.mistakes)
    at.button_group(key="look").set_value(0).run()
    assert not at.exception and any("Annotated frames" in each.value for each in at.markdown)


def looking(page, made, **settings):
    """The store view at its first mistake, and that mistake."""
    at = page(made.run, stores=(str(made.store),), lists=(str(made.list),), **settings)
    at.segmented_control[0].set_value("Feature store").run()
    at.button(key="score_store").click().run()
    at = finished(at, "store_job")
    at.button_group(key="look").set_value(0).run()
    assert not at.exception
    return at, at.session_state["store_job"].value.mistakes[0]


def test_a_mistake_is_shown_with_its_camera(page, made, tmp_path):
    (tmp_path / "cameras.tsv").write_text(
        "camera\tplace\n"
        + "".join(f"{kind}{number}.mp4\tDoor {number}\n" for kind in "hn" for number in range(3))
    )
    at, worst = looking(page, made, videos=str(made.videos), cameras=str(tmp_path / "cameras.tsv"))
    title = f"**{worst.video_id}** · Door {worst.video_id[1]} (camera {worst.video_id}.mp4)"
    assert title in [each.value.replace("\\", "") for each in at.markdown]


@pytest.mark.slow
def test_videos_that_are_too_large_for_memory_are_not_served(page, made):
    at, worst = looking(page, made, videos=str(made.videos), max_megabytes=0)
    captions = [each.value.replace("\\", "") for each in at.caption]
    assert any(each.startswith(f"{worst.video_id}.mp4 has 0 MB; videos of up to 0 MB") for each in captions)
    at, _ = looking(page, made, videos=str(made.videos))
    assert not any(" MB are shown" in each.value for each in at.caption)


def test_a_video_that_is_no_longer_shown_is_released(page, made, tmp_path):
    (tmp_path / "videos").mkdir()  # without the video of any mistake
    at, _ = looking(page, made, videos=str(tmp_path / "videos"))

    def served():
        files = {"mistake": (Path("x.mp4"), b"data"), "video": (Path("y.mp4"), b"data")}
        at.session_state["served_videos"] = files
        return at.session_state["served_videos"]

    kept = served()
    at.button_group(key="look").set_value(1).run()
    assert list(kept) == ["video"]
    kept = served()
    at.segmented_control[0].set_value("Video").run()
    assert list(kept) == ["video"] and not at.exception


def test_stores_are_scored_on_the_chosen_device(made, monkeypatch):
    monkeypatch.setattr("score.app.server_state.choose_device", "the device of {}".format)
    monkeypatch.setattr("score.app.server_state.score_stores", lambda *_words, device: device)
    server = ServerState(AppSettings((str(made.run),), stores=(str(made.store),), device="auto"))
    job = server.score_stores(present=lambda: True)
    assert job.wait(30) and job.value == "the device of auto"
    server.shut()


@pytest.mark.slow
def test_videos_of_one_name_are_distinguished_and_alerts_name_their_cameras(page, made, tmp_path, receiver):
    for camera in ("cam1", "cam2"):
        (tmp_path / "videos" / camera).mkdir(parents=True)
        shutil.copy(made.videos / "h0.mp4", tmp_path / "videos" / camera / "0800.mp4")
    (tmp_path / "cameras.tsv").write_text("camera\tplace\ncam1\tGate\ncam2\tYard\n")
    at = page(
        made.run,
        videos=str(tmp_path / "videos"),
        cameras=str(tmp_path / "cameras.tsv"),
        webhook=receiver.address,
        threshold=0.0,
    )
    expected = [("cam1", "Gate", "cam1/0800.mp4"), ("cam2", "Yard", "cam2/0800.mp4")]
    for camera, place, video in expected:
        at.selectbox[0].set_value(f"{camera}/0800").run()
        at.button(key="score_file").click().run()
        at = finished(at)
        assert not at.exception and not at.error
        texts = [each.value.replace("\\", "") for each in at.markdown]
        assert f"**{video}** · {place} (camera {camera})" in texts
        assert at.session_state["job"].value.upload.name == "0800.mp4"  # the name of downloads
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert [(line["camera"], line["place"], line["video"]) for line in lines] == expected
    wait_until(lambda: len(receiver.got) == 2)
    assert receiver.got == [(f"/{SECRET}", line) for line in lines]


@pytest.mark.slow
def test_a_video_that_is_cut_short_is_reported_as_damaged(page, made, tmp_path):
    complete = write_video(tmp_path / "complete.mp4", 128, file_options={"movflags": "+faststart"})
    damage(tmp_path / "cut.mp4", complete, keep=0.6)
    at = page(made.run)
    at.file_uploader[0].upload("my video.mp4", (tmp_path / "cut.mp4").read_bytes(), "video/mp4").run()
    at = finished(at)
    error = at.error[0].value.replace("\\", "")
    words = "it is damaged: it cannot be decoded to its end. Copy it again, or export it as MP4 ("
    assert error.startswith(f"my video.mp4: {words}") and "upload" not in error and "cut.mp4" not in error


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No weights on this machine, and downloads are an error; the folder in which weights are looked for."""

    def fetched(*_words, **_more):
        raise AssertionError("weights are downloaded")

    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("VAD_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("extract.weights.load.fetch", fetched)
    monkeypatch.setattr(
        "score.commands.app.serve", lambda *_words, **_more: pytest.fail("the page is served")
    )
    return tmp_path / "weights"


def a_run_on(made, folder, preset, **fields) -> Path:
    """The run's checkpoint as if trained on a preset with some published weights."""
    spec = replace(PRESETS[preset], **fields).spec(weights="sha256:" + 64 * "0")
    folder.mkdir()
    save_checkpoint(replace(load_checkpoint(made.run / "seed_0"), specs=(spec,)), folder / CHECKPOINT)
    return folder


@pytest.mark.parametrize(
    "preset, words, line",
    [
        ("r2plus1d_18", [], "the weights r2plus1d_18 of the preset r2plus1d_18 are not on this machine"),
        ("r2plus1d_18", ["--weights", "nowhere.pt"], "no weights 'nowhere.pt'"),
        ("reclass", [], "the weights keypointrcnn of the preset reclass are not on this machine"),
    ],
)
@pytest.mark.usefixtures("offline")
def test_missing_weights_end_the_app_before_it_serves_and_are_never_downloaded(
    made, tmp_path, preset, words, line
):
    pytest.importorskip("streamlit", reason="needs streamlit (extra app)")
    ended = CliRunner().invoke(
        main, ["app", "--checkpoint", str(a_run_on(made, tmp_path / "run", preset)), *words]
    )
    assert ended.exit_code == 2 and line in ended.output, ended.output
    assert f"--weights {preset}=PATH" in ended.output and ended.output.count("error: ") == 1


def test_a_server_uses_the_weights_that_it_found_at_its_start(made, tmp_path, offline, monkeypatch):
    settings = AppSettings((str(a_run_on(made, tmp_path / "run", "r2plus1d_18")),))
    (offline / KNOWN["r2plus1d_18"].file_names[0]).write_text("other bytes")
    with pytest.raises(ValueError, match="is not the published .* --weights r2plus1d_18=PATH"):
        ServerState(settings)
    monkeypatch.setattr("extract.weights.load.check_file", lambda _path, _known: "verified")
    server = ServerState(settings)
    (file,) = offline.iterdir()
    assert server.extraction[0].weights == {"r2plus1d_18": str(file)}
    server.shut()
    file.unlink()  # while it serves: reported, not downloaded
    with pytest.raises(ValueError, match="no weights"):
        extract_new(
            server.models[0].checkpoints[0].specs,
            [],
            root=tmp_path,
            stores=[tmp_path / "store"],
            settings=server.extraction[0],
        )


@pytest.mark.slow
def test_the_progress_of_two_presets_never_falls_back_and_ends_with_scoring(made, tmp_path):
    videos = [Video("n0"), Video("h0", "Fight")]
    other = replace(PRESETS["motion"], dtype="float16")
    extract(
        other,
        videos,
        root=made.videos,
        store_root=tmp_path / "other",
        settings=RunSettings(device="cpu", workers=1),
        progress=Progress(total=0),
    )
    stores = [FeatureStore(made.store), FeatureStore(tmp_path / "other")]
    train_head(tmp_path / "run", stores, videos, overrides=["train.epochs=1", "data.segments.mode=none"])
    upload = Upload("yard.mp4", made.videos / "n0.mp4", frames=128)
    models, settings = [load_model(tmp_path / "run")], [ExtractionSettings(device="cpu", workers=1)]
    reported = []

    def work(job):
        report = job.report
        job.report = lambda stage, share: (reported.append((stage, share)), report(stage, share))
        return score_video(job, upload, models, settings=settings)

    job = Job(work, turn=threading.Lock(), parent=tmp_path).start()
    assert job.wait(120) and job.state == "done", job.reason
    stages, shares = zip(*reported, strict=True)
    assert list(shares) == sorted(shares)
    for number in (1, 2):
        assert any(f"decoded (features {number} of 2)" in stage for stage in stages)
    scoring = stages.index("Scoring")
    assert all("decoded" not in stage for stage in stages[scoring:]) and shares[scoring] < shares[-1]


def test_mistakes_are_reported_before_anything_is_served(made, tmp_path, monkeypatch):
    pytest.importorskip("streamlit", reason="needs streamlit (extra app)")
    (tmp_path / "cameras.tsv").write_text("a\tb\n")
    open_to_all, bad = tmp_path / "open", tmp_path / "bad"
    for path, text in ((open_to_all, f"https://h/{SECRET}"), (bad, f"ftp://{SECRET}")):
        path.write_text(text)
        path.chmod(0o600 if path == bad else 0o640)
    for words, line in (
        (["--checkpoint", str(tmp_path)], "holds no run"),
        (["--checkpoint", str(made.run), "--store", str(tmp_path)], "no feature store"),
        (["--checkpoint", str(made.run), "--cameras", str(tmp_path / "cameras.tsv")], "the column camera"),
        (["--checkpoint", str(made.run), "--webhook", f"https://h/{SECRET}"], "--webhook-file FILE, or set"),
        (["--checkpoint", str(made.run), "--webhook-file", str(open_to_all)], f"run chmod 600 {open_to_all}"),
        (["--checkpoint", str(made.run), "--webhook-file", str(bad)], "expected https://HOST/PATH"),
        (["--checkpoint", str(made.run)] * 3, "3 checkpoints are given"),
    ):
        ended = CliRunner().invoke(main, ["app", *words])
        assert ended.exit_code == 2 and line in ended.output and SECRET not in ended.output, ended.output
    monkeypatch.setenv("VAD_WEBHOOK", f"https://h/{SECRET}")
    CliRunner().invoke(main, ["app", "--checkpoint", str(tmp_path)])
    assert SECRET not in json.dumps(dict(os.environ))  # whatever is started from here does not inherit it


@pytest.mark.slow
def test_a_video_without_people_has_a_note_if_the_head_scores_people(tmp_path):
    """A small reclass head on scenes of the built-in people detector, and a video of blocks."""
    videos = [Video("n0"), Video("n1")]
    for number, video in enumerate(videos):
        frames = block_video(number, hectic=False, num_frames=48, width=160, height=144)
        write_h264(tmp_path / "videos" / f"{video.video_id}.mp4", frames)
    fields = ("scene.detector=hog", "clip_length=4", "segment_stride=16", "resize.size=[18,20]", "flow=null")
    extract(
        overridden(PRESETS["reclass"], fields),
        videos,
        root=tmp_path / "videos",
        store_root=tmp_path / "store",
        settings=RunSettings(device="cpu", workers=1),
        progress=Progress(total=0),
    )
    small = ("head.flow=false", "head.frames=2", "head.width=4", "head.judge_width=4", "train.epochs=1")
    train_head(
        tmp_path / "run",
        [FeatureStore(tmp_path / "store")],
        videos,
        name="reclass",
        overrides=(*small, "train.steps_per_epoch=2", "train.batch=2"),
    )
    upload = Upload("yard.mp4", tmp_path / "videos" / "n0.mp4")
    models, settings = [load_model(tmp_path / "run")], [ExtractionSettings(device="cpu", workers=1)]
    job = Job(
        lambda job: score_video(job, upload, models, settings=settings),
        turn=threading.Lock(),
        parent=tmp_path,
    ).start()
    assert job.wait(300) and job.state == "done", job.reason
    found = job.value
    assert found.results[0].nobody and 0 <= found.results[0].video_score <= 1
    (note,) = found.notes
    assert note.startswith("No person was detected in yard.mp4.")
