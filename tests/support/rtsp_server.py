"""A real RTSP server on loopback for tests: GStreamer's, which plays files at their own pace to each client.

It runs in Debian's Python, which has GStreamer's bindings; this file is both the server's program and the
tests' way to start it. Debian: apt install gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-good
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PYTHON = "/usr/bin/python3"
START_SECONDS = 30.0


def serve(port: int, user: str, password: str, mounts: list[str]) -> None:
    """The server's program. mounts: NAME=FILE of H.264 in MP4."""
    import gi  # pyright: ignore[reportMissingImports] - of Debian's Python

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer  # pyright: ignore[reportMissingImports]

    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=str(port))
    if user:
        auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
    for mount in mounts:
        name, _, path = mount.partition("=")
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f'( filesrc location="{path}" ! qtdemux ! rtph264pay name=pay0 pt=96 )')
        if user:
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("user", "media.factory.access", True)
            permissions.add_permission_for_role("user", "media.factory.construct", True)
            factory.set_permissions(permissions)
        server.get_mount_points().add_factory(f"/{name}", factory)
    assert server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


def missing() -> str:
    """Why there is no server here, "" if there is one."""
    if not Path(PYTHON).exists():
        return f"needs {PYTHON}"
    asked = 'import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer'
    found = subprocess.run([PYTHON, "-c", asked], capture_output=True, env=_clean(), check=False)
    return (
        ""
        if found.returncode == 0
        else "needs GStreamer's RTSP server (gir1.2-gst-rtsp-server-1.0, python3-gi)"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def rtsp_server(
    files: dict[str, Path], *, port: int, user: str = "", password: str = ""
) -> Iterator[subprocess.Popen]:
    """The server's process, ready for clients; killed at the end. files: name in the address -> MP4 file."""
    mounts = [f"{name}={path}" for name, path in files.items()]
    command = [PYTHON, __file__, str(port), user, password, *mounts]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=_clean(), text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line == "ready\n", line
            until = time.monotonic() + START_SECONDS
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert time.monotonic() < until
                    time.sleep(0.05)
            yield process
        finally:
            process.kill()


def _clean() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }


if __name__ == "__main__":
    number, name, secret, *mounted = sys.argv[1:]
    serve(int(number), name, secret, mounted)
