"""List files: reading returns what was written, and every mistake is reported with its line."""

import hashlib
import pickle
import random
import resource
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_lists import (
    ListError,
    Video,
    check_disjoint,
    digest,
    frame_labels,
    read_list,
    resolve_lists,
    write_list,
)
from data_lists.plain_rows import PlainRows
from data_lists.truth import spans_of_labels
from data_lists.tsv import parse_list
from data_lists.video_checks import means_normal

unhurried = settings(deadline=None, max_examples=60)  # file access is slow on a busy machine
HEADER = "video_id\tevent_class\tnum_frames\tanomaly_spans"

letters = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="/\\:")
names = st.text(letters, min_size=1, max_size=12).filter(
    lambda name: name == name.strip() and name not in (".", "..")
)


@st.composite
def videos(draw, video_id):
    """A record that a list may contain, with or without each optional part."""
    group = draw(st.none() | names)
    num_frames = draw(st.none() | st.integers(1, 10**6))
    edges = sorted(draw(st.sets(st.integers(0, num_frames or 10**6), max_size=6)))
    spans = tuple(zip(edges[::2], edges[1::2], strict=False))  # an edge may be left over
    anomalous_class = names.filter(lambda name: not means_normal(name))
    event_class = draw(anomalous_class if spans else anomalous_class | st.just("Normal"))
    return Video(video_id, event_class, num_frames, spans, group)


@st.composite
def video_lists(draw):
    paths = st.lists(names, min_size=1, max_size=3).map("/".join)
    ids = draw(st.lists(paths, min_size=1, max_size=5, unique=True))
    return [draw(videos(video_id)) for video_id in ids]


@pytest.fixture(scope="module")
def scratch_file(tmp_path_factory):
    return tmp_path_factory.mktemp("lists") / "videos.tsv"


@unhurried
@given(written=video_lists())
def test_a_list_reads_back_as_written(scratch_file, written):
    write_list(scratch_file, written)
    assert read_list(scratch_file) == written


@unhurried
@given(written=video_lists())
def test_the_digest_depends_on_the_content_but_not_on_the_order(scratch_file, written):
    assert digest(written) == digest(written[::-1])
    assert digest(written) != digest([*written, Video("one/more:video")])
    in_order = sorted(written, key=lambda video: video.video_id)
    write_list(scratch_file, in_order)
    assert digest(written) == hashlib.sha256(scratch_file.read_bytes()).hexdigest()


@given(labels=st.lists(st.integers(0, 1), max_size=30))
def test_spans_and_frame_labels_are_inverse(labels):
    spans = spans_of_labels(labels)
    video = Video("a", "Abuse" if spans else "Normal", anomaly_spans=spans)
    assert frame_labels(video, len(labels)).tolist() == labels


def test_frame_labels_are_one_inside_the_spans():
    labels = frame_labels(Video("a", "Abuse", 6, ((1, 2), (4, 6))), 6)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [0, 1, 0, 0, 1, 1]


def test_a_span_after_the_last_frame_is_an_error_that_names_both():
    with pytest.raises(ValueError, match=r"Abuse/x: anomaly span 164-240 ends after .* \(200 frames\)"):
        frame_labels(Video("Abuse/x", "Abuse", anomaly_spans=((164, 240),)), 200)


def test_an_anomalous_video_without_annotation_has_no_frame_labels():
    with pytest.raises(ValueError, match="Abuse/x: Abuse, but without anomaly spans"):
        frame_labels(Video("Abuse/x", "Abuse"), 200)


