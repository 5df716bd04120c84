"""The webhook: in time and in order whatever the receiver does, and its address is never repeated."""

import contextlib
import os
import socket
import ssl
import subprocess
import threading
import time

import pytest

from extract.runtime.secret_variables import hold
from score.alerts import alert_delivery
from score.alerts.alert_delivery import Alerts
from score.alerts.webhook import Webhook, check_webhook, take_address
from support.receiver import SECRET, receiving
from support.waiting import wait_until

HEAD = b"HTTP/1.1 200 OK\r\n"
# What a bad receiver sends at once, and a byte at a time for ever.
BAD = {
    "nothing": (b"", b""),
    "a status for ever": (b"HTTP/1.1 200 ", b"O"),
    "a header for ever": (HEAD + b"X: ", b"x"),
    "headers for ever": (HEAD, b"a: b\r\n"),
    "a handshake for ever": (b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03", b"\x00"),
}


@pytest.fixture
def receiver():
    with receiving() as server:
        yield server


def an_alert(name="cam"):
    return {"video": name}


@contextlib.contextmanager
def dripping(first: bytes, then: bytes):
    """The port of a server that sends `first`, and then `then` every 5 ms until its block ends."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(connection):
            with connection, contextlib.suppress(OSError):
                connection.sendall(first)
                while not ended.wait(0.005):
                    connection.sendall(then)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        ended.set()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("how", BAD)
def test_a_request_ends_in_time_however_the_receiver_drips(how, scheme):
    with dripping(*BAD[how]) as port:
        begin = time.monotonic()
        problem, again = Webhook(f"{scheme}://127.0.0.1:{port}/{SECRET}", seconds=0.06).post(b"{}")
        assert time.monotonic() - begin < 20  # thousands of bytes would follow
    # What is not even the protocol of the address fails at once.
    if how == "nothing" or (how == "a handshake for ever") == (scheme == "https"):
        assert (problem, again) == ("no answer within 0.06 s", True)
    else:
        assert problem and SECRET not in problem


def test_a_delivered_alert_does_not_wait_for_an_endless_answer():
    with dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n") as port:
        assert Webhook(f"http://127.0.0.1:{port}/", seconds=20).post(b"{}") == ("", False)


def test_a_proxy_is_used_and_has_no_more_time(monkeypatch):
    with dripping(b"HTTP/1.1 200 ", b"O") as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "")
        problem = Webhook(f"https://h.invalid/{SECRET}", seconds=0.06).post(b"{}")
        assert problem == ("no answer within 0.06 s", True)


def test_a_slow_look_up_ends_in_time_and_is_asked_once(monkeypatch):
    asked, ready = [], threading.Event()
    real = socket.getaddrinfo

    def slow(host, *rest, **more):
        asked.append(host)
        ready.wait(20)
        return real("127.0.0.1", *rest, **more)

    with receiving() as server:
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        webhook = Webhook(f"http://slow.invalid:{server.server_port}/{SECRET}", seconds=0.03)
        for _ in range(3):
            assert webhook.post(b"{}") == ("no answer within 0.03 s", True)
        assert asked == ["slow.invalid"]
        ready.set()
        webhook.seconds = 20
        assert webhook.post(b"{}") == ("", False) and server.got == [(f"/{SECRET}", {})]


def test_a_failing_webhook_is_retried_in_the_background(receiver):
    receiver.hold.clear()
    receiver.answers = [500, 503]
    alerts = Alerts(None, receiver.address, waits=(0.01, 0.01, 0.01))
    begin = time.monotonic()
    alerts.send(an_alert())
    assert time.monotonic() - begin < 15 and alerts.posted == 0
    receiver.hold.set()
    assert alerts.wait(60) and (alerts.posted, len(receiver.got), alerts.failed) == (1, 3, "")
    alerts.close()


@pytest.mark.parametrize("answers, requests", [([500] * 9, 3), ([404] * 9, 1), ([302] * 9, 1)])
def test_undelivered_alerts_are_reported_without_the_secret(receiver, caplog, answers, requests):
    caplog.set_level("DEBUG")
    receiver.answers = answers
    alerts = Alerts(None, receiver.address, waits=(0.01, 0.01))
    alerts.send(an_alert())
    assert alerts.wait(60) and alerts.posted == 0 and len(receiver.got) == requests
    wait_until(lambda: alerts.failed)
    assert f"127.0.0.1: it answered {answers[0]}" in alerts.failed
    assert SECRET not in alerts.failed + caplog.text and "could not be delivered" in caplog.text
    alerts.close()


def test_an_unreachable_webhook_is_reported_without_the_secret(caplog):
    alerts = Alerts(None, f"http://127.0.0.1:9/{SECRET}", waits=())
    alerts.send(an_alert())
    assert alerts.wait(60)
    wait_until(lambda: alerts.failed)
    assert "Connection refused" in alerts.failed and SECRET not in alerts.failed + caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/T0K3N",
        "T0K3N",
        "http://u:T0K3N@h/",
        "http://h:x/T0K3N",
        "http:///T0K3N",
        "http://h/T0K3N é",
        "http://h/T0K3Né",
    ],
)
def test_invalid_webhooks_are_refused_without_repeating_them(address):
    with pytest.raises(ValueError) as raised:
        check_webhook(address)
    assert SECRET not in str(raised.value) and "https://HOST/PATH" in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        f"https://127.0.0.1:9/{SECRET}",
        f"http://{'a' * 70}.invalid/{SECRET}",
        f"http://127.0.0.1:9/{SECRET}/%00?q={SECRET}#{SECRET}",
        f"http://[::1%25lo]:9/{SECRET}",
    ],
)
def test_no_failure_repeats_the_address(address, caplog):
    caplog.set_level("DEBUG")
    problem, _ = Webhook(address, seconds=5).post(b"{}")
    assert problem and SECRET not in problem + caplog.text


def test_a_certificate_that_nobody_signed_is_refused(tmp_path, caplog):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("needs openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with receiving() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        caplog.set_level("DEBUG")
        problem, _ = Webhook(f"https://localhost:{server.server_port}/{SECRET}", seconds=5).post(b"{}")
        assert "CERTIFICATE_VERIFY_FAILED" in problem and SECRET not in problem + caplog.text
        assert server.got == []


def test_one_bad_receiver_does_not_stop_later_alerts_which_stay_in_order(receiver):
    receiver.answers = [500, 500, 500, 500]
    alerts = Alerts(None, receiver.address, waits=(0.001, 0.001))
    names = ["0", "1", "2", "3"]
    for name in names:
        alerts.send(an_alert(name))
    assert alerts.wait(60)
    alerts.close()
    # three attempts for the first alert; the next one has one, because the first was given up
    assert [video["video"] for _, video in receiver.got] == ["0", "0", "0", "1", "2", "3"]
    assert (alerts.posted, alerts.dropped, alerts.failed) == (2, 0, "")


def test_the_newest_alerts_wait_and_dropped_ones_are_counted(receiver, monkeypatch, caplog):
    monkeypatch.setattr(alert_delivery, "MAX_PENDING", 3)
    receiver.hold.clear()
    alerts = Alerts(None, receiver.address, waits=())
    alerts.send(an_alert("first"))
    wait_until(lambda: receiver.got)  # it is being posted, and does not wait any more
    for number in range(6):
        alerts.send(an_alert(str(number)))
    assert (
        alerts.failed == "3 alerts were dropped, because 3 newer ones wait" and alerts.failed in caplog.text
    )
    receiver.hold.set()
    assert alerts.wait(60)
    alerts.close()
    assert [video["video"] for _, video in receiver.got] == ["first", "3", "4", "5"]
    assert (alerts.posted, alerts.dropped) == (4, 3)


# where the address comes from


@pytest.mark.parametrize("held", [False, True])
def test_the_variable_is_taken_out_of_the_environment(monkeypatch, held):
    def taken(address: str) -> str | None:
        monkeypatch.setenv("VAD_WEBHOOK", address)
        if held:  # as every command does before it imports anything
            hold()
            assert "VAD_WEBHOOK" not in os.environ
        return take_address(None)

    assert taken(f" https://h/{SECRET}\n") == f"https://h/{SECRET}" and "VAD_WEBHOOK" not in os.environ
    assert take_address(None) is None and taken("") is None
    with pytest.raises(ValueError) as raised:
        taken(f"ftp://{SECRET}")
    assert SECRET not in str(raised.value) and "VAD_WEBHOOK" not in os.environ
    assert take_address(None) is None


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o604, 0o620, 0o602, 0o660, 0o644, 0o777])
def test_a_file_that_others_can_read_is_refused_with_what_to_do(tmp_path, mode):
    path = tmp_path / "my hook"
    path.write_text(f"https://h/{SECRET}\n")
    path.chmod(mode)
    if mode & 0o077 == 0:
        assert take_address(path) == f"https://h/{SECRET}"
    else:
        with pytest.raises(ValueError, match=f"run chmod 600 '{path}'"):
            take_address(path)


@pytest.mark.parametrize(
    "content",
    [f"https://h/a\nhttps://h/{SECRET}", f"ftp://{SECRET}", f"https://h/{SECRET}\xff", "", SECRET * 9999],
)
def test_a_file_with_anything_else_is_refused_without_repeating_it(tmp_path, content):
    path = tmp_path / "hook"
    path.write_bytes(content.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(ValueError) as raised:
        take_address(path)
    assert SECRET not in str(raised.value) and "\n" not in str(raised.value)


def test_a_missing_file_a_pipe_and_two_addresses_are_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, reason in ((tmp_path / "none", "no such file"), (tmp_path / "pipe", "is a pipe")):
        with pytest.raises(ValueError, match=f"{path}: {reason}"):
            take_address(path)
    monkeypatch.setenv("VAD_WEBHOOK", "https://h/")
    with pytest.raises(ValueError, match="by --webhook-file and by VAD_WEBHOOK"):
        take_address(tmp_path / "none")
