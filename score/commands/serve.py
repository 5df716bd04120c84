"""vad-score serve: an HTTP interface for programs that want videos scored."""

from __future__ import annotations

from importlib import util
from pathlib import Path

import click

from score.commands.common_options import decode_workers_option, device_option, weights_option
from score.commands.scoring_options import (
    checkpoint_option,
    max_megabytes_option,
    max_minutes_option,
    names_option,
    threshold_option,
    token_file_option,
)

HOST, PORT = "127.0.0.1", 8600
NEEDED = ("starlette", "uvicorn", "python_multipart", "prometheus_client")


@click.command()
@checkpoint_option()
@click.option(
    "--alerts",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Folder of alerts of vad-score watch, whose events GET /alerts lists.",
)
@token_file_option("every request states")
@click.option("--host", default=HOST, show_default=True, help="Address of this machine to listen on.")
@click.option(
    "--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@names_option("this machine")
@click.option(
    "--max-jobs",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="Videos that may come in, wait or be scored at a time; more are refused.",
)
@click.option(
    "--keep-minutes",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="How long a result is kept.",
)
@threshold_option
@max_megabytes_option
@max_minutes_option
@weights_option
@device_option
@decode_workers_option
def serve(checkpoint, alerts, token_file, host, port, names, max_jobs, keep_minutes, device, **choices):
    """Serve an HTTP interface: POST a video to /jobs, GET its intervals and scores.

    Every request states a token: Authorization: Bearer TOKEN. Stop the server with Ctrl+C.
    """
    if missing := [each for each in NEEDED if util.find_spec(each) is None]:
        raise click.UsageError(f"the interface needs {', '.join(missing)}: pip install 'vad-pipeline[live]'")
    from extract.runtime.device import choose_device, import_torch

    import_torch()  # first of all, since others import it
    from score.jobs.scoring_server import ScoringServer
    from score.jobs.scoring_settings import ScoringSettings
    from score.web.alert_events import AlertEvents
    from score.web.scoring_interface import ScoringInterface
    from score.web.served import serving

    choose_device(device)
    events = None if alerts is None else AlertEvents(alerts)
    with serving(host, port, names=names, token_file=token_file) as place:
        server = ScoringServer(
            ScoringSettings(checkpoints=(str(checkpoint),), device=device, **choices), prefix="vad-serve-"
        )
        try:
            interface = ScoringInterface(
                server, max_jobs=max_jobs, keep_seconds=60 * keep_minutes, alerts=events
            )
            place.open(interface.app())
            place.wait()
        finally:
            server.shut()
