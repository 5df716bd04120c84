"""MQTT with a real broker that is killed in between: nothing is lost, and order and topics are as stated."""

import json
import os
import subprocess
import sys
import time

import pytest

from extract.runtime.secret_variables import hold
from score.alerts.outputs.event_mqtt import EventMqtt
from score.alerts.outputs.mqtt_target import MqttTarget, parse_target, take_target
from support.alert_events import an_event
from support.broker import Broker, Subscriber
from support.live_segments import a_segment
from support.receiver import SECRET
from support.waiting import wait_until


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path / "broker").start()
    yield broker
    broker.kill()


def target(broker, **changes) -> MqttTarget:
    return MqttTarget("127.0.0.1", broker.port, **changes)


def ids_of(payloads):
    return [json.loads(payload)["id"] for payload in payloads]


@pytest.mark.slow
def test_a_broker_that_is_killed_amid_fifty_alerts_costs_none_and_their_order_stays(broker, tmp_path):
    subscriber = Subscriber(broker.port)
    output = EventMqtt(target(broker), tmp_path / "spool")
    events = [an_event(number) for number in range(50)]
    for number, event in enumerate(events):
        if number == 20:
            wait_until(lambda: len(subscriber.of("vad/yard/alert")) > 9)
            broker.kill()
        if number == 40:
            broker.start()
        output.send(event)
    wait_until(lambda: output.delivered == 50)
    wait_until(lambda: len(set(ids_of(subscriber.of("vad/yard/alert")))) == 50)
    # By (id, number), each is seen once and in order. Those whose receipt was pending at the kill are
    # sent again, by MQTT's QoS 1: at most as many as paho lets wait for a receipt, 20.
    seen = ids_of(subscriber.of("vad/yard/alert"))
    assert list(dict.fromkeys(seen)) == [event.id for event in events] and len(seen) <= 50 + 20
    assert output.failed == 0 and output.problem == ""
    assert list((tmp_path / "spool").iterdir()) == []
    output.close(5)
    wait_until(lambda: subscriber.of("vad/availability")[-1:] == [b"offline"])
    subscriber.close()


@pytest.mark.slow
def test_what_waited_on_disk_is_sent_by_the_next_watch_to_a_subscriber_that_returns(broker, tmp_path):
    Subscriber(broker.port).close()  # the broker keeps its session
    broker.stop()
    output = EventMqtt(target(broker), tmp_path / "spool")
    for number in range(5):
        output.send(an_event(number))
    output.close(0.5)
    assert len(list((tmp_path / "spool").iterdir())) == 5 and output.delivered == 0
    broker.start()
    output = EventMqtt(target(broker), tmp_path / "spool")
    output.send(an_event(5))
    wait_until(lambda: output.delivered == 6)
    output.close(5)
    broker.stop()
    broker.start()
    subscriber = Subscriber(broker.port)
    wait_until(lambda: len(subscriber.of("vad/yard/alert")) == 6)
    assert ids_of(subscriber.of("vad/yard/alert")) == [an_event(number).id for number in range(6)]
    subscriber.close()


def test_topics_scores_and_availability(broker):
    subscriber = Subscriber(broker.port)
    output = EventMqtt(target(broker, topic="site/vad"), None)
    wait_until(lambda: subscriber.of("site/vad/availability") == [b"online"])
    camera = "a+b/#c d"
    output.send(an_event(camera=camera))
    output.score(a_segment(2.0, 0.25, camera=camera))
    wait_until(lambda: len(subscriber.got) >= 3)
    assert [payload for payload in subscriber.of("site/vad/availability")] == [b"online"]
    (alert,) = subscriber.of("site/vad/a%2Bb%2F%23c%20d/alert")
    assert json.loads(alert) == an_event(camera=camera).model_dump()
    (score,) = subscriber.of("site/vad/a%2Bb%2F%23c%20d/score")
    assert json.loads(score)["score"] == 0.25 and json.loads(score)["seconds"] == 3.0
    output.close(5)
    wait_until(lambda: subscriber.of("site/vad/availability")[-1] == b"offline")
    subscriber.close()


KILLED = """
import sys, time
from score.alerts.outputs.event_mqtt import EventMqtt
from score.alerts.outputs.mqtt_target import parse_target
EventMqtt(parse_target(sys.argv[1]), None)
time.sleep(600)
"""


@pytest.mark.slow
def test_the_broker_says_that_a_killed_watch_is_offline_also_to_those_who_come_later(broker):
    subscriber = Subscriber(broker.port)
    child = subprocess.Popen([sys.executable, "-c", KILLED, f"mqtt://127.0.0.1:{broker.port}"])
    wait_until(lambda: subscriber.of("vad/availability") == [b"online"])
    child.kill()
    child.wait()
    wait_until(lambda: subscriber.of("vad/availability") == [b"online", b"offline"])
    late = Subscriber(broker.port, name="late")
    wait_until(lambda: ("vad/availability", b"offline", True) in late.got)
    late.close()
    subscriber.close()


