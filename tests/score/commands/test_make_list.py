"""vad-score make-list: every form becomes the same list, and what contradicts itself is refused in a line."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import savemat

from data_lists import Video, load_split, read_list, write_list
from extract.store import FeatureStore
from score.cli import main
from support.tiny_stores import make_features, make_spec
from support.truth_forms import ELAN, FORMS, LABELS, VIDEOS

ORDER = "".join(f"{video.video_id}.mp4 {video.num_frames}\n" for video in VIDEOS)


def make(*arguments):
    return CliRunner().invoke(main, ["make-list", *map(str, arguments)])


def refusal(run):
    """The one line of a refusal."""
    assert run.exit_code == 2 and "Traceback" not in run.output, run.output
    lines = [line for line in run.stderr.splitlines() if line.startswith(("error: ", "Error: "))]
    assert len(lines) == 1, run.output
    return lines[0]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_becomes_the_same_list(tmp_path, form):
    (tmp_path / "order.txt").write_text(ORDER)
    truth, out = FORMS[form].write(tmp_path), tmp_path / "list.tsv"
    run = make(truth, "--order", tmp_path / "order.txt", *FORMS[form].options, "--out", out)
    assert run.exit_code == 0, run.output
    assert read_list(out) == list(VIDEOS)
    assert (
        "3 videos, 2 anomalous (Fight 2)" in run.output and "230 frames, 55 anomalous (23.9%)" in run.output
    )
    assert "cam/one: 20-40" in run.output
    assert ("(0:00:00.80-0:00:01.60)" in run.output) == (
        "fps" in str(FORMS[form].options) or "fps" in truth_text(truth)
    )


def truth_text(path):
    return path.read_text(errors="replace") if path.suffix in (".csv", ".json") else ""


@pytest.mark.parametrize("form", [form for form in FORMS if FORMS[form].names_all])
def test_a_form_that_names_its_videos_needs_nothing_else(tmp_path, form):
    truth, out = FORMS[form].write(tmp_path), tmp_path / "list.tsv"
    run = make(truth, *FORMS[form].options, "--out", out)
    assert run.exit_code == 0, run.output
    made = sorted(read_list(out), key=lambda video: video.video_id)
    if made[0].num_frames is None:
        assert "num_frames of 3 videos is not known" in run.output
    assert [replace(video, num_frames=None) for video in made] == [
        replace(video, num_frames=None) for video in sorted(VIDEOS, key=lambda video: video.video_id)
    ]


def test_without_out_it_shows_and_writes_nothing(tmp_path):
    truth = FORMS["frames"].write(tmp_path)
    before = set(tmp_path.iterdir())
    run = make(truth)
    assert run.exit_code == 0 and "written" not in run.output and set(tmp_path.iterdir()) == before


HEAD = "video,start_frame,end_frame,label\n"
SECONDS = "video,start_time,end_time\n"
# File, content, options -> words of the one line.
REFUSED = {
    "end before start": ("t.csv", HEAD + "a,9,5,X\n", (), ["line 2: a: event 9-5 ends before it begins"]),
    "zero length": ("t.csv", HEAD + "a,5,5,X\n", (), ["line 2", "5-5 has no frame", "--end inclusive"]),
    "zero seconds": ("t.csv", SECONDS + "a,5,5\n", ("--fps", "25"), ["5-5 s is empty"]),
    "negative": ("t.csv", HEAD + "a,-3,5,X\n", (), ["-3-5 begins before frame 0"]),
    "frame 0 from 1": ("t.csv", HEAD + "a,0,5,X\n", ("--first-frame", "1"), ["begins before frame 1"]),
    "NaN": ("t.csv", HEAD + "a,nan,5,X\n", (), ["line 2: start_frame is 'nan'"]),
    "infinite": ("t.csv", SECONDS + "a,1,inf\n", ("--fps", "25"), ["line 2: end_time is 'inf'"]),
    "huge": ("t.csv", HEAD + "a,1,99999999999,X\n", (), ["later than any video is long"]),
    "half a frame": (
        "t.csv",
        HEAD + "a,1.5,5,X\n",
        (),
        ["line 2: start_frame is 1.5, expected a whole frame"],
    ),
    "beyond the video": (
        "t.csv",
        HEAD[:-1] + ",num_frames\na,5,12,X,10\n",
        (),
        ["5-12", "beyond the 10 frames"],
    ),
    "after the video": (
        "t.csv",
        HEAD[:-1] + ",num_frames\na,15,17,X,10\n",
        ("--clip",),
        ["after the 10 frames"],
    ),
    "two lengths": (
        "t.csv",
        HEAD[:-1] + ",frames\na,1,2,X,9\na,3,4,X,8\n",
        (),
        ["frames of one video is 8 and 9"],
    ),
    "no rate": ("t.csv", SECONDS + "a,1,2\n", (), ["event 1-2 s needs the frame rate; give --fps"]),
    "no unit": (
        "t.csv",
        "video,start,end\na,1,2\n",
        ("--fps", "25"),
        ["frames or seconds, and --fps is given", "--unit"],
    ),
    "two rates": (
        "t.csv",
        "video,start_time,end_time,fps\na,1,2,30\n",
        ("--fps", "25"),
        ["--fps says 25", "30"],
    ),
    "no video": ("t.csv", HEAD + ",1,2,X\n", (), ["line 2: names no video"]),
    "no column for it": ("t.csv", "start_frame,end_frame\n1,2\n", (), ["has no column for the video"]),
    "no intervals": (
        "t.csv",
        "video,colour\na,red\n",
        (),
        ["neither a start and an end of events", "colour"],
    ),
    "a cell less": ("t.csv", HEAD + "a,1,2\n", (), ["line 2: 3 cells, the header has 4"]),
    "a column twice": ("t.csv", "video,start_frame,start_frame\na,1,2\n", (), ["start_frame appears twice"]),
    "a label per second": ("t.csv", "video,second,label\na,0,1\n", (), ["has a label per second"]),
    "labels of 2": ("t.csv", "video,label\na,0\na,2\n", (), ["holds 2 at position 1, expected only 0 and 1"]),
    "words as labels": (
        "t.csv",
        "video,frame,gt\na,0,maybe\n",
        (),
        ["line 2: gt is 'maybe', expected 0 or 1"],
    ),
    "a frame left out": (
        "t.csv",
        "video,frame,gt\na,0,1\na,2,1\n",
        (),
        ["a: 2 rows, but frame 2 does not fit"],
    ),
    "an escape": ("t.csv", HEAD + "a\x1b[31m,9,5,X\n", (), ["\\x1b[31m"]),
    "an absolute id": ("t.json", {"../../etc/x": [[1, 2]]}, (), ["leaves the root"]),
    "an empty file": ("t.csv", "", (), ["t.csv: is empty"]),
    "a web page": ("t.json", "<!DOCTYPE html><html>", (), ["HTML or XML page"]),
    "LFS": ("t.npy", "version https://git-lfs.github.com/spec/v1\n", (), ["Git LFS pointer"]),
    "another form": ("t.docx", "x", (), ["is not read as truth", ".eaf"]),
    "a name twice": ("t.json", '{"a": [[1, 2]], "a": [[3, 4]]}', (), ["a name appears twice"]),
    "deep JSON": ("t.json", "[" * 100_000, (), ["cannot be read as JSON"]),
    "a number": ("t.json", "3", (), ['expected {"VIDEO": [[start, end]']),
    "one number": ("t.json", {"a": [[1]]}, (), ["'[1]', expected [start, end]"]),
    "three numbers": ("t.json", {"a": [1, 5, 7]}, (), ["holds 5 at position 1, expected only 0 and 1"]),
    "labels and intervals": ("t.json", {"a": [0, 1, 1], "b": [[1, 2]]}, (), ["expected one form"]),
    "text as a time": ("t.json", {"a": [["x", 2]]}, (), ["start is 'x'"]),
    "an odd line": ("t.txt", "a 1 2\nb 5\n", (), ["line 2: expected a name"]),
    "half a pair": ("t.txt", "a 1 2 3\n", (), ["line 1: 3 frame numbers, expected pairs"]),
    "no names": ("t.txt", "0 1 1 0\n", (), ["without names; give --order"]),
    "a segment of text": (
        "t.json",
        {"database": {"a": {"annotations": [{"segment": "1-2"}]}}},
        (),
        ["video 'a': segment 1-2, expected [start, end]"],
    ),
    "an unknown image": (
        "t.json",
        {"images": [{"id": 1, "video_id": 1, "frame_id": 0}], "annotations": [{"id": 5, "image_id": 2}]},
        (),
        ["annotation 5: image 2 is not among the images"],
    ),
    "images left out": (
        "t.json",
        {"images": [{"id": n, "video_id": 1, "frame_id": 5 * n} for n in range(3)], "annotations": []},
        (),
        ["video 1: 3 images with frames 0 to 10; expected all"],
    ),
    "VIA 2": ("t.json", {"_via_settings": {}, "_via_img_metadata": {}}, (), ["VIA 2 for images"]),
    "VIA without files": (
        "t.json",
        {"file": {}, "metadata": {"1": {"vid": "1", "z": [1, 2]}}},
        (),
        ["JSON of VIA"],
    ),
    "an entity": (
        "t.eaf",
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        + ELAN.format(name="a", slots="", annotations="&x;"),
        (),
        ["DOCTYPE"],
    ),
    "a thousand million laughs": (
        "t.eaf",
        '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
        "<ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>",
        (),
        ["DOCTYPE"],
    ),
    "broken XML": ("t.eaf", "<ANNOTATION_DOCUMENT><TIER>", (), ["cannot be read as XML of ELAN: "]),
    "other XML": ("t.eaf", "<svg></svg>", (), ["no ELAN file"]),
    "a slot without a time": (
        "t.eaf",
        '<ANNOTATION_DOCUMENT><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="x"/></TIME_ORDER><TIER TIER_ID="t">'
        '<ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="x" TIME_SLOT_REF2="x"/></ANNOTATION></TIER>'
        "</ANNOTATION_DOCUMENT>",
        (),
        ["annotation of tier 't': time slot x has no time"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_contradictions_are_refused_in_one_line(tmp_path, case):
    name, content, options, words = REFUSED[case]
    (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    line = refusal(make(tmp_path / name, *options, "--out", tmp_path / "list.tsv"))
    assert name in line and all(word in line for word in words), line
    assert not (tmp_path / "list.tsv").exists()


ARRAYS = {
    "2": (np.array([0, 1, 2]), "holds 2 at position 2"),
    "NaN": (np.array([0, np.nan]), "holds nan at position 1"),
    "255": (np.array([0, 255], np.uint8), "holds 255 at position 1"),
    "a half": (np.array([0.5, 1]), "holds 0.5 at position 0"),
    "nothing": (np.zeros(0), "holds no label"),
    "masks": (np.zeros((3, 4, 5)), "pixel masks"),
    "people": (np.zeros((3, 4)), "shape [3, 4]"),
    "texts": (np.array(["0", "1"]), "expected real numbers"),
    "objects": (np.array([None, 1]), "Python objects"),
    "one number": (np.array(1), "shape []"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_no_labels_are_refused_in_one_line(tmp_path, case):
    values, words = ARRAYS[case]
    (tmp_path / "truth").mkdir()
    np.save(tmp_path / "truth" / "a.npy", values)
    line = refusal(make(tmp_path / "truth"))
    assert "a.npy" in line and words in line


def test_all_files_of_a_folder_are_reported_together(tmp_path):
    path = FORMS["npy"].write(tmp_path)
    np.save(path / "cam/one.npy", [0, 7])
    (path / "cam/two.npy").write_bytes(b"")
    run = make(path)
    assert [line.split(": ")[1].rpartition("/")[2] for line in run.stderr.splitlines()] == [
        "one.npy",
        "two.npy",
    ]


@pytest.mark.parametrize(
    "rule, spans",
    [
        ("majority", ((10, 30), (50, 60))),
        ("union", ((0, 40), (50, 60))),
        ("intersection", ((20, 30),)),
    ],
)
@pytest.mark.parametrize("one_file", [False, True])
def test_several_annotators_become_one_list(tmp_path, rule, spans, one_file):
    people = {"A/x": [(0, 30), (50, 60)], "B": [(10, 30)], "C": [(20, 40), (50, 60)]}
    rows = {name: [f"a,{start},{stop},X" for start, stop in own] for name, own in people.items()}
    if one_file:
        lines = [f"{row},{name}" for name, own in rows.items() for row in own]
        (tmp_path / "all.csv").write_text("\n".join([HEAD[:-1] + ",annotator", *lines]))
        paths = [tmp_path / "all.csv"]
    else:
        paths = [tmp_path / f"{name[0]}.csv" for name in rows]
        for path, own in zip(paths, rows.values(), strict=True):
            path.write_text(HEAD + "\n".join(own))
    run = make(*paths, "--annotators", rule, "--out", tmp_path / "list.tsv")
    assert run.exit_code == 0, run.output
    assert read_list(tmp_path / "list.tsv") == [Video("a", "X", anomaly_spans=spans)]
    each = make(*paths, "--annotators", "each", "--out", tmp_path / "lists")
    assert each.exit_code == 0, each.output
    written = sorted((tmp_path / "lists").iterdir())
    assert [read_list(path)[0].anomaly_spans for path in written] == [tuple(own) for own in people.values()]
    assert make(*paths, "--annotators", "each", "--out", tmp_path / "lists").exit_code == 0


def test_majority_of_labels_is_the_majority_of_each_frame(tmp_path):
    rng = np.random.default_rng(0)
    votes = rng.integers(0, 2, (4, 200))
    for number, labels in enumerate(votes):
        (tmp_path / str(number)).mkdir()
        np.save(tmp_path / str(number) / "a.npy", labels)
    run = make(*(tmp_path / str(number) for number in range(4)), "--out", tmp_path / "list.tsv")
    assert run.exit_code == 0, run.output
    (video,) = read_list(tmp_path / "list.tsv")
    found = np.zeros(200, int)
    for start, stop in video.anomaly_spans:
        found[start:stop] = 1
    assert np.array_equal(found, votes.sum(axis=0) > 2)


def test_annotators_may_spell_the_names_of_videos_differently(tmp_path):
    for name, video in (("A", "cam/a_x264.mp4"), ("B", "a.avi"), ("C", "a_x264")):
        (tmp_path / f"{name}.csv").write_text(f"{HEAD}{video},0,30,X\n")
    paths = [tmp_path / f"{name}.csv" for name in "ABC"]
    run = make(*paths, "--annotators", "intersection", "--out", tmp_path / "list.tsv")
    assert run.exit_code == 0, run.output
    assert read_list(tmp_path / "list.tsv") == [Video("cam/a_x264", "X", anomaly_spans=((0, 30),))]
    paths[0].write_text(f"{HEAD}cam/a.mp4,0,30,X\nhall/a.mp4,0,30,X\n")
    assert "give --list with all videos" in refusal(make(*paths))


def test_annotators_who_disagree_on_the_length_are_refused(tmp_path):
    for name, count in (("A", 10), ("B", 12)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "a.npy", np.ones(count))
    assert "have 10 and 12 frames" in refusal(make(tmp_path / "A", tmp_path / "B"))


def test_labels_of_normal_do_not_count_and_are_named(tmp_path):
    (tmp_path / "t.csv").write_text(HEAD + "a,0,5,NonFight\na,5,9,Fight\nb,0,9,Normal_Videos\nc,2,3,walk\n")
    run = make(tmp_path / "t.csv", "--normal", "walk", "--out", tmp_path / "list.tsv")
    assert read_list(tmp_path / "list.tsv") == [Video("a", "Fight", None, ((5, 9),)), Video("b"), Video("c")]
    assert "count as normal, by label: NonFight 1, Normal_Videos 1, walk 1" in run.output
    make(tmp_path / "t.csv", "--anomalous", "walk", "--out", tmp_path / "list.tsv")
    assert [video.is_anomalous for video in read_list(tmp_path / "list.tsv")] == [False, False, True]
    assert "did you mean 'walk'" in refusal(make(tmp_path / "t.csv", "--anomalous", "wak"))


def test_a_folder_of_videos_says_which_videos_there_are(tmp_path):
    for video in VIDEOS:
        path = tmp_path / "videos" / f"{video.video_id}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "t.csv").write_text(HEAD + "one.mp4,20,40,Fight\n")
    run = make(tmp_path / "t.csv", "--videos", tmp_path / "videos", "--out", tmp_path / "list.tsv")
    assert [video.event_class for video in read_list(tmp_path / "list.tsv")] == ["Fight", "Normal", "Normal"]
    assert "Normal, because not in the truth: 2 videos: cam/two, hall/three" in run.output
    (tmp_path / "t.csv").write_text(HEAD + "one.mp4,20,40,Fight\nTwo.mp4,1,2,Fight\n")
    run = make(tmp_path / "t.csv", "--videos", tmp_path / "videos")
    assert run.exit_code == 2 and "no truth of cam/two: no such name; nearest: Two (other" in run.output


def test_frames_and_rates_come_from_a_store(tmp_path):
    store = FeatureStore.create(tmp_path / "store", make_spec())
    for video in VIDEOS:
        rows = np.zeros((1, store.spec.feature_dim), np.float32)
        store.write(replace(make_features(video.video_id, rows), num_frames=video.num_frames))
    run = make(FORMS["seconds"].write(tmp_path), "--store", store.root, "--out", tmp_path / "list.tsv")
    assert run.exit_code == 0, run.output
    assert sorted(map(str, read_list(tmp_path / "list.tsv"))) == sorted(map(str, VIDEOS))
    assert "(0:00:00.80-0:00:01.60)" in run.output


def test_the_input_is_never_replaced(tmp_path):
    truth = FORMS["a list of ours"].write(tmp_path)
    for out, words in (
        (truth, "over the input"),
        (tmp_path / "x.csv", "is no list"),
        (tmp_path / "v.mp4", "a video"),
    ):
        if out != truth:
            out.write_text("precious")
        before = out.read_bytes()
        assert words in refusal(make(truth, "--out", out)) and out.read_bytes() == before
    folder = FORMS["npy"].write(tmp_path)
    assert "over the input" in refusal(make(folder, "--out", folder / "list.tsv"))


def test_an_anomalous_video_without_anomalous_frames_is_refused(tmp_path):
    path = FORMS["npy"].write(tmp_path)
    np.save(path / "cam/one.npy", np.zeros(100))
    write_list(tmp_path / "known.tsv", VIDEOS)
    assert "cam/one: anomalous in the list" in refusal(make(path, "--list", tmp_path / "known.tsv"))


@pytest.mark.parametrize(
    "text, words",
    [
        ("cam/one 100\ncam/two 80\n", "has 230 labels, but the 2 videos"),
        ("cam/one 100\ncam/two 80\ncam/two 50\n", "line 3: cam/two is there twice"),
        ("cam/one\ncam/two\nhall/three\n", "no number of frames of 3 videos"),
        ("\n", "names no video"),
    ],
)
def test_orders_that_do_not_fit_are_refused(tmp_path, text, words):
    (tmp_path / "order.txt").write_text(text)
    truth = FORMS["long npy"].write(tmp_path)
    assert words in refusal(make(truth, "--order", tmp_path / "order.txt"))


@pytest.mark.parametrize(
    "text",
    [
        "name,frames\ncam/one.mp4,100\ncam/two.mp4,80\nhall/three.mp4,50\n",
        "cam/one__0.npy\t100\ncam/one__1.npy\t100\ncam/two__0.npy\t80\ncam/two__1.npy\t80\nhall/three__0.npy\t50\n",
    ],
)
def test_orders_may_have_a_header_and_crops(tmp_path, text):
    (tmp_path / "order.txt").write_text(text)
    make(
        FORMS["long npy"].write(tmp_path),
        "--order",
        tmp_path / "order.txt",
        "--class",
        "Fight",
        "--out",
        tmp_path / "o.tsv",
    )
    assert read_list(tmp_path / "o.tsv") == list(VIDEOS)


def test_a_matlab_file_with_a_name_per_video(tmp_path):
    savemat(tmp_path / "gt.mat", {"one": LABELS["cam/one"], "three": LABELS["hall/three"]})
    assert make(tmp_path / "gt.mat", "--out", tmp_path / "list.tsv").exit_code == 0
    assert [video.anomaly_spans for video in read_list(tmp_path / "list.tsv")] == [
        VIDEOS[0].anomaly_spans,
        VIDEOS[2].anomaly_spans,
    ]


# Command of score/README.md -> the form that its file has; "A.csv" stands for each of several annotators.
GUIDE = {
    "vad-score make-list truth --class Fight": "npy",
    "vad-score make-list gt.npy --order order.txt --class Fight": "long npy",
    "vad-score make-list gt.csv --class Fight": "table by frame",
    "vad-score make-list t.csv": "frames",
    "vad-score make-list t.csv --end inclusive": "last frames",
    "vad-score make-list t.tsv --fps 25": "seconds",
    "vad-score make-list t.json --class Fight": "JSON pairs",
    "vad-score make-list via.json --fps 25": "VIA project",
    "vad-score make-list eaf --fps 25": "ELAN",
    "vad-score make-list anet.json --fps 25": "ActivityNet",
    "vad-score make-list coco.json": "COCO",
    "vad-score make-list xd.txt --class Fight --order order.txt": "XD lines",
    "vad-score make-list ucf.txt --order order.txt": "UCF lines",
    "vad-score make-list A.csv B.csv C.csv --annotators majority": "frames",
}
README = Path(__file__).resolve().parents[3] / "score/README.md"


def test_the_guide_shows_these_forms():
    shown = re.findall(r"\| `(vad-score make-list .*) --out list.tsv` \|", README.read_text())
    assert sorted(shown) == sorted(GUIDE)


@pytest.mark.parametrize("command", GUIDE)
def test_every_line_of_the_guide_does_what_it_says(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    Path("order.txt").write_text(ORDER)
    written = FORMS[GUIDE[command]].write(Path())
    for name in ("A.csv", "B.csv", "C.csv") if "A.csv" in command else ():
        shutil.copy(written, name)
    run = make(*shlex.split(command)[2:], "--out", "list.tsv")
    assert run.exit_code == 0, run.output
    made = {video.video_id: replace(video, num_frames=None) for video in read_list("list.tsv")}
    assert made == {video.video_id: replace(video, num_frames=None) for video in VIDEOS}


PUBLISHED = {
    "ucf_crime/Temporal_Anomaly_Annotation_with_frame_counts.txt": ("ucf_crime", ("--clip",)),
    "xd_violence/annotations.txt": ("xd_violence", ()),
    "shanghaitech/test_frame_mask": ("shanghaitech", ()),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_truth_becomes_the_official_list(tmp_path, test_data, name):
    dataset, options = PUBLISHED[name]
    run = make(
        test_data / "lists" / name, "--list", f"{dataset}/test", *options, "--out", tmp_path / "list.tsv"
    )
    assert run.exit_code == 0, run.output
    assert read_list(tmp_path / "list.tsv") == [
        replace(video, split=None) for video in load_split(dataset, "test")
    ]
