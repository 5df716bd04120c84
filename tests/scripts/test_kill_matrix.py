"""A quick part of the matrix of faults, which runs over every verb by hand."""

import pytest

from scripts.tools.kill_matrix import markdown, matrix
from scripts.tools.kill_verbs import VERBS, prepare


@pytest.mark.slow
def test_packing_survives_a_full_disk_and_importing_a_kill(tmp_path):
    verbs = [VERBS["pack"], VERBS["import"]]
    bench = prepare(tmp_path, verbs)
    table = matrix(bench, verbs[:1], ["FULL"], kills=1, seed=4) | matrix(
        bench, verbs[1:], ["KILL"], kills=1, seed=0
    )
    assert [problem for row in table.values() for problem in row.problems] == []
    assert len(markdown(table)) == 2 + 2 and all(row.tries == row.same == 1 for row in table.values())
