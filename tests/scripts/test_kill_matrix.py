"""A quick part of the matrix of faults, which runs over every verb by hand."""

import pytest

from scripts.tools.kill_matrix import markdown, matrix
from scripts.tools.kill_verbs import VERBS, prepare


@pytest.mark.slow
def test_packing_and_importing_survive_a_kill_and_a_full_disk(tmp_path):
    verbs = [VERBS["pack"], VERBS["import"]]
    table = matrix(prepare(tmp_path, verbs), verbs, ["KILL", "FULL"], kills=1, seed=0)
    assert [problem for row in table.values() for problem in row.problems] == []
    assert len(markdown(table)) == 2 + 4 and all(row.tries == row.same == 1 for row in table.values())
