"""A real MQTT broker (mosquitto) on this machine, which can be killed and started again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from support.waiting import wait_until

PROGRAM = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def need_broker() -> str:
    """The program; the test is skipped without one, or fails if VAD_REQUIRE_MOSQUITTO is set."""
    if PROGRAM is None:
        reason = "needs mosquitto (Debian: apt install mosquitto)"
        pytest.fail(reason) if os.environ.get("VAD_REQUIRE_MOSQUITTO") else pytest.skip(reason)
    return PROGRAM


class Broker:
    """On a free port of 127.0.0.1, with its sessions on disk. settings: further lines of its file."""

    def __init__(self, folder: Path, *settings: str):
        self.program, self.folder = need_broker(), folder
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        lines = [
            *(f"listener {self.port} 127.0.0.1", "persistence true", f"persistence_location {folder}/"),
            *("autosave_on_changes true", "autosave_interval 1", f"pid_file {folder}/pid"),
            *(settings or ("allow_anonymous true",)),
        ]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        if os.getuid() == 0:  # it gives up root for another user
            (folder / "mosquitto.conf").write_text("\n".join([*lines, "user root"]) + "\n")
        self.process: subprocess.Popen | None = None

    def start(self) -> Broker:
        self.process = subprocess.Popen(
            [self.program, "-c", str(self.folder / "mosquitto.conf")],
            stdout=subprocess.DEVNULL,
            stderr=open(self.folder / "log", "ab"),
        )
        wait_until(self._answers)
        return self

    def kill(self) -> None:
        """As a power cut: SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """As a restart of its service: SIGTERM, upon which it writes its sessions."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(20)
        self.process = None

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.folder / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Subscriber:
    """Takes all messages, in a session that the broker keeps. got: (topic, payload, retained)."""

    def __init__(self, port: int, *, name: str = "subscriber", **account: str):
        self.got: list[tuple[str, bytes, bool]] = []
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        if account:
            self._client.username_pw_set(**account)
        self._client.on_connect, self._client.on_message = self._connected, self._message
        self._client.on_subscribe = self._subscribed
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, 5, clean_start=False, properties=session)
        self._client.loop_start()
        assert self._ready.wait(20)

    def _connected(self, client, *_more) -> None:
        client.subscribe("#", qos=1)

    def _subscribed(self, *_more) -> None:
        self._ready.set()

    def _message(self, _client, _data, message) -> None:
        self.got.append((message.topic, bytes(message.payload), message.retain))

    def of(self, topic: str) -> list[bytes]:
        return [payload for name, payload, _ in self.got if name == topic]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
