"""Memory of vad-score app after each of many videos: the process tree of a real server, uploads by a
real browser.

    python -m scripts.benchmarks.bench_app --checkpoint RUN --videos FOLDER --uploads 20

Needs playwright (extra test) and a Chromium, whose own memory is not counted. Counts memory that belongs to
the server and to no file (proportional set size of anonymous and shared memory; how much of the libraries
would count depends on what else runs), when the page shows the result (shown) and when the video is closed on
it (closed); the peak is sampled.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import click
import numpy as np

from scripts.benchmarks.bench_memory import tree_memory

WAIT_SECONDS = 600.0
OWN = ("Pss_Anon:", "Pss_Shmem:")
NAMES = ("chromium", "chromium-browser", "google-chrome")


@click.command()
@click.option("--checkpoint", "checkpoints", multiple=True, required=True, help="As for vad-score app.")
@click.option(
    "--videos",
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="A file, or a folder of files.",
)
@click.option("--uploads", default=20, show_default=True, type=click.IntRange(1))
@click.option(
    "--sessions/--one-session", default=False, show_default=True, help="Reopen the page for each video."
)
@click.option("--annotate", is_flag=True, help="Draw the annotated video of each as well.")
@click.option("--keep", is_flag=True, help="Never close a video: each upload replaces the one before.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the table.")
def main(checkpoints, videos, uploads, sessions, annotate, keep, json_path):
    """Upload videos one after another and print how much memory each leaves behind."""
    from playwright.sync_api import sync_playwright

    files = [videos] if videos.is_file() else sorted(each for each in videos.iterdir() if each.is_file())
    rows = []
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), checkpoints) as (address, process):
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), args=["--disable-gpu", "--disable-dev-shm-usage"]
            )
            page = None
            for number, file in enumerate(islice(cycle(files), uploads), start=1):
                if page is None or sessions:
                    if page is not None:
                        page.context.close()
                    page = browser.new_context().new_page()
                    page.goto(address)
                with peak_of(process.pid) as peak:
                    row = {
                        "upload": number,
                        "video": file.name,
                        **one(page, file, process, annotate=annotate, keep=keep),
                    }
                rows.append({**row, "peak_mb": max(peak) / 1e6})
                columns = "{upload:3d}  {shown_mb:6.1f} shown  {closed_mb:6.1f} closed  {peak_mb:6.1f} peak"
                click.echo((columns + "  {video}").format(**rows[-1]))
            browser.close()
    closed = np.array([row["closed_mb"] for row in rows])
    last = closed[len(closed) // 2 :]
    slope = float(np.polyfit(np.arange(len(last)), last, 1)[0]) if len(last) > 1 else 0.0
    click.echo(
        f"after the first: {closed[0]:.1f} MB, after the last: {closed[-1]:.1f} MB; "
        f"second half: {slope:+.2f} MB per video"
    )
    if json_path:
        json_path.write_text(json.dumps(rows, indent=1))


def one(page, file: Path, process, *, annotate: bool, keep: bool) -> dict:
    """Upload one video, wait for its viewer, close it; memory in between."""
    page.set_input_files("input[type=file]", str(file), timeout=WAIT_SECONDS * 1000)
    limit = time.monotonic() + WAIT_SECONDS
    while not any(frame.url == "about:srcdoc" and frame.title() == file.name for frame in page.frames):
        if time.monotonic() > limit:
            raise click.ClickException(f"{file.name} was not shown: {page.inner_text('body')}")
        page.wait_for_timeout(100)
    page.get_by_text("Download the results").wait_for(timeout=WAIT_SECONDS * 1000)
    if annotate:
        page.get_by_role("button", name="Draw the annotated video").click()
        page.locator(".st-key-download_mp4 button").wait_for(timeout=WAIT_SECONDS * 1000)
    page.wait_for_timeout(1500)
    shown = tree_memory(process.pid, OWN)
    if not keep:
        page.get_by_role("button", name="Close this video").click()
        page.get_by_text("Download the results").wait_for(state="detached", timeout=WAIT_SECONDS * 1000)
    page.wait_for_timeout(1500)
    return {"shown_mb": shown / 1e6, "closed_mb": tree_memory(process.pid, OWN) / 1e6}


@contextmanager
def peak_of(pid: int):
    """Yields a list that holds the memory seen so far while the block runs."""
    seen, stop = [tree_memory(pid, OWN)], threading.Event()

    def look() -> None:
        while not stop.wait(0.25):
            seen.append(tree_memory(pid, OWN))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        stop.set()
        looking.join()


@contextmanager
def serving(folder: Path, checkpoints: tuple[str, ...]):
    """vad-score app in its own process: (address, process)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "temporary").mkdir()
    command = [
        sys.executable,
        "-m",
        "score.cli",
        "app",
        "--port",
        str(port),
        "--alerts",
        str(folder / "alerts.jsonl"),
    ]
    for each in checkpoints:
        command += ["--checkpoint", str(Path(each).resolve())]
    environment = {**os.environ, "TMPDIR": str(folder / "temporary")}
    address, limit = f"http://127.0.0.1:{port}", time.monotonic() + WAIT_SECONDS
    with open(folder / "server.log", "w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None or time.monotonic() > limit:
                    raise click.ClickException(
                        f"the app does not answer:\n{(folder / 'server.log').read_text()}"
                    ) from None
                time.sleep(0.1)
        yield address, process
    finally:
        process.terminate()
        process.wait(30)


def chromium() -> str:
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        raise click.ClickException(f"needs a browser: {', '.join(NAMES)}, or its path in CHROMIUM")
    return found


if __name__ == "__main__":
    if not os.path.isdir("/proc"):
        sys.exit("this benchmark reads /proc, which only Linux has")
    main()
