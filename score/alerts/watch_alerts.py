"""Builds the alerts of one watch from what its command line says: where they go, and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from extract.store import FeatureSpec
from score.alerts import alert_rule, kept_files
from score.alerts.alert_event import EventTexts
from score.alerts.alert_folder import AlertFolder
from score.alerts.alert_listener import AlertListener
from score.alerts.alert_rule import AlertRule
from score.alerts.kept_files import ClipSettings
from score.alerts.outputs.event_file import EventFile
from score.alerts.outputs.event_webhook import EventWebhook
from score.alerts.outputs.output import Output
from score.alerts.watch_settings import overridden
from score.alerts.webhook import Webhook, take_address

if TYPE_CHECKING:
    from score.alerts.outputs.mqtt_target import MqttTarget

SPOOL = ".mqtt"


@dataclass(frozen=True)
class AlertOptions:
    """Of vad-score watch. sets: values of --set. metrics: [HOST:]PORT."""

    alerts: Path | None = None
    threshold: float | None = None
    sets: Sequence[str] = ()
    webhook_file: Path | None = None
    mqtt_file: Path | None = None
    metrics: str | None = None
    keep_days: float = 30.0
    keep_gb: float = 10.0


@dataclass(frozen=True)
class CameraAlerts:
    """One camera. threshold: its own, or None."""

    name: str
    place: str = ""
    threshold: float | None = None


class WatchAlerts:
    """Checks the options and takes the secrets; `listener` then opens files, connections and ports.

    Raises ValueError for options that cannot be used.
    """

    def __init__(self, options: AlertOptions):
        self.options = options
        # With a threshold that suits any threshold_off: the checkpoint's is not known yet.
        defaults = {alert_rule.SECTION: AlertRule(1.0), kept_files.SECTION: ClipSettings()}
        overridden(defaults, options.sets)
        self._webhook = take_address(options.webhook_file)
        self._target = _target(options.mqtt_file)
        self._metrics_place = _metrics_place(options.metrics)

    def listener(
        self,
        cameras: Sequence[CameraAlerts],
        *,
        threshold: float,
        model: str,
        event_classes: tuple[str, ...],
        specs: Sequence[FeatureSpec],
        outputs: Sequence[Output] = (),
    ) -> AlertListener:
        """threshold: the checkpoint's, unless --threshold or a camera has another. outputs: further ones.

        Raises ValueError, StoreError and OSError.
        """
        options = self.options
        threshold = threshold if options.threshold is None else options.threshold
        defaults = {alert_rule.SECTION: AlertRule(threshold), kept_files.SECTION: ClipSettings()}
        settings = overridden(defaults, options.sets)
        rule = settings[alert_rule.SECTION]
        metrics, closing, folder = None, [], None
        if self._metrics_place is not None:
            from score.alerts.outputs.metrics import Metrics, MetricsServer

            metrics = Metrics()
            # First, because a port that is taken must not leave a connection behind.
            closing.append(MetricsServer(metrics, self._metrics_place).close)
        if options.alerts is not None:
            folder = AlertFolder(options.alerts, specs, days=options.keep_days, gigabytes=options.keep_gb)
        made, scores = self._outputs(folder)
        made += outputs
        if metrics is not None:
            metrics.outputs = made
        return AlertListener(
            rule,
            rules=_rules(rule, cameras),
            texts=_texts(cameras, EventTexts(model=model, event_classes=event_classes)),
            folder=folder,
            clips=settings[kept_files.SECTION],
            outputs=made,
            scores=scores,
            metrics=metrics,
            closing=closing,
        )

    def described(self, threshold: float, source: str) -> str:
        """One line: at which scores, and where alerts go. threshold, source: those of the model."""
        options = self.options
        if options.threshold is not None:
            threshold, source = options.threshold, "--threshold"
        places = [str(options.alerts)] if options.alerts is not None else []
        places += [f"the webhook at {Webhook(self._webhook).host}"] if self._webhook is not None else []
        places += [f"MQTT at {self._target.host}"] if self._target is not None else []
        line = f"alerts from {threshold:.3f} ({source}) go to {', '.join(places) or 'this terminal only'}"
        if self._metrics_place is not None:
            host, port = self._metrics_place
            line += f"; metrics at http://{f'[{host}]' if ':' in host else host}:{port}/metrics"
        return line

    def _outputs(self, folder: AlertFolder | None) -> tuple[list[Output], list[Callable]]:
        outputs: list[Output] = []
        scores: list[Callable] = []
        if folder is not None:
            outputs.append(EventFile(folder.events))
        if self._webhook is not None:
            outputs.append(EventWebhook(self._webhook))
        if self._target is not None:
            from score.alerts.outputs.event_mqtt import EventMqtt

            mqtt = EventMqtt(self._target, None if folder is None else folder.root / SPOOL)
            outputs.append(mqtt)
            scores.append(mqtt.score)
        return outputs, scores


def _rules(rule: AlertRule, cameras: Sequence[CameraAlerts]) -> Mapping[str, AlertRule]:
    """The rules of cameras with a threshold of their own; a stated threshold_off moves with it."""
    rules = {}
    for camera in cameras:
        if camera.threshold is not None:
            off = (
                None if rule.threshold_off is None else rule.threshold_off - rule.threshold + camera.threshold
            )
            off = None if off is None else min(max(off, 0.0), camera.threshold)
            rules[camera.name] = replace(rule, threshold=camera.threshold, threshold_off=off)
    return rules


def _texts(cameras: Sequence[CameraAlerts], texts: EventTexts) -> Mapping[str, EventTexts]:
    return {each.name: texts.model_copy(update={"place": each.place or None}) for each in cameras}


def _target(file: Path | None) -> MqttTarget | None:
    from score.alerts.outputs.mqtt_target import take_target

    target = take_target(file)
    if target is not None:
        _need("paho.mqtt.client", "MQTT")
    return target


def _metrics_place(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    _need("prometheus_client", "--metrics")
    from score.alerts.outputs.metrics import metrics_place

    return metrics_place(text)


def _need(module: str, what: str) -> None:
    import importlib

    try:
        importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise ValueError(f"{what} needs {package}: pip install 'vad-pipeline[live]'") from None
