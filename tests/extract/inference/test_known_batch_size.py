"""A machine tries batch sizes once for each network, again where others disturbed the trial."""

import contextlib
import sqlite3
import time
from dataclasses import replace

import pytest
import torch

from extract.backbones.backbone import Backbone
from extract.inference.known_batch_size import known_batch_size
from extract.inference.network import Network
from extract.runtime.foreign.ledger import LEDGER_FILE, Ledger
from extract.runtime.machine.machine_load import MachineLoad

SHAPE = (3, 4, 5, 5)


class Counting(Backbone):
    """Counts its passes. seconds: batch size -> of a pass."""

    name, feature_dim = "counting", 3
    exact_length = None

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds
        self.one = torch.nn.Parameter(torch.ones(1))
        self.passes = 0

    def forward(self, clips):
        self.passes += 1
        time.sleep(self.seconds[len(clips)])
        return clips.mean(dim=(2, 3, 4)) * self.one


def alone() -> MachineLoad:
    """Since a moment after which the processors were idle but for us."""
    load = MachineLoad()
    load.first = replace(load.first, idle=load.first.idle - 1e6)
    return load


def beside_others() -> MachineLoad:
    load = MachineLoad()
    load.first = replace(load.first, busy=load.first.busy - 1e6)
    return load


# Far apart, because machines that run tests are shared.
TWO_IS_BEST, ONE_IS_BEST = {1: 0.08, 2: 0.02}, {1: 0.01, 2: 0.15}


def chosen(name, folder, *, load=alone, seconds=TWO_IS_BEST, **settings):
    """(batch size, passes that it took) in a new program."""
    network = Network(Counting(seconds), device=torch.device("cpu"), batch_size=2, fast=False, **settings)
    ledger = Ledger(lambda: folder)
    size = known_batch_size(name, network, SHAPE, ledger=ledger, load=load())
    ledger.flush()
    return size, network.net.net.passes


@pytest.mark.parametrize(("seconds", "best"), [(TWO_IS_BEST, 2), (ONE_IS_BEST, 1)])
def test_the_next_program_knows_what_the_first_one_found(tmp_path, seconds, best):
    first, passes = chosen("a", tmp_path, seconds=seconds)
    assert first == best and passes > 0
    assert chosen("a", tmp_path, seconds=seconds) == (best, 0)
    # another network and another arithmetic are tried by themselves
    assert chosen("b", tmp_path)[1] > 0
    assert chosen("a", tmp_path, precision="bf16")[1] > 0


def test_other_threads_are_tried_by_themselves(tmp_path, monkeypatch):
    chosen("a", tmp_path)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    assert chosen("a", tmp_path)[1] > 0 and chosen("a", tmp_path)[1] == 0


@pytest.mark.parametrize("note", ["0", "-3", "many", ""])
def test_a_note_that_is_no_batch_size_is_not_believed(tmp_path, note):
    chosen("a", tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / LEDGER_FILE)) as rows, rows:
        assert rows.execute("UPDATE notes SET note = ?", [note]).rowcount == 1
    size, passes = chosen("a", tmp_path)
    assert size == 2 and passes > 0


def test_another_size_that_won_beside_others_is_not_kept(tmp_path):
    for _ in range(2):
        size, passes = chosen("a", tmp_path, load=beside_others, seconds=ONE_IS_BEST)
        assert size == 1 and passes > 0
    assert chosen("a", tmp_path, load=beside_others)[1] > 0
    assert chosen("a", tmp_path, load=beside_others) == (2, 0)  # the network's own is safe to keep
