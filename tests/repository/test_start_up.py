"""Help and refusals come at once: neither program imports what only its work needs."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data_lists import write_list
from extract.cli import main as vad_extract
from score.cli import main as vad_score
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_stores import make_store, make_videos

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"extract": vad_extract, "score": vad_score}
HEAVY = {
    "numpy",
    "torch",
    "h5py",
    "scipy",
    "sklearn",
    "pydantic",
    "av",
    "cv2",
    "PIL",
    "rich",
    "jinja2",
    "yaml",
}
MOST = (
    450  # modules of the standard library, click, psutil and ours; with numpy and h5py there are 700 and more
)
# Runs one command line after another and prints, for each, its exit code and every module that is there then.
ASK = """
import json, sys
from importlib import import_module
from click.testing import CliRunner
main = import_module(sys.argv[1] + ".cli").main
found = []
for arguments in json.loads(sys.argv[2]):
    result = CliRunner().invoke(main, arguments)
    found.append([result.exit_code, sorted(sys.modules)])
print(json.dumps(found))
"""


def asked(stage, lines):
    done = subprocess.run(
        [sys.executable, "-c", ASK, stage, json.dumps(lines)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("stage", PROGRAMS)
def test_help_and_mistyped_options_import_nothing_heavy(stage):
    lines = [["--help"], ["mistyped"], *([name, "--mistyped"] for name in PROGRAMS[stage].lazy)]
    for line, (code, modules) in zip(lines, asked(stage, lines), strict=True):
        assert code == (0 if line == ["--help"] else 2), line
        assert not HEAVY & set(modules), line
        assert len(modules) < MOST, line


@pytest.mark.slow
def test_the_work_itself_is_noticed():
    (_, light), (_, heavy) = asked("score", [["heads", "--mistyped"], ["heads", "mil"]])
    assert "torch" in heavy and "torch" not in light and len(heavy) > MOST


@pytest.mark.parametrize("stage", PROGRAMS)
def test_every_command_has_a_line_that_is_not_cut(stage):
    program = PROGRAMS[stage]
    assert program.lazy.keys() == program.commands.keys()
    for name, (_, about) in program.lazy.items():
        assert program.commands[name].name == name
        assert about.endswith(".") and len(name) + len(about) < 76


def test_an_evaluation_imports_neither_torchs_compiler_nor_what_it_does_not_measure(tmp_path):
    run, store = tmp_path / "run", make_store(tmp_path / "store", make_videos(4, 4))
    config = resolve(preset_of("mil", "debug"), overrides=["train.validation_share=0", "train.select=last"])
    data = prepare(config, [store], make_videos(4, 4))
    train_seed(config, data, folder=run / "seed_0", seed=0, device=torch.device("cpu"))
    write_list(tmp_path / "list.tsv", [replace(video, anomaly_spans=()) for video in make_videos(4, 4)])
    line = ["evaluate", str(run), "--store", str(store.root), "--list", str(tmp_path / "list.tsv")]
    ((code, modules),) = asked("score", [[*line, "--resamples", "0", "--allow-leak"]])
    assert code == 0
    assert not {"torch._dynamo", "sympy", "scipy", "sklearn", "jinja2", "av"} & set(modules)


def test_a_prediction_refuses_its_inputs_before_it_imports_torch(tmp_path):
    (tmp_path / "notes.mp4").mkdir()
    lines = [["predict", str(tmp_path / path), "--run", str(tmp_path)] for path in ("none.mp4", "notes.mp4")]
    for code, modules in asked("score", lines):
        assert code == 2
        assert "torch" not in modules


def test_a_prediction_starts_its_decode_worker_before_it_imports_torch(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"")
    ask = (
        "import os, sys\n"
        "import extract.runtime.device as device\n"
        "from support.processes import descendants\n"
        "from score.cli import main\n"
        "def at_this_moment():\n"
        "    print(len(descendants(os.getpid(), 'extract.decode.decode_worker')), 'torch' in sys.modules)\n"
        "    raise SystemExit\n"
        "device.import_torch = at_this_moment\n"
        f"main(['predict', {str(tmp_path / 'a.mp4')!r}, '--run', {str(tmp_path)!r}])"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["1", "False"], done.stderr


@pytest.mark.slow
def test_stages_without_a_torchvision_network_do_not_wait_for_torchvision():
    """Its import brings torch's compiler: 160 MB, and more time than the descriptors of a short video."""
    ask = (
        "import sys, score.predict.extraction, score.predict.intervals, extract.pipeline.extractor\n"
        "import extract.pipeline.network_rows, torch\n"
        "from extract.backbones import BACKBONES\n"
        "from extract.inference.network import Network\n"
        "Network(BACKBONES['efficientnet-lite0'](), device=torch.device('cpu'), batch_size=1)\n"
        "before = {'torchvision', 'torch._dynamo'} & set(sys.modules)\n"
        "BACKBONES['efficientnet-b0']()\n"
        "print(len(before), 'torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True"]
