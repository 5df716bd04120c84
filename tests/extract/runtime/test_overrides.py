"""Paths and values of --set."""

import pytest

from extract.runtime.overrides import Override


def test_values_are_yaml_and_paths_are_dotted():
    override = Override.parse("train.optimizer.lr=1e-3", form="a.b=c")
    assert override.path == ("train", "optimizer", "lr")
    assert override.nested() == {"train": {"optimizer": {"lr": override.value}}}
    assert Override.parse("a=[1, x]", form="a=b").value == [1, "x"]
    assert Override.parse("a=b=c", form="a=b").value == "b=c"
    assert Override.parse("a=", form="a=b").value is None


@pytest.mark.parametrize("text", ["lr", "lr=1", ".lr=1", "a..b=1", "=1"])
def test_text_that_is_not_an_assignment_is_refused(text):
    with pytest.raises(ValueError, match=f"--set {text}: expected a.b=c"):
        Override.parse(text, form="a.b=c", least=2)


def test_a_value_that_is_not_yaml_is_refused():
    with pytest.raises(ValueError, match=r"--set a=\[1: '\[1' is not a YAML value"):
        Override.parse("a=[1", form="a=b")
