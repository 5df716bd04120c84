"""vad-extract match as a stranger runs it: rows of motion statistics in files whose names say nothing."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from extract.cli import main
from extract.store import FeatureStore
from support.foreign_protocols import write_videos
from support.sounding_videos import noise, write_sounding

FRAMES = (35, 48, 66, 83, 101)  # of each video: few, because each frame's motion takes 4 ms in every test


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Videos, and a store that run made with a changed preset."""
    folder = tmp_path_factory.mktemp("made")
    write_videos(folder / "videos", FRAMES)
    invoke(
        *("run", "--preset", "motion", "--set", "segment_stride=4", "--set", "tail=drop", "--workers", "2"),
        *("--videos", folder / "videos", "--store", folder / "store"),
    )
    return folder


def invoke(*arguments, code=0):
    done = CliRunner().invoke(main, [str(each) for each in arguments])
    assert done.exit_code == code, f"{done.output}\n{done.exception!r}"
    return done.output


def rows_without_names(made, folder, change=lambda rows: rows):
    store = FeatureStore(made / "store")
    for number, video_id in enumerate(reversed(store.ids())):
        np.save(folder / f"{number}.npy", change(store.read(video_id).features[:, 0]))
    return folder


@pytest.mark.slow
def test_motion_statistics_are_found_and_the_printed_command_makes_them(made, tmp_path):
    features = tmp_path / "features"
    features.mkdir()
    rows_without_names(made, features)
    report = tmp_path / "report.json"
    text = invoke("match", features, made / "videos", "--json", report)
    assert "motion: these are they" in text
    assert "a row every 4 frames, each of 16; a partial segment at the end is dropped" in text
    found = json.loads(report.read_text())
    assert found["fits"] == ["motion"]
    (candidate,) = found["candidates"]
    assert candidate["explained"]["count"] == 5
    words = candidate["run"].replace("'", "").split()[1:]
    invoke(*[str(tmp_path / "again") if word == "STORE" else word for word in words])
    for video_id in FeatureStore(made / "store").ids():
        first, again = (FeatureStore(place).read(video_id) for place in (made / "store", tmp_path / "again"))
        np.testing.assert_array_equal(first.features, again.features)


@pytest.mark.slow
def test_random_numbers_give_none_and_exit_code_1(made, tmp_path):
    random = np.random.default_rng(0)
    rows_without_names(made, tmp_path, lambda rows: random.normal(size=rows.shape))
    text = invoke("match", tmp_path, made / "videos", code=1)
    assert "agree with none of them, and these seem to follow no video" in text


@pytest.mark.slow
def test_one_file_of_one_video_is_matched_too(made, tmp_path):
    video = "cam0/clip_4"
    rows = FeatureStore(made / "store").read(video).features[:, 0]
    np.save(tmp_path / "mine.npy", rows * 3)
    text = invoke("match", tmp_path / "mine.npy", made / "videos" / f"{video}.mp4")
    assert "motion: these are they" in text
    assert "multiplied by 3" in text


@pytest.mark.slow
def test_rows_of_the_sound_are_found_with_the_place_of_their_window(tmp_path):
    (tmp_path / "videos").mkdir()
    for seed in range(2):
        sound = noise(4 + seed, 16_000, seed=seed)
        path = tmp_path / "videos" / f"v{seed}.mkv"
        write_sounding(path, frames=96 + 24 * seed, sounds=(("aac", 16_000, sound, 0.0),))
    random_weights = ("--weights", "none", "--workers", "1")
    invoke(
        *("run", "--preset", "vggish", "--set", "sound.place=start", *random_weights),
        *("--videos", tmp_path / "videos", "--store", tmp_path / "store"),
    )
    features = tmp_path / "features"
    features.mkdir()
    store = FeatureStore(tmp_path / "store")
    for number, video_id in enumerate(reversed(store.ids())):
        np.save(features / f"{number}.npy", store.read(video_id).features[:, 0])
    text = invoke("match", features, tmp_path / "videos", *random_weights)
    assert "vggish: these are they" in text
    assert "the sound that begins with it" in text
    assert "--set 'sound.place=\"start\"'" in text


@pytest.mark.slow
def test_a_folder_of_frames_is_one_video_and_the_printed_command_finds_it(tmp_path):
    frames = tmp_path / "videos" / "walk"
    frames.mkdir(parents=True)
    picture = np.random.default_rng(0).integers(0, 255, (64, 128, 3)).astype(np.uint8)
    for number in range(40):
        Image.fromarray(picture[:, number : number + 64]).save(frames / f"{number:03d}.png")
    run = ("run", "--preset", "motion", "--videos", tmp_path / "videos", "--workers", "1")
    invoke(*run, "--store", tmp_path / "store")
    np.save(tmp_path / "mine.npy", FeatureStore(tmp_path / "store").read("walk").features[:, 0])
    text = invoke("match", tmp_path / "mine.npy", frames, "--workers", "1")
    assert "1 video decoded, 40 to 40 frames" in text
    assert "motion: these are they" in text
    assert f"--videos {tmp_path / 'videos'} " in text


@pytest.mark.slow
def test_features_of_sultani_are_imported_as_such_although_one_video_is_there(made, tmp_path):
    random = np.random.default_rng(0)
    for name in "abcd":
        np.savetxt(tmp_path / f"{name}.txt", np.cumsum(random.random((32, 4096)), axis=0), fmt="%.3g")
    text = invoke("match", tmp_path, made / "videos" / "cam0" / "clip_4.mp4", code=1)
    assert "every video has 32 rows" in text
    assert "none: no preset has 4096 numbers" in text
    (command,) = [line for line in text.splitlines() if "vad-extract import" in line]
    assert "--layout sultani" in command
    assert "--clip-length" not in command
    assert "--convention" not in command


def test_what_cannot_be_used_is_one_line(tmp_path):
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "a.npy").write_text("no array")
    (tmp_path / "cam.mp4").write_text("no video")
    text = invoke("match", tmp_path / "features", tmp_path / "cam.mp4", code=2)
    assert "no features in a known layout" in text
    assert len(text.splitlines()) == 1
