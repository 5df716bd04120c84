"""Grey levels, quantisers, flow files and flow images, RAFT's padding and vad-extract flow."""

import struct

import av
import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from extract.cli import OneLineErrors
from extract.commands.flow import flow as flow_command
from extract.flow.colour import colour_wheel, flow_to_rgb
from extract.flow.estimator import make_estimator
from extract.flow.flo_files import read_flo, write_flo
from extract.flow.grey import grey
from extract.flow.quantise import dequantise, quantise
from extract.flow.raft import build_raft, raft
from extract.flow.tvl1 import tvl1
from extract.preview.flow_files import read_image
from extract.preview.side_by_side import SideBySide
from extract.runtime.foreign.foreign_error import ForeignFileError
from support.hostile_files import CONTENTS, IRREGULAR


def test_grey_is_the_rounded_weighted_sum():
    frames = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9], [10, 20, 30]], dtype=torch.uint8)
    # 76.245, 149.685, 29.07, 9, 2.99 + 11.74 + 3.42 = 18.15
    assert grey(frames).tolist() == [76, 150, 29, 9, 18]
    assert grey(frames.T, channel_dim=0).tolist() == [76, 150, 29, 9, 18]


def test_grey_is_cvtcolors_on_all_colours():
    colours = torch.arange(1 << 24, dtype=torch.int32).reshape(4096, 4096)
    frame = torch.stack([colours >> 16, colours >> 8 & 255, colours & 255], dim=-1).to(torch.uint8)
    theirs = cv2.cvtColor(frame.numpy(), cv2.COLOR_RGB2GRAY)
    np.testing.assert_array_equal(grey(frame), theirs)
    # how specs without flow.grey round: never more than one level from it
    earlier = grey(frame, rule="rounded").numpy().astype(int)
    assert np.abs(earlier - theirs).max() == 1 and (earlier != theirs).mean() < 0.003


def test_grey_refuses_floats_and_other_channels():
    with pytest.raises(ValueError, match="expected uint8"):
        grey(torch.zeros(4, 4, 3))
    with pytest.raises(ValueError, match="size 3 in dimension -1"):
        grey(torch.zeros(3, 4, 4, dtype=torch.uint8))


@pytest.mark.parametrize(
    "quantiser, flow, expected",
    [
        # 255 (v + 20) / 40: -20 -> 0, -19.9 -> 0.6375, 0 -> 127.5, 0.1 -> 128.1375, 0.5 -> 130.6875
        ("mediapipe", [-99.0, -20.0, -19.9, 0.0, 0.1, 0.5, 20.0, 99.0], [0, 0, 0, 127, 128, 130, 255, 255]),
        ("round", [-99.0, -20.0, -19.9, 0.0, 0.1, 0.5, 20.0, 99.0], [0, 0, 1, 128, 128, 131, 255, 255]),
        ("none", [-99.0, -20.0, 0.1, 99.0], [-20.0, -20.0, 0.1, 20.0]),
    ],
)
def test_quantisers_by_hand(quantiser, flow, expected):
    levels = quantise(torch.tensor(flow), quantiser)
    dtype = torch.float32 if quantiser == "none" else torch.uint8
    assert torch.equal(levels, torch.tensor(expected, dtype=dtype))


def test_no_motion_is_just_below_or_above_zero_for_the_network():
    zero = torch.zeros(1)
    assert dequantise(quantise(zero, "mediapipe")).item() == pytest.approx(-1 / 255, abs=1e-6)
    assert dequantise(quantise(zero, "round")).item() == pytest.approx(1 / 255, abs=1e-6)
    assert dequantise(torch.tensor([0, 255])).tolist() == [-1.0, 1.0]


def test_only_none_works_without_a_clamp():
    assert quantise(torch.tensor([99.0]), "none", clamp=None).item() == 99.0
    with pytest.raises(ValueError, match="round needs a clamp"):
        quantise(torch.zeros(1), "round", clamp=None)
    with pytest.raises(ValueError, match="known quantisers: mediapipe, round, int8, none"):
        quantise(torch.zeros(1), "floor")


