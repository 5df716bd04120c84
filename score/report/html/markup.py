"""Pieces of HTML that several parts of the page need; whatever comes from outside is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from matplotlib.figure import Figure

from score.report.figures import to_svg


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column are names, the others numbers."""

    def cells(values: Sequence[str], tag: str) -> str:
        first, *rest = (escape(value) for value in values)
        inside = ("<span>", "</span>") if tag == "td" else ("", "")
        numbers = (f'<{tag} class="number">{inside[0]}{value}{inside[1]}</{tag}>' for value in rest)
        return f"<{tag}>{first}</{tag}>" + "".join(numbers)

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    top = f"<thead><tr>{cells(head, 'th')}</tr></thead>" if head else ""
    return f'<div class="wide"><table>{top}<tbody>{body}</tbody></table></div>'


def picture(light: Figure, dark: Figure, *, name: str, caption: str) -> str:
    """A chart that follows the reader's light or dark setting."""
    when = 'media="(prefers-color-scheme: dark)"'
    return (
        f'<figure class="chart"><picture><source {when} srcset="{data_uri(dark)}">'
        f'<img src="{data_uri(light)}" alt="{escape(name)}"></picture>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def data_uri(figure: Figure) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(to_svg(figure)).decode("ascii")


def number(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
