"""The commands and the Python of every guide do what it says, on small data made here.

Commands that cannot run in a test stand in CHECKED with the reason; here they only need to exist, with their
options.
"""

import configparser
import importlib
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from repository.test_layers import FLOORS

from data_lists import DATASETS, Video, load_split, read_list, write_list
from extract.cli import main as extract_main
from extract.store import FeatureStore
from score.cli import main as score_main
from support.guide_data import (
    FRAMES,
    write_avenue,
    write_embeddings,
    write_feedback,
    write_folder_of_classes,
    write_other_scores,
    write_ped2,
    write_rgb_and_flow,
    write_square,
    write_ucf_features,
    write_weights,
)

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [
    "README.md",
    "extract/README.md",
    "score/README.md",
    "data_lists/README.md",
    "scripts/benchmarks/RESULTS.md",
    "scripts/experiments/RESULTS.md",
    "CONTRIBUTING.md",
]
PROGRAMS = {"vad-extract": extract_main, "vad-score": score_main}

# Start of a command -> why only its name and options are checked here.
CHECKED = {
    "pip install": "installs packages",
    "bash scripts/demo.sh": "creates .venv and trains for minutes",
    "bash scripts/test.sh": "runs the tests",
    "bash scripts/lint.sh": "checks the whole tree; .ci/run does it",
    ".venv/bin/": "lays out the whole tree",
    "VAD_KILLS=20 pytest": "twenty killed runs take minutes",
    "vad-extract weights fetch": "needs the network",
    "vad-score train --from run --shots 5": "needs a head that names classes; test_few_shots.py runs it",
    "vad-extract run --preset i3d-rgb-16 --videos /data/videos": "needs S3 and a Ray cluster",
    "vad-extract scene cam.mp4 --detector onnx": "needs a network that the user brings",
    "vad-score predict cam.mp4 --checkpoint clip_run": "needs CLIP; tests/score/predict runs it untrained",
    "vad-score app": "serves until it is stopped; tests/score/app runs it",
    "vad-score watch": "watches cameras; tests/score/live and tests/score/alerts run it",
    "vad-score serve": "serves until it is stopped; tests/score/web/test_serve.py runs it",
    "openssl": "makes a token for the server; tests/score/web/test_serve.py runs it",
    "curl": "asks the server; tests/score/web/test_serve.py runs each",
    "python -m scripts.tools.soak": "breaks runs for minutes",
    "python -m scripts.tools.watch_memory": "watches for minutes",
    "python -m scripts.benchmarks.": "measures for minutes to hours",
}
if "VAD_TEST_DATA" not in os.environ:
    CHECKED["python -m scripts.tools.make_lists"] = "needs the official annotation files"
WHOLE_GUIDE = 1200  # seconds: a guide takes a minute alone, and ten on a machine that does much else
CHECKED_GUIDES = ("scripts/benchmarks/RESULTS.md", "scripts/experiments/RESULTS.md")  # hours, or other data

# What stands in the guides -> what stands for it here.
SMALL = {
    "ucf_crime/train": "ucf_train.tsv",
    "ucsd_ped2/train": "ped2_train.tsv",
    "ucsd_ped2/test": "ped2_test.tsv",
}
# Start of a command -> options that make it quick.
QUICK = {
    "vad-score train": "--set train.epochs=2",
    # the Python of README.md trains the same run, so settings stay as they are
    "vad-score train --head mil --store features --list train.tsv --out run --seeds 5": "--seeds 1",
    "vad-score train --head reclass": "--set train.epochs=1 --set train.steps_per_epoch=2",
    "vad-extract scene": "--frames 2",
    # flow statistics stand for a network that takes seconds per clip on a CPU
    "vad-extract text": "--weights none",
    "vad-extract plan": "--preset motion --sample 1",
    "vad-extract run --preset i3d-rgb-16 --videos videos --list all.tsv --store features --devices": (
        "--preset motion --store of_devices --devices cpu,cpu"
    ),
    "vad-extract run --preset i3d-rgb-16 --videos videos --list all.tsv --store features --shard": (
        "--preset motion --store of_shards --shard 1/2"
    ),
    "vad-score benchmark": "--seeds 1 --set train.epochs=1 --jobs 1 --resamples 20",
    "vad-score evaluate --scores": "--resamples 20",
    "vad-score evaluate ucf_run": "--resamples 20",
    "python -m scripts.tools.make_lists": "--out made",  # not into the package
    "vad-extract run --preset vggish": "--weights none",
    "vad-extract run --preset regions": "--weights none",
}
# Start of a command -> what it prints, where exit code 0 alone says little.
SAYS = {
    "vad-extract run --preset i3d-rgb-16 --videos videos --list all.tsv --store features --devices": (
        "6 extracted, 0 already there, 0 failed"
    ),
    "vad-extract weights path": "rgb_imagenet.pt",
    "vad-extract weights verify": "no known weights have this digest",
    "vad-score evaluate --scores": "equal in every frame of 290 videos",
    "vad-score evaluate ucf_run --store ucf --list ucf_crime/test --convention gt-ucf": "1,109,680",
    "vad-score export": "segment scores differ by at most",  # of the INT8 model
}
# Start of a command -> its exit code, where what stands for a file here is rightly refused.
FAILS = {"vad-extract weights verify": 1}
QUICK_PYTHON = {"seeds=5": "seeds=1"}


