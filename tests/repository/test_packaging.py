"""What a wheel carries: every package on disk, every list, both commands."""

import configparser
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from setuptools import find_packages

from extract.commands.doctor import OPENCV, OTHER_OPENCVS
from scripts.tools.extras import EXTRAS, everything

ROOT = Path(__file__).resolve().parents[2]


def declared() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_folder_with_code_is_a_package():
    include = declared()["options.packages.find"]["include"].split()
    folders = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for package in ("data_lists", "extract", "score")
        for path in (ROOT / package).rglob("*.py")
    }
    assert set(find_packages(str(ROOT), include=include)) == folders


def required(section: str, key: str) -> list[Requirement]:
    return [Requirement(line) for line in declared()[section][key].split("\n") if line]


def with_their_own(requirements: list[Requirement]) -> dict[str, set[str]]:
    """Everything that the requirements bring -> who asks for it, by the metadata of what is installed."""
    found: dict[str, set[str]] = {}
    waiting, seen = [("setup.cfg", each) for each in requirements], set()
    while waiting:
        by, requirement = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        found.setdefault(name, set()).add(by)
        try:
            inner = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        for extra in {"", *requirement.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                asked = [Requirement(each) for each in inner]
                waiting += [
                    (name, each)
                    for each in asked
                    if each.marker is None or each.marker.evaluate({"extra": extra})
                ]
    return found


@pytest.mark.parametrize("extra", ["", *declared()["options.extras_require"]])
def test_no_extra_brings_another_opencv_over_ours(extra):
    requirements = required("options", "install_requires")
    if extra:
        requirements += required("options.extras_require", extra)
    found = with_their_own(requirements)
    assert {OPENCV, "sympy", "threadpoolctl"} <= set(found)  # the last two by torch and scikit-learn
    assert {name: found[name] for name in OTHER_OPENCVS if name in found} == {}


def test_every_extra_is_tried_alone_with_each_other_and_with_all():
    extras = set(declared()["options.extras_require"]) - {"test"}
    assert set(EXTRAS) == extras
    tried = [tuple(each) for each in everything()]
    assert len(tried) == len(set(tried))
    assert {each for each in tried if len(each) == 1} == {(extra,) for extra in extras}
    assert {each for each in tried if len(each) == 2} == {
        (one, other) for one in extras for other in extras - {one}
    }
    assert [set(each) for each in tried if len(each) > 2] == [extras] * 2 and tried[0] == tried[1][::-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """Names of the files in a wheel that is built of a copy of the tracked and new files."""
    folder = tmp_path_factory.mktemp("wheel")
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_bytes((ROOT / name).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(folder / "source"),
    ]
    subprocess.run(command, check=True)
    (built,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(built).namelist())


def test_the_wheel_holds_every_file_of_the_packages_but_the_guides(wheel):
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in ("data_lists", "extract", "score")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
    }
    assert len([name for name in expected if name.endswith(".tsv")]) >= 10
    assert expected <= wheel
    assert not {name for name in wheel if name.startswith(("tests/", "scripts/"))}


def test_the_wheel_declares_both_commands():
    commands = declared()["options.entry_points"]["console_scripts"]
    assert "vad-extract = extract.cli:main" in commands and "vad-score = score.cli:main" in commands
