"""The message for a folder of other settings."""

from pathlib import Path

import pytest

from score.runs.checkpoint_error import CheckpointError
from score.runs.identity import check_same


def test_settings_that_the_message_leaves_out_are_counted():
    ours, theirs = ({"config": {f"field_{n}": n + more for n in range(10)}} for more in (1, 0))
    check_same(ours, ours, Path("run"))
    with pytest.raises(
        CheckpointError, match="field_0 was 0, now 1; .*field_7 was 7, now 8 and 2 more; "
    ) as error:
        check_same(ours, theirs, Path("run"))
    assert "field_8" not in str(error.value)