def steps(guide: str) -> list[tuple[str, str]]:
    """("bash", one command) and ("python", a whole block), in the order of the guide; comments left out."""
    found = []
    for indent, language, block in re.findall(
        r"^( *)```(bash|python)\n(.*?)^ *```", (ROOT / guide).read_text(), re.S | re.M
    ):
        text = re.sub(rf"^{indent}", "", block, flags=re.M)
        if language == "python":
            found.append((language, text))
        else:
            lines = (re.sub(r"\s+#.*", "", line) for line in text.splitlines())
            found += [(language, line) for line in lines if line]
    return found


def commands() -> list[tuple[str, str]]:
    return [(guide, text) for guide in GUIDES for language, text in steps(guide) if language == "bash"]


def longest_start(command: str, table: dict[str, str]) -> str:
    """The entry that says most about a command, "" where none does."""
    return max((start for start in table if command.startswith(start)), key=len, default="")


def is_run(guide: str, command: str) -> bool:
    return guide not in CHECKED_GUIDES and not longest_start(command, CHECKED)


def run(command: str, folder: Path) -> None:
    """In this process: most of such a command's time is importing torch."""
    words = [SMALL.get(word, word) for word in shlex.split(command)]
    words += shlex.split(QUICK.get(longest_start(command, QUICK), ""))
    if words[:2] == ["python", "-m"]:
        program, arguments = importlib.import_module(words[2]).main, words[3:]
    else:
        program, arguments = PROGRAMS[words[0]], words[1:]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("VAD_WEIGHTS_DIR", str(folder))
        done = CliRunner().invoke(program, arguments)
    right = FAILS.get(longest_start(command, FAILS), 0)
    assert done.exit_code == right, f"{command}\n{done.output}{done.exception!r}"
    expected = SAYS.get(longest_start(command, SAYS), "")
    assert expected in done.output, f"{command}\n{done.output}"


def run_guide(guide: str, folder: Path) -> None:
    """Everything in a guide that runs, in its order."""
    for language, text in steps(guide):
        if language == "python":
            for long, quick in QUICK_PYTHON.items():
                text = text.replace(long, quick)
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                exec(compile(text, guide, "exec"), {"__name__": "__main__"})
        elif is_run(guide, text):
            run(text, folder)


@pytest.fixture(scope="module")
def own_data(tmp_path_factory) -> Path:
    """What a person has before README.md: videos, two lists and a new video. Then everything in it is run."""
    folder = tmp_path_factory.mktemp("own")
    listed = {
        "train": [Video("cam1/1"), Video("cam1/2", "Fighting"), Video("cam2/1"), Video("cam2/2", "Fighting")],
        "test": [Video("cam3/1"), Video("cam3/2", "Fighting", FRAMES, ((30, FRAMES),))],
    }
    for split, videos in listed.items():
        groups = [replace(video, group=video.video_id.split("/")[0]) for video in videos]
        write_list(folder / f"{split}.tsv", groups)
        for video in videos:
            path = folder / "videos" / f"{video.video_id}.mp4"
            write_square(path, shaking=video.is_anomalous, seed=len(list(folder.rglob("*.mp4"))))
    write_square(folder / "cam.mp4", shaking=True, seed=100)
    run_guide("README.md", folder)
    return folder


@pytest.fixture
def user(own_data, tmp_path) -> Path:
    """A person after README.md: the videos, lists and features, and what other guides ask for besides."""
    for name in ("videos", "train.tsv", "test.tsv", "cam.mp4", "features"):
        (tmp_path / name).symlink_to(own_data / name)
    write_folder_of_classes(own_data / "videos", tmp_path / "mydata/train")
    write_ucf_features(tmp_path)
    write_ped2(tmp_path)
    write_embeddings(tmp_path / "feats.npz")
    write_weights(tmp_path / "rgb_imagenet.pt")
    write_other_scores(tmp_path)
    write_avenue(tmp_path / "Avenue Dataset")
    write_feedback(tmp_path / "alerts", FeatureStore(own_data / "features"))
    videos = [*read_list(own_data / "train.tsv"), *read_list(own_data / "test.tsv")]
    write_list(tmp_path / "all.tsv", videos)
    write_list(tmp_path / "new.tsv", read_list(own_data / "train.tsv"))
    write_rgb_and_flow(tmp_path, videos)
    if "VAD_TEST_DATA" in os.environ:
        (tmp_path / "OFFICIAL").symlink_to(Path(os.environ["VAD_TEST_DATA"]).resolve() / "lists")
    (tmp_path / "MASKS").mkdir()
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(WHOLE_GUIDE)
def test_readme_gives_a_report_and_a_scored_video(own_data):
    assert (own_data / "report.html").stat().st_size > 10_000
    assert (own_data / "cam_scored.mp4").stat().st_size > 1_000
    assert (own_data / "cam.html").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.timeout(WHOLE_GUIDE)
