"""vad-score predict: from files to intervals and annotated videos, end to end on small videos."""

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path

import av
import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from data_lists import Video, read_list, write_list
from extract.decode.sources import find_source
from extract.pipeline.extractor import run as extract
from extract.pipeline.run_settings import RunSettings
from extract.presets import PRESETS
from extract.runtime.progress import Progress
from extract.store import FeatureStore
from score.cli import main
from score.predict.extraction import (
    ExtractionSettings,
    preset_of_spec,
    weights_by_preset,
    with_flow_weights,
)
from score.predict.inputs import find_inputs, link, link_name
from score.predict.intervals import IntervalRule, find_intervals
from score.predict.output.output_files import target
from score.predict.output.prediction_json import PredictionDocument, schema_text
from score.predict.output.score_bar import ALARM, ScoreBar, score_bar_height
from score.predict.predictor import load_model
from score.predict.timeline import Timeline
from score.runs.checkpoint import load_checkpoint, save_checkpoint
from score.runs.run_folders import CHECKPOINT
from score.scoring.chunks import score_chunks
from score.scoring.frame_scores import spread
from score.scoring.scorer import load_scorer
from support.tiny_checkpoints import HECTIC, block_video, make_features, train_head, write_h264
from support.tiny_stores import make_spec
from support.video_corpus import damage, turn, write_pictures, write_sound, write_video
from support.waiting import wait_until

# Most of these start decode workers, or wait for jobs.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "scripts"
MOST_MODULES = 900  # beside torch's; there were 800 in 2026


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Features below store/, two seeds of mil below run/, and a new hectic video."""
    root = tmp_path_factory.mktemp("trained")
    store, videos = make_features(root)
    train_head(
        root / "run", [store], videos, seeds=2, overrides=["train.epochs=60", "data.segments.mode=none"]
    )
    write_h264(root / "new.mp4", block_video(90, hectic=True))
    return root


def predict(*words, code=0):
    """Runs the command; returns (standard output, standard error)."""
    done = CliRunner().invoke(main, ["predict", *map(str, words), "--device", "cpu", "--workers", "1"])
    assert done.exit_code == code, done.output + done.stderr
    return done.stdout, done.stderr


def decoded(path):
    """[(seconds, uint8 [H, W, 3])], average rate."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        rate = stream.average_rate
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24"))
            for frame in container.decode(stream)
        ], rate


def test_a_hectic_video_is_found_and_reported_in_every_format(trained, tmp_path):
    files = {name: tmp_path / f"out.{name}" for name in ("json", "csv", "vtt", "scores-csv")}
    words = [word for name, path in files.items() for word in (f"--{name}", path)]
    printed, _ = predict(trained / "new.mp4", "--checkpoint", trained / "run", *words)
    (video,) = json.loads(files["json"].read_text())["videos"]
    (interval,) = video["intervals"]
    overlap = min(interval["stop_frame"], HECTIC[1]) - max(interval["start_frame"], HECTIC[0])
    assert overlap >= 24 and interval["stop_frame"] - interval["start_frame"] <= 64
    assert (interval["start_seconds"], interval["end_seconds"]) == (
        interval["start_frame"] / 25,
        interval["stop_frame"] / 25,
    )
    (row,) = csv.DictReader(files["csv"].open())
    assert (
        row["video"] == "new"
        and float(row["peak_score"]) == interval["peak_score"]
        and row["attention"] == ""
    )
    runs = list(csv.DictReader(files["scores-csv"].open()))
    assert [float(run["score"]) for run in runs] == pytest.approx(video["timeline"]["score"], abs=1e-6)
    assert [int(run["start_frame"]) for run in runs] == video["timeline"]["frame"][:-1]
    cues = re.findall(
        r"^(\d+)\n(\d\d:\d\d:\d\d\.\d{3}) --> (\d\d:\d\d:\d\d\.\d{3})\n(.+)$", files["vtt"].read_text(), re.M
    )
    assert files["vtt"].read_text().startswith("WEBVTT\n\n") and len(cues) == 1
    assert cues[0][1] == f"00:00:{interval['start_seconds']:06.3f}" and cues[0][1][:-4] in printed


def test_the_json_follows_its_published_schema(trained, tmp_path):
    published = resources.files("score.predict.output") / "prediction.schema.json"
    assert published.read_text(encoding="utf-8") == schema_text()
    (tmp_path / "no.mp4").write_text("no video")
    words = [trained / "new.mp4", tmp_path / "no.mp4", "--checkpoint", trained / "run"]
    predict(*words, "--json", tmp_path / "p.json", code=1)
    written = json.loads((tmp_path / "p.json").read_text())
    assert written["videos"][0]["intervals"] and written["failed"]
    validator = jsonschema.Draft202012Validator(json.loads(published.read_text()))
    validator.validate(written)
    assert PredictionDocument(**written).model_dump() == written
    del written["videos"][0]["timeline"]["score"]
    assert not validator.is_valid(written)


