"""Exported heads: their scores compared with torch's, their metadata, and what is refused."""

import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
import torch

from data_lists import Video, write_list
from extract.store import VideoFeatures
from score.bags.bags import BagSpec
from score.config.presets import preset_of
from score.config.run_config import RunConfig, resolve
from score.export.int8 import quantise
from score.export.onnx_export import BOUND, SHAPES, compare, export, make_session
from score.export.onnx_graph import ExportError
from score.export.onnx_scorer import OnnxScorer
from score.heads import FEATURE_HEADS, HEADS
from score.heads.mil import MIL
from score.runs.checkpoint import Checkpoint, build_head
from score.scoring.scorer import Scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_stores import make_features, make_store, make_videos
from support.tiny_trainings import run_cli

# torch.export takes seconds per head; the quick selection of tests exports one of them.
every_head = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "mil" else pytest.mark.slow) for name in FEATURE_HEADS]
)
# mil scales its rows too; the others only standardise. Few steps of the LSTM, each of which becomes nodes.
OVERRIDES = {
    "mil": ("data.normalise=l2",),
    "claws": ("head.window=64",),
    "multitask": ("head.window=4", "head.stride=2", "head.recurrent_layers=1", "head.layers=1"),
}


@cache
def exported(name: str) -> tuple[Checkpoint, bytes]:
    """A briefly trained head on two modalities, and its model."""
    config = resolve(preset_of(name, "debug"), overrides=OVERRIDES.get(name, ()))
    videos = make_videos(4, 4)
    with TemporaryDirectory() as folder:
        stores = [
            make_store(Path(folder) / "rgb", videos),
            make_store(Path(folder) / "flow", videos, modality="flow"),
        ]
        trained = train_seed(config, prepare(config, stores, videos), folder=Path(folder) / "run", seed=0)
        path = Path(folder) / "made" / "head.onnx"
        done = export(trained, path)
        assert sorted(each.name for each in path.parent.iterdir()) == ["head.onnx"]  # nothing half-written
        assert done.num_bytes == path.stat().st_size and list(done.difference) == list(SHAPES)
        assert max(done.difference.values()) <= BOUND
        return trained, path.read_bytes()


def rows_of(length: int, *, crops: int = 1, seed: int = 0) -> list[VideoFeatures]:
    """One video as in both stores."""
    random = np.random.default_rng([length, seed])
    return [make_features("v", random.normal(size=(length, crops, 6))) for _ in range(2)]


@pytest.mark.slow
@every_head
@pytest.mark.parametrize("length", [1, 2, 33, 450])
def test_a_stored_video_gets_the_scores_of_torch(name, length):
    checkpoint, model = exported(name)
    checkpoint = replace(checkpoint, config=resolve(checkpoint.config, overrides=["data.segments.mode=none"]))
    expected = Scorer(checkpoint).score(*rows_of(length))
    found = OnnxScorer(checkpoint, model).score(*rows_of(length))
    np.testing.assert_allclose(found.segment_score, expected.segment_score, atol=BOUND)
    assert found.video_score == pytest.approx(expected.video_score, abs=BOUND)
    assert found.segment_score.shape == (length,)


@pytest.mark.slow
def test_a_model_gives_length_one_to_rows_of_wide_stores_alone(tmp_path):
    # The two stores have other numbers of segments.
    settings = ["data.normalise=wide", "data.segments.join=cut", "data.segments.cut_at_most=8"]
    config, videos = resolve(preset_of("mil", "debug"), overrides=settings), make_videos(4, 4)
    widths = {"rgb": 6, "flow": 130}
    stores = [
        make_store(tmp_path / name, videos, modality=name, feature_dim=width)
        for name, width in widths.items()
    ]
    trained = train_seed(config, prepare(config, stores, videos), folder=tmp_path / "run", seed=0)
    export(trained, tmp_path / "head.onnx")
    random = np.random.default_rng(0)
    rows = {name: random.normal(size=(9, 1, width)) for name, width in widths.items()}

    video = [make_features("v", each) for each in rows.values()]
    expected = Scorer(trained).score(*video).segment_score
    found = OnnxScorer(trained, (tmp_path / "head.onnx").read_bytes()).score(*video).segment_score
    np.testing.assert_allclose(found, expected, atol=BOUND)
    # Without its lengths of one the head answers something else, so the bound above says something.
    plain = replace(trained, config=resolve(trained.config, overrides=["data.normalise=none"]))
    assert not np.allclose(Scorer(plain).score(*video).segment_score, expected, atol=100 * BOUND)


