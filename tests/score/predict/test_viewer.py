"""The viewer page: self-contained, safe with hostile names, and working in a real browser."""

import base64
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import numpy as np
import pytest

from score.predict.intervals import IntervalRule, find_intervals
from score.predict.output.page_media import PageMedia, address, is_playable
from score.predict.output.thumbnails import Thumbnails, frames_to_show, jpeg
from score.predict.output.viewer import Media, viewer_html
from score.predict.predictor import VideoResult
from score.predict.timeline import Timeline
from support.tiny_checkpoints import write_h264
from support.video_corpus import write_video

HOSTILE = "</script><img src=x onerror=alert(1)>{{data}}\\u2028 & \"'"
SHADE = """(() => {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  canvas.width = canvas.height = 1;
  pen.drawImage(player, 0, 0, 1, 1);
  return pen.getImageData(0, 0, 1, 1).data[0];
})()"""  # mean red value of the frame that is shown
RULE = IntervalRule(0.5, merge_gap_seconds=0.5)
SCORES = [0.1, 0.1, 0.7, 0.9, 0.2, 0.1, 0.6, 0.1, 0.1, 0.1]


def result(name="cam", scores=SCORES, *, path="cam.mp4", attention=True, **more) -> VideoResult:
    frame = np.arange(len(scores) + 1) * 10
    share = np.array(scores) / sum(scores) if attention else None
    timeline = Timeline(frame, frame / 25, np.array(scores, dtype=float), attention=share)
    return VideoResult(
        name,
        Path(path),
        max(scores),
        timeline,
        tuple(find_intervals(timeline, IntervalRule())),
        fps=25.0,
        width=160,
        height=96,
        **more,
    )


