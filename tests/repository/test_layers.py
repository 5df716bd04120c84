"""The direction of imports: a package stands on a floor and imports from lower floors, or from itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("data_lists", "extract", "score")
OURS = (*STAGES, "scripts", "tests", "support")

# From the ground up. A package not listed stands with the one that contains it.
FLOORS = (
    "extract.runtime",
    "data_lists extract extract.backbones extract.descriptors extract.segments extract.sound score.threads "
    "score.metrics score.settings",
    "extract.decode extract.flow extract.inference extract.store extract.weights",
    "extract.importing extract.presets score.pooling",
    "extract.language extract.scene score.bags score.leakage",
    "extract.clips extract.regions score.heads",
    "extract.matching extract.pipeline extract.preview score.config",
    "extract.engines score.runs",
    "extract.commands score.scoring score.training",
    "score.evaluation score.export score.predict",
    "score.alerts score.benchmark score.feedback score.jobs score.report",
    "score.live",
    "score.web",
    "score.app",
    "score score.commands",
    "extract.cli score.cli",
)
FLOOR = {package: number for number, packages in enumerate(FLOORS, start=1) for package in packages.split()}

# What of stage 1 stage 2 may import: the contract between the stages, and what knows of neither.
BOTH_STAGES = ("score.predict", "score.live", "score.app")
SHARED = ("extract.store", "extract.runtime")

LARGEST_FOLDER = 20


def modules() -> dict[str, Path]:
    """Dotted name -> file, of everything that is installed."""
    paths = [path for stage in STAGES for path in sorted((ROOT / stage).rglob("*.py"))]
    return {dotted(path): path for path in paths}


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, known: dict[str, Path]) -> dict[str, int]:
    """Our modules that a file imports or starts by name, wherever that stands, with the line."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            # `from package import name`: the name is a module, or something that the package's __init__ holds
            names = [name if name in known else str(node.module) for name in names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in known:
            names = [node.value] if "." in node.value else []  # for importlib, python -m, importlib.resources
        else:
            continue
        found |= {name: node.lineno for name in names if name.split(".")[0] in OURS}
    return found


def placed(module: str) -> str:
    """The entry of FLOORS that a module belongs to: the longest that contains it."""
    while module not in FLOOR:
        module = module.rpartition(".")[0]
    return module


def floor_of(target: str) -> str:
    return f"floor {FLOOR[placed(target)]}" if target.split(".")[0] in STAGES else "which is not installed"


def goes_up(importer: str, target: str) -> bool:
    if target.split(".")[0] not in STAGES:
        return True
    here, there = placed(importer), placed(target)
    return here != there and FLOOR[there] >= FLOOR[here]


KNOWN = modules()


IMPORTS = {module: imported(path, KNOWN) for module, path in KNOWN.items()}


def test_imports_go_down():
    wrong = [
        f"{KNOWN[module].relative_to(ROOT)}:{line}, {floor_of(module)}, imports {target}, {floor_of(target)}"
        for module, targets in IMPORTS.items()
        for target, line in targets.items()
        if goes_up(module, target)
    ]
    assert not wrong, "\n".join(wrong)


def test_stage_two_reads_stores_and_knows_nothing_else_of_stage_one():
    allowed = {
        "data_lists": ("data_lists", "extract.runtime"),
        "extract": ("data_lists", "extract"),
        "score": ("data_lists", "score", *SHARED),
    }
    wrong = []
    for module, targets in IMPORTS.items():
        inside = allowed[module.split(".")[0]] + (("extract",) if within(module, BOTH_STAGES) else ())
        wrong += [f"{module} imports {name}" for name in targets if not within(name, inside)]
    assert not wrong, "\n".join(wrong)


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def test_no_circle_between_packages():
    """Folders, however deep, apart from a folder and the ones that it contains."""
    arrows: dict[str, set[str]] = {}
    for module, names in IMPORTS.items():
        here = folder(module)
        targets = {folder(name) for name in names if name in KNOWN} - {here}
        arrows.setdefault(here, set()).update(t for t in targets if not nested(here, t))
    finished: set[str] = set()

    def visit(package: str, trail: tuple[str, ...]) -> None:
        assert package not in trail, "circle: " + " -> ".join((*trail[trail.index(package) :], package))
        if package not in finished:
            for each in sorted(arrows.get(package, ())):
                visit(each, (*trail, package))
            finished.add(package)

    for package in sorted(arrows):
        visit(package, ())
    assert len(finished) > 30


def folder(module: str) -> str:
    return module if KNOWN[module].name == "__init__.py" else module.rpartition(".")[0] or module


def nested(one: str, other: str) -> bool:
    return within(one, (other,)) or within(other, (one,))


def test_an_import_that_goes_up_is_caught(tmp_path):
    """Both directions, a lazy import among them, through the functions that the tests above use."""
    (tmp_path / "up.py").write_text("def later():\n    from score.commands import train\n")
    (tmp_path / "named.py").write_text("importlib.import_module('score.commands.train')\n")
    (tmp_path / "outside.py").write_text("from scripts.tools import soak\n")
    (tmp_path / "down.py").write_text(
        "from extract.store import FeatureStore\nfrom score.metrics import ranking\n"
    )
    for file in ("up.py", "named.py", "outside.py"):
        assert [goes_up("score.heads.mil", name) for name in imported(tmp_path / file, KNOWN)] == [True]
    assert [goes_up("score.heads.mil", name) for name in imported(tmp_path / "down.py", KNOWN)] == [
        False,
        False,
    ]


def test_folders_stay_small_enough_to_survey():
    sizes = {}
    for path in KNOWN.values():
        if path.name != "__init__.py":
            sizes[path.parent] = sizes.get(path.parent, 0) + 1
    large = {str(place.relative_to(ROOT)): count for place, count in sizes.items() if count > LARGEST_FOLDER}
    assert not large


def test_no_file_name_means_two_things():
    """Names repeat only where they play one role: commands, parsers of data sets, presets of a head."""
    stems: dict[str, list[Path]] = {}
    for path in KNOWN.values():
        one_role = path.name in ("__init__.py", "cli.py", "parser.py", "legacy.py")
        if not one_role and path.parent.name not in ("commands", "presets"):
            stems.setdefault(path.stem, []).append(path.relative_to(ROOT))
    assert not {stem: paths for stem, paths in stems.items() if len(paths) > 1}


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return {name.split(".")[0] for name in run.stdout.split()}


@pytest.mark.parametrize(
    "module, absent",
    [
        ("extract.store", {"torch", "decord", "torchvision", "cv2"}),
        ("extract.runtime", {"torch", "h5py", "decord", "cv2"}),
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
