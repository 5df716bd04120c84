"""vad-score app: a web page for people who watch videos, served on this machine only."""

from __future__ import annotations

import gc
import os
from importlib import util
from pathlib import Path

import click

from extract.store.option import STORE
from extract.store.output_file import OutputFile, WritingCommand
from score.commands.common_options import decode_workers_option, device_option, weights_option
from score.commands.scoring_options import (
    checkpoint_option,
    max_megabytes_option,
    max_minutes_option,
    threshold_option,
    webhook_file_option,
)

HOST = "127.0.0.1"
LEAST_STREAMLIT = "1.61"  # with server.allowedHosts
A_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def _refuse_address(_context, _option, value: str | None) -> None:
    if value is not None:
        raise click.UsageError(
            "--webhook ADDRESS is gone, because other users of this machine can read command lines. Write "
            "the address into a file, run chmod 600 FILE and give --webhook-file FILE, or set the "
            "environment variable VAD_WEBHOOK"
        )


@click.command(cls=WritingCommand)
@checkpoint_option("checkpoints", more="repeat it to compare two")
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
    type=OutputFile("alerts"),
    help="File to which a JSON line is appended for every video with anomalies.",
)
@click.option(
    "--watch",
    type=A_FOLDER,
    metavar="FOLDER",
    help="Folder of alerts of vad-score watch, shown in a view of their own with clips; labels are written "
    "there.",
)
@webhook_file_option
@click.option("--webhook", hidden=True, expose_value=False, callback=_refuse_address)
@threshold_option
@max_megabytes_option
@max_minutes_option
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
def app(checkpoints, stores, videos, cameras, alerts, watch, webhook_file, port, opens, device, **choices):
    """Serve a web page on this machine: upload a video and see its anomalies.

    Nothing leaves the machine except alerts, and only if you set a webhook. Stop it with Ctrl+C.
    """
    from score.alerts.webhook import take_address

    webhook = take_address(webhook_file)
    if util.find_spec("streamlit") is None:
        raise click.UsageError("the page needs Streamlit: pip install 'vad-pipeline[app]'")
    from extract.runtime.device import choose_device
    from extract.runtime.versions import check_version
    from score.app.app_settings import AppSettings, hand_to_page
    from score.app.server_state import ServerState

    check_version("streamlit", LEAST_STREAMLIT, extra="app", why="the check of names that lead here")
    choose_device(device)
    settings = AppSettings(
        checkpoints=tuple(map(str, checkpoints)),
        stores=tuple(map(str, stores)),
        videos=None if videos is None else str(videos),
        cameras=None if cameras is None else str(cameras),
        alerts=str(alerts),
        watch=None if watch is None else str(watch),
        webhook=webhook,
        device=device,
        **choices,
    )
    # Loading everything once reports mistakes here, before anything is served.
    ServerState(settings).shut(seconds=0)
    hand_to_page(settings)
    serve(port, max_megabytes=settings.max_megabytes, opens=opens)


def serve(port: int, *, max_megabytes: int, opens: bool) -> None:
    """Run Streamlit in this process until it is stopped."""
    stand_in_for_home()
    from streamlit import net_util
    from streamlit.web.cli import main as streamlit

    import score.app

    # Streamlit asks an outside address for that of this machine, once a page of another origin wants to
    # connect; no setting turns that off. Our own address is the only one from which connections come.
    net_util.get_external_ip = net_util.get_internal_ip = lambda: HOST
    options = {
        "server.address": HOST,
        "server.port": port,
        "server.headless": not opens,
        "server.maxUploadSize": max_megabytes,
        # Another page in the same browser must not be able to send videos or read results.
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.corsAllowedOrigins": f"http://{HOST}:{port}",
        # The sources do not change while the server runs.
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "server.showEmailPrompt": False,
        "global.developmentMode": False,
        "browser.serverAddress": HOST,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
    }
    page = str(Path(score.app.__file__).with_name("main_page.py"))
    words = [f"--{name}={value}" for name, value in options.items()]
    # A page elsewhere may let its own name lead to this machine, and would then be of the same origin.
    words += [f"--server.allowedHosts={name}" for name in (HOST, "localhost")]
    # Streamlit collects garbage after every run of the page; frozen objects, such as all of torch, are
    # skipped.
    gc.collect()
    gc.freeze()
    streamlit(["run", page, *words], standalone_mode=False)


def stand_in_for_home() -> None:
    """Give users without a home folder, such as those of containers, one in which Streamlit finds nothing.

    It looks for settings there, and fails without any answer.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/nonexistent"  # as Debian has it for users without one