def written_text(tmp_path, text):
    path = tmp_path / "own.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems_of(path):
    with pytest.raises(ListError) as caught:
        read_list(path)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [problem.removeprefix(str(path)) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "row, expected",
    [
        ("\tAbuse\t9\t", ["video_id is empty"]),
        ("a\t\t9\t", ["event_class is empty"]),
        ("a\tAbuse\t9", ["3 fields, expected 4"]),
        ("a\tAbuse\t9\t0-1\tx", ["5 fields, expected 4"]),
        *(
            (f"a\t{name}\t9\t", [f"{name!r} would count as anomalous; write 'Normal'"])
            for name in "normal 0 0.0 NonFight non-violence No_Anomaly Normal_Videos background none label_A "
            "Testing_Normal_Videos_Anomaly FALSE negative".split()
        ),
        ("a\tNormal\t9\t0-1", ["event_class is Normal but there are anomaly spans"]),
        ("a\tNormal\t0\t", ["num_frames is 0"]),
        ("a\tNormal\t1000000000000\t", ["num_frames is 1000000000000, expected at most 268435456"]),
        ("a\tNormal\t268435457\t", ["num_frames is 268435457, expected at most 268435456"]),
        ("a\tAbuse\t\t0-268435457", ["anomaly span 0-268435457 ends after frame 268435456"]),
        ("a\tNormal\t-9\t", ["num_frames '-9' is not a whole number"]),
        ("a\tNormal\t9.0\t", ["num_frames '9.0' is not a whole number"]),
        ("a\tNormal\tmany\t", ["num_frames 'many' is not a whole number"]),
        ("a\tNormal\t\u0669\t", ["is not a whole number"]),  # an Arabic digit, which int() accepts
        ("a\tAbuse\t9\t1:3", ["anomaly span '1:3' is not"]),
        ("a\tAbuse\t9\t1-3,", ["anomaly span '' is not"]),
        ("a\tAbuse\t9\t3-3", ["anomaly span 3-3 is empty"]),
        ("a\tAbuse\t9\t5-3", ["anomaly span 5-3 is empty"]),
        ("a\tAbuse\t9\t-1-3", ["anomaly span -1-3 has a negative frame"]),
        ("a\tAbuse\t9\t5-7,1-3", ["anomaly span 1-3 starts before frame 7"]),
        ("a\tAbuse\t9\t1-5,4-7", ["anomaly span 4-7 starts before frame 5"]),
        ("a\tAbuse\t9\t1-10", ["anomaly span 1-10 ends after the last frame (9 frames)"]),
        ("/a\tAbuse\t9\t", ["is an absolute path"]),
        ("C:/a\tAbuse\t9\t", ["is an absolute path"]),
        ("b/../../a\tAbuse\t9\t", ["leaves the root"]),
        ("b\\a\tAbuse\t9\t", ["contains a backslash"]),
        ("b//a\tAbuse\t9\t", ["not in its simplest form"]),
        ("./a\tAbuse\t9\t", ["not in its simplest form"]),
        ("a/\tAbuse\t9\t", ["not in its simplest form"]),
        (" a\tAbuse\t9\t", ["begins or ends with white space"]),
        ("a\u2028b\tAbuse\t9\t", ["control character"]),
        ("..\tAbuse\tx\t3-1", ["num_frames 'x'", "leaves the root", "anomaly span 3-1 is empty"]),
    ],
)
def test_a_wrong_row_is_reported_with_its_line(tmp_path, row, expected):
    problems = problems_of(written_text(tmp_path, f"{HEADER}\ngood\tNormal\t9\t\n{row}\n"))
    assert len(problems) == len(expected)
    for problem, words in zip(problems, expected, strict=True):
        assert problem.startswith(":3: ") and words in problem


def test_all_mistakes_of_a_list_are_reported_at_once(tmp_path):
    path = written_text(tmp_path, f"{HEADER}\na\tAbuse\t9\t5-3\na\tAbuse\t9\t\n\n/b\tAbuse\tx\t\n")
    assert [problem[:3] for problem in problems_of(path)] == [":2:", ":5:", ":5:", ":3:"]


def test_the_mistakes_survive_pickling_between_processes():
    error = pickle.loads(pickle.dumps(ListError(["a:1: one", "a:2: two"])))
    assert error.problems == ["a:1: one", "a:2: two"] and str(error) == "a:1: one\na:2: two"


def test_a_duplicate_names_both_lines(tmp_path):
    path = written_text(tmp_path, f"{HEADER}\na\tAbuse\t\t\nb\tAbuse\t\t\na\tNormal\t\t\n")
    assert problems_of(path) == [f":4: duplicate video_id 'a', first in {path}:2"]


@pytest.mark.parametrize(
    "header, words",
    [
        ("video_id\tevent_class\tnum_frames", "missing column 'anomaly_spans'"),
        (HEADER + "\tsplit", "unknown column 'split'"),
        (HEADER + "\tgroup\tgroup", "column 'group' appears twice"),
        ("", "missing column 'video_id'"),
        ("video_id,event_class,num_frames", "missing column 'anomaly_spans'"),
        ("video_id event_class num_frames anomaly_spans", "unknown column"),
    ],
)
def test_a_wrong_header_is_reported(tmp_path, header, words):
    problems = problems_of(written_text(tmp_path, header + "\na\tAbuse\t\t\n"))
    assert all(problem.startswith(":1: ") for problem in problems)
    assert any(words in problem for problem in problems)


