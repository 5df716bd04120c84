"""Videos of strangers: nothing beside them is opened, no program starts, no numbering is endless."""

import os

import av
import numpy as np
import pytest
from PIL import Image

from data_lists.video_checks import MOST_FRAMES
from extract.decode import container
from extract.decode.decord_reader import open_decord
from extract.decode.folder_reader import open_folder
from extract.decode.open_video import DecodedFrame, ReadError
from extract.decode.pyav_reader import open_pyav
from extract.decode.sampling import Sampler
from extract.decode.single_video import single_video_job
from extract.decode.sources import Source, find_source
from support.hostile_files import CONTENTS, IRREGULAR
from support.video_corpus import write_video

READERS = (open_decord, open_pyav)
LEADING_ELSEWHERE = {
    "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "marked": "\ufeff \n#EXTM3U\n#EXTINF:1,\nfile:secret.mp4\n",
    "subfile": "#EXTM3U\n#EXTINF:1,\nsubfile,,start,0,end,999,,:secret.mp4\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile secret.mp4\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">'
    "<BaseURL>secret.mp4</BaseURL></MPD>\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "smil": "<smil><body><video src='secret.mp4'/></body></smil>",
}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "secret.mp4", 3)


def source(path):
    return Source(path.stem, path, path.name)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("kind", LEADING_ELSEWHERE)
@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_a_file_that_leads_to_others_is_refused(reader, kind, suffix, video, tmp_path):
    os.link(video, tmp_path / "secret.mp4")
    path = tmp_path / f"a{suffix}"
    path.write_text(LEADING_ELSEWHERE[kind])
    with pytest.raises(ReadError, match="is a playlist or another text that names files"):
        reader(source(path), 1 << 30)


@pytest.mark.parametrize("kind", LEADING_ELSEWHERE)
def test_no_library_would_follow_it_either(kind, video, tmp_path, monkeypatch):
    monkeypatch.setattr(container, "PLAYLISTS", (b"never",))
    os.link(video, tmp_path / "secret.mp4")
    for suffix in (".mp4", ".m3u8"):
        path = tmp_path / f"a{suffix}"
        path.write_text(LEADING_ELSEWHERE[kind])
        with pytest.raises((ReadError, av.error.FFmpegError)):
            open_pyav(source(path), 1 << 30)


def test_every_container_that_we_name_exists():
    known = {name for each in av.formats_available for name in each.split(",")}
    assert known.issuperset(container.CONTAINERS)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("kind", IRREGULAR)
def test_a_video_that_is_no_regular_file_is_not_opened(reader, kind, tmp_path):
    IRREGULAR[kind](tmp_path / "a.mp4")
    with pytest.raises(ReadError) as caught:
        reader(source(tmp_path / "a.mp4"), 1 << 30)
    assert str(caught.value).isprintable()
    if kind != "folder":
        with (
            pytest.raises(ValueError, match="a.mp4 is neither a video file"),
            single_video_job(tmp_path / "a.mp4"),
        ):
            pass


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_frames_of_an_absurd_size_are_refused(reader, video, monkeypatch):
    monkeypatch.setattr(container, "MOST_PIXELS", 160 * 96 - 1)
    with pytest.raises(ReadError, match="has frames of 160x96 pixels, more than the 15359"):
        reader(source(video), 1 << 30)


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_frame_of_other_bytes_is_refused_and_starts_no_program(kind, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/STARTED\n")
    os.chmod(tmp_path / "bin" / "gs", 0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "1.png").write_bytes(CONTENTS[kind])
    with pytest.raises(ReadError, match="^1.png cannot be read as a PNG") as caught:
        open_folder(find_source(tmp_path, "v"), None)
    assert str(caught.value).isprintable() and not (tmp_path / "STARTED").exists()


def folder(tmp_path, *names):
    (tmp_path / "v").mkdir()
    for name in names:
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "v" / f"{name}.png")
    return find_source(tmp_path, "v")


@pytest.mark.parametrize(
    "names",
    [
        ("0", "999999999999"),
        ("20231231235959", "20240101000000"),
        ("cam_1700000000000000000", "cam_1700000000040000000"),
        ("0", "1", "1000002"),
        ("1", "9" * 200),
    ],
    ids=lambda names: names[0],
)
def test_numbers_that_are_dates_or_clocks_make_no_endless_video(names, tmp_path):
    frames = list(open_folder(folder(tmp_path, *names), None).frames)
    assert [(each.frame_index, each.frame_stop) for each in frames] == [(n, n + 1) for n in range(len(names))]


def test_a_constant_step_is_kept_up_to_the_limit_of_frames(tmp_path, monkeypatch):
    numbers = [str(number * 1_000_000) for number in range(4)]
    assert open_folder(folder(tmp_path, *numbers), None).frame_step == 1_000_000
    monkeypatch.setattr("extract.decode.readers.frame_sequence.MOST_FRAMES", 3_999_999)
    assert open_folder(find_source(tmp_path, "v"), None).frame_step == 1
    assert 3_999_999 < MOST_FRAMES


@pytest.mark.parametrize("jump", [1e12, float("inf"), float("nan")])
def test_a_clock_that_jumps_repeats_no_frame_for_days(jump):
    def frame(number, start, end):
        return DecodedFrame(number, number + 1, start, end, lambda: np.zeros((4, 4, 3), np.uint8))

    for frames in ([frame(0, 0, 0.04), frame(1, jump, jump)], [frame(0, 0, jump)]):
        with pytest.raises(ReadError, match="would be repeated .* times, because its clock jumps"):
            list(Sampler(25.0, 1).pick(frames))
    assert len(list(Sampler(25.0, 1).pick([frame(0, 0, 0.04), frame(1, 3600, 3600.04)]))) == 90_001
