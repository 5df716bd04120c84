"""Break runs in every way that happens on a cluster, again and again, and compare the stores with an
undisturbed one.

    python -m scripts.tools.soak --videos DIR --minutes 10
    python -m scripts.tools.soak --videos DIR --fault "node removed and actor killed" --minutes 0

Each trial extracts the complete list into a new store, injects one kind of fault at random moments, resumes
until the run ends by itself, and compares the store with one of an undisturbed run: every data set and every
attribute except the provenance. A summary that counts a video twice or not at all, a half-written file and a
leftover process count as failures. Ends with a table.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import h5py
import numpy as np

from data_lists import Video, resolve_lists, write_list
from data_lists.file_names import VIDEO_SUFFIXES
from extract.store import FeatureStore
from extract.store.failures import read_failures

RESUMES = 200  # per trial
END_SECONDS = 10.0  # that processes have to end after a signal
PR_SET_CHILD_SUBREAPER = 36
SUMMARY = re.compile(r"(\d+) extracted, (\d+) already there, (\d+) failed")


def content(store: Path) -> dict[str, bytes]:
    """Every data set of a store and every attribute except its provenance."""
    found = {}
    for path in sorted(store.rglob("*.h5")):
        place = path.relative_to(store)
        with h5py.File(path) as file:
            found |= {f"{place}:{name}": np.asarray(file[name]).tobytes() for name in file}
            found |= {
                f"{place}@{name}": np.asarray(value).tobytes()
                if not isinstance(value, str)
                else value.encode()
                for name, value in file.attrs.items()
                if name != "provenance"
            }
    return found


def differing(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    """Files that are not as expected. A video that the second decoder took over may name that decoder and
    have its timestamps, which agree in single precision; its frames and features are the same."""
    keys = {key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)}
    for key in [key for key in keys if key.endswith("@decode") and _is_other_decoder(found, expected, key)]:
        keys.discard(key)
        times = f"{key.removesuffix('@decode')}:time_span"
        if _times_agree(found, expected, times):
            keys.discard(times)
    return sorted({re.split("[:@]", key)[0] for key in keys})


def _is_other_decoder(found: dict[str, bytes], expected: dict[str, bytes], key: str) -> bool:
    if key not in found or key not in expected:
        return False
    ours, theirs = json.loads(found[key]), json.loads(expected[key])
    return ours.pop("decoder") != theirs.pop("decoder") and ours == theirs


def _times_agree(found: dict[str, bytes], expected: dict[str, bytes], key: str) -> bool:
    ours, theirs = (np.frombuffer(each[key]) for each in (found, expected))
    return ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def stop_runs(sent: signal.Signals):
    """The run gets a signal at a random moment and is resumed."""

    def trial(command: list[str], dice: random.Random, seconds: float) -> int:
        for faults in range(RESUMES):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                errors = process.communicate(timeout=dice.uniform(0, seconds))[1]
                codes = (0, 1)  # 1: videos that fail by name
            except subprocess.TimeoutExpired:
                process.send_signal(sent)
                errors = process.communicate()[1]
                # It may end by itself just now, or before it can handle signals.
                codes = (0, 1, -sent, 128 + sent)
            if process.returncode not in codes or "Traceback" in errors:
                raise click.ClickException(f"a run ended with {process.returncode}: {errors[-2000:]}")
            if process.returncode in (0, 1):
                return faults
        raise click.ClickException(f"a run did not end in {RESUMES} resumes")

    return trial


def kill_below(named: str, *options: str):
    """Processes of a run are killed now and then; the run itself continues and names the videos that
    failed."""

    def trial(command: list[str], dice: random.Random, seconds: float) -> int:
        store, faults = store_of(command), 0
        while not faults:
            shutil.rmtree(store, ignore_errors=True)  # the previous run ended before anything was killed
            process = subprocess.Popen(
                [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            until = time.monotonic() + 3 * seconds  # no kills afterwards
            with ThreadPoolExecutor(1) as reader:
                output = reader.submit(process.communicate)
                while process.poll() is None:
                    time.sleep(dice.uniform(0.1, seconds / 3))
                    found = below(process.pid, named)
                    if found and time.monotonic() < until and process.poll() is None:
                        os.kill(dice.choice(found), signal.SIGKILL)
                        faults += 1
                check_output(command, process.returncode, *output.result())
        # Videos that brought down both decoders or three devices are named as failed; a second run extracts
        # them.
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return faults

    return trial


def two_at_once(command: list[str], dice: random.Random, seconds: float) -> int:
    """Two runs on one store; one is killed half-way, the other ends with every video."""
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(dice.uniform(0, seconds))
    first.kill()
    output = second.communicate()
    first.wait()
    check_output(command, second.returncode, *output)
    # A third run removes what the killed one left.
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return 1


def check_output(command: list[str], code: int, out: str, errors: str) -> None:
    """Check the output of a run that ended by itself: every listed video is counted once, every missing one
    named."""
    if code not in (0, 1) or "Traceback" in errors or (summary := SUMMARY.search(out)) is None:
        raise click.ClickException(f"a run ended with {code}: {out[-500:]} {errors[-2000:]}")
    done, skipped, failed = map(int, summary.groups())
    listed = {video.video_id for video in resolve_lists([command[command.index("--list") + 1]])}
    store = FeatureStore(store_of(command))
    missing, named = listed - set(store.ids()), {failure.video_id for failure in read_failures(store)}
    if done + skipped + failed != len(listed) or missing != named or bool(failed) != bool(code):
        raise click.ClickException(
            f"{len(listed)} videos are listed, {len(missing)} missing, {len(named)} named as failed, "
            f"exit code {code}; the summary says: {out.strip()}"
        )


def store_of(command: list[str]) -> Path:
    return Path(command[command.index("--store") + 1])


def lose_node(command: list[str], dice: random.Random, seconds: float) -> int:
    """A local cluster of three nodes loses a node and an actor; the summary must count every video once."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        second, _ = nodes.add_node(num_cpus=1), nodes.add_node(num_cpus=1)
        ray_command = [*command, "--workers", "1", "--engine", "ray", "--address", nodes.address]
        process = subprocess.Popen(ray_command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        store = store_of(command)
        while process.poll() is None and not any(store.rglob("*.h5")):
            time.sleep(0.05)
        time.sleep(dice.uniform(0, seconds / 4))
        actors = below(os.getpid(), "ray::ShardActor")
        if process.poll() is not None or len(actors) < 2:
            raise click.ClickException(f"the run was over before anything was lost ({len(actors)} actors)")
        its_own = below(second.all_processes["raylet"][0].process.pid, "ray::ShardActor")
        os.kill(dice.choice([actor for actor in actors if actor not in its_own]), signal.SIGKILL)
        time.sleep(dice.uniform(0, seconds / 4))
        if process.poll() is not None:
            raise click.ClickException("the run was over before the node was lost")
        nodes.remove_node(second, allow_graceful=False)
        output = process.communicate()
        click.echo(output[0].strip())
    finally:
        nodes.shutdown()
    check_output(command, process.returncode, *output)
    return 2


def below(process: int, named: str) -> list[int]:
    """Descendants of a process whose command line contains `named`."""
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
    "decode worker killed": kill_below("extract.decode.decode_worker"),
    "device process killed": kill_below("extract.engines.device_worker", "--devices", "cpu,cpu"),
    "two runs at once, one killed": two_at_once,
    "node removed and actor killed": lose_node,
}