def test_a_list_without_videos_is_an_error(tmp_path):
    assert problems_of(written_text(tmp_path, HEADER + "\n")) == [":1: the list contains no video"]


def test_text_that_is_not_utf8_is_reported_with_its_line(tmp_path):
    path = written_text(tmp_path, f"{HEADER}\nb\xe4r\tNormal\t\t\n".encode("latin-1"))
    assert problems_of(path) == [":2: not UTF-8 text (byte 0xe4); save the list as UTF-8"]


def test_a_missing_list_is_reported_in_one_line(tmp_path):
    assert problems_of(tmp_path / "nowhere.tsv") == [": no such file"]
    assert len(problems_of(tmp_path)) == 1  # a folder


def test_lists_from_spreadsheet_programs_are_read(tmp_path):
    path = written_text(tmp_path, b"\xef\xbb\xbf" + f"{HEADER}\r\na\tAbuse\t9\t0-2, 4-5\r\n".encode())
    assert read_list(path) == [Video("a", "Abuse", 9, ((0, 2), (4, 5)))]


@pytest.mark.parametrize(
    "text",
    [
        "video_id,event_class,num_frames,anomaly_spans\n"
        'a,Abuse,9,"0-2,4-5"\n"b, c",Normal,,\n"say ""hi""",Normal,3,\n',
        "video_id;event_class;num_frames;anomaly_spans\n"
        'a;Abuse;9;0-2,4-5\nb, c;Normal;;\nsay "hi";Normal;3;\n',
        f'{HEADER}\na\tAbuse\t9\t"0-2,4-5"\n"b, c"\tNormal\t\t\n"say ""hi"""\tNormal\t3\t\n',
        "video_id , event_class,num_frames,anomaly_spans,,\n"
        'a,Abuse,9,0-2;4-5,,\n,,,,,\n"b, c",Normal,,,,\nsay "hi",Normal,3,,,\n',
    ],
    ids=["commas", "semicolons", "quoted tabs", "empty cells and joined by semicolons"],
)
def test_tables_that_spreadsheets_divide_and_quote_are_lists(tmp_path, text):
    path = written_text(tmp_path, text.replace("\n", "\r\n"))
    expected = [Video("a", "Abuse", 9, ((0, 2), (4, 5))), Video("b, c"), Video('say "hi"', num_frames=3)]
    assert read_list(path) == expected


def test_spans_that_a_comma_table_does_not_quote_are_reported(tmp_path):
    header = HEADER.replace("\t", ",")
    (problem,) = problems_of(written_text(tmp_path, f"{header}\na,Abuse,9,0-2,4-5\n"))
    assert problem.startswith(":2: 5 fields, expected 4 separated by commas (") and "quote" in problem


def test_a_quote_inside_a_name_is_part_of_it(tmp_path):
    text = f'{HEADER}\n5" screen\tNormal\t\t\n"open\tNormal\t\t\n'
    path = written_text(tmp_path, text)
    assert [video.video_id for video in read_list(path)] == ['5" screen', '"open']


def test_columns_may_be_in_any_order(tmp_path):
    header = "group\tanomaly_spans\tnum_frames\tevent_class\tvideo_id"
    path = written_text(tmp_path, f"{header}\nhall\t1-2\t9\tAbuse\ta\n")
    assert read_list(path) == [Video("a", "Abuse", 9, ((1, 2),), "hall")]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [Video("a\tb")],
        [Video("a\udcff")],
        [Video("a", group="")],
        [Video("a"), Video("a")],
        [Video("a", "Abuse", 4, ((3, 9),))],
    ],
)
def test_records_that_could_not_be_read_back_are_not_written(tmp_path, wrong):
    path = written_text(tmp_path, "before")
    with pytest.raises(ListError):
        write_list(path, wrong)
    assert path.read_text() == "before"


