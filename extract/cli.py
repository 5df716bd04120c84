"""vad-extract: from videos to a store of features."""

from __future__ import annotations

import click

from extract.commands.doctor import doctor
from extract.commands.flow import flow
from extract.commands.import_ import import_
from extract.commands.inspect import inspect
from extract.commands.pack import pack, unpack
from extract.commands.plan import plan
from extract.commands.presets import presets
from extract.commands.run import run
from extract.commands.scene import scene
from extract.commands.verify import verify
from extract.commands.weights import weights
from extract.runtime.one_line_errors import OneLineErrors
from extract.store import StoreError


class Program(OneLineErrors):
    expected = (*OneLineErrors.expected, StoreError)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vad-pipeline")
def main():
    """Stage 1: run frozen backbones over videos and store their features."""


for command in (run, inspect, verify, presets, doctor, import_, pack, unpack, plan, flow, scene, weights):
    main.add_command(command)

if __name__ == "__main__":
    main()