def test_a_flow_file_has_the_middlebury_layout(tmp_path):
    flow = np.array([[[1, 2, 3], [4, 5, 6]], [[-1, -2, -3], [-4, -5, -6]]], np.float32)  # [2, 2, 3]
    write_flo(tmp_path / "a.flo", flow)
    pixels = [1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6]
    assert (tmp_path / "a.flo").read_bytes() == struct.pack("<f2i12f", 202021.25, 3, 2, *pixels)
    assert np.array_equal(read_flo(tmp_path / "a.flo"), flow)
    assert np.array_equal(cv2.readOpticalFlow(str(tmp_path / "a.flo")).transpose(2, 0, 1), flow)
    assert [path.name for path in tmp_path.iterdir()] == ["a.flo"]


def test_broken_flow_files_are_refused(tmp_path):
    write_flo(tmp_path / "a.flo", np.zeros((2, 4, 5), np.float32))
    content = (tmp_path / "a.flo").read_bytes()
    wrong = {"has 171 bytes, expected 172 for 5x4": content[:-1], "is not a .flo": b"PNG" + content}
    for reason, broken in wrong.items():
        (tmp_path / "b.flo").write_bytes(broken)
        with pytest.raises(ValueError, match=reason):
            read_flo(tmp_path / "b.flo")
    with pytest.raises(ValueError, match=r"\(4, 5, 2\), expected \[2, H, W\]"):
        write_flo(tmp_path / "c.flo", np.zeros((4, 5, 2), np.float32))


def test_the_colour_wheel_has_55_colours_and_contains_the_six_pure_ones():
    wheel = colour_wheel() * 255
    assert wheel.shape == (55, 3)
    red, yellow, green, cyan = (255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255)
    positions = {0: red, 15: yellow, 21: green, 25: cyan, 36: (0, 0, 255), 49: (255, 0, 255)}
    for position, colour in positions.items():
        assert tuple(wheel[position]) == colour
    # Between: floor(255 * 7 / 15) = 119 of green on red; 255 - floor(255 * 2 / 6) = 170 of red on green
    assert tuple(wheel[7]) == (255, 119, 0) and tuple(wheel[17]) == (170, 255, 0)


def test_colours_of_directions_and_speeds():
    flow = np.array([[[1, -1, 0, 0.5, 2, np.nan, 1e10]], [[0, 0, 0, 0, 0, 0, 0]]], np.float32)
    right, left, still, slow, fast, lost, unknown = flow_to_rgb(flow, largest=1.0)[0].astype(int)
    assert tuple(right) == (255, 0, 0)
    # left: halfway between colours 0 and 54 of the wheel, number 27, two steps of eleven from cyan to blue
    assert tuple(left) == (0, 255 - 255 * 2 // 11, 255)
    assert tuple(still) == (255, 255, 255)
    assert tuple(slow) == (255, 127, 127)
    assert tuple(fast) == (191, 0, 0)
    assert not lost.any() and not unknown.any()
    assert (flow_to_rgb(np.zeros((2, 3, 3), np.float32)) == 255).all()


def test_a_side_by_side_video_shows_both_frames_in_even_size(tmp_path):
    left, right = np.full((31, 21, 3), 200, np.uint8), np.full((31, 21, 3), 20, np.uint8)
    with SideBySide(tmp_path / "a.mp4", kind="flow video", fps=12.5) as video:
        for _ in range(5):
            video.add(left, right)
    with av.open(str(tmp_path / "a.mp4")) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 12.5
        assert container.streams.video[0].pix_fmt == "yuv420p"
    assert len(shown) == 5 and shown[0].shape == (30, 42, 3)
    assert abs(shown[0][:, 3:18].mean() - 200) < 5 and abs(shown[0][:, 24:39].mean() - 20) < 5


def test_a_side_by_side_video_that_failed_or_is_empty_leaves_no_file(tmp_path):
    with pytest.raises(KeyError), SideBySide(tmp_path / "a.mp4", kind="flow video", fps=25) as video:
        video.add(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16, 3), np.uint8))
        raise KeyError
    with SideBySide(tmp_path / "b.mp4", kind="flow video", fps=25):
        pass
    assert not list(tmp_path.iterdir())


