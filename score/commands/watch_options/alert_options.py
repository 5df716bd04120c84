"""The options of vad-score watch about alerts: when they are raised, what is kept of them, where they go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from score.commands.scoring_options import webhook_file_option

A_FILE = click.Path(path_type=Path, dir_okay=False)
OPTIONS = (
    click.option(
        "--threshold",
        type=click.FloatRange(0, 1),
        help="An alert is raised when the median of the recent scores reaches it; cameras of --cameras may "
        "have their own.  [default: the checkpoint's, else 0.5]",
    ),
    click.option(
        "--alerts",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="FOLDER",
        help="Folder for alerts.jsonl, clips, pictures and features of alerts.  [default: nothing is kept]",
    ),
    click.option(
        "--keep-days",
        default=30.0,
        show_default=True,
        type=click.FloatRange(0),
        help="Remove clips, pictures, features and lines of older alerts.",
    ),
    click.option(
        "--keep-gb",
        default=10.0,
        show_default=True,
        type=click.FloatRange(0),
        help="Remove those of the oldest alerts beyond as many gigabytes.",
    ),
    click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="SECTION.NAME=VALUE",
        help="Other numbers for alerts and clips, such as alert.minimum_seconds=2 or clip.lead_seconds=10; "
        "repeat it for more.",
    ),
    webhook_file_option,
    click.option(
        "--mqtt-file",
        type=A_FILE,
        metavar="FILE",
        help="File with the address of an MQTT broker, mqtts://USER:PASSWORD@HOST:PORT/TOPIC, readable by "
        "you alone.  [default: the environment variable VAD_MQTT; without both, nothing is published]",
    ),
    click.option(
        "--metrics",
        metavar="[HOST:]PORT",
        help="Serve Prometheus metrics at http://HOST:PORT/metrics.  [default of HOST: 127.0.0.1]",
    ),
)
NAMES = ("threshold", "alerts", "keep_days", "keep_gb", "sets", "webhook_file", "mqtt_file", "metrics")


def alert_options(command: Callable) -> Callable:
    """Adds them to a command, in this order."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def taken_alerts(options: dict[str, Any]):
    """The WatchAlerts of a command's options, which are removed from them. Raises ValueError."""
    from score.alerts.watch_alerts import AlertOptions, WatchAlerts

    return WatchAlerts(AlertOptions(**{name: options.pop(name) for name in NAMES}))
