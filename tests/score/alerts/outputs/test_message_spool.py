"""Messages wait in order, on disk, until they are done."""

from score.alerts.outputs.message_spool import MessageSpool


def drained(spool):
    found = []
    while (oldest := spool.oldest()) is not None:
        found.append(oldest[1:])
        spool.done(oldest[0])
    return found


def test_messages_come_out_in_order_and_survive_the_process(tmp_path):
    spool = MessageSpool(tmp_path / "spool", most=10)
    for number in range(4):
        spool.add("t", f"m{number}")
    assert spool.oldest() == (0, "t", "m0") == spool.oldest()
    spool.done(0)
    again = MessageSpool(tmp_path / "spool", most=10)
    again.add("t", "m4")
    assert len(again) == 4 and drained(again) == [("t", f"m{number}") for number in range(1, 5)]
    assert list((tmp_path / "spool").iterdir()) == [] and len(MessageSpool(tmp_path / "spool", most=10)) == 0


def test_the_oldest_beyond_the_bound_are_given_up(tmp_path):
    for folder in (tmp_path / "spool", None):
        spool = MessageSpool(folder, most=3)
        for number in range(5):
            spool.add("t", f"m{number}")
        assert spool.given_up == 2 and drained(spool) == [("t", "m2"), ("t", "m3"), ("t", "m4")]
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_cannot_be_read_is_passed_over(tmp_path):
    folder = tmp_path / "spool"
    spool = MessageSpool(folder, most=10)
    for number in range(5):
        spool.add("t", f"m{number}")
    (folder / "000000000000.json").write_text("{")
    (folder / "000000000001.json").write_text("[1]")
    (folder / "000000000003.json").write_text('{"topic": 1, "payload": "p"}')
    (folder / "notes.json").write_text("mine")
    again = MessageSpool(folder, most=10)
    assert drained(again) == [("t", "m2"), ("t", "m4")] and again.given_up == 3
    assert [path.name for path in folder.iterdir()] == ["notes.json"]


def test_a_full_disk_keeps_the_message_in_memory(tmp_path):
    spool = MessageSpool(tmp_path / "spool", most=10)
    (tmp_path / "spool").rmdir()
    try:
        spool.add("t", "m")
    except OSError:
        pass
    else:
        raise AssertionError("the folder is gone")
    assert drained(spool) == [("t", "m")]