def thumbnails(count=10):
    return tuple(
        (0.4 * number + 0.2, jpeg(np.full((96, 160, 3), 20 * number + 20, np.uint8)))
        for number in range(count)
    )


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A video of 100 grey frames whose brightness is their number, and one that no browser plays."""
    folder = tmp_path_factory.mktemp("videos")
    frames = (
        np.repeat(np.arange(100, dtype=np.uint8)[:, None, None, None] * 2 + 20, 96, 1)
        .repeat(160, 2)
        .repeat(3, 3)
    )
    write_h264(folder / "cam.mp4", frames)
    write_video(folder / "old.avi", 50, codec="mpeg4")
    return folder


def write_page(folder, results, media, **more):
    path = folder / "page.html"
    path.write_text(viewer_html(results, rule=RULE, media=media, **more), encoding="utf-8")
    return path


def test_the_page_has_no_address_and_forbids_the_network():
    html = viewer_html(
        [result()], rule=IntervalRule(), media={"cam": Media(b"video", thumbnails=thumbnails(2))}
    )
    assert "://" not in html and "@import" not in html and "{{" not in html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy and "connect-src" not in policy


def test_the_page_contains_the_results_and_escapes_hostile_names():
    hostile = result(HOSTILE, event_classes=("Normal", HOSTILE))
    html = viewer_html(
        [hostile, result()],
        rule=IntervalRule(0.3),
        title=HOSTILE,
        subtitle=HOSTILE,
        failures={HOSTILE: HOSTILE},
    )
    assert html.count("<script") == 2 and html.count("</script>") == 2 and "<img src=x" not in html
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])
    assert [video["name"] for video in data["videos"]] == [HOSTILE, "cam"] and data["failures"] == {
        HOSTILE: HOSTILE
    }
    assert data["rule"] == {"threshold": 0.3, "merge_gap_seconds": 1.0, "min_seconds": 0.0}
    assert data["videos"][1]["timeline"]["score"] == SCORES


def test_hidden_marks_of_names_are_shown_on_the_page():
    name = "\u202egpj.exe\u200b\x1b\ncaf\udce9"
    page = viewer_html([result(name)], rule=IntervalRule(), title=name, subtitle=name, failures={name: name})
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    shown = r"\u202egpj.exe\u200b\x1b\ncaf\xe9"
    assert (data["videos"][0]["name"], data["subtitle"], data["failures"]) == (shown, shown, {shown: shown})
    assert f"<title>{shown}</title>" in page and page.encode()


def test_names_of_copies_stay_in_their_folder_apart_and_short(tmp_path):
    page = PageMedia(tmp_path / "page.html", False, 4)
    names = ("a", "b/a", "é" * 125, "</script>", "x\ny", "-rf", "a.mp4")
    copies = [page._new_copy(result(name, path=f"v{number}.avi")) for number, name in enumerate(names)]
    copies.append(page._new_copy(result("a", path="other.avi")))
    assert len(set(copies)) == len(copies)
    for copy in copies:
        assert page.folder in copy.parents and ".." not in copy.parts and len(os.fsencode(copy.name)) < 230
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()  # the file system takes the name


def test_only_files_that_browsers_play_are_shown_without_a_copy(videos, tmp_path):
    assert is_playable(videos / "cam.mp4")
    assert (
        not is_playable(videos / "old.avi")
        and not is_playable(tmp_path / "none.mp4")
        and not is_playable(tmp_path)
    )
    (tmp_path / "text.mp4").write_text("no video")
    assert not is_playable(tmp_path / "text.mp4")
    odd = write_video(tmp_path / "colours.mp4", 5, pix_fmt="yuv444p")
    assert not is_playable(odd)


def test_a_video_whose_times_were_repaired_is_shown_as_a_copy(videos, tmp_path):
    shown = result(path=videos / "cam.mp4", plays_otherwise=True)
    file, copiers = PageMedia(tmp_path / "page.html", None, 1).file_of(shown, None)
    assert file != videos / "cam.mp4" and len(copiers) == 1


def test_small_videos_are_embedded_and_others_stay_beside_the_page(videos, tmp_path, monkeypatch):
    shown = result(path=videos / "cam.mp4")
    for embed, inside in ((None, True), (True, True), (False, False)):
        page = PageMedia(tmp_path / "page.html", embed, 1)
        file, copiers = page.file_of(shown, None)
        assert (file, copiers) == (videos / "cam.mp4", [])
        media = page.media(file, page.thumbnails(shown))
        assert media.video == (
            (videos / "cam.mp4").read_bytes() if inside else address(videos / "cam.mp4", tmp_path)
        )
    monkeypatch.setattr(
        "score.predict.output.page_media.EMBEDDED_BYTES", (videos / "cam.mp4").stat().st_size * 3 // 2
    )
    page = PageMedia(tmp_path / "page.html", None, 2)
    first, second = (page.media(videos / "cam.mp4", page.thumbnails(shown)).video for _ in range(2))
    assert isinstance(first, bytes) and isinstance(second, str), "the second would make the page too large"


def test_a_video_that_no_browser_could_unpack_is_not_embedded(videos, tmp_path, monkeypatch):
    monkeypatch.setattr("score.predict.output.page_media.EMBEDDABLE_BYTES", 1000)
    shown = result(path=videos / "cam.mp4")
    page = PageMedia(tmp_path / "page.html", True, 1)
    with pytest.raises(ValueError, match="a page holds videos of up to 1.0 kB; leave out --embed"):
        page.media(videos / "cam.mp4", page.thumbnails(shown))
    page = PageMedia(tmp_path / "page.html", False, 1)
    assert isinstance(page.media(videos / "cam.mp4", page.thumbnails(shown)).video, str)


@pytest.mark.slow
def test_what_a_file_is_is_asked_in_another_process_and_once(videos, tmp_path, monkeypatch):
    from score.predict.output import codec

    asked, real = [], codec.in_sandbox

    def watched(*words, **more):
        asked.append(words)
        return real(*words, **more)

    monkeypatch.setattr(codec, "in_sandbox", watched)
    path = tmp_path / "x.mp4"
    path.write_bytes((videos / "cam.mp4").read_bytes())
    assert is_playable(path) and is_playable(path) and len(asked) == 1
    path.write_bytes(path.read_bytes() + b"more")
    assert is_playable(path) and len(asked) == 2
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "zero.mp4").symlink_to("/dev/zero")
    assert not is_playable(tmp_path / "pipe.mp4") and not is_playable(tmp_path / "zero.mp4")


def test_unplayable_videos_are_copied_and_embedded_copies_are_removed(videos, tmp_path):
    page = PageMedia(tmp_path / "page.html", True, 1)
    file, (copier,) = page.file_of(result("deep/old", path=videos / "old.avi"), None)
    assert file.parent == tmp_path / "page_files" / "deep" and file.name.startswith("old.copy-")
    copier.begin(fps=25.0, width=161, height=95)
    for number in range(5):
        copier.frame(number, number / 25, np.full((95, 161, 3), 40 * number, np.uint8))
    copier.end()
    assert is_playable(file)
    assert page.media(file, Thumbnails([])).video[4:8] == b"ftyp" and not (tmp_path / "page_files").exists()


def test_videos_in_the_folder_of_copies_stay(videos, tmp_path):
    """A page cam.html has its copies in cam_files/, where a user may keep videos."""
    folder = tmp_path / "cam_files"
    folder.mkdir()
    for name in ("old.mp4", "played.mp4"):
        (folder / name).write_bytes((videos / "cam.mp4").read_bytes())
    page = PageMedia(tmp_path / "cam.html", True, 3)
    played, annotated = folder / "played.mp4", folder / "old.mp4"
    assert page.file_of(result(path=played), None) == (played, [])
    assert page.file_of(result(path=videos / "old.avi"), annotated) == (annotated, [])
    copy, (copier,) = page.file_of(result("old", path=videos / "old.avi"), None)
    copier.begin(fps=25.0, width=160, height=96)
    copier.frame(0, 0.0, np.zeros((96, 160, 3), np.uint8))
    copier.end()
    for file in (played, annotated, copy):
        page.media(file, Thumbnails([]))
    assert sorted(path.name for path in folder.iterdir()) == ["old.mp4", "played.mp4"]
    assert all(path.read_bytes() == (videos / "cam.mp4").read_bytes() for path in folder.iterdir())


def test_thumbnails_are_of_the_chosen_frames_and_start_over_with_the_decoder():
    timeline = result(scores=[0.0, 1.0, 0.0, 0.5, 0.5]).timeline
    chosen = frames_to_show(timeline, evenly=2, peaks=1)
    assert chosen == [12, 14, 37]  # a quarter, the middle of the highest run, three quarters
    watcher = Thumbnails(chosen)
    for _ in range(2):
        watcher.begin(fps=25.0, width=160, height=96)
        for index in range(0, 50, 5):  # a folder may hold only every fifth frame
            watcher.frame(index, index / 25, np.zeros((96, 500, 3), np.uint8))
    assert [seconds for seconds, _ in watcher.pictures] == [15 / 25, 40 / 25]  # 12 and 14 are both before 15
    assert all(data.startswith(b"\xff\xd8") for _, data in watcher.pictures)


@pytest.mark.parametrize("name", ["javascript:alert(1).mp4", "a#b?c%41.mp4", "<b>\n.mp4", "caf\udce9.mp4"])
def test_an_address_is_a_path_whatever_the_name(tmp_path, name):
    found = address(tmp_path / name, tmp_path)
    assert re.fullmatch(r"[A-Za-z0-9._%~-]+", found) and urlsplit(found).scheme == ""
    assert os.fsdecode(unquote_to_bytes(found)) == name


def test_addresses_are_relative_and_quoted(tmp_path):
    assert address(tmp_path / "in" / "a b#1?.mp4", tmp_path / "out") == "../in/a%20b%231%3F.mp4"


def test_intervals_on_the_page_are_those_of_python(visit, tmp_path):
    random = np.random.default_rng(0)
    page = visit(write_page(tmp_path, [result()], {})).page
    for number in range(60):
        runs = int(random.integers(1, 40))
        frame = np.concatenate([[0], np.cumsum(random.integers(1, 40, runs))])
        classes = random.dirichlet(np.ones(3), runs) if number % 2 else None
        timeline = Timeline(
            frame,
            frame / 25,
            random.choice([0.1, 0.5, 0.9, *random.random(4)], runs),
            random.dirichlet(np.ones(runs)),
            classes,
        )
        rule = IntervalRule(
            float(random.choice([0.0, 0.5, random.random()])),
            float(random.choice([0, 0.4, 2])),
            float(random.choice([0, 1])),
        )
        values = {
            name: None if (rows := getattr(timeline, name)) is None else rows.tolist()
            for name in ("frame", "seconds", "score", "attention")
        }
        values["classProbability"] = None if classes is None else classes.tolist()
        names = ["Normal", "Arson", "Fight"]
        there = page.evaluate(
            "([timeline, rule, names]) => findIntervals(timeline, rule, names)", [values, vars(rule), names]
        )
        here = [vars(each) for each in find_intervals(timeline, rule, event_classes=names)]
        assert len(here) == len(there)
        for mine, theirs in zip(here, there, strict=True):
            assert mine.keys() == theirs.keys()
            for name, value in mine.items():
                assert theirs[name] == (
                    pytest.approx(value, abs=1e-12) if isinstance(value, float) else value
                ), name


def wait(page, condition):
    """Wait for a condition. Playwright's own wait evaluates strings, which the page's policy forbids."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never: {condition}")


