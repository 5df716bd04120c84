"""vad-score serve: an HTTP interface for programs that want videos scored."""

from __future__ import annotations

from importlib import util
from pathlib import Path

import click

from score.commands.common_options import decode_workers_option, device_option, weights_option

HOST, PORT = "127.0.0.1", 8600
NEEDED = ("starlette", "uvicorn", "python_multipart", "prometheus_client")


@click.command()
@click.option(
    "--checkpoint",
    required=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="A run, whose seeds score together, a seed's folder or a checkpoint file.",
)
@click.option(
    "--alerts",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Folder of alerts of vad-score watch, whose events GET /alerts lists.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the token that every request states, readable by you alone (mode 600).  [default: a new "
    "token at every start, in a file whose path is printed]",
)
@click.option("--host", default=HOST, show_default=True, help="Address of this machine to listen on.")
@click.option(
    "--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="Name under which others reach this machine, such as that of a proxy; repeat it for more. Requests "
    "for any other name are refused.",
)
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
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Frames of this score and above are anomalous.  [default: the checkpoint's, else 0.5]",
)
@click.option(
    "--max-megabytes",
    default=500,
    show_default=True,
    type=click.IntRange(1),
    help="Size limit of a video.",
)
@click.option(
    "--max-minutes",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Length limit of a video.",
)
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