def colour_frames(height: int, width: int, shift: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Two RGB frames, the second moved to the right."""
    noise = np.random.default_rng(0).random((height, width, 3), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    first = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return first, np.roll(first, shift, axis=1)


@pytest.fixture(scope="module")
def small_raft():
    torch.manual_seed(0)
    return build_raft("none", size="small")


def test_raft_keeps_the_size_of_any_frame(small_raft):
    first, second = (torch.from_numpy(each)[None].permute(0, 3, 1, 2) for each in colour_frames(60, 133))
    flow = raft(small_raft, first, second)
    assert flow.shape == (1, 2, 60, 133) and flow.dtype == torch.float32 and flow.isfinite().all()


def test_raft_without_padding_is_torchvisions(small_raft):
    first, second = (torch.from_numpy(each)[None].permute(0, 3, 1, 2) for each in colour_frames(128, 136))
    with torch.inference_mode():
        expected = small_raft(first / 127.5 - 1, second / 127.5 - 1)[-1]
    assert torch.allclose(raft(small_raft, first, second), expected, atol=1e-3)


def test_raft_reads_weights_from_a_file(small_raft, tmp_path):
    torch.save(small_raft.state_dict(), tmp_path / "small.pth")
    loaded = build_raft(tmp_path / "small.pth", size="small").state_dict()
    assert all(torch.equal(loaded[name], each) for name, each in small_raft.state_dict().items())
    with pytest.raises(ValueError, match="does not match raft_large"):
        build_raft(tmp_path / "small.pth")
    (tmp_path / "broken.pth").write_bytes(b"none")
    with pytest.raises(ValueError, match="damaged or not torchvision's raft_small"):
        build_raft(tmp_path / "broken.pth", size="small")
    with pytest.raises(ValueError, match="no such file"):
        build_raft(tmp_path / "missing.pth")


def test_estimators_refuse_unknown_names():
    with pytest.raises(ValueError, match="known variants: opencv, quality"):
        make_estimator("tvl1", variant="fast")
    with pytest.raises(ValueError, match="known methods: tvl1, raft"):
        make_estimator("farneback")
    with pytest.raises(ValueError, match="RAFT needs weights"):
        make_estimator("raft")


def run(*arguments):
    """The command inside a group with the errors of vad-extract."""
    group = OneLineErrors(commands={"flow": flow_command})
    return CliRunner().invoke(group, ["flow", *map(str, arguments)])


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_two_images_yield_one_flow_file(tmp_path):
    pictures = colour_frames(40, 56)
    for name, picture in zip("AB", pictures, strict=True):
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture[..., ::-1])
    out = tmp_path / "out"
    options = ("--out", out, "--as", "flo", "--as", "png", "--quantiser", "round", "--device", "cpu")
    result = run(tmp_path / "A.png", tmp_path / "B.png", *options)
    assert result.exit_code == 0, result.output
    expected = tvl1(*(grey(torch.from_numpy(picture))[None] for picture in pictures))[0].numpy()
    assert np.array_equal(read_flo(out / "flow.flo"), expected), "native size, not clamped, not quantised"
    assert np.array_equal(cv2.imread(str(out / "flow.png"))[..., ::-1], flow_to_rgb(expected))
    plane = cv2.imread(str(out / "flow_x.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(plane, quantise(torch.from_numpy(expected[0]), "round").numpy())


def test_a_video_yields_the_flow_of_every_pair_and_a_video(tmp_path):
    first, _ = colour_frames(48, 64)
    with av.open(str(tmp_path / "walk.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(20):
            picture = np.ascontiguousarray(np.roll(first, number, axis=1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    out = tmp_path / "out"
    result = run(tmp_path / "walk.mp4", "--out", out, "--as", "flo", "--as", "mp4", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert names_in(out) == ["flow.mp4", *(f"flow_{number:06d}.flo" for number in range(19))]
    flows = np.stack([read_flo(out / f"flow_{number:06d}.flo") for number in range(19)])
    assert np.abs(flows[:, 0, 10:-10, 10:-10].mean(axis=(1, 2)) - 1).max() < 0.1
    with av.open(str(out / "flow.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 19
    (tmp_path / "walk.avi").write_text("another one of this name")
    part = run(tmp_path / "walk.mp4", "--out", tmp_path / "part", "--frames", 3, "--device", "cpu")
    assert part.exit_code == 0, part.output
    assert names_in(tmp_path / "part") == ["flow_000000.flo", "flow_000001.flo"]
    assert np.array_equal(read_flo(tmp_path / "part" / "flow_000001.flo"), flows[1])


def test_raft_through_the_command(tmp_path, monkeypatch):
    for name, picture in zip("AB", colour_frames(40, 56), strict=True):
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    arguments = (tmp_path / "A.png", tmp_path / "B.png", "--out", tmp_path / "out", "--method", "raft")
    result = run(*arguments, "--weights", "none", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert read_flo(tmp_path / "out" / "flow.flo").shape == (2, 40, 56)
    monkeypatch.setenv("VAD_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    result = run(*arguments)
    assert result.exit_code == 2 and "RAFT's weights were not found" in result.output


def test_wrong_input_is_one_line_and_exit_code_2(tmp_path):
    for name, width in (("A", 56), ("B", 57)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((40, width, 3), np.uint8))
    (tmp_path / "broken.png").write_text("no picture")
    (tmp_path / "broken.mp4").write_text("no video")
    out = ("--out", tmp_path / "out")
    wrong = {
        "expected one size": (tmp_path / "A.png", tmp_path / "B.png"),
        "broken.png: cannot be read as a PNG": (tmp_path / "A.png", tmp_path / "broken.png"),
        "broken": (tmp_path / "broken.mp4",),
        "does not exist": (tmp_path / "missing.mp4",),
        "neither a video file": (tmp_path / "A.png",),
        "expected one video or two images": (tmp_path / "A.png",) * 3,
    }
    for message, sources in wrong.items():
        result = run(*sources, *out)
        assert result.exit_code == 2 and message in result.output, (message, result.output)
        assert "Traceback" not in result.output


@pytest.mark.parametrize("kind", [*IRREGULAR, *(f"content {kind}" for kind in CONTENTS)])
def test_other_files_than_flow_images_and_weights_are_one_line(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.png"
    if kind in IRREGULAR:
        IRREGULAR[kind](path)
    else:
        path.write_bytes(CONTENTS[kind.removeprefix("content ")])
    for read in (read_flo, read_image):
        with pytest.raises(ForeignFileError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ") and str(caught.value).isprintable()
    assert not (tmp_path / "STARTED").exists()


def test_a_flow_file_of_an_absurd_size_is_not_read(tmp_path):
    width = height = 1 << 15
    with open(tmp_path / "a.flo", "wb") as file:
        file.write(b"PIEH" + struct.pack("<ii", width, height))
        file.truncate(12 + 8 * width * height)  # a hole, which takes no room on the disk
    with pytest.raises(ForeignFileError, match="and at most 67108864 pixels"):
        read_flo(tmp_path / "a.flo")
    (tmp_path / "a.flo").write_bytes(b"PIEH" + struct.pack("<ii", -1, -1) + bytes(8))
    with pytest.raises(ForeignFileError, match="expected 20 for -1x-1 pixels"):
        read_flo(tmp_path / "a.flo")


def test_raft_refuses_tensors_of_other_shapes(small_raft, tmp_path):
    state = small_raft.state_dict()
    name = next(iter(state))
    torch.save({**state, name: torch.zeros(3)}, tmp_path / "small.pth")
    with pytest.raises(ValueError, match=f"small.pth: does not match raft_small: {name} has another shape"):
        build_raft(tmp_path / "small.pth", size="small")
