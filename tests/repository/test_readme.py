"""The commands and the Python of the README do what it says, on small data made here."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from data_lists import Video, load_split, write_list
from extract.cli import main as extract_main
from score.cli import main as score_main

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PROGRAMS = {"vad-extract": extract_main, "vad-score": score_main}


def commands(section: str) -> list[list[str]]:
    """The vad-* lines of the fenced blocks below one heading."""
    text = README.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```\n(.*?)```", text, re.S)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line.startswith("vad-")]


def run(command: list[str], folder: Path) -> None:
    """In this process: most of such a command's time is importing torch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(PROGRAMS[command[0]], command[1:])
    assert done.exit_code == 0, f"{' '.join(command)}\n{done.output}{done.exception!r}"


@pytest.fixture(scope="module")
def own_data(tmp_path_factory) -> Path:
    """What a person has before the section "Your own data": videos and two lists. Run as the README says."""
    folder = tmp_path_factory.mktemp("own")
    make = [
        sys.executable,
        "-m",
        "scripts.demo.make_videos",
        str(folder),
        "--train",
        "4",
        "--test",
        "2",
        "--seconds",
        "4",
        "5",
    ]
    subprocess.run(make, check=True, cwd=ROOT, capture_output=True)
    for command in commands("Your own data"):
        run(command, folder)
    return folder


@pytest.mark.slow
def test_own_data_gives_a_report(own_data):
    assert (own_data / "report.html").stat().st_size > 10_000
    assert '"frame_auc"' in (own_data / "metrics.json").read_text()


@pytest.mark.slow
def test_the_python_of_the_store_section_runs(own_data):
    (code,) = re.findall(r"```python\n(.*?)```", README.split("## The feature store\n", 1)[1], re.S)
    from extract.store import FeatureStore

    some_id = FeatureStore(own_data / "features").ids()[0]
    code = code.replace("cam1/0001", some_id)
    done = subprocess.run([sys.executable, "-c", code], cwd=own_data, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("motion ("), done.stderr


def test_the_example_list_is_valid(tmp_path):
    from data_lists import read_list

    (table,) = re.findall(r"```\n(video_id\t.*?)```", README, re.S)
    (tmp_path / "list.tsv").write_text(table)
    assert [video.event_class for video in read_list(tmp_path / "list.tsv")] == [
        "Normal",
        "Fighting",
        "Fighting",
    ]


@pytest.mark.slow
def test_ucf_crime_from_features_that_one_has(tmp_path):
    """The whole lists would be 1900 files; a part of each stands for them."""
    chosen = {split: load_split("ucf_crime", split) for split in ("train", "test")}
    chosen = {
        split: [v for v in videos if v.num_frames and v.num_frames < 3000] for split, videos in chosen.items()
    }
    (tmp_path / "UCF_ten_crop_i3d").mkdir()
    rng = np.random.default_rng(0)
    for split, videos in chosen.items():
        some = [v for v in videos if v.is_anomalous][:6] + [v for v in videos if not v.is_anomalous][:6]
        write_list(
            tmp_path / f"{split}.tsv",
            [Video(v.video_id, v.event_class, v.num_frames, v.anomaly_spans) for v in some],
        )
        for video in some:
            name = video.video_id.rsplit("/", 1)[-1]
            rows = rng.normal(size=(video.num_frames // 16, 10, 8)).astype(np.float32)
            np.save(tmp_path / "UCF_ten_crop_i3d" / f"{name}_i3d.npy", rows)
    lines = commands("UCF-Crime from features that you have")
    assert [line[1] for line in lines] == ["import", "train", "evaluate", "evaluate"]
    for line in lines[:3]:
        run(
            [f"{word.split('/')[1]}.tsv" if word.startswith("ucf_crime/") else word for word in line],
            tmp_path,
        )
    assert lines[3][:-2] == lines[2] and lines[3][-2:] == ["--convention", "gt-ucf"]


def test_every_command_and_option_of_the_readme_exists():
    shown = re.findall(r"(vad-extract|vad-score) ([a-z]+)((?: [^`\n]*)?)", README)
    assert len(shown) > 8
    for program, name, rest in shown:
        command = PROGRAMS[program].commands[name]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z0-9-]+", rest)) <= known, (program, name)


def test_pictures_are_small_and_there():
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert shown
    for name in shown:
        assert name.startswith("scripts/demo/pictures/") and (ROOT / name).stat().st_size < 300_000
