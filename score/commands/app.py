"""vad-score app: a page for people who watch videos; served on this machine only."""

from __future__ import annotations

import gc
import os
from importlib import util
from pathlib import Path

import click

from extract.store.option import STORE

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
    help="As for predict; a second one is compared with the first.",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    type=STORE,
    metavar="DIR",
    help="Feature store to browse; once for each preset of the checkpoint.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="LIST",
    help="Event classes and truth of the stored videos: TSV, DATASET/test or folder.",
)
@click.option(
    "--videos", type=A_FOLDER, metavar="DIR", help="Videos to choose from, and those of the store to look at."
)
@click.option(
    "--cameras",
    type=click.Path(path_type=Path),
    metavar="TSV",
    help="Table with the columns camera (an id or a file name) and place.",
)
@click.option(
    "--alerts",
    default=Path("alerts.jsonl"),
    show_default=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Gets a line for each video with intervals.",
)
@click.option(
    "--webhook",
    envvar="VAD_WEBHOOK",
    metavar="URL",
    help="Alerts are posted there as JSON; better in the environment variable VAD_WEBHOOK, because "
    "other users of a machine can read command lines.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Scores from which frames count at first.  [default: the checkpoint's, else 0.5]",
)
@click.option("--max-megabytes", default=500, show_default=True, type=click.IntRange(1), help="Of an upload.")
@click.option(
    "--max-minutes",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Of a video.",
)
@click.option(
    "--weights",
    multiple=True,
    metavar="[PRESET=]PATH",
    help="Weights that the presets do not find by themselves.",
)
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=max(1, len(os.sched_getaffinity(0))),
    show_default="cores",
    help="Decode processes.",
)
@click.option("--port", default=8501, show_default=True, type=click.IntRange(1, 65535))
@click.option("--open/--no-open", "opens", default=False, help="Open a browser.")
def app(checkpoints, stores, lists, videos, cameras, alerts, webhook, port, opens, device, **choices):
    """Serve a page on this machine: drop a video, see its anomalies.

    Nothing leaves the machine but alerts, where you name a webhook. Ends with Ctrl+C.
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
    ServerState(settings).shut(seconds=0)  # what is wrong is said here, before anything is served
    settings.to_environment()
    serve(port, max_megabytes=settings.max_megabytes, opens=opens)


def serve(port: int, *, max_megabytes: int, opens: bool) -> None:
    """Run Streamlit in this process until it is ended."""
    from streamlit.web.cli import main as streamlit

    import score.app

    options = {
        "server.address": HOST,
        "server.port": port,
        "server.headless": not opens,
        "server.maxUploadSize": max_megabytes,
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "browser.serverAddress": HOST,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
    }
    page = str(Path(score.app.__file__).with_name("main_page.py"))
    words = [f"--{name}={value}" for name, value in options.items()]
    # Streamlit looks for garbage after every run of the page: then not among all of torch each time
    gc.collect()
    gc.freeze()
    streamlit(["run", page, *words], standalone_mode=False)
