"""Lists and counted nouns as messages show them."""

import pytest

from extract.runtime.text import counted, listed


def test_a_list_names_the_first_and_counts_the_others():
    assert listed(["a", "b", "c"], shown=3) == "a, b, c"
    assert listed(list("abcde"), shown=2) == "a, b and 3 more"
    assert listed(list("abc"), shown=2, separator="; no ") == "a; no b and 1 more"
    assert listed([]) == ""


@pytest.mark.parametrize(
    "things, noun, text",
    [
        ([], "video", "0 videos"),
        ({"a"}, "video", "1 video"),
        (2, "class", "2 classes"),
        (range(3), "seed", "3 seeds"),
    ],
)
def test_a_noun_follows_its_number(things, noun, text):
    assert counted(things, noun) == text