@pytest.mark.parametrize("guide", ["extract/README.md", "score/README.md", "data_lists/README.md"])
def test_every_step_of_a_guide_runs(guide, user):
    run_guide(guide, user)


@pytest.mark.parametrize("guide", ["README.md", "data_lists/README.md"])
def test_the_example_list_is_valid(guide, tmp_path):
    (table,) = re.findall(r"```\n(video_id\t.*?)```", (ROOT / guide).read_text(), re.S)
    (tmp_path / "list.tsv").write_text(table)
    classes = [video.event_class for video in read_list(tmp_path / "list.tsv")]
    assert classes == ["Normal", "Fighting", "Fighting"]


def options_of(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def test_every_command_that_is_not_run_exists_with_its_options():
    for guide, command in commands():
        words = shlex.split(command)
        used = {word for word in words if re.match("--[a-z]", word)}
        if words[0] in PROGRAMS:
            found = PROGRAMS[words[0]].commands[words[1]]
            if isinstance(found, click.Group):
                found = found.commands[words[2]]
            known = options_of(found)
        elif words[:2] == ["python", "-m"]:
            source = (ROOT / f"{words[2].replace('.', '/')}.py").read_text()
            # Also as one half of "--others/--no-others".
            known = {option for option in used if re.search(f'["/]{option}["/]', source)}
        elif words[0] == "bash":
            known = {option for option in used if option in (ROOT / words[1]).read_text()}
        else:
            assert longest_start(command, CHECKED), f"{guide}: nothing here knows how to check {command}"
            known = used
        assert used <= known, f"{guide}: {command} has no {used - known}"


def test_every_file_and_option_that_the_text_names_exists():
    known = set()
    for program in PROGRAMS.values():
        for command in program.commands.values():
            for each in command.commands.values() if isinstance(command, click.Group) else [command]:
                known |= options_of(each)
    scripts = "".join(
        path.read_text() for path in (ROOT / "scripts").rglob("*.*") if path.suffix in (".py", ".sh")
    )
    for guide in GUIDES:
        text = (ROOT / guide).read_text()
        for path in re.findall(r"`((?:data_lists|extract|score|scripts|tests)/[\w/.]+)`", text):
            assert "NAME" in path or (ROOT / path).exists(), f"{guide}: there is no {path}"
        for spans in re.findall(r"`([^`\n]*--[^`]*)`", text):
            for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", spans):
                assert option in known or f'"{option}"' in scripts or option == "--fast", f"{guide}: {option}"


def test_links_and_pictures_are_there():
    for guide in GUIDES:
        links = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / guide).read_text())
        for link in links:
            target = (ROOT / guide).parent / link
            assert target.is_file(), f"{guide}: {link}"
            assert target.suffix == ".md" or target.stat().st_size < 300_000, f"{guide}: {link} is large"


def test_no_entry_of_the_tables_is_stale():
    shown = [command for _, command in commands()]
    for start in (*CHECKED, *QUICK, *SAYS):
        assert any(command.startswith(start) for command in shown), start
    assert all(any(name in command for command in shown) for name in SMALL)


def test_the_guides_list_every_preset_and_head():
    from extract.presets import PRESETS
    from score.heads import HEADS

    for guide, names in (("extract/README.md", PRESETS), ("score/README.md", HEADS)):
        text = (ROOT / guide).read_text()
        assert [name for name in names if f"`{name}`" not in text] == []


def test_readme_is_short_and_is_the_description_of_the_package():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
    declared = configparser.ConfigParser()
    declared.read(ROOT / "setup.cfg")
    assert declared["metadata"]["long_description"] == "file: README.md"
    assert declared["metadata"]["version"] in (ROOT / "CONTRIBUTING.md").read_text()


def test_contributing_shows_the_floors_that_the_tests_enforce():
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    assert len(rows) == len(FLOORS)
    for (number, row), packages in zip(rows, FLOORS, strict=True):
        names = {package.rpartition(".")[2] for package in packages.split()} - {"extract", "score"}
        assert names <= set(re.findall(r"\w+", row)), f"floor {number}"


def test_the_table_of_data_sets_counts_what_the_lists_hold():
    text = (ROOT / "data_lists/README.md").read_text()
    rows = re.findall(r"^\| `(\w+)/train`, .* \| ([\d,]+) \(([\d,]+)\), ([\d,]+) \(([\d,]+)\) \|", text, re.M)
    assert [row[0] for row in rows] == list(DATASETS)
    for dataset, *counts in rows:
        found = []
        for split in ("train", "test"):
            videos = load_split(dataset, split)
            found += [len(videos), sum(video.is_anomalous for video in videos)]
        assert [int(count.replace(",", "")) for count in counts] == found, dataset


@pytest.mark.parametrize("guide", CHECKED_GUIDES)
def test_every_table_of_results_stands_with_its_command(guide):
    sections = re.split(r"^## ", (ROOT / guide).read_text(), flags=re.M)[1:]
    assert [text.splitlines()[0] for text in sections if "\n|---" in text and "```bash" not in text] == []