def click(page, share, selector="#timeline"):
    """Click on the plot, at a share of the video's length."""
    box = page.locator(selector).bounding_box()
    page.mouse.click(box["x"] + 30 + share * (box["width"] - 40), box["y"] + box["height"] / 2)


def move_threshold(page, value):
    page.evaluate(
        "value => { const slider = document.getElementById('threshold');"
        " slider.value = value; slider.dispatchEvent(new Event('input')); }",
        value,
    )


def current(page):
    wait(page, "!player.seeking")
    return page.evaluate("player.currentTime")


@pytest.mark.parametrize("width, dark", [(1280, False), (390, True)])
@pytest.mark.parametrize("inside", [True, False])
def test_a_click_on_the_timeline_moves_the_video(visit, videos, tmp_path, width, dark, inside):
    video = (videos / "cam.mp4").read_bytes() if inside else address(videos / "cam.mp4", tmp_path)
    seen = visit(
        write_page(tmp_path, [result()], {"cam": Media(video, thumbnails=thumbnails())}),
        width=width,
        dark=dark,
    )
    page = seen.page
    wait(page, "player.readyState >= 2")
    for share in (0.7, 0.25):
        click(page, share)
        assert current(page) == pytest.approx(4 * share, abs=0.05)
        assert float(page.get_attribute("#timeline", "aria-valuenow")) == pytest.approx(4 * share, abs=0.05)
    # The frame of that moment is shown: its brightness is 2 x number + 20.
    page.wait_for_timeout(150)
    if inside:  # browsers do not let a page read the pixels of another file
        assert abs(page.evaluate(SHADE) - (2 * 25 + 20)) <= 12
    assert (seen.errors, seen.left, seen.overflow) == ([], [], 0)


