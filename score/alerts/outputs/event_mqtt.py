"""Publishes events to an MQTT 5 broker, each at least once and in order, whatever restarts in between.

An event is on disk before it is published and until the broker has acknowledged it (QoS 1), and the next one
waits for that. A broker or a watch that is killed may send again what it had sent; receivers drop
copies by (id, number).
"""

from __future__ import annotations

import collections
import json
import logging
import threading
import time
from pathlib import Path

from paho.mqtt.client import MQTT_ERR_NO_CONN, MQTT_ERR_SUCCESS, MQTTMessageInfo

from score.alerts.alert_event import AlertEvent, iso_time
from score.alerts.outputs.message_spool import MessageSpool
from score.alerts.outputs.mqtt_client import new_client, start
from score.alerts.outputs.mqtt_target import MqttTarget
from score.alerts.outputs.output import MOST_WAITING, QueueThread
from score.alerts.watch_events import LiveSegment

POLL_SECONDS = 0.2
MOST_SCORES = 100  # scores that wait for the network; newer ones are left out
log = logging.getLogger(__name__)


class EventMqtt(QueueThread[AlertEvent]):
    """Topics below target.topic: availability (retained: online, offline), CAMERA/alert and CAMERA/score.

    spool: folder for what waits; None keeps it in memory. Raises ValueError for files of TLS.
    """

    is_final = False  # an event has arrived when the broker has acknowledged it

    def __init__(self, target: MqttTarget, spool: Path | None):
        super().__init__("mqtt")
        self.target, self._spool = target, MessageSpool(spool, most=MOST_WAITING)
        self._progress = threading.Condition()
        self._online = self._stop = False
        self._given_up = 0  # by the spool, of which `failed` knows
        self._refused: dict[int, str] = {}  # number of a message -> why the broker refused it
        self._scores: collections.deque[MQTTMessageInfo] = collections.deque()  # under way
        self._client = new_client(target, spool)
        self._client.on_connect, self._client.on_disconnect = self._connected, self._disconnected
        self._client.on_publish = self._published
        self._sender = threading.Thread(target=self._send_all, name="mqtt sender", daemon=True)
        self._sender.start()
        start(self._client, target)

    def send(self, event: AlertEvent) -> None:
        if event.event != "missed":
            self.put(event)

    def score(self, segment: LiveSegment) -> None:
        """Publish a score at most once, if the broker is there."""
        with self._progress:
            while self._scores and _has_left(self._scores[0]):
                self._scores.popleft()
            if not self._online or len(self._scores) >= MOST_SCORES:
                return
        values = {
            "time": iso_time(segment.arrived[1]),
            "seconds": round(segment.time_span[1], 3),
            "score": round(float(segment.score), 6),
            "latency": round(segment.latency, 3),
        }
        topic = self.target.topic_of(segment.camera, "score")
        # Not under the lock: the client's own thread takes both in the other order.
        sent = self._client.publish(topic, json.dumps(values), qos=0)
        with self._progress:
            self._scores.append(sent)

    def deliver(self, item: AlertEvent) -> None:
        try:
            self._spool.add(self.target.topic_of(item.camera, "alert"), item.line())
        except OSError as error:
            # It goes out from memory: only a watch that is killed before that loses it.
            log.warning("mqtt: an event waits in memory only: %s", error.strerror or type(error).__name__)
        self._count_given_up()
        with self._progress:
            self._progress.notify_all()

    def _count_given_up(self) -> None:
        with self._progress:
            new, self._given_up = self._spool.given_up - self._given_up, self._spool.given_up
        for _ in range(new):
            self.fail("an event was given up: too many newer ones wait, or its file is damaged")

    def close(self, seconds: float) -> None:
        """Wait for acknowledgements for so long; the rest stays in the spool for the next watch."""
        limit = time.monotonic() + seconds
        super().close(seconds)
        with self._progress:
            self._progress.wait_for(
                lambda: not len(self._spool) or not self._online, max(0.0, limit - time.monotonic())
            )
            self._stop = True
            self._progress.notify_all()
        self._sender.join(max(0.0, limit - time.monotonic()))
        if self._online:
            offline = self._client.publish(self.target.availability, "offline", qos=1, retain=True)
            try:
                offline.wait_for_publish(max(0.1, limit - time.monotonic()))
            except (RuntimeError, ValueError):
                pass  # the connection broke; the broker sends the last will then
        self._client.disconnect()
        self._client.loop_stop()

    def _send_all(self) -> None:
        while True:
            with self._progress:
                self._progress.wait_for(lambda: self._stop or (self._online and len(self._spool)))
                if self._stop:
                    return
            oldest = self._spool.oldest()
            self._count_given_up()
            if oldest is None:
                continue
            number, topic, payload = oldest
            # From here on the client repeats it until it is acknowledged, over any number of connections.
            message = self._client.publish(topic, payload, qos=1)
            if not self._wait_for(message):
                return
            self._spool.done(number)
            with self._progress:
                refused = self._refused.pop(message.mid, "")
                if refused:
                    self.fail(f"the broker refused an event: {refused}")
                else:
                    self.arrived()
                self._progress.notify_all()

    def _wait_for(self, message: MQTTMessageInfo) -> bool:
        """Until the broker has acknowledged a message; False if the watch ends before."""
        if message.rc == MQTT_ERR_NO_CONN:  # queued by the client, which only says that it waits
            message.rc = MQTT_ERR_SUCCESS
        while not message.is_published():
            if self._stop:
                return False
            message.wait_for_publish(POLL_SECONDS)
        return True

    def _connected(self, client, _data, _flags, reason, _properties) -> None:
        if reason.is_failure:
            self.problem = f"the broker refused the connection: {reason}"
            return
        client.publish(self.target.availability, "online", qos=1, retain=True)
        with self._progress:
            self._online, self.problem = True, ""
            self._scores.clear()
            self._progress.notify_all()

    def _disconnected(self, _client, _data, _flags, reason, _properties) -> None:
        with self._progress:
            self._online = False
            self.problem = self.problem or f"no connection to the broker: {reason}"
            self._progress.notify_all()

    def _published(self, _client, _data, mid, reason, _properties) -> None:
        if reason.is_failure:
            with self._progress:
                self._refused[mid] = str(reason)


def _has_left(message: MQTTMessageInfo) -> bool:
    try:
        return message.is_published()
    except (RuntimeError, ValueError):  # it was given up, because the connection broke
        return True
