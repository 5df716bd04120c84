"""Settings: layers in their order, every mistake at once, and the same again from a file."""

import pytest
import yaml

from score.config.presets import preset_of
from score.config.run_config import ConfigError, RunConfig, resolve


def problems(**changes):
    with pytest.raises(ConfigError) as error:
        resolve(preset_of("mil"), **changes)
    return error.value.problems


def test_set_wins_over_the_file_and_the_file_over_the_preset(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text(
        "head: {dropout: 0.1, hidden: [7]}\ntrain: {optimizer: {lr: 1e-2}}\n"
    )  # YAML reads 1e-2 as text
    config = resolve(preset_of("mil"), file=file, overrides=["head.dropout=0.3", "data.segments.mode=none"])
    assert config.head.dropout == 0.3 and config.head.hidden == (7,)
    assert config.train.optimizer.lr == 0.01 and config.data.segments.mode == "none"
    assert config.train.optimizer.name == preset_of("mil").train.optimizer.name


def test_every_mistake_is_reported_at_once():
    found = problems(
        overrides=[
            "head.droput=0.3",
            "train.optimizer.lr=-1",
            "data.segments.mode=avg",
            "trian.epochs=2",
            "head.hidden=[0, 3]",
            "lr",
            "data.segments=3",
            "train.optimizer.lrate=1",
        ]
    )
    text = "\n".join(found)
    assert len(found) == 8
    for part in (
        "did you mean 'head.dropout'?",
        "train.optimizer.lr is -1",
        "data.segments.mode is 'avg'",
        "did you mean 'train'?",
        "head.hidden.0 is 0",
        "--set lr: expected section.name=value",
        "--set data.segments=3: segments is 3, expected a section",
        "did you mean 'train.optimizer.lr'?",
    ):
        assert part in text


def test_a_file_without_settings_is_named(tmp_path):
    (tmp_path / "broken.yaml").write_text("head: [1\n")
    (tmp_path / "list.yaml").write_text("- 1\n")
    assert "broken.yaml: cannot be read as YAML" in problems(file=tmp_path / "broken.yaml")[0]
    assert (
        "list.yaml holds list, expected the sections head, data, fusion, train"
        in problems(file=tmp_path / "list.yaml")[0]
    )
    assert "gone.yaml: no such file" in problems(file=tmp_path / "gone.yaml")[0]


def test_a_file_for_another_head_is_refused(tmp_path):
    (tmp_path / "other.yaml").write_text("head: {name: other}\n")
    assert problems(file=tmp_path / "other.yaml") == [
        f"{tmp_path / 'other.yaml'}: head.name is 'other', but the head of this run is 'mil'"
    ]


def test_the_written_settings_read_back_as_the_same():
    config = resolve(
        preset_of("mil"),
        overrides=["train.optimizer.milestones=[3, 9]", "train.optimizer.player_lr={head: 0.1}"],
    )
    assert RunConfig.from_dict(yaml.safe_load(config.to_yaml())) == config


def test_settings_that_contradict_each_other_are_refused():
    assert "expected epochs in rising order" in problems(overrides=["train.optimizer.milestones=[9, 3]"])[0]


def test_a_learning_rate_for_a_player_that_the_head_lacks_is_refused():
    assert problems(overrides=["train.optimizer.player_lr={referee: 0.1}"]) == [
        "unknown player of train.optimizer.player_lr 'referee'; known: head"
    ]


def test_a_preset_of_another_head_and_an_unknown_one_are_refused_in_different_words():
    with pytest.raises(ConfigError, match="unknown preset 'mil-cvpr81'; did you mean 'mil-cvpr18'"):
        preset_of("mil", "mil-cvpr81")
    with pytest.raises(ConfigError, match="unknown head 'mill'; did you mean 'mil'"):
        preset_of("mill")


def test_a_head_on_clips_swaps_no_backgrounds():
    with pytest.raises(ConfigError, match="data.exchange is 0.5, but the head reclass trains on clips"):
        resolve(preset_of("reclass"), overrides=["data.exchange=0.5"])
