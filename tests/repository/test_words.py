"""The field's words instead of our own: those on the left are gone from the tree."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What is gone -> what stands in its place. Patterns see identifiers too, so underscores count as spaces.
WORDS = {
    r"two[ _]means": "k-means",
    r"stretches": "time bins, intervals",
    r"carved?|carving|(?-i:Division)": "hold-out split",
    r"judged?|judges|judging|judgement": "evaluate; discriminator",
    r"unusual": "anomalous, anomaly map",
    r"usual (score|clip|frame|error|map)s?": "normal percentile",
    r"films?|filmed": "video",
    r"backdrops?": "background model",
    r"Workshop": "server state",
    r"told|tells?(?![a-z])(?! [^.]{0,30}apart)|telling": "reported, says, shows",
    r"owed|owes?": "pending",
    r"(go|goes|going|gone|went) on with": "continue",
    r"so many": "as many, this many, how many",
    r"Wanted are": "targets",
    r"as it should be": "perfect calibration",
    r"why not together": "batching blocker",
    r"pairs in order": "pairwise ranking accuracy",
    r"take JSON along": "download JSON",
    r"share of normal frames that raise": "false positive rate",
    r"share of anomalous frames found": "true positive rate, recall",
    r"precision of as many frames": "R-precision",
    r"same ruler": "same metrics",
    r"spare (worker|process)(es|s)?": "idle workers",
}
PATTERNS = {
    re.compile(rf"(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE): better for words, better in WORDS.items()
}

# What users type, what files hold and what another library calls something keeps its name.
KEPT = re.compile(
    r"test[-_]selected|judge_width|usual_(frame|video)_score|pairs_in_order|\"unusual\""
    r"|(self|config|head|picture)\.backdrop\b|\bbackdrop: bool|backdrop=|::backdrop"
)

PROSE = (".py", ".md", ".sh", ".cfg", ".toml", ".yaml", ".yml", ".html", ".css", ".js", ".j2", ".ipynb")
HERE = Path(__file__).relative_to(ROOT).as_posix()


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = [name for name in listed.stdout.splitlines() if name.endswith(PROSE) and name != HERE]
    return [name for name in names if (ROOT / name).is_file()]


def found_in(text: str) -> list[tuple[int, str, str]]:
    """Line, what stands there, what to write instead."""
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        spaced = KEPT.sub("", line).replace("_", " ")
        rows += [
            (number, match[0], better)
            for pattern, better in PATTERNS.items()
            for match in pattern.finditer(spaced)
        ]
    return rows


def test_words_of_our_own_are_gone():
    names = tracked()
    assert len(names) > 300
    wrong = [
        f"{name}:{number}: {word!r}; write {better}"
        for name in names
        for number, word, better in found_in((ROOT / name).read_text(encoding="utf-8"))
    ]
    assert not wrong, f"{len(wrong)} places:\n" + "\n".join(wrong[:60])


@pytest.mark.parametrize(
    "line, word",
    [
        ("def two_means(rows):", "two means"),
        ("# The films are judged whole.", "films"),
        ("class Workshop:", "Workshop"),
        ("a line that says what it is told", "told"),
    ],
)
def test_a_word_is_found_in_prose_and_in_names(line, word):
    assert word in [found for _, found, _ in found_in(line)]


@pytest.mark.parametrize("line", ["install it", "--test-selected", "filming", "untold", "prejudged"])
def test_other_words_are_left_alone(line):
    assert not found_in(line)