def left_behind() -> list[int]:
    """Processes of finished runs. Orphans below this process become its children (PR_SET_CHILD_SUBREAPER)."""
    until = time.monotonic() + END_SECONDS
    while (found := below(os.getpid(), "extract.")) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def every_video(root: Path, listing: Path) -> Path:
    """A list of all video files below a folder."""
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    write_list(listing, [Video(path.relative_to(root).with_suffix("").as_posix()) for path in files])
    return listing


@click.command()
@click.option("--videos", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option(
    "--list",
    "listing",
    type=click.Path(exists=True, path_type=Path),
    help="[default: every video below --videos]",
)
@click.option("--preset", default="motion", show_default=True)
@click.option(
    "--minutes",
    type=click.FloatRange(0),
    default=10,
    show_default=True,
    help="How long to run; every fault is injected at least once.",
)
@click.option(
    "--fault", "names", multiple=True, type=click.Choice(list(FAULTS)), help="Only these. [default: all]"
)
@click.option("--seed", default=0, show_default=True)
def main(videos, listing, preset, minutes, names, seed):
    """Inject faults until the time is up; exit code 1 if anything was lost."""
    dice = random.Random(seed)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    table: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])  # trials, faults, trials that lost something
    with tempfile.TemporaryDirectory(prefix="vad-soak-") as folder:
        listing = listing or every_video(videos, Path(folder) / "list.tsv")
        command = [sys.executable, "-m", "extract.cli", "run", "--preset", preset, "--weights", "none"]
        command += ["--videos", str(videos), "--list", str(listing), "--workers", "2"]
        began = time.monotonic()
        store = Path(folder) / "undisturbed"
        run = subprocess.run([*command, "--store", str(store)], stderr=subprocess.DEVNULL)
        if run.returncode not in (0, 1):
            raise click.ClickException(f"the undisturbed run ended with {run.returncode}")
        seconds = time.monotonic() - began
        expected = content(store)
        click.echo(f"undisturbed: {len(expected)} data sets and attributes, {seconds:.0f} s")
        while not table or time.monotonic() - began < minutes * 60:
            for name in names or FAULTS:
                trial = FAULTS[name]
                store = Path(folder) / f"{name}-{table[name][0]}".replace(" ", "-")
                started = time.monotonic()
                faults = trial([*command, "--store", str(store)], dice, seconds)
                took, problems = time.monotonic() - started, []
                if differ := differing(content(store), expected):
                    problems.append(f"{len(differ)} differ, {differ[0]} among them")
                if partial := list(store.rglob("*.partial")):
                    problems.append(f"{partial[0].name} remains")
                if processes := left_behind():
                    problems.append(f"processes {processes} remain")
                table[name] = [table[name][0] + 1, table[name][1] + faults, table[name][2] + bool(problems)]
                click.echo(f"{name}: {faults} faults, {took:.0f} s, {'; '.join(problems) or 'nothing lost'}")
    click.echo("\n| fault | trials | faults | trials that lost something |\n|---|---|---|---|")
    for name, (trials, faults, lost) in table.items():
        click.echo(f"| {name} | {trials} | {faults} | {lost} |")
    sys.exit(any(row[2] for row in table.values()))


if __name__ == "__main__":
    main()
