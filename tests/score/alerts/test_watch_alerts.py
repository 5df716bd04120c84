"""The alerts of one watch by its options: what is refused before it starts, and what is never shown."""

import os
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from score.alerts.watch_alerts import AlertOptions, CameraAlerts, WatchAlerts
from score.cli import main
from support.live_segments import segments_of
from support.receiver import SECRET, receiving
from support.tiny_stores import make_spec
from support.waiting import wait_until


def a_secret(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def opened(options: AlertOptions, *cameras: CameraAlerts, threshold=0.5):
    return WatchAlerts(options).listener(
        cameras or (CameraAlerts("yard"),),
        threshold=threshold,
        model="m",
        event_classes=("Normal", "Fight"),
        specs=[make_spec()],
    )


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["watch", __file__, "--checkpoint", "none", *arguments])
    assert result.exit_code == 2, result.output
    line = result.output.strip().splitlines()[-1]
    assert SECRET not in result.output
    return line


def test_every_mistake_of_the_command_line_is_one_line_before_a_checkpoint_is_loaded(tmp_path):
    shown = a_secret(tmp_path / "shown", f"mqtts://u:{SECRET}@h", 0o644)
    wrong = a_secret(tmp_path / "wrong", f"amqp://u:{SECRET}@h")
    for arguments, words in {
        ("--set", "alert.minimum=2"): "unknown alert setting 'minimum'; did you mean 'minimum_seconds'?",
        ("--set", "clip.fps=0"): "--set clip.fps=0: clip.fps is 0, expected 0.1 to 120",
        ("--set", "zoom.x=1"): "expected SECTION.NAME=VALUE with SECTION alert or clip",
        ("--threshold", "2"): "2.0 is not in the range 0<=x<=1",
        ("--metrics", "loud"): "expected [HOST:]PORT",
        ("--keep-days", "-1"): "-1.0 is not in the range x>=0",
        ("--mqtt-file", str(shown)): f"run chmod 600 {shown}",
        ("--webhook-file", str(shown)): f"run chmod 600 {shown}",
        ("--mqtt-file", str(wrong)): "expected mqtts://USER:PASSWORD@HOST:PORT/TOPIC"[9:],
        ("--webhook-file", str(wrong)): "expected https://HOST/PATH",
        ("--mqtt-file", str(tmp_path / "none")): "no such file",
    }.items():
        assert words in refused(*arguments), arguments


def test_a_threshold_off_beyond_the_checkpoints_threshold_is_refused_once_that_is_known():
    options = AlertOptions(sets=["alert.threshold_off=0.7"])
    with pytest.raises(ValueError, match="alert.threshold_off is 0.7, expected at most the threshold 0.5"):
        opened(options)
    opened(options, threshold=0.8).close()


def test_thresholds_of_cameras_move_the_lower_one_with_them():
    cameras = CameraAlerts("yard"), CameraAlerts("gate", threshold=0.8), CameraAlerts("lane", threshold=0.1)
    listener = opened(AlertOptions(threshold=0.6, sets=["alert.threshold_off=0.4"]), *cameras)
    rules = [listener.rule_of(camera.name) for camera in cameras]
    assert [rule.threshold for rule in rules] == [0.6, 0.8, 0.1]
    assert [rule.off for rule in rules] == pytest.approx([0.4, 0.6, 0.0])
    listener.close()


@pytest.mark.slow
def test_no_secret_is_in_a_log_an_event_a_metric_a_line_or_the_environment(
    tmp_path, monkeypatch, caplog, capfd
):
    caplog.set_level("DEBUG")
    with receiving() as server:
        server.answers = [404] * 9
        monkeypatch.setenv("VAD_MQTT", f"mqtt://{SECRET}:{SECRET}@127.0.0.1:9/vad")
        options = AlertOptions(
            alerts=tmp_path / "alerts",
            webhook_file=a_secret(tmp_path / "hook", server.address),
            metrics="0",
            sets=["alert.quiet_seconds=1"],
        )
        watch = WatchAlerts(options)
        assert "VAD_MQTT" not in os.environ
        listener = watch.listener(
            [CameraAlerts("yard", "north")], threshold=0.5, model="m", event_classes=(), specs=[make_spec()]
        )
        assert "the webhook at 127.0.0.1, MQTT at 127.0.0.1; metrics at" in watch.described(0.5, "given")
        for segment in segments_of([0.9] * 4 + [0.1] * 4):
            listener.segment(segment)
        wait_until(lambda: len(server.got) == 2)
        listener.close()
    files = [path for path in (tmp_path / "alerts").rglob("*") if path.is_file()]
    content = b"".join(path.read_bytes() for path in files).decode("latin-1")
    assert "north" in content and len(list((tmp_path / "alerts" / ".mqtt").iterdir())) == 2
    said = caplog.text + "".join(capfd.readouterr()) + watch.described(0.5, "given") + repr(vars(listener))
    assert "it answered 404" in said and SECRET not in said + content


def test_metrics_are_served_until_the_watch_ends(tmp_path):
    listener = opened(AlertOptions(alerts=tmp_path / "alerts", metrics="127.0.0.1:19471"))
    for segment in segments_of([0.9] * 4):
        listener.segment(segment)
    with urllib.request.urlopen("http://127.0.0.1:19471/metrics", timeout=20) as answer:
        assert b'vad_alerts_total{camera="yard"} 1.0' in answer.read()
    with pytest.raises(ValueError, match="another watch writes its alerts here"):
        opened(AlertOptions(alerts=tmp_path / "alerts"))
    with pytest.raises(ValueError, match="choose another port"):
        opened(AlertOptions(metrics="19471"))
    listener.close()
    with pytest.raises(OSError):
        urllib.request.urlopen("http://127.0.0.1:19471/metrics", timeout=20)