@pytest.mark.slow
def test_scores_and_intervals_are_those_of_the_stored_features(trained, tmp_path):
    predict(
        trained / "videos",
        "--checkpoint",
        trained / "run",
        "--json",
        tmp_path / "all.json",
        "--threshold",
        0.4,
    )
    found = json.loads((tmp_path / "all.json").read_text())
    store, scorers = (
        FeatureStore(trained / "store"),
        [load_scorer(trained / "run" / f"seed_{seed}") for seed in (0, 1)],
    )
    assert [video["video"] for video in found["videos"]] == store.ids()
    for video in found["videos"]:
        part = store.read(video["video"])
        frames = np.mean(
            [
                spread(
                    scorer.score(part).segment_score,
                    part.frame_span,
                    num_frames=part.num_frames,
                    video_id="v",
                ).score
                for scorer in scorers
            ],
            axis=0,
        )
        timeline = video["timeline"]
        np.testing.assert_allclose(
            np.repeat(timeline["score"], np.diff(timeline["frame"])), frames, atol=1e-12
        )
        inside = np.zeros(part.num_frames, dtype=bool)
        for each in video["intervals"]:
            inside[each["start_frame"] : each["stop_frame"]] = True
            assert (
                frames[each["peak_frame"]]
                == pytest.approx(each["peak_score"])
                == frames[each["start_frame"] : each["stop_frame"]].max()
            )
        assert inside[frames >= 0.4].all()
        assert video["video_score"] == pytest.approx(
            np.mean([scorer.score(part).video_score for scorer in scorers])
        )


def test_the_threshold_is_the_one_chosen_on_validation(trained):
    model = load_model(trained / "run")
    chosen = [each.validation["frame_threshold"] for each in model.checkpoints]
    if None in chosen:
        assert model.threshold() == (0.5, "the default")
    for value in (0.25, 0.75):
        half = replace(
            model,
            checkpoints=tuple(
                replace(each, validation={"frame_threshold": value}) for each in model.checkpoints
            ),
        )
        assert half.threshold() == (value, "chosen on validation")
    plain = replace(model, checkpoints=tuple(replace(each, validation={}) for each in model.checkpoints))
    assert plain.threshold() == (0.5, "the default")


