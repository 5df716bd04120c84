"""Laws of atomic writing: complete or as before, errors that name the target, no litter of dead writers."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from extract.runtime import atomic
from support.waiting import wait_until


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_gets_its_name_when_the_block_ends(tmp_path, durable):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with atomic.writing(path, durable=durable) as partial:
        partial.write_text("new")
        assert path.read_text() == "old" and partial.parent == tmp_path
    assert path.read_text() == "new" and names(tmp_path) == ["table.csv"]


def test_a_name_that_is_not_utf8_is_written(tmp_path):
    path = tmp_path / os.fsdecode(b"t\xff\x1b.csv")
    atomic.write_text(path, "new")
    assert path.read_text() == "new" and names(tmp_path) == [path.name]


def test_an_error_leaves_the_older_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(KeyError), atomic.writing(path) as partial:
        partial.write_text("half")
        raise KeyError
    assert path.read_text() == "old" and names(tmp_path) == ["table.csv"]


def test_a_block_that_writes_nothing_is_an_error_that_names_the_target(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, atomic.writing(tmp_path / "table.csv"):
        pass
    assert caught.value.filename == str(tmp_path / "table.csv")


def test_errors_name_the_target_and_not_the_partial_file(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").touch()
    for path, kind in [
        (tmp_path / "missing" / "a.json", FileNotFoundError),
        (tmp_path / "taken", IsADirectoryError),
        (tmp_path / "file" / "a.json", NotADirectoryError),
    ]:
        with pytest.raises(kind) as caught:
            atomic.write_text(path, "{}")
        assert caught.value.filename == str(path) and "partial" not in str(caught.value)
    assert names(tmp_path) == ["file", "taken"]


def test_a_full_disk_is_an_error_that_names_the_target(tmp_path):
    # A limit on the size of files stands for the full disk: write() fails in the same way and names no file.
    code = (
        "import resource, signal, sys\nfrom extract.runtime import atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: atomic.write_bytes(sys.argv[1], bytes(5000))\n"
        "except OSError as error: print(error)\n"
    )
    path = tmp_path / "page.html"
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert run.stdout == f"[Errno 27] File too large: '{path}'\n" and names(tmp_path) == []


def test_an_error_about_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, atomic.writing(tmp_path / "table.csv"):
        (tmp_path / "input.npy").read_bytes()
    assert caught.value.filename == tmp_path / "input.npy" or caught.value.filename == str(
        tmp_path / "input.npy"
    )


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "real" / "target.json")
    atomic.write_text(tmp_path / "link.json", "{}")
    assert (tmp_path / "link.json").is_symlink() and (tmp_path / "real" / "target.json").read_text() == "{}"


def test_a_stream_is_written_in_place(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    atomic.write_text(pipe, "through the pipe")
    reader.join()
    assert read == ["through the pipe"] and names(tmp_path) == ["pipe"]
    atomic.write_text("/dev/null", "lost")
    assert Path("/dev/null").is_char_device()
    code = "from extract.runtime import atomic; atomic.write_text('/dev/stdout', 'shown')"
    with open(tmp_path / "log", "w") as log:
        subprocess.run([sys.executable, "-c", code], stdout=log, check=True)
    assert (tmp_path / "log").read_text() == "shown"


def test_a_name_as_long_as_the_file_system_allows(tmp_path):
    path = tmp_path / ("é" * 125 + ".json")
    atomic.write_text(path, "ü")
    assert path.read_text(encoding="utf-8") == "ü"


def test_a_name_that_is_not_utf_8(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.json")
    atomic.write_text(path, "new")
    assert [each.read_text() for each in tmp_path.iterdir()] == ["new"]


def test_of_two_first_writers_one_wins(tmp_path):
    path = tmp_path / "store.json"
    start, texts = threading.Barrier(8), [str(number) * 1000 for number in range(8)]

    def write(text):
        start.wait()
        atomic.write_text_once(path, text)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts and names(tmp_path) == ["store.json"]


KILLED = """
import os, signal, sys
from extract.runtime import atomic
with atomic.writing(sys.argv[1]) as partial:
    partial.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path):
    path, other = tmp_path / "cam.mp4", tmp_path / "other.mp4"
    for target in (path, other):
        subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert not path.exists() and len(names(tmp_path)) == 2
    with atomic.writing(path) as partial:  # two at work on one target do not remove each other's
        partial.write_text("complete")
        atomic.write_text(path, "quick")
    assert path.read_text() == "complete" and len(names(tmp_path)) == 2
    assert atomic.remove_stale(tmp_path) == 1 and names(tmp_path) == ["cam.mp4"]


def test_an_unfinished_file_of_this_process_is_not_stale(tmp_path):
    file = atomic.AtomicFile(tmp_path / "cam.mp4")
    file.partial.write_text("frames")
    assert atomic.remove_stale(tmp_path) == 0
    file.finish()
    assert names(tmp_path) == ["cam.mp4"]
    # A container that was killed and started again has the same host and process number.
    leftover = atomic.partial_path(tmp_path / "cam.mp4")
    leftover.write_text("of another life")
    assert atomic.remove_stale(tmp_path) == 1


def forged(path: Path, process: int) -> Path:
    """A partial file as another process of this host would name it."""
    name = atomic.partial_path(path).name.replace(f"+{os.getpid()}+", f"+{process}+")
    (path.parent / name).write_text("half")
    return path.parent / name


def test_a_process_that_only_waits_to_be_noticed_is_dead(tmp_path):
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    wait_until(lambda: atomic._has_ended(zombie.pid))
    left = forged(tmp_path / "a", zombie.pid)
    assert atomic.sweep(tmp_path) == 1 and not left.exists()
    zombie.wait()


def test_a_process_that_got_the_number_of_a_dead_writer_is_not_the_writer(tmp_path):
    """As in containers, where numbers are small and come back; the writer itself began before its file."""
    parent = os.getppid()
    of_another_life, living = forged(tmp_path / "a", parent), forged(tmp_path / "b", parent)
    os.utime(of_another_life, (1e9, 1e9))
    assert atomic.sweep(tmp_path) == 1 and living.exists() and not of_another_life.exists()
    # The clock of a network disk may be years behind: the writer is known by its name.
    code = "import os, sys; from pathlib import Path; from extract.runtime import atomic"
    code += "; print(atomic.partial_path(Path(sys.argv[1]))); sys.stdout.flush(); input()"
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "c")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    own = Path(writer.stdout.readline().strip())
    own.write_text("half")
    os.utime(own, (1e9, 1e9))
    assert atomic.sweep(tmp_path) == 0
    writer.communicate("\n")
    assert atomic.sweep(tmp_path) == 1 and not own.exists()


def test_a_sweep_is_of_one_folder(tmp_path):
    (tmp_path / "below").mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here, below = forged(tmp_path / "a", dead.pid), forged(tmp_path / "below" / "a", dead.pid)
    assert atomic.sweep(tmp_path) == 1 and below.exists() and not here.exists()
    assert atomic.sweep(tmp_path / "missing") == 0
