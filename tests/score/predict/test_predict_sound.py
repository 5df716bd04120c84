"""A head that sees and hears, from videos with sound to scores of new ones, by the command line."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from data_lists import Video, write_list
from extract.backbones.vggish import VGGish
from extract.cli import main as extract_main
from extract.store import FeatureStore
from extract.weights import load_weights
from score.cli import main as score_main
from support.sound_formulas import expected_log_mel, expected_vggish
from support.sounding_videos import noise, write_sounding

pytestmark = pytest.mark.slow

RATE, FRAMES, FPS = 16_000, 40, 24
TRAIN = [Video("n0"), Video("n1"), Video("a0", "Fight"), Video("a1", "Fight")]


def samples_of(name: str) -> np.ndarray:
    loud = 3.0 if name.startswith("a") else 0.3
    return loud * noise(2.0, RATE, seed=sum(map(ord, name)), channels=2)


def run(program, *words, code=0):
    done = CliRunner().invoke(program, list(map(str, words)))
    assert done.exit_code == code, done.output
    return done.output


def extract(root, preset, *words):
    places = {"videos": root / "videos", "list": root / "train.tsv", "store": root / preset}
    options = [word for name, place in places.items() for word in (f"--{name}", place)]
    return run(extract_main, "run", "--preset", preset, *options, "--device", "cpu", "--workers", "1", *words)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Stores motion/ and vggish/ below a folder, a run of both, and what extraction printed."""
    root = tmp_path_factory.mktemp("sound")
    (root / "videos").mkdir()
    for name in ("n0", "a0", "a1"):
        sounds = [("pcm_s16le", RATE, samples_of(name), 0.0)]
        write_sounding(root / "videos" / f"{name}.mkv", frames=FRAMES, sounds=sounds)
    write_sounding(root / "videos" / "n1.mkv", frames=FRAMES)
    short = [("pcm_s16le", RATE, samples_of("new")[:, : RATE // 2], 0.0)]
    write_sounding(root / "new.mkv", frames=FRAMES, sounds=short)
    write_list(root / "train.tsv", TRAIN)
    extract(root, "motion")
    printed = extract(root, "vggish", "--weights", "none", "--batch-size", "4")
    stores = ("--store", root / "motion", "--store", root / "vggish")
    run(
        score_main,
        *("train", "--head", "mil", "--preset", "debug", *stores, "--list", root / "train.tsv"),
        *("--out", root / "run", "--device", "cpu"),
    )
    return root, printed


@pytest.fixture(scope="module")
def weights():
    net = VGGish()
    assert load_weights(net, "none") == "none:seed0"
    return net.state_dict()


def rows_of(state, samples: np.ndarray, time_span: np.ndarray) -> np.ndarray:
    """Rows of the segments by other means; zeros where the window holds no sound."""
    line = np.zeros(6 * RATE)
    line[RATE:][: samples.shape[1]] = (np.round(samples * 32768).clip(-32768, 32767) / 32768).mean(axis=0)
    np.testing.assert_allclose(time_span[:, 1], np.array([16, 32, FRAMES]) / FPS, atol=0.002)
    starts = [RATE + round(end * RATE) - 15_360 for end in time_span[:, 1]]
    patches = np.stack([expected_log_mel(line[start:][:15_600]) for start in starts])
    with torch.inference_mode():
        rows = expected_vggish(state, torch.from_numpy(patches).float()).numpy()
    heard = [start < RATE + samples.shape[1] for start in starts]
    return np.where(np.array(heard)[:, None], rows, 0)


def test_rows_are_the_published_network_s_on_the_sound_of_each_segment(trained, weights):
    root, printed = trained
    store = FeatureStore(root / "vggish")
    assert (store.spec.modality, store.spec.num_crops, store.spec.feature_dim) == ("audio", 1, 128)
    for name in ("n0", "a0", "a1"):
        video = store.verify(name)
        assert video.frame_span.tolist() == FeatureStore(root / "motion").read(name).frame_span.tolist()
        expected = rows_of(weights, samples_of(name), video.time_span)
        assert np.abs(video.features[:, 0] - expected).max() < 1e-4 * np.abs(expected).max()
    assert not store.verify("n1").features.any()
    assert "1 video without sound, whose rows are zero: n1" in printed
    assert "1 video without sound, whose rows are zero: n1" in run(extract_main, "inspect", root / "vggish")
    again = extract(root, "vggish", "--weights", "none")
    assert "0 extracted, 4 already there, 0 failed" in again
    other = CliRunner().invoke(
        extract_main,
        ["run", "--preset", "vggish", "--weights", "none", "--set", "sound.place=start", "--videos"]
        + [str(root / "videos"), "--store", str(root / "vggish"), "--device", "cpu"],
    )
    assert other.exit_code == 2 and "preprocessing.sound.place is 'end', expected 'start'" in other.output


def test_a_plan_counts_the_time_of_the_network(trained):
    root, _ = trained
    words = ("plan", root / "train.tsv", "--preset", "vggish", "--videos", root / "videos", "--sample", "3")
    speeds = json.loads(run(extract_main, *words, "--weights", "none", "--device", "cpu", "--json"))["speeds"]
    assert speeds["videos"] == 3 and 1 < speeds["device"] < 1e5


def test_new_videos_are_seen_and_heard(trained, weights, tmp_path):
    root, _ = trained
    write_sounding(tmp_path / "mute.mkv", frames=FRAMES)
    kept = ("--store", tmp_path / "seen", "--store", tmp_path / "heard")
    printed = run(
        score_main,
        *("predict", root / "new.mkv", tmp_path / "mute.mkv", "--checkpoint", root / "run", *kept),
        *("--json", tmp_path / "out.json", "--device", "cpu", "--workers", "1"),
    )
    videos = {each["video"]: each for each in json.loads((tmp_path / "out.json").read_text())["videos"]}
    assert set(videos) == {"new", "mute"}
    assert printed.count("without sound: scored with zeros in its place") == 1
    heard = FeatureStore(tmp_path / "heard")
    assert heard.spec == FeatureStore(root / "vggish").spec
    new = heard.read("new")
    expected, found = rows_of(weights, samples_of("new")[:, : RATE // 2], new.time_span), new.features[:, 0]
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    assert found[0].any() and not found[2].any() and not heard.read("mute").features.any()
