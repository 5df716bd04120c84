"""Addresses with passwords: where they may come from, and that nothing shows them."""

import os
import stat

import pytest

from score.live.address import parse_source

SECRETS = ("geheim", "ab%40c", "admin")


@pytest.mark.parametrize(
    "words",
    [
        "rtsp://admin:geheim@camera.example/live",
        "rtsp://admin@camera.example/live",
        "http://camera.example/video.mjpg?user=x&pwd=geheim",
        "https://camera.example/video?Token=geheim",
    ],
)
def test_a_password_on_the_command_line_is_refused_with_what_to_do(words):
    with pytest.raises(ValueError, match="chmod 600 FILE and give @FILE") as refused:
        parse_source(words)
    assert not any(secret in str(refused.value) for secret in SECRETS)


def test_a_secret_comes_from_a_file_of_its_owner_alone(tmp_path):
    place = tmp_path / "gate"
    place.write_text("rtsp://admin:geheim@camera.example:8554/live/geheim2?x=geheim3\n")
    with pytest.raises(ValueError, match="chmod 600"):
        parse_source(f"@{place}")
    place.chmod(stat.S_IRUSR | stat.S_IWUSR)
    address = parse_source(f"@{place}")
    assert address.text.startswith("rtsp://admin:geheim@") and address.kind == "rtsp"
    assert address.shown == "rtsp://camera.example:8554"
    assert "geheim" not in repr(address) + str(address)
    said = address.redacted(
        f"cannot open {address.text}: /live/geheim2?x=geheim3 and geheim for admin:geheim"
    )
    assert "geheim" not in said and "cannot open" in said


def test_a_variable_is_gone_once_it_was_read(monkeypatch):
    monkeypatch.setenv("GATE", "http://admin:geheim@[::1]:81/video")
    address = parse_source("env:GATE")
    assert "GATE" not in os.environ and address.shown == "http://[::1]:81"
    with pytest.raises(ValueError, match="GATE is not set"):
        parse_source("env:GATE")


@pytest.mark.parametrize(
    "words, said",
    [
        ("ftp://camera/x", "ftp is not read; expected rtsp"),
        ("rtsp://", "expected rtsp://HOST/PATH"),
        ("rtsp://camera:port/x", "expected rtsp://HOST/PATH"),
        ("rtsp://camera/a b", "ASCII"),
        ("nowhere.mp4", "no such file, folder or device: nowhere.mp4"),
        ("", "is empty"),
        ("env:A-B", "no name of an environment variable"),
        ("@nowhere", "no such file"),
    ],
)
def test_every_wrong_source_is_one_line(words, said):
    with pytest.raises(ValueError, match=".") as refused:
        parse_source(words)
    assert said in str(refused.value) and "\n" not in str(refused.value)
