"""Every kind of file that people have: frames, times and pixels of an independent decoder, or a reason.

One table (support.odd_videos), decoded twice: as usual, and with a limit of
reading ahead that no video meets, as for long ones.
"""

import io
import math
import shutil
import subprocess
import zipfile

import av
import numpy as np
import pytest
from PIL import Image

from extract.decode import DecodeJob, DecodePool, DecodeSettings, FramesDecoded, VideoFailed, VideoRestarted
from support.odd_videos import ROWS, CannotMake

FEWEST_ROWS = 60
pytestmark = pytest.mark.slow


def decoded(root, ids, **settings):
    """Id -> (frames, times, last event)."""
    found = {video_id: ([], [], []) for video_id in ids}
    for event in DecodePool([DecodeJob(each, root) for each in ids], DecodeSettings(**settings)):
        frames, times, last = found[event.video_id]
        if isinstance(event, FramesDecoded):
            frames.extend(event.frames.copy())
            times.extend(event.pts_seconds.tolist())
            event.release()
        elif isinstance(event, VideoRestarted):
            frames.clear()
            times.clear()
        else:
            last[:] = [event]
    return {video_id: (frames, times, last[0]) for video_id, (frames, times, last) in found.items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Root, and name -> why a row could not be made."""
    root = tmp_path_factory.mktemp("kinds")
    missing = {}
    for name, row in ROWS.items():
        (root / id_of(name)).mkdir()
        try:
            row.make(root / id_of(name) / name)
        except CannotMake as error:
            missing[name] = str(error)
    return root, missing


def id_of(name):
    return name.replace(".", "_")


def path_id(name):
    return f"{id_of(name)}/{name.split('.')[0]}"


@pytest.fixture(scope="module")
def short(made):
    root, missing = made
    return decoded(root, [path_id(name) for name in ROWS if name not in missing])


@pytest.fixture(scope="module")
def long(made):
    root, missing = made
    return decoded(root, [path_id(name) for name in ROWS if name not in missing], read_ahead_bytes=1)


def independent(path, stream):
    """(pictures, seconds since the container's start) by PyAV, or by Pillow for folders and archives."""
    if path.is_dir():
        opened = [Image.open(each) for each in sorted(path.iterdir())]
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            opened = [Image.open(io.BytesIO(archive.read(each))) for each in sorted(archive.namelist())]
    else:
        with av.open(str(path)) as container:
            start = (container.start_time or 0) / 1_000_000
            frames = [
                (frame.to_ndarray(format="rgb24"), math.nan if frame.pts is None else frame.time - start)
                for frame in container.decode(container.streams[stream])
            ]
        return [rgb for rgb, _ in frames], [seconds for _, seconds in frames]
    return [np.asarray(each.convert("RGB")) for each in opened], [k / 25 for k in range(len(opened))]


def first_picture(path):
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


@pytest.mark.parametrize("name", ROWS)
def test_a_kind_is_decoded_as_by_another_decoder_or_refused(made, short, long, name):
    root, missing = made
    if name in missing:
        pytest.skip(missing[name])
    row = ROWS[name]
    frames, times, last = short[path_id(name)]
    again, times_again, last_again = long[path_id(name)]
    if row.refused:
        assert isinstance(last, VideoFailed) and isinstance(last_again, VideoFailed)
        assert row.refused in last.reason, last.reason
        return
    assert not isinstance(last, VideoFailed), last.reason
    if row.repeats:  # by empty packets, at which PyAV's own loop stops
        pictures, seconds = [first_picture(root / id_of(name) / name)] * row.count, []
    else:
        pictures, seconds = independent(root / id_of(name) / name, row.stream)
    assert len(frames) == len(pictures) == (row.count or len(pictures)) > 0
    turned = row.turned or (lambda rgb: rgb)
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.array_equal(frame, turned(picture))
    if row.step is not None:
        seconds = [times[0] + row.step * number for number in range(len(frames))]
    assert times == pytest.approx(seconds, abs=2e-3)
    report = last.report
    assert (row.repaired in report.clock) if row.repaired else not report.clock
    assert report.other_streams == row.others and report.complete
    # Joins leave half a packet or a second header behind, of which decoders write.
    assert report.messages == 0 or row.repaired, report.first_messages
    if report.decoder != "folder":
        assert report.stream == row.stream
    # The same without decord.
    assert last_again.report.decoder in ("pyav", "folder")
    assert len(again) == len(frames) and all(map(np.array_equal, again, frames))
    assert times_again == pytest.approx(times, abs=2e-3)
    assert last_again.report.end_seconds == pytest.approx(report.end_seconds, abs=0.05)


def test_nearly_all_kinds_can_be_made_here(made):
    _, missing = made
    assert len(ROWS) - len(missing) >= FEWEST_ROWS, missing


SAMPLED = (
    "uneven.mkv",
    "uneven.mp4",
    "uneven.flv",
    "slow.mkv",
    "x264.mp4",
    "mpeg4.avi",
    "wmv2.asf",
    "gif.gif",
)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg program")
@pytest.mark.parametrize("rate", [3, 50])
def test_sampling_to_a_rate_gives_as_many_frames_as_ffmpeg(made, rate):
    root, missing = made
    names = [name for name in SAMPLED if name not in missing]
    ours = decoded(root, [path_id(name) for name in names], fps=rate)
    for name in names:
        done = subprocess.run(
            [
                *("ffmpeg", "-v", "error", "-nostdin", "-i", name, "-vf", f"fps={rate}"),
                *("-vsync", "passthrough", "-f", "framecrc", "-"),
            ],
            cwd=root / id_of(name),
            capture_output=True,
            text=True,
            check=True,
        )
        theirs = [line for line in done.stdout.splitlines() if not line.startswith("#")]
        assert abs(len(ours[path_id(name)][0]) - len(theirs)) <= 1, name
