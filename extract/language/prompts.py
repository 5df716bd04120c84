"""Which classes and which prompts are meant: names, files, data sets and lists of videos."""

from __future__ import annotations

import os
from pathlib import Path

from data_lists import DATASETS, ListError, resolve_lists
from data_lists.tsv import looks_like_list
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.text_files import read_json, read_text
from extract.runtime.text import listed, unknown
from extract.store.texts.class_texts import check_class_names
from extract.store.texts.texts_file import read_names

NORMAL = "Normal"
HOLE = "{}"  # where a template takes the name
MOST_PROMPTS = 1000  # of one class
MOST_CHARACTERS = 10_000_000  # of all prompts
TEXT_FILES = (".txt", ".tsv", ".csv", ".json")  # a name that ends so was meant to be a file


def class_names(choice: str) -> tuple[str, ...]:
    """The classes that --classes stands for, in order.

    choice: a data set (ucf_crime, in its order, Normal first); a list of videos (a file, or ucf_crime/test),
    whose event classes are taken, Normal first and the others sorted; a text file with a name per line; or
    names with commas between them. Raises ValueError, also for names that a text matrix cannot have.
    """
    names = _chosen(choice)
    if not names:
        raise ValueError(f"{choice!r:.80} names no class")
    check_class_names(names)
    return names


def _chosen(choice: str) -> tuple[str, ...]:
    if choice in DATASETS:
        return DATASETS[choice]
    if os.path.exists(choice):
        if choice.lower().endswith(".json"):
            raise ValueError(f"{choice} is JSON, which --prompts takes; expected a file with a name per line")
        if looks_like_list(read_text(choice)):
            return _of_videos(choice)
        return read_names(choice)
    if "," not in choice and ("/" in choice or choice.lower().endswith(TEXT_FILES)):
        return _of_videos(choice)
    return tuple(name for each in choice.split(",") if (name := each.strip()))


def _of_videos(name: str) -> tuple[str, ...]:
    try:
        found = {video.event_class for video in resolve_lists([name])}
    except ListError as error:
        raise ValueError(f"{name} is neither a data set, nor a file, nor a list: {error}") from None
    return tuple(sorted(found, key=lambda each: (each != NORMAL, each)))


def class_prompts(classes: tuple[str, ...], path: Path | None) -> tuple[tuple[str, ...], ...]:
    """The texts of each class: its name as it stands, or what the file of prompts says.

    path: a .json object, class -> text or list of texts, which may leave classes out; or a text file with a
    template per line, in which {} stands for the name. Raises ValueError.
    """
    if path is None:
        return tuple((name,) for name in classes)
    prompts = _of_object(classes, path) if path.suffix.lower() == ".json" else _of_templates(classes, path)
    if (count := sum(len(each) for texts in prompts for each in texts)) > MOST_CHARACTERS:
        raise ForeignFileError(path, f"makes prompts of {count} characters, expected up to {MOST_CHARACTERS}")
    return prompts


def _of_templates(classes: tuple[str, ...], path: Path) -> tuple[tuple[str, ...], ...]:
    templates = read_names(path)
    if not templates or len(templates) > MOST_PROMPTS:
        raise ForeignFileError(path, f"has {len(templates)} templates, expected 1 to {MOST_PROMPTS}")
    if wrong := [each for each in templates if HOLE not in each]:
        raise ForeignFileError(path, f"line {wrong[0]!r:.80} has no {HOLE} for the name of a class")
    return tuple(tuple(each.replace(HOLE, name) for each in templates) for name in classes)


def _of_object(classes: tuple[str, ...], path: Path) -> tuple[tuple[str, ...], ...]:
    values = read_json(path, unique=True)
    if not isinstance(values, dict):
        raise ForeignFileError(path, "is no JSON object of classes and their texts")
    if others := [name for name in values if name not in classes]:
        raise ForeignFileError(path, unknown(others[0], list(classes), kind="class"))
    prompts = []
    for name in classes:
        found = values.get(name, name)
        texts = [found] if isinstance(found, str) else found
        if not isinstance(texts, list) or not 0 < len(texts) <= MOST_PROMPTS:
            raise ForeignFileError(path, f"{name} has no texts, or more than {MOST_PROMPTS}")
        if not all(isinstance(each, str) and each.strip() for each in texts):
            raise ForeignFileError(
                path, f"{name} has a text that is none: {listed([repr(each) for each in texts], shown=3)}"
            )
        prompts.append(tuple(texts))
    return tuple(prompts)
