"""The live page of one watch, from what its command line says."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from score.alerts.alert_listener import AlertListener
from score.web.alert_events import AlertEvents
from score.web.live_board import MAX_ALERTS, LiveBoard
from score.web.live_page import PUBLIC, LivePage
from score.web.served import Place, serving
from score.web.verdicts import Verdicts
from score.web.web_server import LOOPBACK


@dataclass(frozen=True)
class PageOptions:
    """Of vad-score watch. page: [HOST:]PORT. names: further ones of this server."""

    page: str
    token_file: Path | None = None
    names: Collection[str] = ()


class Placed(Protocol):
    """A camera. place: where it is, in words, or ""."""

    @property
    def name(self) -> str: ...

    @property
    def place(self) -> str: ...


class WatchPage:
    """Listens already, so that mistakes are known before anything is loaded; `open` answers.

    Raises ValueError for an address or a token that cannot be used. close() ends it.
    """

    def __init__(self, options: PageOptions):
        host, port = page_place(options.page)
        self._open = ExitStack()
        self._place: Place = self._open.enter_context(
            serving(host, port, names=options.names, token_file=options.token_file)
        )

    def board(self, cameras: Iterable[Placed], *, title: str, folder: Path | None) -> LiveBoard:
        """What the watch reports to, as a listener and as an output of alerts.

        folder: of alerts, whose earlier ones are shown, or None.
        """
        places = {each.name: each.place for each in cameras}
        if folder is None or not folder.is_dir():
            return LiveBoard(places, title=title)
        events, said = AlertEvents(folder).read(limit=20 * MAX_ALERTS), Verdicts(folder).known()
        return LiveBoard(places, title=title, alerts=events, verdicts=said)

    def open(self, board: LiveBoard, alerts: AlertListener) -> None:
        """Serve the page, and print where. alerts: whose folder holds the clips, and takes the labels."""
        board.threshold_of = lambda camera: alerts.rule_of(camera).threshold
        folder = None if alerts.folder is None else alerts.folder.root
        verdicts = None if folder is None else Verdicts(folder, keep_recent=alerts.keep_recent)
        page = LivePage(board, self._place.token, folder=folder, verdicts=verdicts)
        self._place.open(page.app(), public=PUBLIC, what="the page is")

    @property
    def address(self) -> str:
        return self._place.server.address

    @property
    def token_file(self) -> Path:
        return self._place.token_file

    def close(self) -> None:
        self._open.close()


def page_place(text: str) -> tuple[str, int]:
    """(host, port) of [HOST:]PORT, where the host of an address with colons stands in brackets."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or LOOPBACK
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"--page {text}: expected [HOST:]PORT, such as 8700 or 192.168.1.7:8700")
    return host, int(port)
