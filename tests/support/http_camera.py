"""A camera over HTTP on loopback: MJPEG as cameras send it, or a file's bytes."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image


def jpeg(width: int, height: int, number: int) -> bytes:
    """A picture that differs with its number."""
    random = np.random.default_rng(number)
    pixels = np.kron(random.integers(0, 255, (height // 8, width // 8, 3)), np.ones((8, 8, 1))).astype(
        np.uint8
    )
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


class HttpCamera(ThreadingHTTPServer):
    """parts: JPEG files that each client gets one after another, `fps` a second; or `body`, all at once."""

    daemon_threads = True

    def __init__(self, parts: list[bytes], *, body: bytes = b"", fps: float = 200.0):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.parts, self.body, self.fps = parts, body, fps
        self.clients = 0
        self.address = f"http://127.0.0.1:{self.server_port}/video"


class _Handler(BaseHTTPRequestHandler):
    server: HttpCamera

    def do_GET(self):
        camera = self.server
        camera.clients += 1
        self.send_response(200)
        try:
            if camera.body:
                self.send_header("Content-Type", "video/mp2t")
                self.end_headers()
                self.wfile.write(camera.body)
                return
            self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=frame")
            self.end_headers()
            for part in camera.parts:
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(part)}\r\n\r\n"
                self.wfile.write(head.encode() + part + b"\r\n")
                time.sleep(1 / camera.fps)
        except ConnectionError:
            pass

    def log_message(self, *_words):
        pass


@contextmanager
def http_camera(parts: list[bytes], **settings) -> Iterator[HttpCamera]:
    server = HttpCamera(parts, **settings)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
