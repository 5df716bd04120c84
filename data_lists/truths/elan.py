"""ELAN (.eaf): annotations of all tiers in milliseconds; the label is the annotation's value, else its tier.

XML is read by expat without any document type: there is nothing that could name a file or expand.
"""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

from data_lists.truths.annotation import SECONDS, Annotation, Event, FoundTruth, video_name
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.regular_file import read_regular

FORM = "ELAN, annotations in milliseconds"
MILLISECONDS = 1000.0


def read_elan(path: Path) -> FoundTruth:
    """Raises ForeignFileError, also for XML with a document type."""
    content = read_regular(path, expected="an ELAN file (.eaf)")
    document = _Document()
    with reading(path, "XML of ELAN"):
        document.parse(content)
    if not document.is_elan:
        raise ForeignFileError(path, "is XML, but no ELAN file: it has no ANNOTATION_DOCUMENT")
    events = []
    for tier, first, last, value in document.annotations:
        where = f"annotation of tier {tier!r}"
        times = [document.times.get(slot) for slot in (first, last)]
        if None in times:
            raise ForeignFileError(
                path, f"{where}: time slot {first if times[0] is None else last} has no time"
            )
        start, end = (each / MILLISECONDS for each in times if each is not None)
        events.append(Event(start, end, SECONDS, value.strip() or tier, where))
    tiers = list(dict.fromkeys(tier for tier, *_ in document.annotations))
    notes = (f"tiers: {', '.join(tiers)}",) if len(tiers) > 1 else ()
    name = video_name(document.media) if document.media else path.stem
    return FoundTruth(path, FORM, (Annotation(name, tuple(events), where=f"file {path.name}"),), notes=notes)


class _Document:
    """What one pass over the XML finds."""

    def __init__(self) -> None:
        self.is_elan, self.media = False, ""
        self.times: dict[str, float] = {}
        self.annotations: list[tuple[str, str, str, str]] = []  # tier, slots of start and end, value
        self._tier, self._slots, self._value = "", ("", ""), ""
        self._in_value = False

    def parse(self, content: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(content, True)

    def _doctype(self, *_: object) -> None:
        raise ValueError("it has a document type (DOCTYPE), which could name files or expand; remove it")

    def _start(self, name: str, values: dict[str, str]) -> None:
        if name == "ANNOTATION_DOCUMENT":
            self.is_elan = True
        elif name == "HEADER" and values.get("TIME_UNITS", "milliseconds") != "milliseconds":
            raise ValueError(f"its TIME_UNITS are {values['TIME_UNITS']}, expected milliseconds")
        elif name == "MEDIA_DESCRIPTOR" and not self.media:
            self.media = values.get("RELATIVE_MEDIA_URL") or values.get("MEDIA_URL", "")
            self.media = self.media.removeprefix("./")
        elif name == "TIME_SLOT" and "TIME_VALUE" in values:
            self.times[values["TIME_SLOT_ID"]] = float(values["TIME_VALUE"])
        elif name == "TIER":
            self._tier = values.get("TIER_ID", "")
        elif name == "ALIGNABLE_ANNOTATION":
            self._slots, self._value = (values["TIME_SLOT_REF1"], values["TIME_SLOT_REF2"]), ""
        elif name == "ANNOTATION_VALUE":
            self._in_value = True

    def _end(self, name: str) -> None:
        if name == "ANNOTATION_VALUE":
            self._in_value = False
        elif name == "ALIGNABLE_ANNOTATION":
            self.annotations.append((self._tier, *self._slots, self._value))

    def _text(self, text: str) -> None:
        if self._in_value:
            self._value += text
