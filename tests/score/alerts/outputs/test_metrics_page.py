"""Prometheus: what its own parser reads at /metrics."""

import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from score.alerts.outputs.metrics import Metrics, MetricsServer, metrics_place
from support.live_segments import a_segment, a_state


class FiveOfSix:
    name, delivered, failed, problem = "webhook", 5, 1, ""

    def send(self, _event): ...

    def close(self, _seconds): ...


def scraped(port):
    """(name of a sample, its labels) -> value."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_number_is_there_with_names_of_any_kind():
    metrics = Metrics([FiveOfSix()])
    metrics.left_out = lambda: 7
    name = 'gate "7"\n\\ {é}'
    metrics.segment(a_segment(0, 0.25, camera=name), is_open=False, began=0)
    metrics.segment(a_segment(1, 0.75, camera=name), is_open=True, began=1)
    metrics.state(a_state("live", 2, camera=name), is_open=True)
    metrics.state(a_state("lost", 2, camera="dark"), is_open=False)
    server = MetricsServer(metrics, ("127.0.0.1", 0))
    found = scraped(server.port)
    camera = ("camera", name)
    assert found.pop(("vad_score", camera)) == 0.75
    assert found.pop(("vad_camera_up", camera)) == 1 and found.pop(("vad_camera_up", ("camera", "dark"))) == 0
    assert found.pop(("vad_alerts_open", camera)) == 1 == found.pop(("vad_alerts_total", camera))
    assert found.pop(("vad_segments_total", camera)) == 2
    assert (
        found.pop(("vad_frames_total", camera)) == 20 and found.pop(("vad_frames_skipped_total", camera)) == 3
    )
    assert found.pop(("vad_frames_per_second", camera)) == 9.5
    assert found.pop(("vad_frames_scored_per_second", camera)) == 7.5
    latencies = [
        found.pop(("vad_latency_seconds", camera, ("quantile", each))) for each in ("0.5", "0.95", "latest")
    ]
    assert latencies == [0.2, 0.4, 0.3]
    assert found.pop(("vad_deliveries_total", ("output", "webhook"))) == 5
    assert found.pop(("vad_delivery_failures_total", ("output", "webhook"))) == 1
    assert found.pop(("vad_pictures_left_out_total",)) == 7
    # the other camera has no score yet, and says so by saying none
    assert ("vad_score", ("camera", "dark")) not in found and all(("camera", "dark") in key for key in found)
    with pytest.raises(ValueError, match="choose another port"):
        MetricsServer(metrics, ("127.0.0.1", server.port))
    server.close()


def test_the_place_is_this_machine_unless_a_host_is_given():
    assert metrics_place("9464") == ("127.0.0.1", 9464)
    assert metrics_place("0.0.0.0:80") == ("0.0.0.0", 80) and metrics_place("[::1]:80") == ("::1", 80)
    for text in ("", "host", "host:", "1:x", "65536", ":-1", "٣"):
        with pytest.raises(ValueError, match="expected .HOST:.PORT"):
            metrics_place(text)
