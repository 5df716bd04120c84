"""Where the time of a run goes: shares of all of it, and a trace that viewers open."""

import json

import pytest
from click.testing import CliRunner

from data_lists import Video, write_list
from extract.cli import main
from support import video_corpus


def profiled(tmp_path, *options: str) -> tuple[str, dict]:
    (tmp_path / "videos").mkdir()
    for number, frames in enumerate((40, 25)):
        video_corpus.write_video(tmp_path / "videos" / f"v{number}.mp4", frames)
    write_list(tmp_path / "list.tsv", [Video("v0"), Video("v1")])
    command = [
        "run",
        "--videos",
        str(tmp_path / "videos"),
        "--list",
        str(tmp_path / "list.tsv"),
        "--device",
        "cpu",
        "--store",
        str(tmp_path / "store"),
        "--profile",
        str(tmp_path / "trace.json"),
        *options,
    ]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    return done.output, json.loads((tmp_path / "trace.json").read_text())


TINY = [
    "--set",
    "clip_length=4",
    "--set",
    "segment_stride=4",
    "--set",
    "resize.size=32",
    "--set",
    "crop.size=32",
]


@pytest.mark.slow
def test_a_run_of_a_network_says_where_its_time_went(tmp_path):
    output, trace = profiled(tmp_path, "--preset", "efficientnet-b0", "--weights", "none", *TINY)
    line = next(line for line in output.splitlines() if line.endswith("trace.json"))
    shares = [float(part.split()[-1].rstrip("%")) for part in line.split(": ")[1].split(", ") if "%" in part]
    assert abs(sum(shares) - 100) < 1
    for name in ("wait", "copy", "resize", "scale", "forward", "write", "decode in parallel"):
        assert name in line
    events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert {"start", "wait", "copy", "resize", "scale", "forward", "write", "decode"} <= {
        each["name"] for each in events
    }
    for event in events:
        assert (
            event["ts"] >= 0
            and event["dur"] >= 0
            and isinstance(event["pid"], int)
            and isinstance(event["tid"], int)
        )
    tracks = {each["tid"]: each["args"]["name"] for each in trace["traceEvents"] if each["ph"] == "M"}
    assert tracks[0] == "main loop" and {each["tid"] for each in events} == set(tracks)
    decoded = [event for event in events if event["name"] == "decode"]
    assert {event["args"]["video"] for event in decoded} == {"v0", "v1"}
    assert all(tracks[event["tid"]].startswith("decoder ") for event in decoded)
    # on one track spans lie inside each other or apart, never across
    loop = sorted((each["ts"], -each["dur"]) for each in events if each["tid"] == 0)
    ends: list[float] = []
    for start, minus in loop:
        while ends and start >= ends[-1] - 0.3:  # rounded to 0.1 microseconds
            ends.pop()
        assert not ends or start - minus <= ends[-1] + 0.3
        ends.append(start - minus)


@pytest.mark.slow
def test_a_run_over_scenes_says_what_flow_and_people_took(tmp_path):
    settings = ("clip_length=4", "segment_stride=8", "resize.size=[32,48]", "scene.detector=hog")
    small = [word for setting in settings for word in ("--set", setting)]
    output, trace = profiled(tmp_path, "--preset", "reclass", "--weights", "none", *small)
    line = next(line for line in output.splitlines() if line.endswith("trace.json"))
    events = {event["name"] for event in trace["traceEvents"]}
    for name in ("wait", "people", "flow", "graph", "write"):
        assert f"{name} " in line and name in events


def test_a_profile_of_several_devices_is_refused(tmp_path):
    write_list(tmp_path / "list.tsv", [Video("v0")])
    command = ["run", "--preset", "motion", "--videos", str(tmp_path), "--list", str(tmp_path / "list.tsv")]
    command += [
        "--store",
        str(tmp_path / "store"),
        "--profile",
        str(tmp_path / "t.json"),
        "--devices",
        "cpu,cpu",
    ]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2 and "--profile covers one device loop" in done.output
