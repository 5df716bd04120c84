"""The notebook runs from its first cell to its last, on a smaller demo than a reader's, and is stored without
outputs."""

import os
from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "scripts/demo/walkthrough.ipynb"
SMALL = """
from pathlib import Path

demo = Path({folder!r})
train_videos, test_videos, seconds = 4, 2, (4, 4.5)
seeds, epochs = 2, 5
"""


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_is_stored_without_outputs(notebook):
    nbformat.validate(notebook)
    assert NOTEBOOK.stat().st_size < 30_000
    assert all(
        not cell.outputs and cell.execution_count is None
        for cell in notebook.cells
        if cell.cell_type == "code"
    )


@pytest.mark.slow
def test_the_notebook_runs(notebook, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(NOTEBOOK.parents[2]), os.environ.get("PYTHONPATH", "")])
    )
    (settings,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    settings.source = SMALL.format(folder=str(tmp_path))
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    )
    client.execute()
    printed = "".join(
        output.get("text", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    assert "efficientnet-lite0: " in printed or "without pretrained weights" in printed
    assert "frame AUC" in printed and "video score" in printed and "falls by" in printed
    for name in ("annotated.mp4", "viewer.html", "report.html"):
        assert (tmp_path / "walkthrough" / name).stat().st_size > 10_000
