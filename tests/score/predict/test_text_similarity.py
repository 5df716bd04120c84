"""Texts along a video: cosines worked out by hand, which checkpoints have them, and the whole command."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from data_lists import Video
from extract.language.text_features import class_texts
from extract.pipeline.extractor import run as extract
from extract.pipeline.run_settings import RunSettings
from extract.presets import PRESETS
from extract.runtime.progress import Progress
from extract.store import FeatureStore
from extract.store.texts import ClassTexts
from score.predict.extraction import ExtractionSettings
from score.predict.text_similarity import OpenTexts, open_texts
from score.predict.timeline import timeline_of
from score.scoring.scorer import VideoScores
from support.tiny_checkpoints import block_video, train_head, write_h264
from support.tiny_stores import make_features, make_spec
from support.tiny_trainings import run_cli

TWO = ClassTexts(("a person falls", "fire"), np.array([[0, 3], [4, 4]], np.float32))


def test_similarity_is_the_mean_cosine_over_crops():
    rows = np.array([[[2.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [-1.0, -1.0]]])  # [N, C, D]
    found = OpenTexts(TWO, part=0).similarity([make_features("v", rows)])
    # with (0, 1): cosines 0 and 1, then half of 2 ** 0.5 and its negative
    np.testing.assert_allclose(found["a person falls"], [0.5, 0.0], atol=1e-12)
    np.testing.assert_allclose(found["fire"], [0.5**0.5, 0.0], atol=1e-12)


def test_it_stands_in_the_timeline_with_the_frames_of_its_segments():
    part = make_features("v", np.zeros((2, 2)))
    scores = [VideoScores(np.array([0.2, 0.4], np.float32), 0.4)]
    timeline = timeline_of(part, scores, similarity={"fire": np.array([0.1, 0.3])})
    assert timeline.frame.tolist() == [0, 16, 32]
    np.testing.assert_allclose(timeline.similarity["fire"], [0.1, 0.3])
    assert timeline_of(part, scores).similarity == {}
    with pytest.raises(ValueError, match="fire has 3 rows, expected 2"):
        replace(timeline, similarity={"fire": np.zeros(3)})


def test_features_of_other_networks_have_no_texts():
    spec = PRESETS["motion"].spec()
    with pytest.raises(ValueError, match="needs features of CLIP, .* not those of motion"):
        open_texts(["fire"], [spec], ExtractionSettings())
    assert open_texts([], [spec], ExtractionSettings()) is None
    with pytest.raises(ValueError, match="trained on imported features"):
        open_texts(["fire"], [make_spec(imported=True)], ExtractionSettings())


@pytest.mark.parametrize(
    "words, message",
    [
        (["fire", "fire"], "--text: 'fire' is given twice"),
        (["fire", " "], "--text: ' ' is empty"),
        (["fi\x1b[31mre"], "--text: .* has characters that nobody sees"),
    ],
)
def test_texts_that_cannot_be_compared_are_refused(words, message):
    spec = PRESETS["clip-vit-b32"].spec(weights="none:seed0")
    with pytest.raises(ValueError, match=message) as caught:
        open_texts(words, [spec], ExtractionSettings())
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def clip_run(tmp_path_factory):
    """Features of CLIP with random weights, and pel4vad on them."""
    root = tmp_path_factory.mktemp("clip")
    videos = [Video("n0"), Video("h0", "Fight")]
    for number, video in enumerate(videos):
        frames = block_video(number, hectic=video.is_anomalous)[:40]
        write_h264(root / "videos" / f"{video.video_id}.mp4", frames)
    extract(
        PRESETS["clip-vit-b32"],
        videos,
        root=root / "videos",
        store_root=root / "store",
        settings=RunSettings(device="cpu", workers=1, weights="none"),
        progress=Progress(total=0),
    )
    store = FeatureStore(root / "store")
    train_head(root / "run", [store], videos, name="pel4vad", overrides=["train.epochs=1"])
    return root, store


@pytest.mark.slow
def test_predict_shows_texts_in_the_page_and_in_json(clip_run, tmp_path):
    root, store = clip_run
    words = ["a person falls", "<fire> & smoke"]
    done = run_cli(
        *("predict", root / "videos" / "h0.mp4", "--checkpoint", root / "run", "--device", "cpu"),
        *("--workers", 1, "--json", tmp_path / "p.json", "--viewer", tmp_path / "p.html"),
        *(part for word in words for part in ("--text", word)),
    )
    assert done.exit_code == 0, done.output
    (video,) = json.loads((tmp_path / "p.json").read_text())["videos"]
    texts = class_texts(
        PRESETS["clip-vit-b32"], tuple(words), tuple((word,) for word in words), weights="none"
    )
    rows = torch.from_numpy(np.asarray(store.read("h0").features, np.float32))[:, 0]
    expected = torch.cosine_similarity(rows[:, None], torch.from_numpy(texts.features), dim=2)
    for number, word in enumerate(words):
        found = video["timeline"]["untrained_similarity"][word]
        assert len(found) == len(video["timeline"]["score"])
        np.testing.assert_allclose(found[: len(rows)], expected[:, number], atol=1e-4)
    page = (tmp_path / "p.html").read_text()
    assert "<fire>" not in page and "nothing was trained for" in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert [text for text, _ in data["videos"][0]["timeline"]["similarity"]] == words


@pytest.mark.slow
def test_texts_of_other_weights_than_the_features_are_refused():
    spec = PRESETS["clip-vit-b32"].spec(weights="sha256:other")
    settings = ExtractionSettings(weights={"clip-vit-b32": "none"})
    with pytest.raises(ValueError, match="belong to the weights none:seed0, features were made with sha256:"):
        open_texts(["fire"], [spec], settings)
