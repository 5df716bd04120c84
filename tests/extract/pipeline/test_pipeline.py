"""Stage 1 end to end: bad videos fail alone, runs resume where they stopped, rows are the network's."""

import functools
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from data_lists import Video, write_list
from extract.cli import main
from extract.decode.decord_reader import open_decord
from extract.decode.pyav_reader import open_pyav
from extract.decode.sinks import SEGMENTS_AT_ONCE
from extract.inference.network import Network
from extract.pipeline.extractor import Extractor
from extract.pipeline.extractor import run as extract
from extract.pipeline.run_settings import ExtractionJob, RunReport, RunSettings
from extract.presets import PRESETS
from extract.presets.preset_overrides import overridden
from extract.presets.segment_rate import with_segments_every
from extract.runtime.progress import Progress
from extract.store import FeatureStore, StoreError
from extract.store.failures import read_failures
from support import video_corpus
from support.processes import descendants
from support.waiting import wait_until

TINY = ["resize.size=32", "crop.size=32", "clip_length=4", "segment_stride=4", "batch_size=[3, 3]"]


@pytest.fixture(scope="module")
def bad_and_good(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    video_corpus.make_corpus(root)
    return root


@pytest.fixture
def videos(tmp_path) -> Path:
    root = tmp_path / "videos"
    root.mkdir()
    for number, frames in enumerate((9, 30, 17)):
        video_corpus.write_video(root / f"v{number}.mp4", frames)
    return root


def settings(**changes) -> RunSettings:
    return RunSettings(device="cpu", workers=2, weights="none", **changes)


def run_motion(root, store, ids, **changes):
    return extract(
        PRESETS["motion"],
        [Video(video_id) for video_id in ids],
        root=root,
        store_root=store,
        settings=settings(**changes),
        progress=Progress(total=0, live=False),
    )


def datasets(root: Path) -> dict[str, bytes]:
    """Everything in the data sets of a store, as bytes."""
    content = {}
    for path in sorted(root.rglob("*.h5")):
        with h5py.File(path) as file:
            content |= {f"{path.relative_to(root)}:{name}": file[name][()].tobytes() for name in file}
    return content


@pytest.mark.slow
def test_every_video_of_the_corpus_is_extracted_or_named(bad_and_good, tmp_path):
    # lists refuse names that leave the folder
    failures = {name for name in video_corpus.FAILURES if not name.startswith(("/", ".."))}
    ids = [*video_corpus.CASES, *failures]
    report = run_motion(bad_and_good, tmp_path, ids)
    store = FeatureStore(tmp_path)
    assert store.ids() == sorted(video_corpus.CASES) and report.done == len(video_corpus.CASES)
    assert {failure.video_id for failure in report.failed} == failures
    for line in (tmp_path / "failures.jsonl").read_text().splitlines():
        failure = json.loads(line)
        stage, words = video_corpus.FAILURES[failure["video_id"]]
        assert failure["stage"] == stage and words in failure["reason"] and "\n" not in failure["reason"]
    for video_id in video_corpus.CASES:
        video = store.verify(video_id)
        spans = video.frame_span
        assert spans[0, 0] == 0 and spans[-1, 1] == video.num_frames and (spans[1:, 0] == spans[:-1, 1]).all()
        assert not list(tmp_path.rglob("*.partial"))


def test_a_second_run_does_nothing_and_forgets_old_failures(videos, tmp_path):
    store = tmp_path / "store"
    assert run_motion(videos, store, ["v0", "absent"]).done == 1
    assert (store / "failures.jsonl").is_file()
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*.h5")}
    report = run_motion(videos, store, ["v0"])
    assert (report.done, report.skipped, report.failed) == (0, 1, [])
    assert before == {path: path.stat().st_mtime_ns for path in store.rglob("*.h5")}
    assert not (store / "failures.jsonl").exists()


def test_a_store_of_other_settings_is_refused_with_the_words_that_continue_it(videos, tmp_path):
    started = overridden(PRESETS["motion"], ["segment_stride=8", "tail=drop"])
    FeatureStore.create(tmp_path / "store", started.spec())
    with pytest.raises(StoreError) as refused:
        run_motion(videos, tmp_path / "store", ["v0"])
    said = str(refused.value)
    assert "segment_stride is 8, expected 16; tail is 'drop', expected 'pad'" in said
    words = re.findall(r"--set (\S+)", said)
    assert overridden(PRESETS["motion"], words) == started


@pytest.mark.slow
def test_a_damaged_file_of_the_store_is_extracted_again(videos, tmp_path):
    store = tmp_path / "store"
    run_motion(videos, store, ["v0", "v1"])
    before = datasets(store)
    os.truncate(store / "v1.h5", 700)
    report = run_motion(videos, store, ["v0", "v1"])
    assert (report.done, report.skipped, report.damaged) == (1, 1, ["v1"])
    assert datasets(store) == before


@pytest.mark.slow
def test_a_decoder_that_hangs_with_the_interpreter_locked_costs_one_video(videos, tmp_path):
    video_corpus.write_video(videos / "hang.mp4", 20)
    began = time.monotonic()
    readers = (video_corpus.open_or_hang, video_corpus.open_or_hang)
    report = run_motion(
        videos, tmp_path / "store", ["hang", "v0", "v1", "v2"], readers=readers, stall_seconds=2.0
    )
    assert report.done == 3 and [failure.video_id for failure in report.failed] == ["hang"]
    assert "no progress for 2 s" in report.failed[0].reason
    assert time.monotonic() - began < 60


@pytest.mark.slow
def test_rows_are_what_the_network_gives_for_the_pictures(videos, tmp_path):
    """Against PIL, PyAV and the plain network, clip by clip."""
    from PIL import Image

    from extract.backbones import BACKBONES
    from extract.weights import load_weights

    preset = overridden(PRESETS["efficientnet-b0"], TINY)
    extract(
        preset,
        [Video("v0"), Video("v1")],
        root=videos,
        store_root=tmp_path / "store",
        settings=settings(seed=3),
        progress=Progress(total=0, live=False),
    )
    store = FeatureStore(tmp_path / "store")
    network = BACKBONES["efficientnet-b0"]().eval()
    load_weights(network, "none", name="efficientnet-b0", seed=3)
    for video_id, count in (("v0", 9), ("v1", 30)):
        frames = [picture.rgb() for picture in decoded(videos / f"{video_id}.mp4")]
        assert len(frames) == count
        read = store.read(video_id)
        assert read.features.shape == (-(-count // 4), 1, 1280)
        for (start, _), row in zip(read.frame_span, read.features[:, 0], strict=True):
            clip = [frames[min(start + offset, count - 1)] for offset in range(4)]
            small = [
                np.asarray(Image.fromarray(frame).resize((53, 32), Image.BICUBIC))[:, 10:42] for frame in clip
            ]
            pixels = (np.stack(small) / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
            batch = torch.from_numpy(pixels).float().permute(3, 0, 1, 2)[None]
            with torch.inference_mode():
                expected = network(batch)[0].numpy()
            np.testing.assert_allclose(row, expected, atol=2e-2 * np.abs(expected).max())
            assert np.corrcoef(row, expected)[0, 1] > 0.9999


def decoded(path: Path):
    from extract.decode.sources import find_source

    return open_pyav(find_source(path.parent, path.stem), 1 << 30).frames


@pytest.fixture(scope="module")
def rows_every(tmp_path_factory):
    """(preset, changes, distance, frames) -> what is stored of a video of this many frames."""
    root = tmp_path_factory.mktemp("every")

    @functools.cache
    def stored(name: str, changes: tuple[str, ...], every: str, num_frames: int):
        video_id = f"v{num_frames}"
        if not (root / f"{video_id}.mp4").exists():
            video_corpus.write_video(root / f"{video_id}.mp4", num_frames, width=64, height=48)
        store = root / f"{name}-{len(changes)}-{every}"
        extract(
            with_segments_every(overridden(PRESETS[name], changes), every),
            [Video(video_id)],
            root=root,
            store_root=store,
            settings=RunSettings(device="cpu", workers=1, weights="none"),
            progress=Progress(total=0, live=False),
        )
        return FeatureStore(store).read(video_id)

    return stored


def check_spans(clocked, num_frames: int) -> None:
    starts = clocked.frame_span[:, 0]
    assert starts.tolist() == list(range(0, num_frames, 2))[: len(starts)]
    assert clocked.frame_span[-1, 1] == num_frames
    np.testing.assert_allclose(clocked.time_span[:, 0], starts / 25, atol=1e-5)


@pytest.mark.slow
def test_segments_by_the_clock_are_described_as_segments_at_the_same_frames(rows_every):
    """More of them than a decode worker sends at once."""
    clocked, every = (rows_every("motion", (), text, 148) for text in ("0.08s", "2"))
    check_spans(clocked, 148)
    assert len(clocked.features) > SEGMENTS_AT_ONCE
    assert np.array_equal(clocked.features, every.features)


@pytest.mark.slow
@pytest.mark.parametrize("name, length", [("efficientnet-b0-frames", 1), ("efficientnet-b0", 4)])
def test_segments_by_the_clock_have_the_rows_of_segments_at_the_same_frames(name, length, rows_every):
    """A clip's row is the mean of the rows of its frames; the last clip repeats the last frame."""
    small = ("resize.size=32", "crop.size=32", "batch_size=[3, 3]")
    every = rows_every("efficientnet-b0-frames", small, "1", 24)
    clocked = rows_every(name, (*small, f"clip_length={length}"), "0.08s", 24)
    check_spans(clocked, 24)
    frames = np.minimum(clocked.frame_span[:, :1] + np.arange(length), 23)
    np.testing.assert_allclose(clocked.features, every.features[frames].mean(axis=1), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_rows_do_not_depend_on_neighbours_order_or_workers(videos, tmp_path):
    preset = overridden(PRESETS["efficientnet-b0"], TINY)
    results = []
    for number, (ids, workers) in enumerate(((["v0", "v1", "v2"], 2), (["v2", "v0", "v1"], 1))):
        root = tmp_path / str(number)
        extract(
            preset,
            [Video(video_id) for video_id in ids],
            root=videos,
            store_root=root,
            settings=RunSettings(device="cpu", workers=workers, weights="none"),
            progress=Progress(total=0, live=False),
        )
        results.append(datasets(root))
    assert results[0] == results[1]
    # one video at a time, as after an interruption
    for video_id in ("v1", "v2", "v0"):
        extract(
            preset,
            [Video(video_id)],
            root=videos,
            store_root=tmp_path / "alone",
            settings=settings(),
            progress=Progress(total=0, live=False),
        )
    assert datasets(tmp_path / "alone") == results[0]


@pytest.mark.slow
def test_clips_of_several_videos_share_batches_where_rows_allow_it(videos, tmp_path, monkeypatch):
    """As on a GPU: batches of 7 over 14 clips of three videos, one of which ends in the middle of a batch."""
    preset = overridden(PRESETS["efficientnet-b0"], TINY)
    for name, batch_size, shared in (("alone", 3, False), ("shared", 7, True)):
        prepared = Network.__init__

        def prepare(network, *arguments, shared=shared, prepared=prepared, **options):
            prepared(network, *arguments, **options)
            network.mixes_videos = shared

        with monkeypatch.context() as patch:
            patch.setattr(Network, "__init__", prepare)
            report = extract(
                preset,
                [Video(each) for each in ("v0", "v1", "absent", "v2")],
                root=videos,
                store_root=tmp_path / name,
                settings=settings(batch_size=batch_size),
                progress=Progress(total=0, live=False),
            )
        assert report.done == 3 and [failure.video_id for failure in report.failed] == ["absent"]
    alone, shared = (FeatureStore(tmp_path / name) for name in ("alone", "shared"))
    for video_id in ("v0", "v1", "v2"):
        one, other = alone.read(video_id), shared.read(video_id)
        assert np.array_equal(one.frame_span, other.frame_span)
        np.testing.assert_allclose(one.features, other.features, atol=1e-4 * np.abs(one.features).max())


@pytest.mark.slow
def test_the_recorded_batch_shape_outlives_another_request_with_a_line(videos, tmp_path, capsys):
    preset = overridden(PRESETS["efficientnet-b0"], TINY)
    for batch_size in (2, 5):
        extract(
            preset,
            [Video(f"v{batch_size // 3}")],
            root=videos,
            store_root=tmp_path / "store",
            settings=settings(batch_size=batch_size),
            progress=Progress(total=0, live=False),
        )
        said = capsys.readouterr().err
        assert ("--batch-size 5 is ignored" in said and "batches of 2" in said) == (batch_size == 5)
    store = FeatureStore(tmp_path / "store")
    assert store.batch_shape == (2,) and store.read("v1").provenance["batch_shape"] == [2]


@pytest.mark.slow
def test_a_batch_size_for_a_preset_without_batches_is_ignored_with_a_line(videos, tmp_path, capsys):
    run_motion(videos, tmp_path / "store", ["v0"], batch_size=9)
    assert "--batch-size 9 is ignored: the preset motion has no batches\n" in capsys.readouterr().err
    run_motion(videos, tmp_path / "store", ["v1"])
    assert "--batch-size" not in capsys.readouterr().err


@pytest.mark.slow
def test_random_weights_are_written_into_the_spec(videos, tmp_path):
    preset = overridden(PRESETS["efficientnet-b0"], TINY)
    for seed in (0, 1):
        extract(
            preset,
            [Video("v0")],
            root=videos,
            store_root=tmp_path / str(seed),
            settings=settings(seed=seed),
            progress=Progress(total=0, live=False),
        )
    specs = [FeatureStore(tmp_path / str(seed)).spec for seed in (0, 1)]
    assert specs[1].differences(specs[0]) == ["weights is 'none:seed1', expected 'none:seed0'"]


def command(videos: Path, store: Path, listing: Path) -> list[str]:
    return [
        "run",
        "--preset",
        "motion",
        "--videos",
        str(videos),
        "--list",
        str(listing),
        "--store",
        str(store),
    ]


@pytest.fixture
def listing(tmp_path) -> Path:
    write_list(tmp_path / "list.tsv", [Video("v0"), Video("v1"), Video("v2", num_frames=18)])
    return tmp_path / "list.tsv"


def decode_workers() -> set[int]:
    return descendants(os.getpid(), "extract.decode.decode_worker")


def started_workers(count: int) -> set[int]:
    """A process has its parent's name until it executes its own program, so this waits for that."""
    deadline = time.monotonic() + 30
    while len(found := decode_workers()) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


@pytest.mark.slow
def test_lists_of_one_extractor_share_its_decode_workers(videos, tmp_path):
    ids = ["v0", "v1", "v2"]
    store, report = tmp_path / "store", RunReport()
    job = ExtractionJob(PRESETS["motion"], videos, store, settings())
    with Extractor(job, expected=2) as extractor:
        started = started_workers(2)
        for video_id in ids:
            extractor.extract([Video(video_id)], report, Progress(total=0, live=False))
        assert len(started) == 2 and decode_workers() == started
    assert not decode_workers() and sorted(report.extracted) == sorted(ids)
    run_motion(videos, tmp_path / "other", ids)
    assert not decode_workers() and datasets(store) == datasets(tmp_path / "other")


def test_an_extractor_that_fails_to_start_leaves_no_worker(videos, tmp_path):
    with pytest.raises(ValueError, match="precision"):
        wrong = settings(batch_size=3, precision="none")
        Extractor(ExtractionJob(PRESETS["efficientnet-b0"], videos, tmp_path / "store", wrong), expected=2)
    assert not decode_workers()


@pytest.mark.slow
def test_exit_codes_and_messages_of_the_command(videos, listing, tmp_path):
    store = tmp_path / "store"
    first = CliRunner().invoke(main, command(videos, store, listing))
    assert first.exit_code == 0, first.output
    assert "3 extracted, 0 already there, 0 failed" in first.output
    assert "1 video with another number of frames than the list says, such as v2" in first.output
    listing.write_text(listing.read_text() + "gone\tNormal\t\t\n")
    second = CliRunner().invoke(main, command(videos, store, listing))
    assert second.exit_code == 1 and "failed: gone: find: no video file" in second.output
    other = CliRunner().invoke(main, [*command(videos, store, listing), "--set", "segment_stride=8"])
    assert (
        other.exit_code == 2
        and "segment_stride is 16, expected 8" in other.output
        and "Traceback" not in other.output
    )
    listing.write_text(listing.read_text() + "../out\tNormal\t\t\n/abs\tNormal\t\t\n")
    bad = CliRunner().invoke(main, command(videos, store, listing))
    assert bad.exit_code == 2 and bad.output.count("list.tsv:") == 2
    typo = CliRunner().invoke(main, [*command(videos, tmp_path / "s2", listing), "--set", "clip_lenght=8"])
    assert typo.exit_code == 2 and "did you mean 'clip_length'" in typo.output


@pytest.mark.slow
def test_inspect_and_verify(videos, listing, tmp_path):
    store = tmp_path / "store"
    CliRunner().invoke(main, command(videos, store, listing))
    output = json.loads(CliRunner().invoke(main, ["inspect", str(store), "--json"]).output)
    assert output["videos"] == 3 and output["frames"] == 56 and output["spec"]["preset"] == "motion"
    assert sum(output["decoders"].values()) == 3
    assert "3 videos" in CliRunner().invoke(main, ["inspect", str(store)]).output
    assert CliRunner().invoke(main, ["verify", str(store)]).output == "3 videos intact, 0 damaged\n"
    content = bytearray((store / "v1.h5").read_bytes())
    place = content.find(FeatureStore(store).read("v1").features.tobytes()[:40])
    content[place + 3] ^= 64
    (store / "v1.h5").write_bytes(content)
    verified = CliRunner().invoke(main, ["verify", str(store)])
    assert verified.exit_code == 1 and "v1.h5 is damaged" in verified.output


def test_presets_are_one_a_line_when_piped_and_explained_in_full():
    assert CliRunner().invoke(main, ["presets"]).output.split() == list(PRESETS)
    output = CliRunner().invoke(main, ["presets", "efficientnet-b0"]).output
    assert re.search(r"resize.size +256 +torchvision", output) and re.search(r"feature_dim +1280", output)


@pytest.mark.slow
def test_shards_divide_the_list(videos, listing, tmp_path):
    for part in (0, 1):
        CliRunner().invoke(
            main, [*command(videos, tmp_path / f"store{part}", listing), "--shard", f"{part}/2"]
        )
    assert [FeatureStore(tmp_path / f"store{part}").ids() for part in (0, 1)] == [["v0", "v2"], ["v1"]]
    assert (
        CliRunner().invoke(main, [*command(videos, tmp_path / "s", listing), "--shard", "2/2"]).exit_code == 2
    )


@pytest.mark.slow
def test_shards_in_one_store_leave_one_record_of_what_failed(videos, listing, tmp_path):
    write_list(listing, [Video("v0"), Video("absent"), Video("v1"), Video("v2")])
    store, codes = tmp_path / "store", []
    for part in (1, 0, 2):
        result = CliRunner().invoke(main, [*command(videos, store, listing), "--shard", f"{part}/3"])
        codes.append(result.exit_code)
        assert [failure.video_id for failure in read_failures(FeatureStore(store))] == ["absent"]
    assert codes == [1, 0, 0] and FeatureStore(store).ids() == ["v0", "v1", "v2"]
    write_list(listing, [Video("v0")])
    CliRunner().invoke(main, command(videos, store, listing))
    assert read_failures(FeatureStore(store)) == []


@pytest.mark.slow
@pytest.mark.parametrize("signal_, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_leaves_no_half_written_file(videos, listing, tmp_path, signal_, code):
    for number in range(3, 20):
        video_corpus.write_video(videos / f"v{number}.mp4", 60)
    write_list(listing, [Video(f"v{number}") for number in range(20)])
    store = tmp_path / "store"
    process = subprocess.Popen(
        [sys.executable, "-m", "extract.cli", *command(videos, store, listing)], stderr=subprocess.PIPE
    )
    wait_until(lambda: any(store.glob("*.h5")))
    process.send_signal(signal_)
    _, output = process.communicate(timeout=30)
    assert process.returncode == code and b"Traceback" not in output, output.decode()
    assert not list(store.rglob("*.partial"))
    opened = FeatureStore(store)
    assert all(opened.verify(video_id) for video_id in opened.ids())


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_store_of_an_undisturbed_one(videos, listing, tmp_path):
    # 20 kills take two minutes; who wants more than the few of every test run sets VAD_KILLS.
    kills = int(os.environ.get("VAD_KILLS", "4"))
    for number in range(3, 12):
        video_corpus.write_video(videos / f"v{number}.mp4", 60)
    write_list(listing, [Video(f"v{number}") for number in range(12)])
    assert CliRunner().invoke(main, command(videos, tmp_path / "calm", listing)).exit_code == 0
    calm, store = datasets(tmp_path / "calm"), tmp_path / "killed"
    rng = random.Random(0)
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-m", "extract.cli", *command(videos, store, listing)], stderr=subprocess.DEVNULL
        )
        time.sleep(rng.uniform(0.3, 3.5))
        process.kill()
        process.wait()
        if store.is_dir() and len(list(store.glob("*.h5"))) == 12:
            for path in rng.sample(sorted(store.glob("*.h5")), 8):
                path.unlink()  # so that the next kill finds work again
    final = CliRunner().invoke(main, command(videos, store, listing))
    assert final.exit_code == 0, final.output
    assert datasets(store) == calm
    assert not list(store.rglob("*.partial"))


def test_real_clips_through_a_real_network(test_data, tmp_path):
    """A few segments of real surveillance video, whose number of frames is that of the official list."""
    ids = ["Assault020_x264"]
    root = test_data / "ucf_crime" / "videos"
    name = next(path for path in root.rglob("*Assault020*.mp4")).relative_to(root).with_suffix("").as_posix()
    preset = overridden(
        PRESETS["efficientnet-b0"], ["segment_stride=160", "clip_length=2", "resize.size=64", "crop.size=56"]
    )
    report = extract(
        preset,
        [Video(name)],
        root=root,
        store_root=tmp_path,
        settings=settings(),
        progress=Progress(total=0, live=False),
    )
    assert report.done == len(ids)
    video = FeatureStore(tmp_path).verify(name)
    assert video.num_frames == 474 and video.frame_span.tolist() == [[0, 160], [160, 320], [320, 474]]
    assert video.decode["decoder"] == "decord" and open_decord is not None
