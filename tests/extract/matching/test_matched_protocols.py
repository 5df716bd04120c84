"""Features of every protocol in a table are made frame by frame, saved under empty names, and found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from extract.backbones import BACKBONES
from extract.decode import DecodeJob, DecodeSettings
from extract.inference.network import Network
from extract.matching.foreign_rows import ForeignSettings, read_foreign
from extract.matching.matcher import EFFORT, Match, SearchSettings, match
from extract.matching.network_widths import usual_widths
from extract.matching.networks.candidate_network import CandidateNetwork, cost_of_frame
from extract.matching.networks.pixel_variants import own_pixels
from extract.matching.recipes import Recipe
from extract.matching.sampled_videos import SampledVideos
from extract.presets import PRESETS, Crop, Resize
from extract.weights.untrained import fill_random
from support.foreign_protocols import CROP, LAYOUTS, SHORT, SmallNetwork, vectors, write_videos

pytestmark = pytest.mark.slow

# A small network on tiny frames, as a preset of this table alone.
TINY = {
    "tiny": replace(
        PRESETS["efficientnet-b0"],
        name="tiny",
        backbone="small",
        feature_dim=SmallNetwork.feature_dim,
        resize=Resize("short_side", SHORT, "bicubic"),
        crop=Crop("center", CROP),
    ),
}
SEGMENT = 16
# Billions of multiplications; nothing better is found by more.
LITTLE_EFFORT = 0.05
MEAN, STD = ([255 * each for each in values] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


class World:
    """Videos, a network of random weights in a file, and frames cut as PIL cuts them."""

    def __init__(self, folder: Path):
        self.root = folder / "videos"
        self.ids = list(write_videos(self.root))
        self.network = SmallNetwork().eval()
        fill_random(self.network, 7)
        self.weights = folder / "weights.pth"
        torch.save(self.network.state_dict(), self.weights)
        jobs = [DecodeJob(video_id, self.root) for video_id in sorted(self.ids)]
        self.sampled = SampledVideos(jobs, DecodeSettings(workers=2), shown=3)
        self.everything = SampledVideos(jobs, DecodeSettings(workers=2), shown=len(jobs))

    @cached_property
    def frames(self) -> dict[str, np.ndarray]:
        """Decoded frames; which pixels these are is not what is tested here."""
        return {video_id: video.frames for video_id, video in self.everything.frames().items()}

    @cached_property
    def known(self) -> dict:
        return {}

    def of_frames(self, video_id: str, *, bgr=False, unit=False, places=("centre",), step=1):
        """float32 [F, V, D] of every frame of a video, or of every `step`th; the others are zeros."""
        key = (video_id, bgr, unit, places, step)
        if key not in self.known:
            windows = []
            for frame in self.frames[video_id][::step]:
                picture = Image.fromarray(frame).resize((SHORT * 3 // 2, SHORT), Image.Resampling.BICUBIC)
                views = [window(np.asarray(picture, np.float32), place) for place in places]
                windows += [view[..., ::-1] if bgr else view for view in views]
            pixels = np.stack(windows)
            scaled = pixels / 255 if unit else (pixels - MEAN) / STD
            rows = vectors(self.network, scaled.astype(np.float32))
            found = np.zeros((len(self.frames[video_id]), len(places), rows.shape[-1]), np.float32)
            found[::step] = rows.reshape(-1, *found.shape[1:])
            self.known[key] = found
        return self.known[key]


def window(frame: np.ndarray, place: str) -> np.ndarray:
    """A crop of a frame [40, 60, 3]; a mirrored one is the window of the mirrored frame."""
    if place.startswith("mirrored "):
        frame, place = frame[:, ::-1], place.removeprefix("mirrored ")
    top = {"top": 0, "centre": 4, "bottom": 8}[place.split()[0]]
    left = {"left": 0, "centre": 14, "right": 28}[place.split()[-1]]
    return frame[top : top + CROP, left : left + CROP]


FIVE = ("top left", "top right", "bottom left", "bottom right", "centre")
TEN_TORCHVISION = (*FIVE, *(f"mirrored {place}" for place in FIVE))
GOWTHAM = ("top left", "top right", "centre", "bottom left", "bottom right")
TEN_GOWTHAM = (*GOWTHAM, *(f"mirrored {place}" for place in GOWTHAM))
CENTRE_FIRST = ("centre", *FIVE[:4])
TEN_CENTRE_FIRST = (*CENTRE_FIRST, *(f"mirrored {place}" for place in CENTRE_FIRST))


def mean(segment):
    return segment.mean(axis=0)


def largest(segment):
    return segment.max(axis=0)


def frame(number, segment):
    return segment[number]


def every(step, segment):
    return segment[::step].mean(axis=0)


def floor(rows, stride, pool):
    return np.stack(
        [pool(rows[start : start + stride]) for start in range(0, len(rows) - stride + 1, stride)]
    )


def ceil(rows, stride, pool):
    """The last segment repeats the last frame."""
    missing = -len(rows) % stride
    return floor(np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]), stride, pool)


def one_short(rows, stride, pool):
    """range(0, n - stride, stride) is one segment short where the stride divides the length."""
    return np.stack([pool(rows[start : start + stride]) for start in range(0, len(rows) - stride, stride)])


def overlapping(length, rows, stride, pool):
    return np.stack(
        [pool(rows[start : start + length]) for start in range(0, len(rows) - length + 1, stride)]
    )


def sultani(rows, stride, pool):
    """32 means of clips, as Save_C3DFeatures_32Segments.m takes them."""
    clips = floor(rows, stride, pool)
    edges = np.floor(np.linspace(1, len(clips), 33) + 0.5).astype(int) - 1
    return np.stack([clips[a : max(a + 1, b)].mean(axis=0) for a, b in zip(edges, edges[1:], strict=False)])


def spread(rows, _stride, _pool):
    """16 frames of a video, from the first to the last."""
    return rows[np.linspace(0, len(rows) - 1, 16).astype(int)]


def unit_rows(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def plain(rows):
    return rows


def standardised(rows):
    """Per number over the whole set, which the caller stacks."""
    return (rows - rows.mean(axis=(0, 1))) / rows.std(axis=(0, 1))


@dataclass(frozen=True)
class Protocol:
    """One way of making features. expected: parts of the answer; said: of the command."""

    layout: str
    tail: object = floor
    stride: int = 16
    pool: object = mean
    places: tuple[str, ...] = ("centre",)
    mean_of_crops: bool = False
    after: object = plain
    bgr: bool = False
    unit: bool = False
    half: bool = False
    answer: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    explained: bool = True


def short(places):
    return ", ".join(places)


FIRST = partial(frame, 0)
PROTOCOLS = {
    "mean of 16, tail dropped": Protocol(
        "npy", answer=("mean of its 16 frames", "dropped"), command=("tail",)
    ),
    "mean of 16, tail padded, float16": Protocol(
        "npz", ceil, half=True, answer=("mean of its 16", "is a row")
    ),
    "first of 16": Protocol("hdf5", pool=FIRST, answer=("its first frame",), command=("clip_length=1",)),
    "middle of 16": Protocol("pt", pool=partial(frame, 8), answer=("its middle frame",)),
    "last of 16, one segment short": Protocol(
        "mat", one_short, pool=partial(frame, 15), answer=("its last frame",)
    ),
    "every fourth of 16": Protocol(
        "npy",
        pool=partial(every, 4),
        answer=("every 4th frame",),
        command=("clip_length=4", "frame_stride=4"),
    ),
    "largest of 8": Protocol("npy", stride=8, pool=largest, answer=("largest numbers of its 8 frames",)),
    "every frame": Protocol(
        "hdf5", stride=1, answer=("one row for each frame",), command=("segment_stride=1",)
    ),
    "every fourth frame": Protocol(
        "npy", ceil, stride=4, pool=partial(frame, 0), answer=("every 4 frames", "first frame")
    ),
    "16 every 8": Protocol("npy", partial(overlapping, 16), stride=8, answer=("every 8 frames, each of 16",)),
    "ten crops, torchvision": Protocol(
        "npy", pool=FIRST, places=TEN_TORCHVISION, answer=(short(TEN_TORCHVISION),)
    ),
    "ten crops, Gowtham, a file per crop": Protocol(
        "crop files",
        pool=FIRST,
        places=TEN_GOWTHAM,
        command=("crop.layout", "ten-gowtham"),
        answer=(short(TEN_GOWTHAM),),
    ),
    "ten crops, centre first, crops first": Protocol(
        "crops first", ceil, pool=FIRST, places=TEN_CENTRE_FIRST, answer=(short(TEN_CENTRE_FIRST),)
    ),
    "five crops": Protocol("npz", places=FIVE, pool=FIRST, answer=(short(FIVE),)),
    "mean of ten crops": Protocol(
        "npy", pool=FIRST, places=TEN_TORCHVISION, mean_of_crops=True, answer=("mean of 10 crops",)
    ),
    "L2-normalised": Protocol("npy", ceil, after=unit_rows, answer=("afterwards: L2-normalised",)),
    "32 rows as Sultani, L2-normalised": Protocol(
        "text", sultani, after=unit_rows, answer=("32 rows", "Sultani's script", "L2-normalised")
    ),
    "16 frames from first to last": Protocol(
        "npz", spread, answer=("16 rows", "floor(linspace(0, n - 1, N))")
    ),
    "standardised": Protocol("npy", pool=FIRST, after=standardised, answer=("standardised",)),
    "BGR": Protocol("npy", pool=FIRST, bgr=True, answer=("BGR",)),
    "0..1 without mean": Protocol("npy", unit=True, answer=("x / 255",), command=("scaling.mean",)),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "small", SmallNetwork)
        yield World(tmp_path_factory.mktemp("world"))


def made(world: World, protocol: Protocol) -> dict[str, np.ndarray]:
    """Video id -> [N, C, D]."""
    rows = {}
    for video_id in world.ids:
        # Frames that no row holds are left out: ten crops of all frames take long.
        step = protocol.stride if protocol.pool is FIRST and protocol.stride == SEGMENT else 1
        frames = world.of_frames(
            video_id, bgr=protocol.bgr, unit=protocol.unit, places=protocol.places, step=step
        )
        pooled = protocol.tail(frames, protocol.stride, protocol.pool)
        rows[video_id] = pooled.mean(axis=1, keepdims=True) if protocol.mean_of_crops else pooled
    stacked = protocol.after(np.concatenate(list(rows.values())))
    edges = np.cumsum([len(each) for each in rows.values()])[:-1]
    dtype = np.float16 if protocol.half else np.float32
    return dict(zip(rows, (part.astype(dtype) for part in np.split(stacked, edges)), strict=True))


def without_names(rows: dict[str, np.ndarray], *, shuffled: bool = True) -> dict[str, np.ndarray]:
    """Names that say nothing, not even the order."""
    order = np.random.default_rng(3).permutation(len(rows)) if shuffled else np.arange(len(rows))
    values = list(rows.values())
    return {f"v{place:04d}": values[number] for place, number in enumerate(order)}


def matched(world: World, source: Path, *, effort: float = EFFORT, videos: Sequence[str] = ()) -> Match:
    """videos: those that are given, of all."""
    ids = list(videos or world.ids)
    features = read_foreign(
        source, ForeignSettings(), wanted=ids, first=(), dimensions=usual_widths(TINY.values())
    )
    jobs = [DecodeJob(video_id, world.root) for video_id in videos]
    return match(
        features,
        SampledVideos(jobs, DecodeSettings(workers=1), shown=1) if videos else world.sampled,
        every_id=ids,
        root=world.root,
        settings=SearchSettings({"": str(world.weights)}, device="cpu", effort=effort),
        presets=TINY,
    )


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_found_without_names(name, world, tmp_path):
    from extract.matching.match_report import report_lines

    protocol = PROTOCOLS[name]
    source = LAYOUTS[protocol.layout](tmp_path, without_names(made(world, protocol)))
    found = matched(world, source)
    text = "\n".join(report_lines(found))
    assert found.fitting, text
    best = found.fitting[0]
    assert best.verdict == "same" or best.trial.agreement.shifted, text
    for part in protocol.answer:
        assert part in text, text
    for part in protocol.command:
        assert part in best.run.command, text
    assert best.explained is not None and best.explained.count == len(world.ids), text


def test_a_large_network_is_found_in_few_frames(world, tmp_path):
    """Means of 16 frames in ten crops: six rows of all ten would take 960 frames."""
    protocol = Protocol("npy", places=TEN_GOWTHAM)
    source = LAYOUTS["npy"](tmp_path, without_names(made(world, protocol)))
    frames = 300
    cost = cost_of_frame("small", 1, CROP)
    found = matched(world, source, effort=frames * cost)
    (best,) = found.fitting
    assert best.trial.timing.choice.name == "the mean of its 16 frames"
    assert best.trial.crops == TEN_GOWTHAM
    assert not best.ended_early


@pytest.mark.parametrize("name", ["mean of ten crops", "ten crops, Gowtham, a file per crop"])
def test_two_rows_of_one_video_are_enough(name, world, tmp_path):
    """The centre crop alone is more like the mean of ten crops at a wrong time than at the right one."""
    protocol = PROTOCOLS[name]
    rows = made(world, protocol)
    few = min(rows, key=lambda video_id: len(rows[video_id]))
    source = LAYOUTS[protocol.layout](tmp_path, {few.rpartition("/")[2]: rows[few][:2]})
    best = matched(world, source, videos=[few]).fitting[0]
    assert best.trial.view == ("the mean of 10 crops" if protocol.mean_of_crops else "centre")
    assert best.trial.timing.choice.name == "its first frame"


def test_equal_pictures_go_through_a_network_once(world):
    """Frames of another rate, of other clips and in other views that were asked for before are known."""
    plain = SmallNetwork().eval()
    seen = []
    plain.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    network = Network(plain, device=torch.device("cpu"), batch_size=4, fast=False)
    candidate = CandidateNetwork("small", (TINY["tiny"],), "none", network, plain)
    (video_id,) = list(world.sampled.frames())[:1]
    seen.clear()
    pixels = own_pixels(TINY["tiny"])
    one, both = (Recipe(((0,), (5,)), (0.5, 0.5)), Recipe(((5,),), (1.0,)))
    for fps in (None, 25.0):
        videos = world.sampled.frames(fps)
        for recipe in (one, both):
            candidate.rows(videos, {video_id: [recipe]}, pixels, ["centre"])
    assert sum(seen) == 2
    candidate.rows(world.sampled.frames(), {video_id: [both]}, pixels, ["centre", "top left"])
    assert sum(seen) <= 4


def rows_of_random_numbers(world, random):
    return {video_id: random.normal(size=each.shape) for video_id, each in made_plainly(world).items()}


def rows_of_other_videos(world, _random):
    """Each video has the rows of another one, as many as it needs."""
    rows = made_plainly(world)
    ids = list(rows)
    others = dict(zip(ids, ids[1:] + ids[:1], strict=True))
    backwards = {video_id: rows[others[video_id]][::-1] for video_id in ids}
    return {video_id: np.resize(backwards[video_id], rows[video_id].shape) for video_id in ids}


def rows_of_another_network(world, random):
    """Rows of the same frames, through a fixed random layer and a ReLU."""
    layer = random.normal(size=(SmallNetwork.feature_dim,) * 2).astype(np.float32)
    return {video_id: np.maximum(each @ layer, 0) for video_id, each in made_plainly(world).items()}


def made_plainly(world):
    return made(world, PROTOCOLS["first of 16"])


@pytest.mark.parametrize(
    "rows_of, named",
    [
        (rows_of_random_numbers, False),
        (rows_of_other_videos, True),  # without names they would be found where they belong
        (rows_of_another_network, False),
    ],
)
def test_nothing_is_found_where_nothing_fits(rows_of, named, world, tmp_path):
    rows = rows_of(world, np.random.default_rng(0))
    by_name = {video_id.rpartition("/")[2]: each for video_id, each in rows.items()}
    found = matched(
        world, LAYOUTS["npy"](tmp_path, by_name if named else without_names(rows)), effort=LITTLE_EFFORT
    )
    assert found.fitting == []
    assert found.pairing.by == ("name" if named else "rows")
