"""The options of vad-score watch about its page."""

from __future__ import annotations

from collections.abc import Callable
from importlib import util
from typing import Any

import click

from score.commands.scoring_options import names_option, token_file_option

OPTIONS = (
    click.option(
        "--page",
        metavar="[HOST:]PORT",
        help="Serve a page with cameras, scores and alerts.  [default of HOST: 127.0.0.1]",
    ),
    token_file_option("the page asks for"),
    names_option("the page"),
)
NEEDED = ("starlette", "uvicorn")


def page_options(command: Callable) -> Callable:
    """Adds them to a command, in this order."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def taken_page(options: dict[str, Any]):
    """The WatchPage of a command's options, which are removed from them; None without --page.

    It is closed with the command. Raises ValueError.
    """
    place, token_file, names = (options.pop(name) for name in ("page", "token_file", "names"))
    if place is None:
        if token_file is not None or names:
            raise click.UsageError(f"--{'name' if names else 'token-file'} is for the page; give --page too")
        return None
    if missing := [each for each in NEEDED if util.find_spec(each) is None]:
        raise click.UsageError(f"the page needs {', '.join(missing)}: pip install 'vad-pipeline[live]'")
    from score.web.watch_page import PageOptions, WatchPage

    page = WatchPage(PageOptions(place, token_file, names))
    click.get_current_context().call_on_close(page.close)
    return page
