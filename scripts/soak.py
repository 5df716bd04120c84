"""Break a run in every way that comes by itself in a cluster, again and again, and compare what it leaves.

    python scripts/soak.py --videos DIR --list list.tsv --minutes 10

Each trial extracts the whole list into a new store, injects one kind of fault at random moments, resumes until the run
ends by itself, and compares the store with one that nothing happened to, data set by data set. Ends with a table.
"""
from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import click
import h5py

RESUMES = 200  # of one trial


def content(store: Path) -> dict[str, bytes]:
    """Every data set of a store."""
    found = {}
    for path in sorted(store.rglob("*.h5")):
        with h5py.File(path) as file:
            found |= {f"{path.relative_to(store)}:{name}": file[name][()].tobytes() for name in file}
    return found


def stop_runs(sent: signal.Signals):
    """The whole run is signalled at a random moment, and resumed."""

    def trial(command: list[str], dice: random.Random, seconds: float) -> int:
        for faults in range(RESUMES):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(dice.uniform(0, seconds))
                return faults
            except subprocess.TimeoutExpired:
                process.send_signal(sent)
                process.wait()
        raise click.ClickException(f"a run did not end in {RESUMES} resumes")

    return trial


def kill_below(named: str, *options: str):
    """Processes of a run are killed now and then; the run itself goes on."""

    def trial(command: list[str], dice: random.Random, seconds: float) -> int:
        faults = 0
        while True:
            process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until = time.monotonic() + 3 * seconds  # then it is left alone
            while process.poll() is None:
                time.sleep(dice.uniform(0.1, seconds / 3))
                found = below(process.pid, named)
                if found and time.monotonic() < until and process.poll() is None:
                    os.kill(dice.choice(found), signal.SIGKILL)
                    faults += 1
            if faults:
                # what died with both decoders or three devices is named as failed; a second run has it
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                return faults

    return trial


def two_at_once(command: list[str], dice: random.Random, seconds: float) -> int:
    """Two runs on one store; one of them is killed half way."""
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    time.sleep(dice.uniform(0, seconds))
    both[0].kill()
    for process in both:
        process.wait()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # clears up after the dead one
    return 1


def lose_node(command: list[str], dice: random.Random, seconds: float) -> int:
    """A cluster of three nodes on this machine loses one of them, and one actor on another."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        second, _ = nodes.add_node(num_cpus=1), nodes.add_node(num_cpus=1)
        told = subprocess.PIPE
        ray_command = [*command, "--workers", "1", "--engine", "ray", "--address", nodes.address]
        process = subprocess.Popen(ray_command, stdout=told, stderr=subprocess.DEVNULL, text=True)
        store = Path(command[command.index("--store") + 1])
        while process.poll() is None and not any(store.rglob("*.h5")):
            time.sleep(0.05)
        time.sleep(dice.uniform(0, seconds / 4))
        nodes.remove_node(second)
        actors = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _is_actor(entry)]
        if actors:
            os.kill(dice.choice(actors), signal.SIGKILL)
        click.echo(process.communicate()[0].strip())
        return 1 + bool(actors)
    finally:
        nodes.shutdown()


def _is_actor(process: Path) -> bool:
    try:
        return (process / "cmdline").read_bytes().startswith(b"ray::ShardActor")
    except OSError:
        return False


def below(process: int, named: str) -> list[int]:
    """Descendants of a process whose command line holds a word."""
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                commands[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
    found = []
    for each in parents:
        ancestor = parents[each]
        while ancestor in parents and ancestor != process:
            ancestor = parents[ancestor]
        if ancestor == process and named in commands[each]:
            found.append(each)
    return found


FAULTS = {
    "run killed": stop_runs(signal.SIGKILL),
    "run asked to stop": stop_runs(signal.SIGTERM),
    "decode worker killed": kill_below("extract.decode.worker"),
    "device process killed": kill_below("extract.device_worker", "--devices", "cpu,cpu"),
    "two runs at once, one killed": two_at_once,
    "node removed and actor killed": lose_node,
}


@click.command()
@click.option("--videos", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--list", "listing", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--preset", default="motion", show_default=True)
@click.option("--minutes", type=click.FloatRange(0), default=10, show_default=True)
@click.option("--fault", "names", multiple=True, type=click.Choice(list(FAULTS)), help="Only these. [default: all]")
@click.option("--seed", default=0, show_default=True)
def main(videos, listing, preset, minutes, names, seed):
    """Inject faults until the time is over; exit code 1 when anything was lost."""
    dice = random.Random(seed)
    command = [sys.executable, "-m", "extract.cli", "run", "--preset", preset, "--weights", "none", "--videos", str(videos)]
    command += ["--list", str(listing), "--workers", "2"]
    table: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])  # trials, faults, stores that differ
    with tempfile.TemporaryDirectory(prefix="vad-soak-") as folder:
        began = time.monotonic()
        code = subprocess.run([*command, "--store", f"{folder}/whole"], stderr=subprocess.DEVNULL).returncode
        if code not in (0, 1):
            raise click.ClickException(f"the run that nothing happens to ended with {code}")
        seconds = time.monotonic() - began
        expected = content(Path(folder) / "whole")
        click.echo(f"nothing happens: {len(expected)} data sets, {seconds:.0f} s")
        while time.monotonic() - began < minutes * 60:
            for name in names or FAULTS:
                trial = FAULTS[name]
                store = Path(folder) / f"{name}-{table[name][0]}".replace(" ", "-")
                faults = trial([*command, "--store", str(store)], dice, seconds)
                same = content(store) == expected and not list(store.rglob("*.partial"))
                table[name] = [table[name][0] + 1, table[name][1] + faults, table[name][2] + (not same)]
                click.echo(f"{name}: {faults} faults, {'nothing lost' if same else f'LOST, see {store}'}")
    click.echo("\n| fault | trials | faults | stores that differ |\n|---|---|---|---|")
    for name, (trials, faults, differ) in table.items():
        click.echo(f"| {name} | {trials} | {faults} | {differ} |")
    sys.exit(any(row[2] for row in table.values()))


if __name__ == "__main__":
    main()
