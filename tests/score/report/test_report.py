"""The page is self-contained, says what was found, and shows hostile names as text."""

import base64
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest

from data_lists import Video
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import Provenance, ScoredVideo
from score.report.evaluation_json import to_json
from score.report.figures.timelines import ranking, spans, thinned
from score.report.html.report_page import report_html, write_report
from score.report.html.timeline_svg import HEIGHT, WIDTH, timeline_svg
from score.report.summary import headline
from score.runs.training_log import SeedLog

HOSTILE = "</title></pre></svg><script>alert(1)</script>\" onload='x' & $\\frac{$"


def scored(video_id="v", seeds=2, frames=40, start=None, event_class="Fight", label=True, **changes):
    truth = np.zeros(frames, np.uint8)
    if start is not None:
        truth[start : start + 10] = 1
    video = Video(
        video_id,
        "Normal" if start is None else event_class,
        frames,
        () if start is None else ((start, start + 10),),
    )
    rng = np.random.default_rng(frames)
    scores = np.repeat(rng.random((seeds, -(-frames // 4))), 4, axis=1)[:, :frames]
    return ScoredVideo(video, truth if label else None, scores, scores.max(axis=1), **changes)


def evaluation(**provenance):
    videos = [
        scored("a/1", start=8, fps=25.0),
        scored("n/1", frames=31),
        scored("a/2", start=20, frames=52),
        scored("n/2", frames=17),
    ]
    return evaluate_videos(videos, Provenance("trial", **provenance), resamples=50)


class Page(HTMLParser):
    """Every tag with its attributes; text outside styles."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "source", "path", "rect", "br", "wbr", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("path", "rect"):
            assert self.open and self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """An evaluation, and the text of its page as it is written."""
    found = evaluation(notes=("scored by hand",), details={"versions": {"numpy": "x.y"}, "seeds": [3, 8]})
    path = tmp_path_factory.mktemp("written") / "new" / "page.html"
    write_report(found, path, command="vad-score evaluate RUN")
    return found, path.read_text(encoding="utf-8")


def test_the_page_loads_nothing_from_elsewhere(written):
    html = written[1]
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert page.open == []
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base"), tag
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "srcset", "href", "data", "action"):
                inside = value.startswith("data:image/svg+xml;base64,") or (tag == "a" and value[0] == "#")
                assert inside, (tag, name, value[:60])
    assert "://" not in html and "@import" not in html and not re.search(r"url\(", html)
    policy = next(attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv"))
    assert "default-src 'none'" in policy and "script" not in policy


@pytest.mark.slow
def test_a_hostile_name_is_shown_as_text_everywhere():
    videos = [scored(HOSTILE, start=8, event_class=HOSTILE), scored("n", frames=31)]
    found = evaluate_videos(
        videos, Provenance(HOSTILE, notes=(HOSTILE,), details={HOSTILE: HOSTILE}), resamples=0
    )
    html = report_html(found, command=HOSTILE)
    page = Page(html)
    assert page.open == [] and "<script" not in html
    assert not any(tag == "script" or "onload" in attributes for tag, attributes in page.tags)
    assert sum(HOSTILE in text for text in page.text) >= 6


@pytest.mark.slow
def test_hidden_marks_and_bytes_of_names_are_shown_as_escapes():
    name = "\u202egpj.exe\u200bcaf\udce9"
    found = evaluate_videos(
        [scored(name, start=8, event_class=name), scored("n", frames=31)],
        Provenance(name, notes=(name,), details={name: name}),
        resamples=0,
    )
    html = report_html(found, command=name)
    assert html.encode() and html.count(r"\u202egpj.exe\u200bcaf\xe9") >= 6
    assert not {"\u202e", "\u200b"} & set(html)


def test_the_page_holds_the_numbers_and_every_video(written):
    found, page = written[0], Page(written[1])
    text, names = " ".join(page.text), "".join(page.text)
    for line in headline(found):
        assert all(words in text for words in (line.name, line.value, line.interval, line.note)), line
    for video in found.videos:
        assert video.video.video_id in names
    for words in (
        "scored by hand",
        "x.y",
        "vad-score evaluate RUN",
        "seed 3",
        "seed 8",
        "Fight",
        "anomaly 8-18",
        "oracle",
    ):
        assert words in text, words


def test_the_page_follows_light_and_dark_and_narrow_screens(written):
    html = written[1]
    assert "prefers-color-scheme: dark" in html and "width=device-width" in html
    page = Page(html)
    pictures = [
        attributes.get("srcset") or attributes.get("src")
        for tag, attributes in page.tags
        if tag in ("img", "source")
    ]
    assert len(pictures) == len(set(pictures)) >= 8 and len(pictures) % 2 == 0  # each for dark and light
    for picture in pictures:
        root = ElementTree.fromstring(base64.b64decode(picture.split(",", 1)[1]))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.slow
@pytest.mark.parametrize(
    "videos",
    [
        [scored("a", start=2, label=False), scored("n")],
        [scored("a", start=2)],
        [scored("n")],
        [scored("n", frames=1, seeds=1)],
        [scored("a", start=0, frames=10), scored("n", missing=True)],
    ],
    ids=["no spans", "no normal video", "no anomalous video", "one frame", "all anomalous"],
)
def test_what_is_not_defined_is_said_and_drawn_around(videos):
    found = evaluate_videos(videos, Provenance("t"), resamples=10)
    json.dumps(to_json(found), allow_nan=False)
    text = " ".join(Page(report_html(found)).text)
    assert ("MISSING" in text) == any(video.missing for video in videos)
    for reason in {summary.reason for summary in found.summaries.values() if summary.mean is None}:
        assert reason in text


def test_the_video_that_costs_most_comes_first():
    good = ScoredVideo(
        Video("good", "Fight", 4, ((0, 2),)),
        np.array([1, 1, 0, 0], np.uint8),
        np.array([[0.9, 0.8, 0.1, 0.1]]),
        np.ones(1),
    )
    bad = ScoredVideo(Video("bad"), np.zeros(4, np.uint8), np.full((1, 4), 0.85), np.ones(1))
    fine = ScoredVideo(Video("fine"), np.zeros(4, np.uint8), np.zeros((1, 4)), np.zeros(1))
    found = evaluate_videos([fine, good, bad], Provenance("t"), resamples=0)
    assert [found.videos[index].video.video_id for index in ranking(found)] == ["bad", "good", "fine"]
    assert found.pair_accuracy[2] == pytest.approx(1 / 2)  # 0.85 lies under 0.9 and over 0.8


def test_thinning_keeps_every_peak():
    rng = np.random.default_rng(0)
    values = rng.random(10_007)
    frames, kept = thinned(values, 100)
    assert len(frames) == 100 and frames[0] == 0 and kept.max() == values.max()
    edges = [*frames, len(values)]
    assert all(kept[index] == values[edges[index] : edges[index + 1]].max() for index in range(100))
    assert thinned(values[:5], 100)[1].tolist() == values[:5].tolist()


def test_spans_of_labels():
    assert spans(np.array([1, 1, 0, 1], np.uint8)) == [(0, 2), (3, 4)]
    assert spans(np.zeros(3, np.uint8)) == [] and spans(None) == []


def test_a_drawing_puts_scores_and_spans_where_they_belong():
    video = ScoredVideo(
        Video("a", "Fight", 100, ((25, 50),)),
        np.repeat([0, 1, 0, 0], 25).astype(np.uint8),
        np.repeat([[0.0, 1.0, 0.5, 0.5]], 25, axis=1),
        np.ones(1),
    )
    drawing = timeline_svg(video)
    assert f'x="{WIDTH / 4:.1f}" y="0" width="{WIDTH / 4:.1f}"' in drawing
    # level at the bottom, up at a quarter, down to the middle at the half
    assert f'd="M0.0 {HEIGHT}.0H{WIDTH / 4:.1f}V0.0H{WIDTH / 2:.1f}V{HEIGHT / 2:.1f}H{WIDTH}.0"' in drawing


def test_a_long_video_is_a_small_drawing():
    assert len(timeline_svg(scored(frames=200_000, seeds=5, start=1000))) < 30_000


def large_evaluation(videos=290, seeds=3, frames=1900, classes=13):
    """As many videos as UCF-Crime has, with training logs and classes."""
    rng = np.random.default_rng(0)
    videos_scored = []
    for index in range(videos):
        anomalous = index % 2
        truth = np.zeros(frames, np.uint8)
        truth[1000 : 1000 + 500 * anomalous] = 1
        name = f"Class{index % classes:02}" if anomalous else "Normal"
        steps = rng.random((seeds, -(-frames // 16))) * 0.6 + 0.3 * anomalous
        scores = np.repeat(steps, 16, axis=1)[:, :frames]
        video = Video(f"{name}/A_rather_long_name_of_video_{index:03}_x264", name, frames)
        videos_scored.append(ScoredVideo(video, truth, scores, scores.max(axis=1), fps=30.0))
    logs = [
        SeedLog(f"seed_{seed}", {"total": [3.0, 2.0, 1.0 + seed]}, {"video_auc": [0.5, 0.7, 0.6]})
        for seed in range(seeds)
    ]
    return evaluate_videos(
        videos_scored, Provenance("mil on i3d, 5 seeds", details={"epochs": [2] * seeds}), resamples=10
    ), logs


@pytest.fixture(scope="module")
def large_page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "page.html"
    found, logs = large_evaluation()
    write_report(found, path, command="vad-score evaluate RUN --list ucf_crime/test", training=logs)
    return path


@pytest.mark.slow
def test_290_videos_make_a_page_that_can_be_sent_by_mail(large_page):
    assert large_page.stat().st_size < 6_000_000
    assert large_page.read_text(encoding="utf-8").count('<figure class="video') == 290


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_all_of_the_page_and_loads_nothing(visit, large_page, width, dark):
    seen = visit(large_page, width=width, dark=dark)
    assert (seen.errors, seen.left, seen.overflow) == ([], [], 0)
    tables = "[...document.querySelectorAll('.columns .wide')].map(t => t.scrollWidth - t.clientWidth)"
    hidden = seen.page.evaluate(tables)  # pixels of each table of measures that one would have to scroll to
    assert len(hidden) >= 5 and max(hidden) <= 0
    shown = "[...document.images].map(i => i.complete && i.naturalWidth > 100 && i.currentSrc)"
    pictures = seen.page.evaluate(shown)
    assert len(pictures) >= 6 and all(pictures)
    paper = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 24, 29)" if dark else "rgb(255, 255, 255)")
    drawn = [base64.b64decode(each.split(",", 1)[1]).decode() for each in pictures]
    assert all(("#14181d" in each) == dark for each in drawn)


def test_videos_can_be_ordered_and_chosen_without_scripts(visit, large_page):
    page = visit(large_page).page

    def first():
        shown = "[...document.querySelectorAll('.video')].filter(v => v.offsetParent)"
        place = "[v.offsetTop, v.offsetLeft, Number(v.style.getPropertyValue('--place'))]"
        places = page.evaluate(f"{shown}.map(v => {place})")
        return min(places)[2], len(places)

    assert first() == (0, 290)
    page.get_by_text("best first", exact=True).click()
    assert first() == (289, 290)
    page.get_by_text("anomalous", exact=True).click()
    assert first()[1] == 145
    page.get_by_text("normal", exact=True).click()
    assert first()[1] == 145
    page.get_by_text("worst first", exact=True).click()
    page.get_by_text("all", exact=True).click()
    assert first() == (0, 290)


def test_a_link_on_top_leads_to_its_part(visit, large_page):
    page = visit(large_page).page
    for word in ("Videos", "Curves", "Training"):
        page.get_by_role("link", name=word).click()
        place = f"document.getElementById('{word.lower()}').getBoundingClientRect().top"
        for _ in range(100):  # it scrolls smoothly
            page.wait_for_timeout(50)
            if 0 <= page.evaluate(place) < 120:
                break
        assert 0 <= page.evaluate(place) < 120, word
