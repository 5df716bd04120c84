"""The JSON of an event: its published schema, and what it holds."""

import json
from importlib.resources import files

import jsonschema

from extract.store.output_file import carries_mark
from score.alerts.alert_event import schema_text
from score.alerts.outputs.event_file import EventFile
from support.alert_events import an_event


def test_the_published_schema_is_that_of_the_model_and_fits_every_event():
    published = files("score.alerts").joinpath("alert_event.schema.json").read_text()
    assert published == schema_text()
    for kind in ("new", "update", "end"):
        jsonschema.validate(json.loads(an_event(kind=kind).line()), json.loads(published))


def test_an_event_says_when_where_what_and_by_which_model():
    event = json.loads(an_event(3, kind="end", camera="Tür\n\udcff").line())
    assert (
        event["start"] == "2027-01-15T08:00:01.000+00:00" and event["end"] == "2027-01-15T08:00:02.500+00:00"
    )
    assert (event["event"], event["number"], event["camera"]) == ("end", 3, "Tür\n\\xff")
    assert (event["place"], event["event_class"], event["class_probability"]) == ("north gate", "Fight", 0.5)
    assert (event["clip"], event["picture"], event["reason"]) == ("clips/a.mp4", None, "quiet")
    assert "\n" not in an_event(camera="a\nb").line()


def test_the_file_has_a_line_per_event_in_order_and_the_mark_of_alerts(tmp_path):
    output = EventFile(tmp_path / "alerts.jsonl")
    for number in range(20):
        output.send(an_event(number))
    output.close(20)
    lines = (tmp_path / "alerts.jsonl").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(20)) and output.delivered == 20
    assert carries_mark(tmp_path / "alerts.jsonl", "alerts")


def test_a_disk_that_refuses_costs_lines_and_is_counted(tmp_path):
    output = EventFile(tmp_path / "none" / "alerts.jsonl")
    output.send(an_event())
    output.close(20)
    assert (output.delivered, output.failed, output.problem) == (0, 1, "No such file or directory")