@every_head
@pytest.mark.slow
def test_the_model_names_its_inputs_and_describes_itself(name):
    checkpoint, model = exported(name)
    graph = onnx.load_from_string(model)
    onnx.checker.check_model(graph, full_check=True)
    session = make_session(model)
    assert {each.name: (each.type, each.shape) for each in session.get_inputs()} == {
        "flow": ("tensor(float)", ["batch", "time", 6]),
        "rgb": ("tensor(float)", ["batch", "time", 6]),
        "mask": ("tensor(bool)", ["batch", "time"]),
    }
    assert {each.name: (each.type, each.shape) for each in session.get_outputs()} == {
        "segment_score": ("tensor(float)", ["batch", "time"]),
        "video_score": ("tensor(float)", ["batch"]),
    }
    assert b"score/heads" not in model and b"site-packages" not in model  # nor where it was made
    said = {each.key: each.value for each in graph.metadata_props}
    assert RunConfig.from_dict(json.loads(said["config"])) == checkpoint.config and said["head"] == name
    assert [spec["modality"] for spec in json.loads(said["specs"])] == ["rgb", "flow"]
    assert json.loads(said["in_the_model"]) == ["standardise"] + (["l2"] if name == "mil" else [])
    assert said["version"] and (graph.producer_name, graph.producer_version) == ("vad-score", said["version"])


@every_head
def test_padding_and_other_bags_do_not_change_a_score(name):
    session = make_session(exported(name)[1])
    random = np.random.default_rng(0)
    rows = {"rgb": random.normal(size=(3, 50, 6)), "flow": random.normal(size=(3, 50, 6))}
    rows = {modality: each.astype(np.float32) for modality, each in rows.items()}
    mask = np.arange(50) < np.array([50, 7, 21])[:, None]
    together = session.run(["segment_score", "video_score"], {**rows, "mask": mask})
    assert not together[0][~mask].any()
    for bag, length in enumerate([50, 7, 21]):
        one = {modality: each[bag : bag + 1, :length] for modality, each in rows.items()}
        alone = session.run(["segment_score", "video_score"], {**one, "mask": mask[bag : bag + 1, :length]})
        np.testing.assert_allclose(together[0][bag, :length], alone[0][0], atol=BOUND)
        assert together[1][bag] == pytest.approx(alone[1][0], abs=BOUND)


@every_head
def test_every_head_has_a_model_with_8_bit_weights(name):
    checkpoint, model = exported(name)
    small = quantise(model)
    assert small != model and any(
        each.data_type == onnx.TensorProto.INT8 for each in onnx.load_from_string(small).graph.initializer
    )
    scores = OnnxScorer(checkpoint, small).score(*rows_of(40))
    assert np.isfinite(scores.segment_score).all()
    assert scores.segment_score.min() >= 0 and scores.segment_score.max() <= 1
    said = {each.key: each.value for each in onnx.load_from_string(small).metadata_props}
    assert said["weights"] == "int8" and said["head"] == name


@pytest.mark.slow
def test_8_bit_weights_take_about_a_quarter_and_scores_stay_close(tmp_path):
    config, spec = preset_of("mil", "mil-cvpr18"), BagSpec({"rgb": 512})
    torch.manual_seed(0)
    weights = build_head(config, spec).state_dict()
    checkpoint = Checkpoint(config, spec, (), weights, None, lists={}, seed=0, epoch=1)
    export(checkpoint, tmp_path / "head.onnx")
    model = (tmp_path / "head.onnx").read_bytes()
    small = quantise(model)
    assert len(model) > 4 * sum(rows.numel() for rows in weights.values())
    assert len(small) < 0.3 * len(model)
    assert 0 < max(compare(checkpoint, small).values()) < 0.02


def test_crops_are_averaged():
    checkpoint, model = exported("mil")
    specs = tuple(replace(spec, crops="made", num_crops=3) for spec in checkpoint.specs)
    one, three = OnnxScorer(checkpoint, model), OnnxScorer(replace(checkpoint, specs=specs), model)
    parts = rows_of(9, crops=3)
    single = [
        one.score(*(replace(part, features=part.features[:, crop : crop + 1]) for part in parts))
        for crop in range(3)
    ]
    found = three.score(*parts)
    expected = np.mean([each.segment_score for each in single], axis=0)
    np.testing.assert_allclose(found.segment_score, expected, atol=1e-6)
    assert found.video_score == pytest.approx(np.mean([each.video_score for each in single]), abs=1e-6)


@pytest.mark.slow
def test_differing_scores_are_refused_and_nothing_is_written(tmp_path, monkeypatch):
    checkpoint, model = exported("mil")
    other = {name: rows + 0.1 for name, rows in checkpoint.weights.items()}
    assert max(compare(replace(checkpoint, weights=other), model).values()) > 100 * BOUND
    path = tmp_path / "head.onnx"
    path.write_bytes(b"before")
    monkeypatch.setattr("score.export.onnx_export.BOUND", -1.0)  # stricter than any model can be
    with pytest.raises(ExportError, match="scores of mil as ONNX differ from torch.*nothing was written"):
        export(checkpoint, path)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