@pytest.mark.slow
def test_a_password_is_needed_used_and_never_shown(tmp_path, caplog):
    accounts = tmp_path / "accounts"
    accounts.write_text(f"vad:{SECRET}\n")
    made = subprocess.run(["mosquitto_passwd", "-U", str(accounts)], capture_output=True)
    if made.returncode:
        pytest.skip("needs mosquitto_passwd")
    accounts.chmod(0o600)
    broker = Broker(tmp_path / "broker", "allow_anonymous false", f"password_file {accounts}").start()
    caplog.set_level("DEBUG")
    try:
        right = parse_target(f"mqtt://vad:{SECRET}@127.0.0.1:{broker.port}")
        wrong = parse_target(f"mqtt://vad:{SECRET}x@127.0.0.1:{broker.port}")
        refused = EventMqtt(wrong, None)
        refused.send(an_event())
        wait_until(lambda: "Not authorized" in refused.problem)
        refused.close(0.2)
        output = EventMqtt(right, None)
        output.send(an_event())
        wait_until(lambda: output.delivered == 1)
        output.close(5)
        assert SECRET not in caplog.text + refused.problem + repr(right) + repr(output)
    finally:
        broker.kill()


def test_no_camera_waits_for_a_broker_that_is_not_there(tmp_path):
    output = EventMqtt(MqttTarget("127.0.0.1", 9), tmp_path / "spool")
    begun = time.monotonic()
    for number in range(200):
        output.send(an_event(number))
        output.score(a_segment(number, 0.5))
    assert time.monotonic() - begun < 5
    output.close(0.1)
    assert output.delivered == 0


def test_an_event_that_a_full_disk_keeps_in_memory_arrives_and_counts_once(broker, tmp_path):
    output = EventMqtt(target(broker), tmp_path / "spool")
    (tmp_path / "spool").rmdir()
    output.send(an_event())
    wait_until(lambda: output.delivered == 1)
    assert (output.failed, output.problem) == (0, "")
    output.close(5)


def test_what_the_spool_gives_up_counts_as_failed_and_what_waits_as_neither(tmp_path, monkeypatch):
    monkeypatch.setattr("score.alerts.outputs.event_mqtt.MOST_WAITING", 2)
    output = EventMqtt(MqttTarget("127.0.0.1", 9), tmp_path / "spool")
    for number in range(5):
        output.send(an_event(number))
    wait_until(lambda: output.failed == 3)
    assert output.delivered == 0 and "given up" in output.problem
    output.close(0.1)
    assert len(list((tmp_path / "spool").iterdir())) == 2 and output.delivered == 0


# addresses


def test_an_address_holds_everything():
    assert parse_target("mqtt://broker") == MqttTarget("broker", 1883)
    full = parse_target(f"mqtts://me%40home:{SECRET}%2F@b.example:99/a/b/?ca=/etc/ca.pem&cert=c&key=k\n")
    assert full == MqttTarget(
        *("b.example", 99, True, "a/b", "me@home", f"{SECRET}/", "/etc/ca.pem", "c", "k")
    )
    assert SECRET not in repr(full) and parse_target("mqtts://h").port == 8883


@pytest.mark.parametrize(
    "address",
    [
        "",
        SECRET,
        f"http://u:{SECRET}@h",
        f"mqtt://u:{SECRET}@",
        f"mqtt://u:{SECRET}@h:port",
        f"mqtt://u:{SECRET}@h:99999",
        f"mqtt://u:{SECRET} x@h",
        f"mqtt://u:{SECRET}é@h",
        f"mqtt://u:{SECRET}@h/a%2Bb",
        f"mqtt://u:{SECRET}@h/$SYS",
        f"mqtt://u:{SECRET}@h?ca=x",
        f"mqtts://u:{SECRET}@h?password={SECRET}",
        f"mqtts://u:{SECRET}@h?ca=a&ca=b",
        f"mqtts://u:{SECRET}@h?{SECRET}",
        f"mqtt://u:{SECRET}@h#{SECRET}",
    ],
)
def test_other_addresses_are_refused_without_repeating_them(address):
    with pytest.raises(ValueError) as raised:
        parse_target(address)
    assert SECRET not in str(raised.value) and "\n" not in str(raised.value)


def test_files_of_tls_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(ValueError, match=rf"{name}: cannot be used for TLS \("):
            EventMqtt(parse_target(f"mqtts://h?ca={tmp_path / name}"), None)


def test_the_address_comes_from_a_private_file_or_a_variable_that_no_child_inherits(tmp_path, monkeypatch):
    path = tmp_path / "mqtt"
    path.write_text(f"mqtt://u:{SECRET}@h/\n")
    path.chmod(0o644)
    with pytest.raises(ValueError, match=f"run chmod 600 {path}"):
        take_target(path)
    path.chmod(0o600)
    assert take_target(path) == parse_target(f"mqtt://u:{SECRET}@h")
    monkeypatch.setenv("VAD_MQTT", "mqtt://h")
    hold()
    assert "VAD_MQTT" not in os.environ
    assert take_target(None) == MqttTarget("h", 1883) and take_target(None) is None
    monkeypatch.setenv("VAD_MQTT", "mqtt://h")
    with pytest.raises(ValueError, match="by --mqtt-file and by VAD_MQTT"):
        take_target(path)
