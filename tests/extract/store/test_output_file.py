"""A result replaces an earlier result of its own kind, and nothing else, be it a run, a list or a video."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from data_lists import ListError, Video, write_list
from extract.cli import main as extract_main
from extract.preview.flow_files import FlowFiles
from extract.preview.side_by_side import SideBySide
from extract.runtime.profile import Profile
from extract.store import FeatureStore, StoreError
from extract.store.output_file import (
    MARKS,
    RUN_FILES,
    OutputError,
    carries_mark,
    check_apart,
    check_output,
    marked_png,
    precious,
)
from extract.store.packing import pack
from score.benchmark.comparison_plan import check_out
from score.cli import main
from score.predict.output.h264 import H264File
from score.predict.output.text_formats import to_csv
from score.report.figures.theme import LIGHT, chart, to_png, to_svg
from score.runs import run_folders
from score.runs.checkpoint_error import CheckpointError
from score.training.seed_folder import refuse_foreign
from support.tiny_stores import make_spec, make_store, make_videos

OLD = b'{\n "format_version": 1,\n "model": {'  # how a prediction begins


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("places")
    make_store(folder / "store", make_videos(1, 1))
    (folder / "run").mkdir()
    names = (
        "run/checkpoint.pt",
        "run/config.yaml",
        "cam.mp4",
        "0000.png",
        "packed.h5",
        "notes.txt",
        "tracks.json",
    )
    for name in names:
        (folder / name).write_bytes(b"kept")
    write_list(folder / "list.tsv", [Video("a")])
    (folder / "old.json").write_bytes(OLD)
    (folder / "empty.json").touch()
    return folder


PRECIOUS = [
    ("run/checkpoint.pt", "a part of a trained run"),
    ("run/config.yaml", "a part of a trained run"),
    ("store/n0.h5", "a part of the feature store"),
    ("store/store.json", "a part of the feature store"),
    ("packed.h5", "an HDF5 file"),
    ("cam.mp4", "a video"),
    ("0000.png", "an image"),
    ("list.tsv", "a file that is no"),
    ("notes.txt", "a file that is no"),
    ("tracks.json", "a file that is no"),
]


@pytest.mark.parametrize("name, what", PRECIOUS)
def test_what_a_result_would_replace_is_named(places, name, what):
    kinds = [kind for kind in MARKS if kind != "list" or name != "list.tsv"]
    assert all((precious(places / name, kind) or "").startswith(what) for kind in kinds)
    link = places / f"link-{name.replace('/', '-')}"
    if not link.is_symlink():
        link.symlink_to(places / name)
    with pytest.raises(OutputError, match=f"--out .*link.* is {what}.* would replace"):
        check_output(link, "page", option="--out")


@pytest.mark.parametrize(
    "program, words",
    [
        (main, ["predict", "{0}/cam.mp4", "--checkpoint", "{0}/run", "--json", "{1}"]),
        (main, ["predict", "{0}/cam.mp4", "--checkpoint", "{0}/run", "--csv", "{1}"]),
        (main, ["predict", "{0}/cam.mp4", "--checkpoint", "{0}/run", "--viewer", "{1}"]),
        (main, ["predict", "{0}/cam.mp4", "--checkpoint", "{0}/run", "--vtt", "{1}"]),
        (main, ["predict", "{0}/cam.mp4", "--checkpoint", "{0}/run", "--annotate", "{1}"]),
        (main, ["evaluate", "{0}/run", "--store", "{0}/store", "--list", "x.tsv", "--json", "{1}"]),
        (main, ["evaluate", "{0}/run", "--store", "{0}/store", "--list", "x.tsv", "--report", "{1}"]),
        (main, ["export", "{0}/run", "--out", "{1}"]),
        (main, ["export", "{0}/run", "--out", "x.onnx", "--int8", "{1}"]),
        (main, ["train", "--head", "mil", "--store", "s", "--list", "l", "--out", "o", "--profile", "{1}"]),
        (main, ["app", "--checkpoint", "{0}/run", "--alerts", "{1}"]),
        (
            extract_main,
            [
                "run",
                "--preset",
                "motion",
                "--videos",
                "{0}",
                "--list",
                "l",
                "--store",
                "s",
                "--profile",
                "{1}",
            ],
        ),
        (extract_main, ["scene", "{0}/cam.mp4", "--out", "{1}"]),
    ],
    ids=lambda value: "-".join((value[0], value[-2])) if isinstance(value, list) else "",
)
def test_every_option_that_names_a_file_refuses_in_one_line(places, program, words):
    for name, _ in PRECIOUS[::3]:
        before = (places / name).read_bytes()
        done = CliRunner().invoke(program, [word.format(places, places / name) for word in words])
        assert done.exit_code == 2 and (places / name).read_bytes() == before
        assert done.output.count("\n") == 1 and ("replace" in done.output or "overwrite" in done.output)


def test_earlier_results_new_files_empty_files_and_streams_are_fine(places):
    for name in ("old.json", "empty.json", "new.json", "missing/new.json", "run/metrics.json"):
        assert precious(places / name, "prediction JSON") is None
    check_output(Path("/dev/stdout"), "page")
    assert precious(places / "old.json", "evaluation JSON") is not None
    assert run_folders.CHECKPOINT in RUN_FILES and set(RUN_FILES) == {
        *(run_folders.CHECKPOINT, run_folders.RESUME, run_folders.CONFIG, run_folders.METRICS)
    }


def test_a_dash_is_standard_output_and_lines_for_people_go_elsewhere():
    """A command that writes its JSON to "-", run by a shell that sends both streams to files."""
    code = (
        "import click; from extract.store.output_file import OutputFile, WritingCommand;"
        "from extract.runtime import atomic; from extract.runtime.say import say;"
        "out = click.option('--json', 'file', type=OutputFile('prediction JSON'));"
        "run = lambda file: (say('before'), atomic.write_text(file, '{}'), say('after'));"
        "click.command(cls=WritingCommand)(out(run))()"
    )
    done = subprocess.run([sys.executable, "-c", code, "--json", "-"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "{}", "before\nafter\n")
    done = subprocess.run([sys.executable, "-c", code, "--json", "/dev/null"], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("before\nafter\n", "")


def test_a_result_that_is_an_input_or_another_result_is_refused(places, tmp_path):
    os.link(places / "old.json", tmp_path / "hard.json")
    (tmp_path / "soft.json").symlink_to(places / "old.json")
    for name in ("hard.json", "soft.json"):
        with pytest.raises(OutputError, match="would overwrite the input"):
            check_apart([("--json", tmp_path / name)], [places / "old.json"])
    with pytest.raises(OutputError, match="--csv and --json name the same file"):
        check_apart([("--json", tmp_path / "new"), ("--csv", tmp_path / "a" / ".." / "new")], [])
    check_apart([("--json", Path("/dev/stdout")), ("--csv", Path("/dev/stdout"))], [Path("missing")])
    words = ["evaluate", "--scores", tmp_path / "soft.json", "--list", "l", "--json", places / "old.json"]
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exit_code == 2 and (places / "old.json").read_bytes() == OLD


def written(kind: str, path: Path) -> Path:
    """A small real result of a kind, by its own writer."""
    frame = np.zeros((32, 32, 3), np.uint8)
    if kind in ("scene video", "flow video"):
        with SideBySide(path, kind=kind, fps=25) as video:
            video.add(frame, frame)
    elif kind in ("annotated video", "heatmap video"):
        file = H264File(path, kind=kind, fps=25, width=32, height=32)
        file.add(frame, 0.0)
        file.close()
    elif kind == "trace":
        Profile().write(path)
    elif kind == "prediction CSV":
        path.write_text(to_csv([]))
    elif kind == "PNG figure":
        path.write_bytes(to_png(chart(1, 1, LIGHT)[0]))
    elif kind == "SVG figure":
        path.write_bytes(to_svg(chart(1, 1, LIGHT)[0]))
    return path


WRITTEN = (
    "scene video",
    "flow video",
    "annotated video",
    "heatmap video",
    "trace",
    "prediction CSV",
    "PNG figure",
    "SVG figure",
)


@pytest.mark.parametrize("kind", WRITTEN)
def test_results_carry_the_mark_of_their_kind_and_of_no_other(tmp_path, kind):
    path = written(kind, tmp_path / "result")
    assert [each for each in MARKS if carries_mark(path, each)] == [kind]


@pytest.mark.slow
def test_a_second_evaluation_replaces_the_first_and_its_files_carry_their_marks(tmp_path):
    videos = [Video("a", num_frames=9), Video("b", "Theft", num_frames=9, anomaly_spans=((2, 5),))]
    write_list(tmp_path / "list.tsv", videos)
    (tmp_path / "scores").mkdir()
    for name in "ab":
        np.save(tmp_path / "scores" / f"{name}.npy", np.linspace(0, 1, 9))
    words = ["evaluate", "--scores", "scores", "--list", "list.tsv", "--resamples", "0"]
    words = [str(tmp_path / word) if word in ("scores", "list.tsv") else word for word in words]
    results = {"e.json": "evaluation JSON", "e.html": "page"}
    for _ in range(2):
        done = CliRunner().invoke(
            main, [*words, "--json", str(tmp_path / "e.json"), "--report", str(tmp_path / "e.html")]
        )
        assert done.exit_code == 0, done.output
        for name, kind in results.items():
            assert [each for each in MARKS if carries_mark(tmp_path / name, each)] == [kind]


def test_a_contact_sheet_stays_the_same_picture(tmp_path):
    import cv2

    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    content = marked_png(cv2.imencode(".png", picture)[1].tobytes())
    (tmp_path / "sheet.png").write_bytes(content)
    assert carries_mark(tmp_path / "sheet.png", "PNG figure")
    assert (cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) == picture).all()


def test_flow_replaces_only_flow_of_its_own(tmp_path):
    flow, frame = np.zeros((2, 16, 16), np.float32), np.zeros((16, 16, 3), np.uint8)
    (tmp_path / "flow_000000.flo").write_bytes(b"theirs")
    with pytest.raises(OutputError, match="flow_000000.flo is not ours"):
        FlowFiles(tmp_path, kinds=("flo",))
    assert os.listdir(tmp_path) == ["flow_000000.flo"]
    for _ in range(2):
        with FlowFiles(tmp_path / "own", kinds=("flo",)) as files:
            files.add(flow, frame, name="flow_000000")
    make_store(tmp_path / "store", make_videos(1, 1))
    words = ["flow", str(tmp_path / "own"), "--out", str(tmp_path / "store" / "flow")]
    assert "lies in the feature store" in CliRunner().invoke(extract_main, words).output
    words = ["flow", str(tmp_path / "own"), "--out", str(tmp_path / "own")]
    done = CliRunner().invoke(extract_main, words)
    assert done.exit_code == 2 and "is the input itself" in done.output


def test_a_store_is_not_made_of_a_folder_with_feature_files_of_others(places, tmp_path):
    spec = make_spec()
    (tmp_path / "theirs" / "test").mkdir(parents=True)
    (tmp_path / "theirs" / "test" / "a.h5").write_bytes(b"kept")
    with pytest.raises(StoreError, match=r"holds test/a.h5, which one would replace"):
        FeatureStore.create(tmp_path / "theirs", spec)
    with pytest.raises(StoreError, match="lies in the feature store"):
        FeatureStore.create(places / "store" / "inner", spec)
    with pytest.raises(StoreError, match="lies in the feature store"):
        pack(places / "store", places / "store" / "packed.h5")
    assert [path.name for path in (tmp_path / "theirs").rglob("*.*")] == ["a.h5"]


def test_a_list_is_replaced_only_on_purpose(tmp_path):
    path = tmp_path / "train.tsv"
    write_list(path, [Video("a")], replace=False)
    write_list(path, [Video("a")], replace=False)
    with pytest.raises(ListError, match="exists with other content"):
        write_list(path, [Video("b")], replace=False)


def test_a_run_is_not_written_into_a_store_or_over_files_of_others(places, tmp_path):
    words = [
        "train",
        "--head",
        "mil",
        "--store",
        places / "store",
        "--list",
        "l",
        "--out",
        places / "store" / "run",
    ]
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exit_code == 2 and "lies in the feature store" in done.output
    for name, content in (("config.yaml", "port: 80\n"), ("metrics.jsonl", "{}\n{}\n{}\n")):
        (tmp_path / name).write_text(content)
        with pytest.raises(CheckpointError, match=name):
            refuse_foreign(tmp_path)
        (tmp_path / name).unlink()
    (tmp_path / "a.mp4").touch()
    with pytest.raises(ValueError, match="holds a.mp4 and no benchmark"):
        check_out(tmp_path)