class Branching(MIL):
    """Branches on values, which a graph cannot represent."""

    def forward(self, bags):
        if float(bags.joined().sum()) > 0:
            return super().forward(bags)
        return super().forward(bags)


def test_a_head_that_cannot_be_exported_is_reported_in_one_line(tmp_path, monkeypatch):
    checkpoint, _ = exported("mil")
    monkeypatch.setitem(HEADS, "mil", Branching)
    with pytest.raises(ExportError, match="head mil cannot be exported to ONNX: .*data-dependent") as error:
        export(checkpoint, tmp_path / "head.onnx")
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two seeds on annotated videos, and a test list."""
    root = tmp_path_factory.mktemp("trained")
    train, test = make_videos(4, 4), make_videos(3, 3, prefix="test/")
    make_store(root / "store", [*train, *test])
    write_list(root / "train.tsv", train)
    write_list(
        root / "test.tsv",
        [replace(each, anomaly_spans=((32, 64),) if each.is_anomalous else ()) for each in test],
    )
    done = run_cli(
        "train",
        "--head",
        "mil",
        "--preset",
        "debug",
        "--store",
        root / "store",
        "--list",
        root / "train.tsv",
        "--out",
        root / "run",
        "--seeds",
        "2",
        "--device",
        "cpu",
    )
    assert done.exit_code == 0, done.output
    return root


@pytest.mark.slow
def test_the_command_writes_both_models_and_prints_the_change(run, tmp_path):
    done = run_cli(
        "export",
        run / "run" / "seed_1",
        "--out",
        tmp_path / "head.onnx",
        "--int8",
        tmp_path / "small.onnx",
        "--store",
        run / "store",
        "--list",
        run / "test.tsv",
    )
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'head.onnx'}: ") and "1 x 1, 1 x 32, 3 x 77, 8 x 200" in lines[0]
    assert lines[1].startswith(f"{tmp_path / 'small.onnx'}: ") and lines[2] == "on 6 videos"
    evaluated = run_cli(
        "evaluate",
        run / "run" / "seed_1",
        "--store",
        run / "store",
        "--list",
        run / "test.tsv",
        "--json",
        tmp_path / "torch.json",
        "--device",
        "cpu",
    )
    assert evaluated.exit_code == 0, evaluated.output
    expected = json.loads((tmp_path / "torch.json").read_text())
    for line, measure in zip(lines[3:5], ("frame_auc", "video_auc"), strict=True):
        assert line.split()[:2] == [measure.split("_")[0], "AUC"] and "change" in line
        assert float(line.split()[2]) == pytest.approx(expected[measure]["mean"], abs=1e-4)
    assert lines[5].startswith("  segment scores differ by at most")


@pytest.mark.slow
def test_training_videos_are_counted_and_missing_annotations_reported(run, tmp_path):
    done = run_cli(
        "export",
        run / "run" / "seed_0" / "checkpoint.pt",
        "--out",
        tmp_path / "head.onnx",
        "--store",
        run / "store",
        "--list",
        run / "train.tsv",
    )
    assert done.exit_code == 0, done.output
    assert "on 8 videos, 8 of which it was trained on" in done.output
    assert "frame AUC  none: the videos have only one class, or lack anomaly spans" in done.output
    assert "change" not in done.output and "float32" in done.output


def test_wrong_usage_is_one_line_and_writes_nothing(run, tmp_path, monkeypatch):
    out = ["--out", tmp_path / "head.onnx"]
    lists = ["--list", run / "test.tsv"]
    write_list(tmp_path / "gone.tsv", [Video("gone")])
    for words, message in [
        ([run / "run", *out], "holds 2 seeds; name one, for example"),
        ([run / "none", *out], "holds no run of vad-score train"),
        ([run / "run" / "seed_0", *out, *lists], "--store and --list go together"),
        ([run / "run" / "seed_0", *out, *lists, "--store", run / "none"], "none"),
        (
            [run / "run" / "seed_0", *out, "--store", run / "store", "--list", tmp_path / "gone.tsv"],
            "lacks 1 of 1 videos: gone",
        ),
    ]:
        result = run_cli("export", *words)
        assert result.exit_code == 2 and message in result.output, result.output
        assert "Traceback" not in result.output and not (tmp_path / "head.onnx").exists()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # what an import of an absent package meets
    result = run_cli("export", run / "run" / "seed_0", *out)
    assert result.exit_code == 2 and result.output.splitlines() == [
        "error: export needs a package that is not installed (onnxruntime): pip install 'vad-pipeline[onnx]'"
    ]


def test_one_file_for_both_models_is_refused(tmp_path):
    same = tmp_path / "model.onnx"
    said = run_cli("export", tmp_path, "--out", same, "--int8", same)
    assert said.exit_code == 2 and "--int8 and --out name the same file" in said.output
    assert not same.exists()
