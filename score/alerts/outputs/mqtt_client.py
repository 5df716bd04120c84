"""The client of an MQTT 5 broker: who it is, the session that the broker keeps of it, and its last will."""

from __future__ import annotations

import hashlib
import secrets
import socket
from pathlib import Path

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from score.alerts.outputs.mqtt_target import MqttTarget

SESSION_SECONDS = 7 * 86_400  # for which the broker keeps our session
KEEP_ALIVE_SECONDS = 30
RETRY_SECONDS = (1, 30)  # between attempts to connect: first, and at most


def new_client(target: MqttTarget, spool: Path | None) -> Client:
    """A client that is not connected yet. spool: see EventMqtt. Raises ValueError for files of TLS."""
    client = Client(CallbackAPIVersion.VERSION2, _client_id(target, spool), protocol=MQTTv5)
    # Its default keeps a traceback of our callbacks' mistakes from ending its thread silently.
    client.suppress_exceptions = True
    client.reconnect_delay_set(*RETRY_SECONDS)
    client.username_pw_set(target.user, target.password)
    if target.tls:
        client.tls_set_context(target.tls_context())
    client.will_set(target.availability, "offline", qos=1, retain=True)
    return client


def start(client: Client, target: MqttTarget) -> None:
    """Connect from a thread of the client, which connects again whenever it has to."""
    client.connect_async(
        target.host, target.port, KEEP_ALIVE_SECONDS, clean_start=False, properties=_session()
    )
    client.loop_start()


def _client_id(target: MqttTarget, spool: Path | None) -> str:
    """The same after a restart with the same folder, so that the broker finds our session again."""
    if spool is None:
        return f"vad-{secrets.token_hex(8)}"
    place = f"{socket.gethostname()} {spool.resolve()} {target.topic}"
    return f"vad-{hashlib.sha256(place.encode()).hexdigest()[:16]}"


def _session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_SECONDS
    return properties