def test_dragging_keys_and_the_list_seek(visit, videos, tmp_path):
    seen = visit(
        write_page(
            tmp_path, [result()], {"cam": Media((videos / "cam.mp4").read_bytes(), thumbnails=thumbnails())}
        )
    )
    page = seen.page
    wait(page, "player.readyState >= 2")
    box = page.locator("#timeline").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 10, box["y"] + 40)
    page.mouse.up()
    assert current(page) == pytest.approx(4, abs=0.1)
    page.focus("#timeline")
    for key, expected in (
        ("Home", 0.0),
        ("ArrowRight", 1.0),
        ("ArrowRight", 2.0),
        ("Shift+ArrowLeft", 0.0),
        ("n", 0.8),
        ("PageDown", 2.4),
        ("p", 0.8),
    ):
        page.keyboard.press(key)
        assert current(page) == pytest.approx(expected, abs=0.02), key
    page.locator("#intervals button").nth(1).click()
    assert current(page) == pytest.approx(2.4, abs=0.02)
    assert page.locator("#intervals button").nth(1).get_attribute("aria-current") == "true"
    page.keyboard.press("Tab")  # every control can be reached without a mouse
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.parentElement?.parentElement?.id || null"
            )
        )
    assert {"timeline", "threshold", "previous", "next", "closer", "intervals"} <= reached
    assert not seen.errors


def test_moving_the_threshold_updates_the_intervals(visit, tmp_path):
    page = visit(write_page(tmp_path, [result(), result("other", [0.2, 0.4])], {})).page
    assert page.locator("#intervals li").count() == 2 and page.inner_text("#count") == "2 intervals"
    for value, count in ((0.65, 1), (0.95, 0), (0.0, 1)):
        move_threshold(page, value)
        assert page.locator("#intervals li").count() == count
    assert "1 interval" in page.locator("#videos button").nth(1).inner_text()
    move_threshold(page, 0.95)
    assert page.is_visible("#none")


