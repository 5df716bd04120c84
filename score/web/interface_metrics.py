"""What Prometheus reads of vad-score serve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

if TYPE_CHECKING:
    from score.web.scoring_interface import ScoringInterface

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_text(interface: ScoringInterface) -> bytes:
    """The text exposition format. No metric names a video."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(interface))
    return generate_latest(registry)


class _Numbers:
    def __init__(self, interface: ScoringInterface):
        self.interface = interface

    def collect(self) -> Iterator[Metric]:
        entries, table = self.interface.table.all(), self.interface.table
        states = [each.state for each in entries]
        open_jobs = GaugeMetricFamily(
            "vad_serve_jobs", "Videos that come in, wait or are scored.", labels=["state"]
        )
        for state in ("uploading", "waiting", "working"):
            open_jobs.add_metric([state], states.count(state))
        yield open_jobs
        ended = CounterMetricFamily(
            "vad_serve_jobs_ended", "Videos by how their jobs ended.", labels=["state"]
        )
        for state, count in table.ended_by_state.items():
            ended.add_metric([state], count)
        yield ended
        yield GaugeMetricFamily(
            "vad_serve_jobs_max",
            "Videos that may come in, wait or be scored at a time.",
            value=table.max_open,
        )
        yield CounterMetricFamily(
            "vad_serve_received_bytes", "Bytes of videos that came in.", value=self.interface.received_bytes
        )
        yield GaugeMetricFamily(
            "vad_serve_start_time_seconds", "When the server started.", value=self.interface.started
        )
