"""Reads a file or folder of truth of any form; the content decides which it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_lists.list_error import ListError
from data_lists.truths.activitynet import activitynet_truth, is_activitynet
from data_lists.truths.annotation import Annotation, Event, FoundTruth
from data_lists.truths.coco_video import coco_truth, is_coco
from data_lists.truths.elan import read_elan
from data_lists.truths.interval_json import truths_in_json
from data_lists.truths.interval_tables import truths_in_table
from data_lists.truths.label_files import labels_in_text, read_mat_labels, read_npy_labels, read_npz_labels
from data_lists.truths.span_lines import spans_in_lines
from data_lists.truths.via import is_via, via_of_csv, via_of_json
from data_lists.tsv import looks_like_list, read_list
from extract.runtime.foreign.file_kinds import what_it_is
from extract.runtime.foreign.folder_walk import files_below
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import check_regular
from extract.runtime.foreign.text_files import read_json, read_text

ARRAYS = {".npy": read_npy_labels, ".npz": read_npz_labels, ".mat": read_mat_labels}
TEXTS = (".csv", ".tsv", ".txt", ".list")
SUFFIXES = (*ARRAYS, *TEXTS, ".json", ".eaf")
A_LIST = "a list of videos"


def read_truths(path: Path | str, *, unit: str | None = None) -> list[FoundTruth]:
    """The truth of a file or folder; several where a table names annotators.

    unit: "seconds" or "frames", of intervals whose form states none. Raises ForeignFileError, and ListError
    with a line per file of a folder.
    """
    path = Path(path)
    return [_folder(path, unit)] if path.is_dir() else _file(path, unit)


def read_truth(path: Path | str, *, unit: str | None = None) -> FoundTruth:
    """As read_truths, for one annotator. Raises ForeignFileError for several as well."""
    return _only(Path(path), read_truths(path, unit=unit))


def _only(path: Path, found: list[FoundTruth]) -> FoundTruth:
    if len(found) > 1:
        names = ", ".join(each.annotator for each in found)
        raise ForeignFileError(
            path, f"has rows of {len(found)} annotators ({names}); join them with make-list"
        )
    return found[0]


def _file(path: Path, unit: str | None, name: str = "") -> list[FoundTruth]:
    """name: of its video, for a file of a folder."""
    check_regular(path, expected="a file or a folder of truth")
    suffix = path.suffix.lower()
    if suffix in ARRAYS:
        return [ARRAYS[suffix](path)]
    if suffix == ".eaf":
        return [read_elan(path)]
    if suffix == ".json":
        return _json(path, unit, name)
    if suffix not in TEXTS:
        hint = what_it_is(path)
        raise ForeignFileError(
            path,
            f"is not read as truth{f' ({hint})' if hint else ''}; expected {', '.join(SUFFIXES)} or a folder",
        )
    return _text(path, unit, name)


def _json(path: Path, unit: str | None, name: str) -> list[FoundTruth]:
    content = read_json(path, unique=True)
    if is_activitynet(content):
        return [activitynet_truth(path, content)]
    if is_via(content):
        return [via_of_json(path, content)]
    if is_coco(content):
        return [coco_truth(path, content)]
    return truths_in_json(path, content, unit=unit, name=name)


def _text(path: Path, unit: str | None, name: str) -> list[FoundTruth]:
    text = read_text(path)
    if not text.strip():
        raise ForeignFileError(path, "is empty")
    if looks_like_list(text):
        return [_list(path)]
    for parser in (via_of_csv, labels_in_text, spans_in_lines):
        if (found := parser(path, text)) is not None:
            return [found]
    return truths_in_table(path, text, unit=unit, name=name)


def _list(path: Path) -> FoundTruth:
    """A list of ours, whose spans are the truth."""
    annotations = [
        Annotation(
            video.video_id,
            tuple(Event(start, stop, label=video.event_class) for start, stop in video.anomaly_spans),
            num_frames=video.num_frames,
            event_class=video.event_class,
            where=f"video {video.video_id}",
        )
        for video in read_list(path)
    ]
    return FoundTruth(path, A_LIST, tuple(annotations))


def _folder(folder: Path, unit: str | None) -> FoundTruth:
    """One video a file, named by its path below the folder, or by what the file itself says."""
    problems: list[str] = []
    annotations: list[Annotation] = []
    truths: list[FoundTruth] = []
    paths = files_below(
        folder,
        wanted=lambda name: name.lower().endswith(SUFFIXES),
        on_problem=lambda error: problems.append(str(error)),
    )
    for path in paths:
        name = path.relative_to(folder).with_suffix("").as_posix()
        try:
            found = _only(path, _file(path, unit, name))
        except ListError as error:
            problems += error.problems
        except ForeignFileError as error:
            problems.append(str(error))
        else:
            truths.append(found)
            annotations += _of_file(found, name, problems)
    if problems:
        raise ListError(problems)
    if not truths:
        raise ForeignFileError(folder, f"holds no file of truth, expected {', '.join(SUFFIXES)}")
    if len(countings := {each.counting for each in truths}) > 1:
        raise ForeignFileError(folder, "its files count frames in different ways; give one form at a time")
    forms = list(dict.fromkeys(each.form for each in truths))
    notes = tuple(dict.fromkeys(note for each in truths for note in each.notes))
    form = f"a folder of {len(truths)} files: {' and '.join(forms)}"
    return FoundTruth(folder, form, tuple(annotations), counting=countings.pop(), notes=notes)


def _of_file(found: FoundTruth, name: str, problems: list[str]) -> list[Annotation]:
    labels = found.long_labels
    if found.parts:
        problems.append(f"{found.path}: is a cell array of several videos without names; give it as a file")
        return []
    if labels is None:
        return list(found.annotations)
    return [
        Annotation(name, labels=np.asarray(labels), num_frames=len(labels), where=f"file {found.path.name}")
    ]
