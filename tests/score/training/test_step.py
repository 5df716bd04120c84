"""Steps: accumulated batches against one on their mean, less precision, and TensorBoard events."""

import copy
import json
import math
import sys
import weakref

import pytest
import torch

from data_lists import write_list
from extract.runtime.memory_limits import OutOfMemory
from score.config.run_config import resolve
from score.heads import FEATURE_HEADS, HEADS
from score.heads.losses import video_cross_entropy
from score.heads.mil import MIL
from score.training.divergence import NotFinite, TrainingDiverged
from score.training.loop import train_epoch, train_seed
from score.training.optimizers import weight_average
from score.training.precision import check_precision, forward_in
from score.training.state import Training
from score.training.validation import score_cache
from support.tiny_bags import random_bags
from support.tiny_stores import make_store, make_videos
from support.tiny_trainings import (
    SMALL_MIL,
    Stop,
    assert_same,
    make_data,
    resumed_lines,
    run_cli,
    stop_after,
    training_on,
)

LABEL = [1, 0, 1, 0]
LENGTHS = [9, 5, 16, 12]


@pytest.mark.parametrize("clip_norm", [None, 0.01])
def test_accumulating_batches_equals_one_step_on_the_mean_of_their_losses(clip_norm):
    batches = [random_bags(LABEL, lengths=LENGTHS, seed=seed) for seed in range(3)]
    sgd = ("train.optimizer.name=sgd", "train.optimizer.lr=0.1", "train.optimizer.weight_decay=0")
    clip = f"train.optimizer.clip_norm={'null' if clip_norm is None else clip_norm}"
    training = training_on(batches, "mil", "head.dropout=0", "train.accumulate=3", *sgd, clip)
    head = copy.deepcopy(training.head)
    losses = [head.losses(head(bags), bags) for bags in batches]
    gradient = torch.autograd.grad(sum(sum(each.values()) for each in losses) / 3, list(head.parameters()))
    norm = torch.cat([each.flatten() for each in gradient]).norm()
    scale = 1.0 if clip_norm is None else clip_norm / norm
    assert clip_norm is None or norm > 2 * clip_norm  # or nothing would be clipped
    logged = train_epoch(training).loss
    for parameter, each, moved in zip(head.parameters(), gradient, training.head.parameters(), strict=True):
        torch.testing.assert_close(moved, parameter - 0.1 * scale * each, atol=1e-6, rtol=1e-5)
    assert set(logged) == {*losses[0], "total"}
    for name in losses[0]:
        assert logged[name] == pytest.approx(sum(each[name].item() for each in losses) / 3, rel=1e-5)


def test_outputs_that_only_losses_read_are_gone_before_the_gradient():
    training = training_on([random_bags(LABEL, lengths=LENGTHS, seed=seed) for seed in range(2)], "ur-dmu")
    outputs, alive = [], []
    training.head.register_forward_hook(lambda _head, _bags, output: outputs.append(weakref.ref(output)))
    parameter = next(training.head.parameters())
    parameter.register_hook(lambda _gradient: alive.append(outputs[-1]() is not None))
    train_epoch(training)
    assert alive == [False] * 2


def test_accumulation_makes_fewer_steps_and_the_schedule_counts_those(tmp_path):
    overrides = (*SMALL_MIL, "train.steps_per_epoch=5", "train.optimizer.schedule=cosine")
    config, data = make_data(tmp_path, overrides=(*overrides, "train.accumulate=2"))
    train_seed(config, data, folder=tmp_path / "run", seed=0)
    lr = [record["lr"] / config.train.optimizer.lr for record in resumed_lines(tmp_path / "run")]
    # 3 epochs of 3 steps (2 + 2 + 1 batches); the last step of each is number 2, 5 and 8 of 9
    assert lr == pytest.approx([(1 + math.cos(math.pi * step / 9)) / 2 for step in (2, 5, 8)])
    plain = resolve(config, overrides=["train.accumulate=1"])
    one = train_seed(config, data, folder=tmp_path / "one", seed=0)
    two = train_seed(plain, data, folder=tmp_path / "two", seed=0)
    assert any(not torch.equal(rows, two.weights[name]) for name, rows in one.weights.items())