@pytest.fixture
def full_disk():
    """No file of this process can grow beyond a few bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("full_disk")
def test_a_write_that_fails_leaves_the_old_list(tmp_path):
    path = tmp_path / "videos.tsv"
    path.write_text("before")
    with pytest.raises(OSError, match="too large") as error:
        write_list(path, [Video("a", "Abuse", 9, ((1, 2),))])
    assert error.value.filename == str(path)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_writing_through_a_link_keeps_the_link(tmp_path):
    link, target = tmp_path / "link.tsv", tmp_path / "videos.tsv"
    link.symlink_to(target)
    write_list(link, [Video("a")])
    assert link.is_symlink() and read_list(target) == [Video("a")]


def test_resolving_collects_the_mistakes_of_all_lists(tmp_path):
    first, second = tmp_path / "first.tsv", tmp_path / "second.tsv"
    first.write_text(f"{HEADER}\na\tAbuse\t9\t5-3\nb\tNormal\t\t\n")
    second.write_text(f"{HEADER}\nb\tNormal\t\t\nc\tNormal\tx\t\n")
    with pytest.raises(ListError) as caught:
        resolve_lists([first, str(second), "ucf_crime/val", tmp_path / "third.tsv", "ucfcrime/test"])
    problems = caught.value.problems
    assert [
        sum(words in problem for problem in problems)
        for words in (
            f"{first}:2: anomaly span 5-3",
            f"{second}:3: num_frames 'x'",
            f"{second}:2: duplicate video_id 'b', first in {first}:3",
            "unknown split 'val' of ucf_crime; known splits: train, test",
            f"{tmp_path / 'third.tsv'}: no such file",
            "ucfcrime/test: no such file or folder",
        )
    ] == [1] * 6
    assert len(problems) == 6


def test_resolving_joins_lists_in_their_order(tmp_path):
    first, second = [Video("b", "Abuse"), Video("a")], [Video("c")]
    write_list(tmp_path / "first.tsv", first)
    write_list(tmp_path / "second.tsv", second)
    assert resolve_lists([tmp_path / "second.tsv", tmp_path / "first.tsv"]) == second + first


def test_a_list_given_twice_is_one_problem(tmp_path):
    write_list(tmp_path / "own.tsv", [Video("a"), Video("b")])
    with pytest.raises(ListError, match="^.*own.tsv: the same list is given twice$"):
        resolve_lists([tmp_path / "own.tsv", str(tmp_path / "own.tsv")])


def test_no_list_at_all_is_an_error():
    with pytest.raises(ListError, match="no list is given"):
        resolve_lists([])


def test_a_video_in_both_splits_is_an_error():
    check_disjoint([Video("a"), Video("b")], [Video("c")])
    with pytest.raises(ListError) as caught:
        check_disjoint([Video("a"), Video("b")], [Video("c"), Video("b", "Abuse"), Video("a")])
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["b", "a"]


def test_data_lists_imports_only_numpy_and_the_standard_library():
    program = "import sys, data_lists; print(*{name.split('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "h5py", "pandas", "scipy", "sklearn", "click", "cv2"} & set(run.stdout.split())


def test_the_quick_way_through_a_list_reads_what_the_careful_way_reads(monkeypatch):
    """Rows at the border of what is plain, each drawn from cells that are right or wrong."""
    draw = random.Random(0)
    ids = [
        "a",
        "ab",
        "a/b",
        "a/.b",
        ".a",
        "a/..",
        "a//b",
        "/a",
        "a/",
        "a b",
        "ä",
        "C:a",
        "a.",
        "a..b/c",
        ' a"',
        "a\\b",
    ]
    classes = ["Normal", "Fight", "normal", "none", "", " x", "Normal"]
    counts = ["", "1", "0", "007", "12", "99999999", "268435457", "1e3", "-4", "400"]
    spans = ["", "", "3-9", "0-400", "9-3", "3-9,5-12", "3-9,12-20", "3-9;12-20", "-1-4", "x", "3-9,"]
    groups = ["", "g", " g", "cam 1"]
    rows = [
        "\t".join(draw.choice(cells) for cells in (ids, classes, counts, spans, groups)) for _ in range(3000)
    ]
    text = "\n".join(["video_id\tevent_class\tnum_frames\tanomaly_spans\tgroup", *rows]).encode()
    quick, problems = parse_list(text, "list.tsv")
    monkeypatch.setattr(PlainRows, "video", lambda _self, _fields: None)
    careful, expected = parse_list(text, "list.tsv")
    assert problems == expected and list(quick) == list(careful)
    assert 100 < len({location for _, location in careful}) < len(rows) + 1 and len(problems) > 1000


def test_a_wrong_byte_is_named_with_its_line_behind_a_byte_order_mark():
    head = b"\xef\xbb\xbfvideo_id\tevent_class\tnum_frames\tanomaly_spans\r\n"
    text = head + b"v1\tFight\t\t\r\n\xffv2\tNormal\t\t\r\n"
    located, problems = parse_list(text, "list.tsv")
    assert not located and problems == ["list.tsv:3: not UTF-8 text (byte 0xff); save the list as UTF-8"]
