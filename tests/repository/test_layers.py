"""The direction of imports: data_lists <- store and segments <- extract; score reads stores and nothing else of extract."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("data_lists", "extract", "score")
BOTH_STAGES = ("score/predict", "score/app")
CONTRACT = (
    "extract.store",
    "extract.store.spec",
    "extract.store.video_features",
    "extract.segments",
    "extract.runtime.atomic",
    "extract.store.local_files",
    "extract.store.remote_files",
)


def modules():
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Full names of what a module imports of ours, wherever the import stands."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in PACKAGES}


def of_extract_besides(names: set[str], allowed: tuple[str, ...]) -> set[str]:
    return {
        name
        for name in names
        if name.split(".")[0] == "extract"
        and not any(name == each or name.startswith(each + ".") for each in allowed)
    }


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path):
    place, names = path.relative_to(ROOT).as_posix(), imported(path)
    others = {name.split(".")[0] for name in names} - {place.split("/")[0]}
    if place.startswith("data_lists/"):
        assert not others
    elif place.startswith("extract/"):
        assert others <= {"data_lists"}
        if place in [name.replace(".", "/") + ".py" for name in CONTRACT]:
            allowed = (*CONTRACT, "extract.runtime.atomic")
            assert not of_extract_besides(names - {"extract.runtime.atomic"}, allowed)
    elif not place.startswith(BOTH_STAGES):
        # runtime: of the process, knows nothing of either stage
        allowed = ("extract.store", "extract.runtime")
        assert not of_extract_besides(names, allowed), "score reads stores and nothing else of extract"


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return {name.split(".")[0] for name in run.stdout.split()}


@pytest.mark.parametrize(
    "module, absent",
    [
        ("extract.store", {"torch", "decord", "torchvision", "cv2"}),
        ("data_lists", {"torch", "h5py", "decord", "sklearn"}),
        ("extract.decode.decode_worker", {"torch", "torchvision", "h5py"}),
        ("score.metrics", {"torchvision", "decord"}),
        ("score.pooling.pool_worker", {"torch"}),
        ("extract.cli", {"torch", "decord", "cv2"}),
        ("score.cli", {"torchvision", "decord", "cv2"}),
    ],
)
def test_importing_stays_light(module, absent):
    assert not loaded_by(module) & absent