@pytest.mark.parametrize("name", FEATURE_HEADS)
def test_less_precision_changes_scores_little_and_every_head_trains_with_it(name):
    bags = random_bags(LABEL, lengths=LENGTHS)
    training = training_on([bags], name, "train.precision=bfloat16", "train.optimizer.lr=0.1")
    head = training.head
    with torch.no_grad():
        exact, rounded = (forward_in(each, head.eval(), bags) for each in ("float32", "bfloat16"))
    assert rounded.segment_score.dtype == rounded.video_score.dtype == torch.float32
    assert all(not rows.is_floating_point() or rows.dtype == torch.float32 for rows in rounded.aux.values())
    # eight bits of mantissa: a sixteenth is far more than a few layers lose, and far less than any mistake
    torch.testing.assert_close(rounded.segment_score, exact.segment_score, atol=1 / 16, rtol=0)
    assert not torch.equal(rounded.segment_score, exact.segment_score)
    before = copy.deepcopy(head.state_dict())
    assert all(math.isfinite(value) for value in train_epoch(training).loss.values())
    assert all(rows.dtype == before[key].dtype for key, rows in head.state_dict().items())
    assert any(not torch.equal(rows, before[key]) for key, rows in head.state_dict().items())


def test_accumulation_and_less_precision_resume_to_the_same_bits(tmp_path):
    overrides = (*SMALL_MIL, "train.steps_per_epoch=3", "train.accumulate=2", "train.precision=bfloat16")
    config, data = make_data(tmp_path, overrides=overrides)
    whole = train_seed(config, data, folder=tmp_path / "whole", seed=1)
    with pytest.raises(Stop):
        train_seed(config, data, folder=tmp_path / "half", seed=1, on_epoch=stop_after(1))
    assert_same(whole, train_seed(config, data, folder=tmp_path / "half", seed=1))
    assert resumed_lines(tmp_path / "half") == resumed_lines(tmp_path / "whole")


class Counting(MIL):
    """Remembers how many anomalous and how many normal bags each batch held."""

    seen: list = []

    def losses(self, output, bags, player="head"):
        self.seen.append((int(bags.label.sum()), int((1 - bags.label).sum())))
        return super().losses(output, bags, player)


@pytest.mark.parametrize("share, expected", [("0.5", (5, 5)), ("0.4", (4, 6))])
def test_every_batch_of_a_run_has_the_requested_share_of_each_class(tmp_path, monkeypatch, share, expected):
    monkeypatch.setitem(HEADS, "mil", Counting)
    monkeypatch.setattr(Counting, "seen", [])
    overrides = (*SMALL_MIL, "train.batch=10", f"train.anomalous_share={share}", "train.validation_share=0")
    config, data = make_data(tmp_path, overrides=overrides)
    train_seed(config, data, folder=tmp_path / "run", seed=0)
    assert set(Counting.seen) == {expected}


def test_the_weight_average_starts_at_the_fresh_weights_and_copies_buffers():
    network = torch.nn.BatchNorm1d(1)
    average = weight_average(network, 0.75)
    for value in (5.0, 9.0):
        with torch.no_grad():
            network.weight.fill_(value)
            network.running_mean.fill_(value)
        average.update_parameters(network)
    assert average.module.weight.item() == 0.75 * (0.75 * 1 + 0.25 * 5) + 0.25 * 9
    assert average.module.running_mean.item() == 9


def test_every_cpu_may_take_either_precision():
    for precision in ("float32", "bfloat16"):
        check_precision(precision, torch.device("cpu"))


@pytest.fixture
def command(tmp_path):
    videos = make_videos(4, 4)
    make_store(tmp_path / "store", videos)
    write_list(tmp_path / "train.tsv", videos)
    return [
        "train",
        "--head",
        "mil",
        "--store",
        tmp_path / "store",
        "--list",
        tmp_path / "train.tsv",
        "--out",
        tmp_path / "run",
        "--set",
        "train.epochs=3",
        "--set",
        "head.hidden=[4]",
        "--device",
        "cpu",
    ]


