"""Lines leave through extract.runtime.say, which makes names fit for a terminal."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRINTS = re.compile(r"click\.s?echo\(|(?<![\w.])print\(|sys\.std(out|err)\.write\(|[cC]onsole\(?\)?\.print\(")
# Programs that write for other programs, and our own table of heads.
EXEMPT = (
    *("score/jobs/probe.py", "score/predict/output/prediction_json.py", "score/alerts/alert_event.py"),
    "score/commands/heads.py",
    # The function itself, and a handler of signals, which may write but not much else.
    *("extract/runtime/say.py", "extract/runtime/stopping.py"),
)


def test_nothing_else_prints():
    found = [
        f"{name}:{number}"
        for folder in ("data_lists", "extract", "score")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (name := path.relative_to(ROOT).as_posix()) not in EXEMPT
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if PRINTS.search(line)
    ]
    assert not found
