"""Presets that every head has, and the command that lists them."""

import re
from pathlib import Path

import pytest
import yaml

from data_lists import write_list
from score.bags.bags import BagSpec
from score.config.presets import PRESETS, preset_of, presets_of
from score.config.presets.overlays import OVERLAYS
from score.config.run_config import ConfigError, RunConfig, resolve
from score.heads import FEATURE_HEADS, HEADS
from score.runs.checkpoint import build_head
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_stores import make_store, make_videos
from support.tiny_trainings import resumed_lines, run_cli

every_head = pytest.mark.parametrize("head", FEATURE_HEADS)
every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def flat(values: dict, prefix: str = "") -> dict:
    """{"train": {"epochs": 2}} -> {"train.epochs": 2}."""
    pairs = {}
    for name, value in values.items():
        pairs |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return pairs


def named(pattern: str) -> set[str]:
    """The heads that the guide names in the first group of the pattern."""
    (said,) = re.findall(pattern, (Path(__file__).parents[3] / "score/README.md").read_text(), re.S)
    return set(re.findall(r"`([\w-]+)`", said))


def test_the_guide_names_the_heads_whose_default_changes_wide_features():
    data = {head: preset_of(head).data for head in FEATURE_HEADS}
    assert named(r"`data.standardise=width`, the\s+default of (.*?), divides") == {
        head for head, each in data.items() if each.standardise == "width"
    }
    unit = {head for head, each in data.items() if each.normalise == "wide"}
    assert named(r"Both are the default of (.*?), the second") == unit
    dropping = {head for head, each in data.items() if each.feature_dropout}
    assert unit | named(r"the second alone that of (.*?);") == dropping


@every_head
@every_overlay
def test_an_overlay_changes_what_it_says_and_nothing_else(head, overlay):
    config = preset_of(head, overlay)
    own, found = flat(preset_of(head).to_dict()), flat(config.to_dict())
    said = OVERLAYS[overlay].settings + OVERLAYS[overlay].of_head.get(head, ())
    changed = {name: yaml.safe_load(value) for name, _, value in (text.partition("=") for text in said)}
    assert found == {**own, **changed}
    assert isinstance(build_head(config, BagSpec({"rgb": 6})), HEADS[head])


def test_what_an_overlay_says_for_one_head_names_a_head():
    assert {head for overlay in OVERLAYS.values() for head in overlay.of_head} <= set(FEATURE_HEADS)
    assert not set(OVERLAYS) & set(PRESETS)


@pytest.mark.parametrize("head", ["claws", "claws-plus"])
def test_windows_are_the_same_in_training_and_scoring(head):
    for name in presets_of(head):
        data = preset_of(head, name).data
        assert data.scoring_segments == data.segments, name


@every_head
def test_debug_trains_two_epochs_of_two_steps(head, tmp_path):
    config, videos = preset_of(head, "debug"), make_videos(6, 6)
    data = prepare(config, [make_store(tmp_path / "store", videos)], videos)
    train_seed(config, data, folder=tmp_path / "run", seed=0)
    assert len(resumed_lines(tmp_path / "run")) == config.train.epochs == 2
    assert config.train.steps_per_epoch == 2


@every_head
def test_every_head_has_a_preset_of_its_paper_beside_those_of_all(head):
    names = list(presets_of(head))
    published = [name for name in names if name not in ("default", *OVERLAYS)]
    assert names[0] == "default" and names[-len(OVERLAYS) :] == list(OVERLAYS) and published
    assert {preset_of(head, name).name for name in names} == {head}
    assert all(PRESETS[name] is preset_of(head, name) for name in published)


def test_a_preset_of_another_head_and_an_unknown_one_name_those_there_are():
    with pytest.raises(
        ConfigError, match="of 'mil': default, mil-cvpr18, learner, fight, cameras, violence, debug"
    ):
        preset_of("mil", "rtfm-iccv21")
    with pytest.raises(ConfigError, match="unknown preset 'figth'; did you mean 'fight'"):
        preset_of("mil", "figth")


def test_heads_lists_the_presets_of_one_head_and_prints_their_settings(tmp_path):
    assert run_cli("heads", "rtfm").output.split() == list(presets_of("rtfm"))
    printed = run_cli("heads", "rtfm", "--preset", "fight").output
    assert RunConfig.from_dict(yaml.safe_load(printed)) == preset_of("rtfm", "fight")
    (tmp_path / "fight.yaml").write_text(printed)
    assert resolve(preset_of("rtfm"), file=tmp_path / "fight.yaml") == preset_of("rtfm", "fight")
    assert run_cli("heads", "--preset", "fight").exit_code == 2
    wrong = run_cli("heads", "rtmf")
    assert wrong.exit_code == 2
    assert wrong.output.startswith("error: unknown head 'rtmf'; did you mean 'rtfm'?")


def test_the_command_trains_with_an_overlay(tmp_path):
    videos = make_videos(4, 4)
    make_store(tmp_path / "store", videos)
    write_list(tmp_path / "train.tsv", videos)
    done = run_cli(
        "train",
        "--head",
        "claws",
        "--preset",
        "debug",
        "--store",
        tmp_path / "store",
        "--list",
        tmp_path / "train.tsv",
        "--out",
        tmp_path / "run",
        "--device",
        "cpu",
    )
    assert done.exit_code == 0, done.output
    written = yaml.safe_load((tmp_path / "run" / "seed_0" / "config.yaml").read_text())
    assert RunConfig.from_dict(written) == preset_of("claws", "debug")
