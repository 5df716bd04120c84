"""Prometheus: text at http://HOST:PORT/metrics, on this machine only unless a host is given."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from extract.runtime.foreign.foreign_error import one_line
from extract.runtime.foreign.printable import as_utf8
from score.alerts.outputs.output import Output
from score.alerts.watch_events import CameraState, LiveSegment

LOOPBACK = "127.0.0.1"
QUANTILES = ("0.5", "0.95", "latest")
# Name, what it is, unit of CameraState; the label is the camera.
ABOUT = {
    "vad_score": "Latest anomaly score of the camera, in [0, 1].",
    "vad_camera_up": "1 while frames of the camera arrive, else 0.",
    "vad_frames_per_second": "Frames that arrived over the last minute, per second.",
    "vad_frames_scored_per_second": "Those of them that were taken for scoring.",
    "vad_latency_seconds": "From the arrival of a segment's last frame to its score, over the last minute.",
    "vad_alerts_open": "1 while an alert of the camera is open, else 0.",
    "vad_frames": "Frames that arrived.",
    "vad_frames_skipped": "Frames that newer ones replaced before they were scored.",
    "vad_segments": "Scored segments.",
    "vad_alerts": "Alerts that began.",
    "vad_deliveries": "Events that an output delivered.",
    "vad_delivery_failures": "Events that an output gave up.",
    "vad_pictures_left_out": "Frames that clips lack, because the processor or the disk was busy.",
}
# The others count from the start.
GAUGES = (
    "vad_score",
    "vad_camera_up",
    "vad_frames_per_second",
    "vad_frames_scored_per_second",
    "vad_alerts_open",
)


@dataclass
class _Camera:
    score: float | None = None
    state: CameraState | None = None
    segments: int = 0
    alerts: int = 0
    is_open: bool = False


class Metrics(Collector):
    """What is measured of every camera and of `outputs`. left_out: returns how many pictures clips lack."""

    def __init__(self, outputs: Sequence[Output] = ()):
        self.outputs, self._lock = outputs, threading.Lock()
        self.left_out: Callable[[], int] = lambda: 0
        self._cameras: dict[str, _Camera] = {}
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def segment(self, segment: LiveSegment, *, is_open: bool, began: int) -> None:
        """began: how many alerts began with it."""
        with self._lock:
            camera = self._cameras.setdefault(segment.camera, _Camera())
            camera.score, camera.is_open = float(segment.score), is_open
            camera.segments, camera.alerts = camera.segments + 1, camera.alerts + began

    def state(self, state: CameraState, *, is_open: bool) -> None:
        with self._lock:
            camera = self._cameras.setdefault(state.camera, _Camera())
            camera.state, camera.is_open = state, is_open

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            rows = [(as_utf8(name), _values(camera)) for name, camera in self._cameras.items()]
        for name, about in ABOUT.items():
            label = "output" if name.startswith("vad_deliver") else "camera"
            if name == "vad_pictures_left_out":
                yield CounterMetricFamily(name, about, value=self.left_out())
            elif name == "vad_latency_seconds":
                family = GaugeMetricFamily(name, about, labels=["camera", "quantile"])
                for camera, values in rows:
                    for quantile, value in zip(QUANTILES, values[name] or (), strict=False):
                        family.add_metric([camera, quantile], value)
                yield family
            else:
                yield self._family(name, about, label, rows)

    def _family(self, name: str, about: str, label: str, rows: list[tuple[str, dict]]) -> Metric:
        if label == "output":
            field = "delivered" if name == "vad_deliveries" else "failed"
            rows = [(each.name, {name: getattr(each, field)}) for each in self.outputs]
        gauge = name in GAUGES
        family = (GaugeMetricFamily if gauge else CounterMetricFamily)(name, about, labels=[label])
        for key, values in rows:
            if values[name] is not None:
                family.add_metric([key], float(values[name]))
        return family


def _values(camera: _Camera) -> dict:
    state = camera.state
    return {
        "vad_score": camera.score,
        "vad_camera_up": None if state is None else state.connection == "live",
        "vad_frames_per_second": None if state is None else state.fps,
        "vad_frames_scored_per_second": None if state is None else state.scored_fps,
        "vad_latency_seconds": None if state is None else state.latency,
        "vad_alerts_open": camera.is_open,
        "vad_frames": None if state is None else state.frames,
        "vad_frames_skipped": None if state is None else state.skipped,
        "vad_segments": camera.segments,
        "vad_alerts": camera.alerts,
    }


class MetricsServer:
    """Serves metrics until close. place: (host, port); port 0 takes a free one. Raises ValueError."""

    def __init__(self, metrics: Metrics, place: tuple[str, int]):
        host, port = place
        try:
            self._server, self._thread = start_http_server(port, host, metrics.registry)
        except OSError as error:
            raise ValueError(f"--metrics {host}:{port}: {one_line(error)}; choose another port") from None
        self.port = self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def metrics_place(text: str) -> tuple[str, int]:
    """(host, port) of "[HOST:]PORT". Raises ValueError."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or LOOPBACK
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"--metrics {text}: expected [HOST:]PORT, such as 9464 or 0.0.0.0:9464")
    return host, int(port)
