"""A head in words: what it is, where it departs from its paper, and its settings with their comments."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from score.config.look_ahead import look_ahead_words
from score.config.run_config import SECTIONS, RunConfig
from score.heads import HEADS
from score.heads.base import Head

WIDTH = 110  # columns of a line
DEPARTURE = "Departure:"


def description(name: str, config: RunConfig) -> list[str]:
    """The lines: documentation, departures, then each setting as A.B=VALUE with what it means."""
    head = HEADS[name]
    module = sys.modules[head.__module__]
    lines = [f"{name}: {_paragraphs(head)[0]}", *_paragraphs(module), *_paragraphs(head)[1:]]
    lines += [line for line in _departures(head) if line not in lines]
    lines.append(look_ahead_words(config))
    found = [wrapped for line in lines for wrapped in textwrap.wrap(line, WIDTH)]
    for section in SECTIONS:
        found.append("")
        found += _setting_lines(getattr(config, section), section)
    return found


def _setting_lines(settings: Any, prefix: str) -> Iterator[str]:
    comments = _comments(type(settings))
    for each in dataclasses.fields(settings):
        value, path = getattr(settings, each.name), f"{prefix}.{each.name}"
        if dataclasses.is_dataclass(value):
            yield from _setting_lines(value, path)
            continue
        yield f"{path}={_as_yaml(value)}"
        yield from textwrap.wrap(
            comments.get(each.name, ""), WIDTH, initial_indent="    ", subsequent_indent="    "
        )


def _as_yaml(value: Any) -> str:
    """A value as --set takes it."""
    import yaml

    plain = list(value) if isinstance(value, tuple) else value
    return (
        yaml.safe_dump(plain, default_flow_style=True, width=10**6).removesuffix("\n").removesuffix("\n...")
    )


def _comments(cls: type) -> dict[str, str]:
    """Field -> the comments above it and behind it in the source of a config and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        above: list[str] = []
        for line in inspect.getsource(base).splitlines():
            code, _, comment = (each.strip() for each in line.partition("# "))
            field = code.partition(":")[0]
            if not code and comment:
                above.append(comment)
                continue
            if field in base.__annotations__:
                found[field] = " ".join([*above, *([comment] if comment else [])])
            above = []
    return found


def _departures(head: type[Head]) -> list[str]:
    module = sys.modules[head.__module__]
    things = [*vars(head).values(), *(each for each in vars(module).values() if _is_of(each, module))]
    return [text for thing in things if callable(thing) for text in _paragraphs(thing) if DEPARTURE in text]


def _is_of(thing: object, module: object) -> bool:
    return getattr(thing, "__module__", None) == getattr(module, "__name__", "")


def _paragraphs(thing: object) -> list[str]:
    return [" ".join(each.split()) for each in (inspect.getdoc(thing) or "").split("\n\n") if each.strip()]
