"""The rows of a benchmark: heads with their settings, from the options --head, --preset and --set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from extract.runtime.text import unknown
from score.config.presets import preset_of
from score.config.run_config import ConfigError, RunConfig, resolve
from score.heads import FEATURE_HEADS


@dataclass(frozen=True)
class Entry:
    """A row of the table. label: the head, with ":preset" unless that is the default one."""

    label: str
    config: RunConfig

    @property
    def folder(self) -> str:
        return self.label.replace(":", "+")


def make_entries(heads: Sequence[str], presets: Sequence[str], overrides: Sequence[str]) -> tuple[Entry, ...]:
    """The rows for heads ("HEAD" or "HEAD:PRESET"; none means all heads on features).

    presets: "HEAD=PRESET". overrides: "a.b=c" for all heads, "HEAD:a.b=c" for one. Raises ConfigError with
    every mistake.
    """
    problems: list[str] = []
    chosen = dict(_pair(text, problems) for text in presets)
    rows = []
    for text in heads or FEATURE_HEADS:
        head, _, preset = text.partition(":")
        preset = preset or chosen.get(head, "")
        rows.append(
            (f"{head}:{preset}" if preset and preset != "default" else head, head, preset or "default")
        )
    labels = [label for label, _, _ in rows]
    problems += [
        f"the head {label} is given twice" for label in sorted({x for x in labels if labels.count(x) > 1})
    ]
    names = {*labels, *(head for _, head, _ in rows)}
    problems += [unknown(head, names, kind="head of --preset") for head in chosen if head not in names]
    scoped = [_scope(text, names, problems) for text in overrides]
    entries = []
    for label, head, preset in rows:
        own = [text for scope, text in scoped if scope in ("", label, head)]
        try:
            entries.append(Entry(label, resolve(preset_of(head, preset), overrides=own)))
            if not entries[-1].config.train.epochs:
                problems.append(f"{label}: train.epochs is 0, expected at least 1")
        except ConfigError as error:
            problems += [f"{label}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(problems)
    return tuple(entries)


def _pair(text: str, problems: list[str]) -> tuple[str, str]:
    head, _, preset = text.partition("=")
    if not (head and preset):
        problems.append(f"--preset {text}: expected HEAD=PRESET, for example mil=learner")
    return head, preset


def _scope(text: str, names: set[str], problems: list[str]) -> tuple[str, str]:
    """(head or row that an override is for, "" for all; the override)."""
    place, _, _ = text.partition("=")
    scope, _, setting = place.rpartition(":")
    if scope and scope not in names:
        problems.append(f"--set {text}: {unknown(scope, names, kind='head')}")
    return scope, f"{setting}={text.partition('=')[2]}" if "=" in text else text