def test_a_prediction_imports_no_decoder_and_nothing_for_other_presets(trained):
    """Decoders and descriptors live in their own process; networks and statistics are for other work."""
    code = (
        "import sys; from click.testing import CliRunner; from score.cli import main\n"
        "print(CliRunner().invoke(main, ['predict', *sys.argv[1:]]).exit_code, *sys.modules)"
    )
    words = [trained / "new.mp4", "--checkpoint", trained / "run", "--device", "cpu", "--workers", "1"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    exit_code, *modules = done.stdout.split()
    own = [name for name in modules if name.partition(".")[0] not in ("torch", "cuda")]
    assert exit_code == "0" and "torch" in modules
    assert not {"torch._dynamo", "torchvision", "scipy", "sklearn", "jinja2", "av", "cv2", "decord"} & {
        *modules
    }
    assert len(own) < MOST_MODULES


def test_without_ensemble_the_seed_with_the_best_validation_scores(trained, tmp_path):
    for seed, auc in ((0, 0.4), (1, 0.9)):
        kept = load_checkpoint(trained / "run" / f"seed_{seed}")
        (tmp_path / f"seed_{seed}").mkdir()
        save_checkpoint(
            replace(kept, validation={"video_auc": auc, "loss": 0.1}), tmp_path / f"seed_{seed}" / CHECKPOINT
        )
    assert [each.seed for each in load_model(tmp_path).checkpoints] == [0, 1]
    assert [each.seed for each in load_model(tmp_path, ensemble=False).checkpoints] == [1]


def test_the_annotated_video_has_every_frame_at_its_time_and_red_in_intervals(trained, tmp_path):
    predict(
        trained / "new.mp4",
        "--checkpoint",
        trained / "run",
        "--annotate",
        tmp_path / "a.mp4",
        "--json",
        tmp_path / "p.json",
    )
    (video,) = json.loads((tmp_path / "p.json").read_text())["videos"]
    (before, rate), (after, same_rate) = decoded(trained / "new.mp4"), decoded(tmp_path / "a.mp4")
    assert len(before) == len(after) == 128 and rate == same_rate == 25
    assert [seconds for seconds, _ in before] == [seconds for seconds, _ in after]
    inside = np.zeros(128, dtype=bool)
    for each in video["intervals"]:
        inside[each["start_frame"] : each["stop_frame"]] = True
    for (_, source), (_, shown), marked in zip(before, after, inside, strict=True):
        assert shown.shape == (64 + score_bar_height(96, 64), 96, 3)
        assert np.abs(source.astype(int) - shown[:64]).mean() < 6, "the frame itself is unchanged"
        assert (np.abs(shown[65:67, 8:-8].astype(int).mean(axis=(0, 1)) - ALARM).max() < 60) == marked


@pytest.mark.parametrize("name", ["variable.mkv", "odd.mp4", "turned.mp4", "one.mp4", "late.mp4"])
def test_any_frame_rate_and_size_keeps_its_frames_and_times(trained, tmp_path, name):
    source, more = tmp_path / name, {}
    if name == "variable.mkv":
        more["times_ms"] = [int(each) for each in np.cumsum([20, 90, 40, 10, 140] * 8) - 20]
    if name == "late.mp4":
        more["times_ms"] = [400 + 40 * number for number in range(30)]
    if name == "odd.mp4":
        more |= {"width": 101, "height": 75, "pix_fmt": "yuv444p"}
    write_video(source, {"one.mp4": 1, "late.mp4": 30}.get(name, 40), **more)
    if name == "turned.mp4":
        turn(source)
    predict(source, "--checkpoint", trained / "run", "--annotate", tmp_path / "out.mp4")
    after, rate = decoded(tmp_path / "out.mp4")
    with av.open(str(source)) as container:
        begin = (container.start_time or 0) / 1e6
        before = [float(frame.pts * frame.time_base) - begin for frame in container.decode(video=0)]
        same_rate = container.streams.video[0].average_rate
    with av.open(str(tmp_path / "out.mp4")) as container:
        begin = (container.start_time or 0) / 1e6
    np.testing.assert_allclose([seconds - begin for seconds, _ in after], before, atol=1.1e-3)
    if name in ("odd.mp4", "turned.mp4", "late.mp4"):  # Matroska claims 25 frames per second for any
        assert rate == same_rate
    height, width = after[0][1].shape[:2]
    shown = {"odd.mp4": (102, 75), "turned.mp4": (96, 160)}.get(name, (160, 96))
    assert (width, height) == (shown[0], shown[1] + score_bar_height(*shown)) and height % 2 == 0


def test_frames_in_a_folder_are_a_video(trained, tmp_path):
    write_pictures(tmp_path / "frames", range(1, 41), prefix="frame_")
    predict(
        tmp_path / "frames",
        "--checkpoint",
        trained / "run",
        "--json",
        tmp_path / "p.json",
        "--annotate",
        tmp_path / "a.mp4",
    )
    (video,) = json.loads((tmp_path / "p.json").read_text())["videos"]
    assert (video["video"], video["frames"], video["fps"]) == ("frames", 40, 25.0)
    assert len(decoded(tmp_path / "a.mp4")[0]) == 40


def test_failing_videos_get_one_line_each_and_the_others_are_scored(trained, tmp_path):
    folder = tmp_path / "in"
    whole = write_h264(folder / "deep" / "whole.mp4", block_video(91, hectic=True))
    (folder / "text.mp4").write_text("no video")
    (folder / "empty.avi").touch()
    write_sound(folder / "sound.mp4")
    damage(folder / "cut.mp4", whole, keep=0.6)
    (folder / "notes.txt").write_text("ignored")
    os.mkfifo(folder / "pipe.mp4")
    _, failed = predict(
        folder,
        ROOT / "setup.cfg",
        "--checkpoint",
        trained / "run",
        "--json",
        tmp_path / "p.json",
        "--vtt",
        tmp_path / "vtt",
        "--annotate",
        tmp_path / "annotated",
        code=1,
    )
    lines = dict(
        line.removeprefix("failed: ").split(": ", 1)
        for line in failed.splitlines()
        if line.startswith("failed: ")
    )
    names = {str(folder / name) for name in ("text.mp4", "empty.avi", "sound.mp4", "cut.mp4", "pipe.mp4")} | {
        str(ROOT / "setup.cfg")
    }
    assert set(lines) == names and "Traceback" not in failed
    assert (
        "empty (0 bytes)" in lines[str(folder / "empty.avi")]
        and "only audio" in lines[str(folder / "sound.mp4")]
    )
    assert "cannot be opened as a video" in lines[str(ROOT / "setup.cfg")] and "vad-predict-" not in failed
    found = json.loads((tmp_path / "p.json").read_text())
    assert [video["video"] for video in found["videos"]] == ["deep/whole"] and {
        each["path"] for each in found["failed"]
    } == names
    assert [
        path.relative_to(tmp_path).as_posix()
        for path in sorted(tmp_path.rglob("whole.*"))
        if folder not in path.parents
    ] == ["annotated/deep/whole.mp4", "vtt/deep/whole.vtt"]


@pytest.mark.parametrize(
    "words, message",
    [
        (["missing.mp4"], "missing.mp4: no such file or folder"),
        (["empty"], "no video and no folder of frames in it"),
        (["a.mp4", "b.mp4", "--annotate", "out.mp4"], "names one file, but there are 2 videos"),
        (["a.mp4", "--annotate", "a.mp4"], "would overwrite the video"),
        (["a.mp4", "--annotate", "out.avi"], r"expected a file \*\.mp4"),
        (["a.mp4", "--checkpoint", "empty"], "holds no run of vad-score train"),
        (["a.mp4", "--checkpoint", "a.mp4"], "damaged or not a checkpoint"),
        (["a.mp4", "--device", "tpu"], "--device"),
        (["a.mp4", "--store", "s", "--store", "t"], "2 stores are given, the checkpoint needs 1"),
        (["a.mp4", "--store", "busy"], "no feature store"),
        (["a.mp4", "--weights", "nothing=x"], "--weights nothing=x: expected PRESET=PATH"),
    ],
)
def test_wrong_usage_is_one_line_before_any_work(trained, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "thesis.txt").write_text("mine")
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_text("x")
    done = CliRunner().invoke(main, ["predict", "--checkpoint", str(trained / "run"), *words])
    assert done.exit_code == 2 and re.search(message, done.stderr), done.stderr
    assert len([line for line in done.stderr.splitlines() if line.lower().startswith("error: ")]) == 1


def other_specs(trained, tmp_path, *specs) -> Path:
    """The run with other specs in its checkpoint, as if trained on them."""
    kept = load_checkpoint(trained / "run" / "seed_0")
    save_checkpoint(replace(kept, specs=tuple(specs)), tmp_path / CHECKPOINT)
    return tmp_path / CHECKPOINT


@pytest.mark.parametrize(
    "words, message",
    [
        (["--weights", "nowhere.pt"], "nowhere.pt"),
        (
            ["--weights", "none"],
            "not those with which the checkpoint's features were .* --weights efficientnet-b0-.*=PATH",
        ),
    ],
)
def test_missing_or_wrong_weights_are_one_line(trained, tmp_path, words, message):
    spec = PRESETS["efficientnet-b0-frames"].spec(weights="sha256:" + 64 * "0")
    checkpoint = other_specs(trained, tmp_path, spec)
    _, errors = predict(trained / "new.mp4", "--checkpoint", checkpoint, *words, code=2)
    assert re.search(message, errors) and errors.count("error: ") == 1


def scene_spec(detector):
    scene = replace(PRESETS["reclass"].scene, detector=detector, detect_every=4)
    return replace(PRESETS["reclass"], scene=scene, frame_stride=1).spec()


def test_scene_presets_are_restored_with_their_detector():
    assert preset_of_spec(scene_spec("hog")).spec() == scene_spec("hog")


def flow_spec(weights):
    spec = PRESETS["i3d-flow-16"].spec()
    raft = {name: value for name, value in spec.flow.items() if name != "grey"}  # it sees colours
    return replace(spec, flow={**raft, "method": "raft", "weights": weights})


def test_weights_of_a_flow_network_are_found_by_their_digest_or_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("VAD_WEIGHTS_DIR", str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()
    digest = f"sha256:{hashlib.sha256(b'raft').hexdigest()}"
    preset = preset_of_spec(flow_spec(digest))
    assert preset.flow.lacks_weights and preset.spec() == flow_spec(digest)
    name = "i3d-flow-16.flow"
    with pytest.raises(ValueError, match=rf"{digest}, and no raft.*; give it with --weights {name}=PATH"):
        with_flow_weights(preset, ExtractionSettings())
    (tmp_path / "other.pth").write_bytes(b"other")
    (choice,) = weights_by_preset([f"{name}={tmp_path}/other.pth"], [flow_spec(digest)]).items()
    with pytest.raises(ValueError, match="other.pth is another file"):
        with_flow_weights(preset, ExtractionSettings(weights=dict([choice])))
    (tmp_path / "other.pth").rename(tmp_path / "mine.pth").write_bytes(b"raft")
    given = with_flow_weights(preset, ExtractionSettings(weights={name: f"{tmp_path}/mine.pth"}))
    assert given.flow.weights == f"{tmp_path}/mine.pth" and given.spec() == flow_spec(digest)
    (tmp_path / "mine.pth").rename(tmp_path / "weights" / "raft_large_x.pth")
    assert with_flow_weights(preset, ExtractionSettings()).spec() == flow_spec(digest)


def test_specs_that_cannot_be_extracted_here_say_why(trained, tmp_path):
    motion = PRESETS["motion"].spec()
    for spec, message in (
        (replace(motion, imported=True), "imported features"),
        (replace(motion, preset="mine"), "preset 'mine'"),
        (replace(motion, feature_dim=70), "feature_dim is 69, expected 70"),
        (replace(motion, preprocessing={"resize": {"mode": "odd"}}), "cannot be extracted again"),
        (replace(motion, preprocessing={"crop": {"layout": "center", "size": "9"}}), "Crop.size is wrong"),
        (replace(motion, preprocessing={"resize": {"mode": "short_side", "size": 10**9}}), "at most 8192"),
        (replace(motion, preprocessing={"resize": [1]}), "cannot be extracted again"),
        (flow_spec("/dev/zero"), "flow.weights is '/dev/zero', expected none or a sha256 digest"),
        (flow_spec("secret.pt"), "flow.weights is 'secret.pt'"),
        (scene_spec("files"), "people detected beforehand"),
    ):
        checkpoint = other_specs(trained, tmp_path, spec)
        _, errors = predict(trained / "new.mp4", "--checkpoint", checkpoint, code=2)
        assert message in errors and errors.count("error: ") == 1


@pytest.mark.slow
def test_features_of_two_presets_are_extracted_with_their_overrides(trained, tmp_path):
    """A head on two stores: both kinds of features are extracted, each with its own overrides."""
    other, videos = (
        replace(PRESETS["motion"], dtype="float16"),
        [each for each in make_list(trained) if each.video_id[1] in "01"],
    )
    settings = RunSettings(device="cpu", workers=1)
    extract(
        other,
        videos,
        root=trained / "videos",
        store_root=tmp_path / "other",
        settings=settings,
        progress=Progress(total=0),
    )
    stores = [FeatureStore(trained / "store"), FeatureStore(tmp_path / "other")]
    train_head(tmp_path / "run", stores, videos, overrides=["train.epochs=1", "data.segments.mode=none"])
    predict(trained / "videos" / "h0.mp4", "--checkpoint", tmp_path / "run", "--json", tmp_path / "p.json")
    (video,) = json.loads((tmp_path / "p.json").read_text())["videos"]
    expected = load_scorer(tmp_path / "run" / "seed_0").score(*(each.read("h0") for each in stores))
    np.testing.assert_allclose(video["timeline"]["score"], expected.segment_score)


@pytest.mark.slow
def test_a_kept_store_is_reused_but_never_for_another_video(trained, tmp_path):
    here, there = tmp_path / "here" / "cam.mp4", tmp_path / "there" / "cam.mp4"
    write_h264(here, block_video(92, hectic=True))
    write_h264(there, block_video(93, hectic=False, num_frames=64))
    words = ["--checkpoint", trained / "run", "--store", tmp_path / "store", "--json", tmp_path / "p.json"]
    first, _ = predict(here, *words)
    changed = (tmp_path / "store" / "cam.h5").stat().st_mtime_ns
    assert predict(here, *words)[0] == first and (tmp_path / "store" / "cam.h5").stat().st_mtime_ns == changed
    predict(there, *words)
    (video,) = json.loads((tmp_path / "p.json").read_text())["videos"]
    assert video["frames"] == 64 and re.fullmatch(r"cam-[0-9a-f]{8}", video["video"])
    assert len(FeatureStore(tmp_path / "store").ids()) == 2


def test_names_of_inputs_never_collide(tmp_path):
    for name in ("a/x.mp4", "b/x.mp4", "b/x.avi", "b/x/1.png", "b/.hidden/y.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_inputs([tmp_path / "a" / "x.mp4", tmp_path / "b", tmp_path / "a" / "x.mp4"])
    assert len(found) == 4 and len({each.video_id for each in found}) == 4
    (tmp_path / "root").mkdir()
    link(found, tmp_path / "root")
    for each in found:
        assert find_source(tmp_path / "root", each.video_id).path.resolve() == each.path.resolve()


def test_ids_never_share_a_file_whatever_the_suffixes(tmp_path):
    """A folder of frames named like a video, and folders named like the outputs of one."""
    names = "x/a.mp4 y/a.mp4/1.png a.vtt/b.mp4 a.mp4.avi c.h5/1.png c.mkv d/1.png d/e/f.ts".split()
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    given = "x/a.mp4 y/a.mp4 a.vtt a.mp4.avi c.h5 c.mkv d d/e".split()
    found = find_inputs([tmp_path / name for name in given])
    assert len(found) == len(names)
    root, out = tmp_path / "root", tmp_path / "out"
    root.mkdir()
    link(found, root)
    for each in found:
        assert find_source(root, each.video_id).path.resolve() == each.path.resolve()
        for suffix in (".vtt", ".mp4"):
            place = target(out, each.video_id, suffix=suffix, several=True)
            assert out in place.parents
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch(exist_ok=False)


@pytest.mark.parametrize("name", ["a\x1b[31m", "line\n", "\x85", "._mac", "...", "a\\b", "caf\udce9", ".mp4"])
def test_every_name_of_a_file_becomes_an_id_that_a_store_takes(tmp_path, name):
    (tmp_path / f"{name}.mp4").touch()
    (found,) = find_inputs([tmp_path / f"{name}.mp4"])
    store = FeatureStore.create(tmp_path / "store", make_spec())
    assert store.path(found.video_id).parent == tmp_path / "store"


def test_names_that_no_id_may_have_become_ids(tmp_path):
    names = [os.fsdecode(b"caf\xe9.mp4"), os.fsdecode(b"caf\xff.mp4"), "a\\b.mp4", "Überfall.mp4"]
    for name in names:
        (tmp_path / name).touch()
    found = {each.path.name: each.video_id for each in find_inputs([tmp_path])}
    assert len(set(found.values())) == 4 and found["Überfall.mp4"] == "Überfall"
    for video_id in found.values():
        assert video_id.encode() and "\\" not in video_id
    assert found["a\\b.mp4"] == "a_b"


def test_what_is_no_file_is_refused_by_name_and_the_rest_is_found(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "good.mp4").touch()
    (tmp_path / "zero.mkv").symlink_to("/dev/zero")
    (tmp_path / "gone.avi").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(".")
    deep = tmp_path.joinpath("deep", *["d"] * 100)
    deep.mkdir(parents=True)
    found = {each.path.relative_to(tmp_path).parts[0]: each.problem for each in find_inputs([tmp_path])}
    assert found == {
        "good.mp4": "",
        "pipe.mp4": "is a pipe, expected a video",
        "zero.mkv": "is a device, expected a video",
        "gone.avi": "a link to a file that does not exist",
        "deep": "is more than 64 folders deep; is it a loop?",
    }
    assert [each.problem for each in find_inputs([tmp_path / "pipe.mp4"])] == ["is a pipe, expected a video"]
    assert find_inputs(["/dev/null"])[0].problem == "is a device, expected a video"


@pytest.mark.slow
def test_attention_is_reported_for_heads_that_have_it(trained, tmp_path):
    store, videos = FeatureStore(trained / "store"), make_list(trained)
    train_head(tmp_path / "run", [store], videos, name="mtn", overrides=["train.epochs=1", "head.width=32"])
    predict(
        trained / "new.mp4", "--checkpoint", tmp_path / "run", "--json", tmp_path / "p.json", "--threshold", 0
    )
    (video,) = json.loads((tmp_path / "p.json").read_text())["videos"]
    assert sum(video["timeline"]["attention"]) == pytest.approx(1)
    assert video["intervals"][0]["attention"] == pytest.approx(1) and min(video["timeline"]["attention"]) >= 0


@pytest.mark.slow
def test_the_event_class_is_reported_for_heads_that_predict_it(trained, tmp_path):
    store, videos = FeatureStore(trained / "store"), make_list(trained)
    train_head(tmp_path / "run", [store], videos, name="multitask", overrides=["train.epochs=1"])
    printed, _ = predict(
        trained / "new.mp4", "--checkpoint", tmp_path / "run", "--json", tmp_path / "p.json", "--threshold", 0
    )
    (video,) = json.loads((tmp_path / "p.json").read_text())["videos"]
    assert video["event_classes"] == ["Normal", "Fight"] and video["intervals"][0]["event_class"] == "Fight"
    scores = load_scorer(tmp_path / "run" / "seed_0").score(store.read("h0"))
    np.testing.assert_allclose(scores.class_probability.sum(axis=1), 1, atol=1e-5)
    assert "Fight" in printed


@pytest.mark.slow
def test_a_class_from_a_few_examples_is_shown_and_moves_no_score(trained, tmp_path):
    videos = [
        replace(video, event_class="Brawl") if video.video_id in ("h0", "h1") else video
        for video in make_list(trained)
    ]
    old = [video for video in videos if video.event_class != "Brawl"]
    quick = ["train.epochs=2", "train.validation_share=0", "train.select=last"]
    train_head(tmp_path / "old", [FeatureStore(trained / "store")], old, name="pel4vad", overrides=quick)
    write_list(tmp_path / "new.tsv", videos)
    words = ("--from", tmp_path / "old", "--shots", 2, "--store", trained / "store")
    done = CliRunner().invoke(
        main, [*map(str, ("train", *words, "--list", tmp_path / "new.tsv", "--out", tmp_path / "new"))]
    )
    assert done.exit_code == 0, done.output
    found = {}
    for run in ("old", "new"):
        shown = ("--json", tmp_path / f"{run}.json", "--viewer", tmp_path / f"{run}.html", "--no-embed")
        predict(trained / "new.mp4", "--run", tmp_path / run, *shown, "--threshold", 0)
        (found[run],) = json.loads((tmp_path / f"{run}.json").read_text())["videos"]
    assert found["old"]["event_classes"] == ["Normal", "Fight"]
    assert found["new"]["event_classes"] == ["Normal", "Fight", "Brawl"]
    assert found["new"]["timeline"]["score"] == found["old"]["timeline"]["score"]
    assert found["new"]["intervals"][0]["event_class"] in ("Fight", "Brawl")
    assert '["Normal","Fight","Brawl"]' in (tmp_path / "new.html").read_text()
    assert "Brawl" not in (tmp_path / "old.html").read_text()


def make_list(trained):
    return [
        Video(name, "Fight" if name.startswith("h") else "Normal")
        for name in FeatureStore(trained / "store").ids()
    ]


def test_chunks_are_scored_as_videos_of_their_own(trained):
    scorer, part = load_scorer(trained / "run" / "seed_0"), FeatureStore(trained / "store").read("h0")
    cut = score_chunks(scorer, [part], chunk_minutes=0.05)  # of 5.12 s: two chunks of 4 segments
    halves = [
        scorer.score(replace(part, features=part.features[rows], frame_span=part.frame_span[rows]))
        for rows in (slice(0, 4), slice(4, 8))
    ]
    np.testing.assert_array_equal(cut.segment_score, np.concatenate([each.segment_score for each in halves]))
    assert cut.video_score == max(each.video_score for each in halves)
    whole = score_chunks(scorer, [part], chunk_minutes=0)
    np.testing.assert_array_equal(whole.segment_score, scorer.score(part).segment_score)


@pytest.mark.parametrize("size", [(16, 16), (149, 80), (150, 80), (320, 240), (1080, 1920), (1920, 1080)])
def test_the_score_bar_fits_and_shows_the_position(size):
    width, height = size
    frame = np.arange(0, 1001, 100)
    timeline = Timeline(frame, frame / 25, np.array([0, 0, 0, 0.9, 1, 0, 0, 0.3, 0, 0]))
    high = score_bar_height(width, height)
    bar = ScoreBar(
        timeline, find_intervals(timeline, IntervalRule(0.5)), threshold=0.5, width=width, height=high
    )
    assert (height + high) % 2 == 0 and 44 <= high <= 177
    early, late, alarm = bar.draw(100, 4.0), bar.draw(900, 36.0), bar.draw(350, 14.0)
    for picture in (early, late, alarm):
        assert picture.shape == (high, width, 3) and picture.dtype == np.uint8
    np.testing.assert_array_equal(bar.draw(100, 4.0), early)
    assert (alarm[0] == ALARM).all() and not (early[0] == ALARM).all()
    heads = [
        np.flatnonzero((picture[3 * bar.unit + 1, bar.left :] == (244, 246, 248)).all(axis=1)).mean()
        for picture in (early, late)
    ]
    assert heads[1] - heads[0] == pytest.approx(0.8 * (bar.right - bar.left), abs=3)
    # The playhead stays inside the bar at times beyond both ends.
    bar.draw(10**9, 1e9), bar.draw(0, -5.0)


@pytest.mark.slow
def test_an_interrupted_call_leaves_nothing_behind(trained, tmp_path):
    write_h264(tmp_path / "long.mp4", block_video(94, hectic=False, num_frames=1500))
    (tmp_path / "tmp").mkdir()
    command = [
        sys.executable,
        "-m",
        "score.cli",
        "predict",
        str(tmp_path / "long.mp4"),
        "--checkpoint",
        str(trained / "run"),
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**environment(), "TMPDIR": str(tmp_path / "tmp")}, stderr=subprocess.PIPE
    )
    wait_until(lambda: any((tmp_path / "tmp").glob("vad-predict-*/store_0/store.json")))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143 and not list((tmp_path / "tmp").glob("vad-predict-*"))


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


EVERYTHING = """
import sys
from resource import RUSAGE_SELF, getrusage
from pathlib import Path
from extract.decode.pyav_reader import open_pyav
from score.predict.extraction import ExtractionSettings
from score.predict.inputs import find_inputs, link_name
from score.predict.intervals import IntervalRule
from score.predict.predictor import Predictor, load_model
from score.predict.output.output_files import Outputs
run, out, *videos = map(Path, sys.argv[1:])
settings = ExtractionSettings(device="cpu", workers=1, readers=(open_pyav,))
for video in videos:
    with Predictor(load_model(run), settings=settings) as predictor:
        prediction = predictor.predict(find_inputs([video]), rule=IntervalRule())
        outputs = Outputs(annotate=out / "a.mp4", viewer=out / "v.html", embed=False)
        outputs.write(prediction, predictor, say=print)
    print("peak", getrusage(RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(trained, tmp_path):
    """All outputs at once, on a video six times as long. PyAV reads it, as it reads long videos; decord reads
    short ones ahead, up to half a gigabyte."""
    from scripts.demo.make_long_video import frames
    from scripts.demo.scene.h264 import write_h264

    videos = [tmp_path / "short.mp4", tmp_path / "long.mp4"]
    for video, count in zip(videos, (150, 900), strict=True):
        write_h264(video, frames(count, size=(160, 120), fps=25, seed=0), 25, preset="ultrafast")
    command = [sys.executable, "-c", EVERYTHING, *map(str, (trained / "run", tmp_path, *videos))]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    # MB of the process with the head and the encoder: after the short video, and after both
    peaks = [int(kilobytes) / 1e3 for kilobytes in re.findall(r"^peak (\d+)$", done.stdout, re.M)]
    assert len(peaks) == 2
    # Holding the 750 additional frames of 160x120 would take 43 MB. The shared memory for decoded frames is
    # 17 MB, half of which the short video fills.
    assert peaks[1] - peaks[0] < 21, peaks


@pytest.mark.slow
def test_a_real_video_with_a_head_of_other_real_videos(test_data, tmp_path):
    """A head trained on a few fights scores a video of another data set, and every frame keeps its time."""
    listed = read_list(test_data / "fight_untrimmed" / "train.tsv")
    shortest = sorted(listed, key=lambda video: video.num_frames or 0)
    videos = [next(video for video in shortest if video.is_anomalous == label) for label in (True, False)]
    root = test_data / "fight_untrimmed" / "videos"
    extract(
        PRESETS["motion"],
        videos,
        root=root,
        store_root=tmp_path / "store",
        settings=RunSettings(workers=2),
        progress=Progress(total=0),
    )
    train_head(
        tmp_path / "run",
        [FeatureStore(tmp_path / "store")],
        videos,
        overrides=["train.validation_share=0", "train.select=last"],
    )
    source = test_data / "ucf_crime" / "videos" / "Assault020_x264.mp4"
    predict(
        source,
        "--checkpoint",
        tmp_path / "run",
        "--annotate",
        tmp_path / "a.mp4",
        "--json",
        tmp_path / "p.json",
    )
    (video,) = json.loads((tmp_path / "p.json").read_text())["videos"]
    frames = np.repeat(video["timeline"]["score"], np.diff(video["timeline"]["frame"]))
    assert video["frames"] == 474 == len(frames)
    (after, rate), (before, same_rate) = decoded(tmp_path / "a.mp4"), decoded(source)
    assert len(after) == len(before) == 474 and rate == same_rate == 30
    assert [seconds for seconds, _ in after] == [seconds for seconds, _ in before]
    assert after[0][1].shape == (240 + score_bar_height(320, 240), 320, 3)
    merged = np.zeros(474, dtype=bool)
    for each in video["intervals"]:
        merged[each["start_frame"] : each["stop_frame"]] = True
    assert merged[frames >= 0.5].all() and all(
        each["peak_score"] == frames[each["start_frame"] : each["stop_frame"]].max()
        for each in video["intervals"]
    )


@pytest.mark.parametrize(
    ("name", "linked"), [("v.zip", "v.zip"), ("v.tiff", "v.tiff"), ("v.MOV", "v.MOV"), ("v.x", "v.mp4")]
)
def test_links_keep_the_suffixes_that_decide_how_a_video_is_read(tmp_path, name, linked):
    (tmp_path / name).write_bytes(b"")
    (found,) = find_inputs([tmp_path / name])
    assert link_name(found) == linked


def test_archives_of_frames_below_a_folder_are_videos(tmp_path):
    for name in ("a.zip", "b.mp4", "notes.txt", "._c.zip"):
        (tmp_path / name).write_bytes(b"")
    assert [each.video_id for each in find_inputs([tmp_path])] == ["a", "b"]
