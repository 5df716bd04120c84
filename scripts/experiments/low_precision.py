"""What bfloat16 and 8-bit integers gain in speed and cost in accuracy, network by network, on a CPU.

    VAD_TEST_DATA=... python -m scripts.experiments.low_precision
    VAD_TEST_DATA=... python -m scripts.experiments.low_precision --int8 --preset efficientnet-lite0

Networks take turns, so that other work on the machine meets all of them alike; times are processor seconds of
one thread. Clips are of UCF-Crime's videos. With --int8, onnxruntime quantises the network (needs the extra
[onnx]): weights by output channel, activations by tensor, whose ranges are those of clips of fight_surv, in
transformers those of each batch. Networks whose weights are not on this machine are random: their cosine says
little, their time is the same.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import click
import numpy as np
import torch
from torch import Tensor

from extract.backbones import BACKBONES
from extract.backbones.backbone import Backbone
from extract.clips.transforms import crop, network_input, resize
from extract.inference.fast.prepare import fold_norms, prepare
from extract.presets import PRESETS, Preset
from extract.weights import WeightsError, load_weights

# Those of one network differ in what it sees.
PRESET_NAMES = (
    "efficientnet-lite0",
    "efficientnet-lite1",
    "efficientnet-lite2",
    "efficientnet-b0-frames",
    "i3d-rgb-16",
    "i3d-r50",
    "rtfm",
    "resnext101",
    "r2plus1d_18",
    "s3d",
    "clip-vit-b16",
    "clip-vit-b32",
    "siglip-vit-b16",
)
CALIBRATION_CLIPS, CLIPS_PER_VIDEO = 24, 6


@dataclass(frozen=True)
class Outcome:
    """seconds: processor time per clip, median. cosines: of each clip's row to fp32."""

    seconds: float
    cosines: np.ndarray

    def line(self, name: str, exact: Outcome) -> str:
        gain = exact.seconds / self.seconds
        return (
            f"  {name}: {1000 * self.seconds:.1f} ms per clip, {gain:.2f} times as fast, "
            f"cosine {self.cosines.mean():.5f}, least {self.cosines.min():.5f}"
        )


def clips_of(preset: Preset, videos: list[Path], per_video: int) -> Tensor:
    """The first clips of each video, scaled: [n, 3, L, S, S]."""
    assert preset.resize is not None and preset.crop is not None and preset.scaling is not None
    views = []
    for path in videos:
        most = per_video * preset.segment_stride
        with av.open(str(path)) as container:
            frames = [
                frame.to_ndarray(format="rgb24")
                for number, frame in enumerate(container.decode(video=0))
                if number < most and number % preset.frame_stride == 0
            ]
        pixels = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
        pixels = resize(pixels, mode=preset.resize.mode, size=preset.resize.size, filter=preset.resize.filter)
        (view, *_) = crop(pixels, layout=preset.crop.layout, size=preset.crop.size)
        step = preset.segment_stride // preset.frame_stride
        starts = range(0, len(view) - preset.clip_length + 1, step)
        views += [view[start : start + preset.clip_length] for start in starts][:per_video]
    scaling = preset.scaling
    return network_input(views, batch_size=len(views), mean=scaling.mean, std=scaling.std)


def int8_rows(
    net: Backbone, calibration: Tensor, shape: torch.Size, *, transformer: bool
) -> Callable[[Tensor], Tensor]:
    """The network with integers of 8 bits, for batches [n, 3, L, S, S] of this shape."""
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    folded = copy.deepcopy(net)
    fold_norms(folded)
    batches = [each for each in calibration.split(shape[0]) if len(each) == shape[0]]

    class Batches(CalibrationDataReader):
        rest = iter(batches)

        def get_next(self) -> dict | None:
            batch = next(self.rest, None)
            return None if batch is None else {"clips": batch.contiguous().numpy()}

    with tempfile.TemporaryDirectory() as folder:
        plain, ready, small = (str(Path(folder) / f"{name}.onnx") for name in ("plain", "ready", "small"))
        program = torch.onnx.export(
            folded, (torch.zeros(shape),), input_names=["clips"], output_names=["rows"], dynamo=True
        )
        assert program is not None
        program.save(plain)
        quant_pre_process(plain, ready)
        if transformer:
            quantize_dynamic(ready, small, per_channel=True, weight_type=QuantType.QInt8)
        else:
            quantize_static(
                ready,
                small,
                Batches(),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(small, options, providers=["CPUExecutionProvider"])
    return lambda clips: torch.from_numpy(session.run(None, {"clips": clips.contiguous().numpy()})[0])


@torch.inference_mode()
def measured(ways: dict[str, Callable[[Tensor], Tensor]], clips: Tensor, size: int, rounds: int) -> dict:
    """Name -> Outcome of each way, relative to the first. clips: [n, ...], in batches of `size`."""
    batches = [each for each in clips.split(size) if len(each) == size]
    rows = {name: torch.cat([run(each) for each in batches]).double() for name, run in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            begun = time.process_time()
            run(batches[0])
            seconds[name].append((time.process_time() - begun) / size)
    exact = next(iter(rows.values()))
    return {
        name: Outcome(
            float(np.median(seconds[name])),
            torch.nn.functional.cosine_similarity(rows[name], exact, dim=1).numpy(),
        )
        for name in ways
    }


def loaded(preset: Preset) -> tuple[Backbone, bool]:
    """(the network, whether its weights are published ones)."""
    assert preset.backbone is not None
    net = BACKBONES[preset.backbone]().eval().requires_grad_(False)
    try:
        load_weights(net, preset.weights, name=preset.backbone)
        return net, True
    except WeightsError:
        load_weights(net, "none", name=preset.backbone)
        return net, False


@click.command()
@click.option("--data", envvar="VAD_TEST_DATA", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--preset", "names", multiple=True, type=click.Choice(PRESET_NAMES), help="[default: all]")
@click.option(
    "--int8", is_flag=True, help="Also with 8-bit integers; the networks of EfficientNet-Lite only."
)
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
def main(data, names, int8, rounds):
    """Print time and cosine of each network in each arithmetic."""
    torch.set_num_threads(1)
    calibration = sorted((data / "fight_surv").glob("*/*.mp4"))
    calibration = calibration[:: max(1, len(calibration) // CALIBRATION_CLIPS)][:CALIBRATION_CLIPS]
    for name in names or PRESET_NAMES:
        preset = PRESETS[name]
        net, published = loaded(preset)
        clips = clips_of(preset, sorted((data / "ucf_crime" / "videos").glob("*.mp4")), CLIPS_PER_VIDEO)
        size = preset.batch_size[0]
        ways: dict[str, Callable[[Tensor], Tensor]] = {
            "fp32": prepare(net),
            "bf16": prepare(net, precision="bf16"),
        }
        if int8 and name.startswith(("efficientnet-lite", "clip-")):
            shape = torch.Size((size, *clips.shape[1:]))
            seen, transformer = clips_of(preset, calibration, 1), name.startswith("clip-")
            ways["int8"] = int8_rows(net, seen, shape, transformer=transformer)
        found = measured(ways, clips, size, rounds)
        click.echo(f"{name}, {'published' if published else 'random'} weights, {len(clips)} clips")
        for way, outcome in found.items():
            click.echo(outcome.line(way, found["fp32"]))


if __name__ == "__main__":
    main()