def read_events(folder):
    """Tag -> [(epoch, value), ...] of all event files of a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    tags = events.Tags()["scalars"]
    return {tag: [(each.step, each.value) for each in events.Scalars(tag)] for tag in tags}


def assert_events_say(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    found = read_events(folder / "tensorboard")
    expected = {
        f"loss/{name}": [(line["epoch"], line["loss"][name]) for line in lines] for name in lines[0]["loss"]
    }
    expected["lr"] = [(line["epoch"], line["lr"]) for line in lines]
    expected["validation/video_auc"] = [(line["epoch"], line["validation"]["video_auc"]) for line in lines]
    assert set(found) == {*expected, "validation/loss", "validation/frame_threshold", "seconds"}
    for tag, values in expected.items():
        assert [epoch for epoch, _ in found[tag]] == [1, 2, 3]
        assert [value for _, value in found[tag]] == pytest.approx([value for _, value in values], rel=1e-6)


def test_events_hold_every_epoch_once_even_when_a_run_resumes(command, tmp_path):
    done = run_cli(*command, "--tensorboard")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "run" / "seed_0"
    assert_events_say(folder)
    # as if it had been killed while it wrote the line of its first epoch
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "checkpoint.pt").unlink()
    (folder / "metrics.jsonl").write_text(lines[0][:20])
    again = run_cli(*command, "--tensorboard", "--resume")
    assert again.exit_code == 0, again.output
    assert_events_say(folder)


def test_events_of_a_finished_run_can_be_asked_for_later(command, tmp_path):
    assert run_cli(*command).exit_code == 0
    assert not (tmp_path / "run" / "seed_0" / "tensorboard").exists()
    assert run_cli(*command, "--tensorboard", "--resume").exit_code == 0
    assert_events_say(tmp_path / "run" / "seed_0")


def test_without_the_extra_there_is_one_line_and_no_run(command, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # what an import of an absent package meets
    result = run_cli(*command, "--tensorboard")
    assert result.exit_code == 2 and not (tmp_path / "run").exists()
    assert result.output.splitlines() == [
        "error: --tensorboard needs a package that is not installed: pip install 'vad-pipeline[tensorboard]'"
    ]


@pytest.mark.parametrize("name", FEATURE_HEADS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e38])
def test_a_training_that_diverges_is_one_line_in_every_head(name, value):
    training = training_on([random_bags(LABEL, lengths=LENGTHS)], name)
    with torch.no_grad():
        for parameter in training.head.parameters():
            parameter.fill_(value)
    with pytest.raises(TrainingDiverged, match="training of seed 0 diverged in epoch 1 ") as error:
        train_epoch(training)
    assert "\n" not in str(error.value)


def test_the_cross_entropy_of_nan_is_nan_and_of_scores_is_that_of_torch():
    score, label = torch.rand(9, requires_grad=True), (torch.arange(9) % 2).float()
    ours = video_cross_entropy(score, label)
    theirs = torch.nn.functional.binary_cross_entropy(score.clamp(1e-6, 1 - 1e-6), label)
    assert torch.equal(ours, theirs)
    assert torch.equal(*(torch.autograd.grad(each, score)[0] for each in (ours, theirs)))
    assert video_cross_entropy(torch.tensor([0.5, float("nan")]), label[:2]).isnan()


def test_validation_scores_of_nan_end_the_training(tmp_path):
    config, data = make_data(tmp_path)
    head = Training(config, data, seed=0, device=torch.device("cpu")).head.eval()
    with torch.no_grad():
        next(head.parameters()).fill_(float("nan"))
    with pytest.raises(NotFinite, match="validation scores"):
        score_cache(head, data.validation)


def test_too_little_memory_names_the_batch_and_what_to_reduce(tmp_path, monkeypatch):
    config, data = make_data(tmp_path)
    monkeypatch.setattr(MIL, "forward", lambda *_: torch.empty(1 << 60))  # torch's own error
    with pytest.raises(
        OutOfMemory, match="seed 0, epoch 1, a batch of 8 videos .*smaller train.batch"
    ) as error:
        train_seed(config, data, folder=tmp_path / "run", seed=0)
    assert "\n" not in str(error.value)
