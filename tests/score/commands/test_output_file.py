"""A result never replaces what a command reads: videos, images, runs and stores."""

import pytest
from click.testing import CliRunner

from score.cli import main
from support.tiny_stores import make_store, make_videos


@pytest.fixture
def places(tmp_path):
    make_store(tmp_path / "store", make_videos(1, 1))
    (tmp_path / "run").mkdir()
    for name in ("run/checkpoint.pt", "run/config.yaml", "cam.mp4", "0000.png", "packed.h5", "old.json"):
        (tmp_path / name).write_bytes(b"kept")
    return tmp_path


@pytest.mark.parametrize("option", ["--json", "--csv", "--viewer"])
@pytest.mark.parametrize(
    "name, what",
    [
        ("run/checkpoint.pt", "a part of a trained run"),
        ("run/config.yaml", "a part of a trained run"),
        ("store/n0.h5", "a part of the feature store"),
        ("store/store.json", "a part of the feature store"),
        ("packed.h5", "an HDF5 file"),
        ("cam.mp4", "a video"),
        ("0000.png", "an image"),
    ],
)
def test_what_a_result_would_replace_is_named(places, option, name, what):
    before = (places / name).read_bytes()
    words = ["predict", "x.mp4", "--checkpoint", str(places / "run"), option, str(places / name)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2 and f"{name} is {what}" in done.output.replace("\n", " ")
    assert (places / name).read_bytes() == before


def test_a_link_to_a_checkpoint_is_a_checkpoint(places):
    (places / "new.json").symlink_to(places / "run/checkpoint.pt")
    words = ["evaluate", str(places / "run"), "--list", "x.tsv", "--json", str(places / "new.json")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2 and "a part of a trained run" in done.output.replace("\n", " ")


@pytest.mark.parametrize("name", ["old.json", "run/metrics.json", "new/metrics.json"])
def test_earlier_results_and_new_files_are_fine(places, name):
    words = [
        "predict",
        str(places / "none.mp4"),
        "--checkpoint",
        str(places / "run"),
        "--json",
        str(places / name),
    ]
    assert "replace" not in CliRunner().invoke(main, words).output
