"""vad-score watch: scores cameras live."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from extract.runtime.say import say
from extract.store.output_file import OutputFile, WritingCommand
from score.commands.common_options import device_option, weights_option
from score.commands.scoring_options import checkpoint_option, ensemble_option
from score.commands.watch_options.alert_options import alert_options, taken_alerts
from score.commands.watch_options.engine_options import engine_options, taken_engine
from score.commands.watch_options.measure_options import measure_options, taken_measure
from score.commands.watch_options.page_options import page_options, taken_page


@click.command(cls=WritingCommand)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@checkpoint_option()
@click.option(
    "--cameras",
    "cameras_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="YAML",
    help="Cameras with names, places, addresses, zones to ignore, thresholds and rates.",
)
@click.option(
    "--realtime",
    is_flag=True,
    help="Play files at their own pace, as a camera would send them, instead of as fast as they are scored.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 1000, min_open=True),
    metavar="FPS",
    help="Frames per second to take of a camera at most.  [default: all]",
)
@click.option(
    "--json",
    "json_file",
    type=OutputFile("live scores"),
    metavar="FILE",
    help="Append a JSON line per scored segment.",
)
@ensemble_option
@click.option(
    "--every",
    metavar="FRAMES|SECONDS",
    help="Score a segment every N frames (8) or N seconds (0.5s).  [default: as in training]",
)
@click.option(
    "--look-ahead",
    "at_most",
    type=click.IntRange(0),
    metavar="SEGMENTS",
    help="Wait for at most this many segments before one is scored; fewer than the head looks ahead are "
    "faster and less exact.  [default: as many as the head looks ahead]",
)
@click.option(
    "--window",
    type=click.IntRange(1),
    metavar="SEGMENTS",
    help="Segments that a head sees that looks at the whole video.  [default: as many as in training]",
)
@alert_options
@page_options
@measure_options
@engine_options
@weights_option
@device_option
def watch(sources, checkpoint, cameras_file, realtime, rate, json_file, **options):
    """Score cameras live: each SOURCE is an address, a webcam, a video file or a folder that grows.

    rtsp://HOST/PATH, http://HOST/PATH, /dev/video0, a file or a folder. An address with a password comes from
    a file that only you can read (@FILE) or from an environment variable (env:NAME). Ctrl-C ends it. Exit
    code: 0 all files were scored, 1 some could not be read to their end, 2 wrong usage, checkpoint or source.
    """
    from score.live.address import parse_source

    # First of all: what comes from the environment is removed from it before an import starts anything.
    addresses = [parse_source(words) for words in sources]
    engine = taken_engine(options)
    trials = taken_measure(options)
    alerts = taken_alerts(options)
    page = taken_page(options)

    from score.live.camera_list import cameras_of
    from score.live.cluster.engine import LocalPlace
    from score.live.model_settings import ModelSettings

    cameras = cameras_of(addresses, cameras_file, realtime=realtime, rate=rate)
    engine.check(cameras)
    opened = cameras if trials is None else []
    place = engine.place(checkpoint, ModelSettings(**options), opened, fps=rate or 25.0)
    model = place.model
    say(f"{model.title}; {', '.join(f'{each.name} ({each.address.shown})' for each in cameras)}", err=True)
    place.say_delay()
    if trials is not None and isinstance(place, LocalPlace):
        trials.measure(cameras, place.live_model)
        return
    folder = alerts.options.alerts
    shown = [] if page is None else [page.board(cameras, title=model.title, folder=folder)]
    raised = _alert_listener(alerts, cameras, model, every=options["every"], outputs=shown)
    watcher = place.watcher([*_listeners(model, json_file), *shown, raised], _pictures(raised, shown))
    if page is not None:
        page.open(shown[0], raised)
    watcher.run()
    for name, reason in watcher.failures.items():
        say(f"failed: {name}: {reason}", err=True)
    if watcher.failures:
        sys.exit(1)


def _alert_listener(alerts, cameras, model, *, every, outputs):
    """The listener that raises alerts, with a line that says at which scores and where they go."""
    from score.alerts.outputs.alert_lines import AlertLines
    from score.alerts.watch_alerts import CameraAlerts
    from score.predict.scoring_rate import specs_every

    first = model.checkpoints[0]
    threshold, source = model.threshold()
    listener = alerts.listener(
        [CameraAlerts(each.name, each.place, each.threshold) for each in cameras],
        threshold=threshold,
        model=model.title,
        event_classes=first.bag_spec.event_classes,
        specs=specs_every(first, every),
        outputs=[AlertLines(), *outputs],
    )
    say(alerts.described(threshold, source), err=True)
    return listener


def _pictures(raised, shown):
    """The WantedPictures of the listeners, for an engine that is elsewhere; None if nobody wants any."""
    from score.live.cluster.wanted_pictures import WantedPictures
    from score.web.live_camera import PICTURE_SECONDS, PICTURE_SIDE

    clips = raised.recorder.settings
    kept = [WantedPictures(clips.fps, clips.side)] if raised.folder is not None else []
    seen = [WantedPictures(1 / PICTURE_SECONDS, PICTURE_SIDE)] if shown else []
    return WantedPictures.of([*kept, *seen])


def _listeners(model, json_file: Path | None) -> list:
    """Whoever takes what is reported, in the order of the calls."""
    from score.live.json_lines import JsonLines
    from score.live.status_lines import StatusLines

    listeners: list = [StatusLines()]
    if sys.stderr.isatty():
        from rich.console import Console

        from score.live.status_table import StatusTable

        listeners.append(StatusTable(Console(stderr=True)))
    if json_file is not None:
        listeners.append(JsonLines(json_file, model.checkpoints[0].bag_spec.event_classes))
    return listeners
