"""The server: it listens and connects on this machine only, whoever asks."""

import json
import os
import socket

import pytest

from score.commands.app import stand_in_for_home
from support.app_server import Server, make, serving
from support.processes import listening
from support.receiver import SECRET

# Written into the app's process before it starts: an audit hook sees every connection and look-up of Python.
RECORDER = """
import json, os, sys

LOCAL = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", None)

def record(event, values):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"):
        place = values[0] if "connect" not in event and "sendto" not in event else values[1]
        host = place[0] if isinstance(place, tuple) else None if isinstance(place, (int, bytes)) else place
        if not str(host).startswith("/") and host not in LOCAL:
            with open(os.environ["RECORDED"], "a") as file:
                file.write(f"{event} {host!r}\\n")
    if event == "subprocess.Popen":
        with open(os.environ["RECORDED"] + ".children", "a") as file:
            environment = dict(values[3] if values[3] is not None else os.environ)
            file.write(json.dumps([list(map(str, values[1])), environment]) + "\\n")

if "RECORDED" in os.environ:
    sys.addaudithook(record)
"""


def connect(server: Server, *, origin: str, host: str) -> str:
    """The first line of the answer to a WebSocket's handshake."""
    port = int(server.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        lines = [
            "GET /_stcore/stream HTTP/1.1",
            f"Host: {host}:{port}",
            f"Origin: {origin}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection.recv(4096).split(b"\r\n")[0].decode()


@pytest.mark.slow
def test_no_origin_makes_the_server_ask_anybody_and_others_are_refused(tmp_path):
    pytest.importorskip("streamlit", reason="needs streamlit (extra app)")
    made, recorded = make(tmp_path / "made"), tmp_path / "recorded"
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "sitecustomize.py").write_text(RECORDER)
    variables = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "hooks"), os.environ.get("PYTHONPATH", "")]),
        "RECORDED": str(recorded),
        "VAD_WEBHOOK": f"https://h.invalid/{SECRET}",
    }
    with serving(tmp_path, "--checkpoint", str(made.run), **variables) as server:
        port = server.address.rpartition(":")[2]
        assert "101" in connect(server, origin=server.address, host="127.0.0.1")
        assert "101" in connect(server, origin=f"http://localhost:{port}", host="localhost")
        for origin in (
            "http://evil.example",
            f"https://evil.example:{port}",
            "http://127.0.0.1.evil.example",
        ):
            for host in ("127.0.0.1", "evil.example"):  # the second as after a name was bound to this machine
                assert "403" in connect(server, origin=origin, host=host), (origin, host)
        assert listening(server.process.pid) == {"127.0.0.1"}
    assert not recorded.exists(), recorded.read_text()
    children = tmp_path / "recorded.children"
    for line in children.read_text().splitlines() if children.exists() else ():
        words, environment = json.loads(line)
        assert SECRET not in json.dumps(environment), words
    assert SECRET not in (tmp_path / "server.log").read_text()


def test_users_without_a_home_have_no_settings_of_streamlit(monkeypatch):
    """As in a container: HOME is unset, and the number of the user is in no table."""
    file_util = pytest.importorskip("streamlit.file_util", reason="needs streamlit (extra app)")
    monkeypatch.setenv("HOME", "before")  # restored in the end
    stand_in_for_home()
    assert os.environ["HOME"] == "before"
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 3)
    with pytest.raises(RuntimeError, match="home directory"):
        file_util.get_streamlit_file_path("config.toml")
    stand_in_for_home()
    assert not os.path.exists(file_util.get_streamlit_file_path("config.toml"))
