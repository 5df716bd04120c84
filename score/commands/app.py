"""vad-score app: a web page for people who watch videos, served on this machine only."""

from __future__ import annotations

import gc
from importlib import util
from pathlib import Path

import click

from extract.store.option import STORE
from score.commands.common_options import decode_workers_option, device_option, weights_option

HOST = "127.0.0.1"
A_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="A run, whose seeds score together, a seed's folder or a checkpoint file; repeat it to compare two.",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    type=STORE,
    metavar="DIR",
    help="Feature store to browse; repeat it if the checkpoint has several presets.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="LIST",
    help="Event classes and annotations of the stored videos: a TSV file, DATASET/test or a folder.",
)
@click.option(
    "--videos",
    type=A_FOLDER,
    metavar="DIR",
    help="Folder of videos that can be chosen on the page, and in which stored videos are found.",
)
@click.option(
    "--cameras",
    type=click.Path(path_type=Path),
    metavar="TSV",
    help="Tab-separated table with the columns camera (an id or a file name) and place, shown with the "
    "results.",
)
@click.option(
    "--alerts",
    default=Path("alerts.jsonl"),
    show_default=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to which a JSON line is appended for every video with anomalies.",
)
@click.option(
    "--webhook",
    envvar="VAD_WEBHOOK",
    metavar="URL",
    help="Address to which alerts are posted as JSON. Prefer the environment variable VAD_WEBHOOK: other "
    "users "
    "of this machine can read command lines.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Initial threshold: frames of this score and above are anomalous.  [default: the checkpoint's, "
    "else 0.5]",
)
@click.option(
    "--max-megabytes",
    default=500,
    show_default=True,
    type=click.IntRange(1),
    help="Size limit of an upload, and of videos shown from the store.",
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
@click.option(
    "--port",
    default=8501,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="Port on 127.0.0.1 at which the page is served.",
)
@click.option(
    "--open/--no-open", "opens", default=False, show_default=True, help="Open the page in a browser."
)
def app(checkpoints, stores, lists, videos, cameras, alerts, webhook, port, opens, device, **choices):
    """Serve a web page on this machine: upload a video and see its anomalies.

    Nothing leaves the machine except alerts, and only if you set a webhook. Stop it with Ctrl+C.
    """
    if util.find_spec("streamlit") is None:
        raise click.UsageError("the page needs Streamlit: pip install 'vad-pipeline[app]'")
    from extract.runtime.device import choose_device
    from score.app.app_settings import AppSettings
    from score.app.server_state import ServerState

    choose_device(device)
    settings = AppSettings(
        checkpoints=tuple(map(str, checkpoints)),
        stores=tuple(map(str, stores)),
        lists=lists,
        videos=None if videos is None else str(videos),
        cameras=None if cameras is None else str(cameras),
        alerts=str(alerts),
        webhook=webhook or None,
        device=device,
        **choices,
    )
    # Loading everything once reports mistakes here, before anything is served.
    ServerState(settings).shut(seconds=0)
    settings.to_environment()
    serve(port, max_megabytes=settings.max_megabytes, opens=opens)


def serve(port: int, *, max_megabytes: int, opens: bool) -> None:
    """Run Streamlit in this process until it is stopped."""
    from streamlit.web.cli import main as streamlit

    import score.app

    options = {
        "server.address": HOST,
        "server.port": port,
        "server.headless": not opens,
        "server.maxUploadSize": max_megabytes,
        # Another page in the same browser must not be able to send videos or read results.
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        # The sources do not change while the server runs.
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "browser.serverAddress": HOST,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
    }
    page = str(Path(score.app.__file__).with_name("main_page.py"))
    words = [f"--{name}={value}" for name, value in options.items()]
    # Streamlit collects garbage after every run of the page; frozen objects, such as all of torch, are
    # skipped.
    gc.collect()
    gc.freeze()
    streamlit(["run", page, *words], standalone_mode=False)
