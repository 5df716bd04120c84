"""vad-extract weights: list known weight files, find them, fetch them and verify them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from extract.runtime.say import say, say_over

# Each command imports extract.weights itself: torch takes seconds, which --help should not.


@click.group()
def weights():
    """List, fetch and check the files of pretrained backbones."""


@weights.command("list")
def list_():
    """List the known weights, their networks and where their files are; only names when piped."""
    from extract.weights.files import locate, searched_folders
    from extract.weights.known import KNOWN

    if not sys.stdout.isatty():
        for name in KNOWN:
            say(name)
        return
    for name, known in KNOWN.items():
        found = locate(known)
        where = str(found[0]) if found else f"not here: {known.remedy()}"
        say(f"{name:20} for {', '.join(known.backbones):26} {known.file_names[0]:40} {where}")
    say("searched: " + ", ".join(map(str, searched_folders())))


@weights.command()
@click.argument("name")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="Folder. [default: the cache]")
def fetch(name, into):
    """Download NAME, continuing an interrupted download, and verify it."""
    from extract.weights.digests import check_file
    from extract.weights.fetch import fetch as fetch_file

    known = _known(name)
    path = fetch_file(known, folder=into, progress=_show if sys.stderr.isatty() else None)
    say(f"{path}: {check_file(path, known)}")


@weights.command()
@click.argument("name")
def path(name):
    """Print where the file of NAME is; exit 1 if no folder has it."""
    from extract.weights.files import locate, searched_folders

    known = _known(name)
    found = locate(known)
    if found is None:
        folders = ", ".join(map(str, searched_folders()))
        raise click.ClickException(f"{known.file_names[0]} is in none of {folders}: {known.remedy()}")
    say(str(found[0]))


@weights.command()
@click.argument("file_or_name")
def verify(file_or_name):
    """Verify a file's identity, for Inception-I3D also tensor by tensor against DeepMind's checkpoint.

    Exit 1 if the file is not what its name says, or its digest and its numbers are not known.
    """
    from extract.weights.digests import git_blob_id, sha256
    from extract.weights.files import locate
    from extract.weights.known import known_weights
    from extract.weights.load import chosen_file

    known, found = known_weights(file_or_name), None
    if known is not None:
        found = locate(known)
        if found is None:
            raise click.ClickException(f"no file of {known.name} is here: {known.remedy()}")
        file = found[0]
    else:
        file = chosen_file(file_or_name, None)
    blob, digest = git_blob_id(file), sha256(file)
    for line in (f"file {file}, {file.stat().st_size} bytes", f"sha256 {digest}", f"git blob {blob}"):
        say(line)
    owner = _owner(blob, digest)
    if owner:
        say(f"published as {owner}")
    # All checks run, so that one call reports everything.
    contradicts = found is not None and _contradicts(file, found[1])
    equals = _equals_deepmind(file)
    # DeepMind's numbers are published whatever file holds them.
    nobodys = owner is None and found is None and not equals
    if nobodys:
        say(f"error: {file}: no known weights have this digest (vad-extract weights list)", err=True)
    if contradicts or equals is False or nobodys:
        sys.exit(1)


def _known(name: str):
    from extract.weights.known import known_weights, unknown_choice

    known = known_weights(name)
    if known is None:
        raise unknown_choice(name, None)
    return known


def _owner(blob: str, digest: str) -> str | None:
    from extract.weights.known import KNOWN

    for name, known in KNOWN.items():
        if known.git_blob == blob or (known.sha256_prefix and digest.startswith(known.sha256_prefix)):
            return name
    return None


def _contradicts(file: Path, owner) -> bool:
    from extract.weights.digests import check_file
    from extract.weights.error import WeightsError

    try:
        say(check_file(file, owner))
    except WeightsError as error:
        say(f"error: {error}", err=True)
        return True
    return False


def _equals_deepmind(file: Path) -> bool | None:
    """Whether an Inception-I3D has DeepMind's numbers; None for other networks."""
    from extract.runtime.text import counted, listed
    from extract.weights.deepmind import checkpoint_tensors, differing_tensors, stream_of
    from extract.weights.dialects import read_state

    state = read_state(file)
    stream = stream_of(state)
    say(counted(state, "tensor"))
    if stream is None:
        return None
    expected = checkpoint_tensors(stream)
    differing = differing_tensors(state, expected)
    if not differing:
        say(f"all {len(expected)} tensors of DeepMind's {stream} checkpoint are there, bit for bit")
        return True
    say(
        f"{len(differing)} tensors are not those of DeepMind's {stream} checkpoint: {listed(differing)}",
        err=True,
    )
    return False


def _show(have: int, total: int | None) -> None:
    share = f" of {total / 1e6:.1f} MB ({have / total:.0%})" if total else " MB"
    say_over(f"{have / 1e6:.1f}{share}", last=have == total)