def test_texts_have_a_row_each_and_a_click_on_it_seeks(visit, tmp_path):
    plain, texts = result(attention=False), result("other", attention=False)
    near = {"fire": np.linspace(0.1, 0.3, 10), "<b>": np.full(10, 0.2)}
    texts = replace(texts, timeline=replace(texts.timeline, similarity=near))
    seen = visit(write_page(tmp_path, [plain, texts], {}))
    assert seen.page.locator("#texts").is_hidden()
    seen.page.locator("#videos button").nth(1).click()
    rows = seen.page.locator("#texts li")
    assert rows.locator("span").all_text_contents() == ["fire", "<b>"]
    assert rows.locator("small").first.text_content() == "cosine 0.100 to 0.300, untrained"
    # ten steps from the bottom to the top
    heights = re.findall(r"V([\d.]+)H", rows.first.locator("path").get_attribute("d"))
    assert len(dict.fromkeys(heights)) == 10 and heights[0] == "20.0" and heights[-1] == "0.0"
    box = rows.first.locator("svg").bounding_box()
    seen.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 3)
    assert "0:02.0" in seen.page.locator("#now").text_content()
    assert not seen.errors


def test_several_videos_can_be_chosen(visit, videos, tmp_path):
    media = {
        "cam": Media((videos / "cam.mp4").read_bytes(), thumbnails=thumbnails()),
        HOSTILE: Media(None, thumbnails=thumbnails(3)),
    }
    seen = visit(
        write_page(
            tmp_path,
            [result(), result(HOSTILE, [0.9, 0.1], attention=False)],
            media,
            failures={"bad.mp4": "no video"},
        )
    )
    page = seen.page
    assert page.inner_text("#failures") == "bad.mp4: no video" and page.locator("#videos button").count() == 2
    page.locator("#videos button").nth(1).click()
    assert (
        page.inner_text("#name") == HOSTILE
        and page.is_visible("#still")
        and not page.is_visible("#attention-key")
    )
    click(page, 0.5)  # without a video the nearest thumbnail is shown
    assert float(page.get_attribute("#timeline", "aria-valuenow")) == pytest.approx(0.4, abs=0.02)
    pictures = [base64.b64encode(data).decode() for _, data in thumbnails(3)]
    assert page.get_attribute("#still", "src").endswith(pictures[0]) or page.get_attribute(
        "#still", "src"
    ).endswith(pictures[1])
    page.locator("#videos button").nth(0).click()
    wait(page, "player.readyState >= 2")
    assert page.is_visible("#player") and (seen.errors, seen.left, seen.overflow) == ([], [], 0)


def test_a_page_without_videos_lists_the_reasons(visit, tmp_path):
    seen = visit(write_page(tmp_path, [], {}, failures={"bad.mp4": "it is empty"}))
    seen.page.wait_for_timeout(200)  # so that observers have run
    assert seen.page.inner_text("#failures") == "bad.mp4: it is empty"
    assert not seen.page.is_visible("#layout") and not seen.page.is_visible("footer")
    assert (seen.errors, seen.left, seen.overflow) == ([], [], 0)


def test_a_browser_without_the_codec_shows_thumbnails(visit, tmp_path):
    seen = visit(
        write_page(tmp_path, [result()], {"cam": Media(b"no video at all", thumbnails=thumbnails())})
    )
    page = seen.page
    page.wait_for_selector("#unplayable", state="visible")
    click(page, 0.9)
    assert page.is_visible("#still") and float(
        page.get_attribute("#timeline", "aria-valuenow")
    ) == pytest.approx(3.6, abs=0.05)


def test_a_long_timeline_can_be_zoomed_and_stays_fast(visit, tmp_path):
    scores = np.random.default_rng(0).random(56_000)
    page = visit(write_page(tmp_path, [result(scores=scores.tolist(), attention=False)], {})).page
    spent = page.evaluate(
        "(() => { const begin = performance.now(); updateIntervals(); return performance.now() - begin })()"
    )
    assert spent < 3000
    page.click("#closer")
    page.click("#closer")
    assert page.evaluate("(view[1] - view[0]) / video.seconds") == pytest.approx(0.25)
    page.evaluate("seek(video.seconds)")
    assert page.evaluate("view[1] / video.seconds") == pytest.approx(1.0)
    page.click("#farther")
    page.click("#farther")
    assert page.evaluate("view") == [0, pytest.approx(22400.0)]
