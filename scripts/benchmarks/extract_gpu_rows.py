"""The rows of bench_extract.py that need a GPU: absolute figures, each with its bound."""

from __future__ import annotations

from scripts.benchmarks.harness.bounds import Alone, MatmulPeak
from scripts.benchmarks.harness.rounds import CORES, Result, empty, row, take_rounds
from scripts.benchmarks.harness.sides import Side
from scripts.benchmarks.ours import LeanForward, Pipeline, gflop, shapes

FORWARD = {"i3d-rgb-16": ("I3D-RGB", 64), "rtfm": ("I3Res50, ten crops", 60)}  # preset -> (name, batch)
END_TO_END = ("i3d-rgb-16", 24)  # preset, times the videos are taken


def gpu_rows(work, rounds: int) -> list[Result]:
    """Share of the bf16 peak, and end to end over its bound. Empty rows with a reason without a GPU."""
    import torch

    names = [f"{name} bf16 forward over the bf16 peak" for name, _ in FORWARD.values()]
    last = "I3D-RGB bf16 end to end over min(decode of all cores, forward)"
    if not torch.cuda.is_available():
        return [empty(name, "%", "no GPU", threshold=30) for name in names] + [
            empty(last, "share", "no GPU", threshold=0.9)
        ]
    results = []
    with Side(MatmulPeak, "bfloat16", "cuda", (8192,)) as peak:
        for name, (preset, (_, batch)) in zip(names, FORWARD.items(), strict=True):
            results += forward_share(name, preset, batch, peak, rounds)
    return results + end_to_end(last, work, rounds)


def forward_share(name: str, preset: str, batch: int, peak: Side, rounds: int) -> list[Result]:
    from extract.presets import PRESETS

    nominal = gflop(preset)
    with Side(LeanForward, PRESETS[preset].backbone, shapes(preset, batch), "bf16", "cuda") as ours:
        works = {"peak": lambda: peak.call("gflops"), "forward": lambda: ours.call("forward")}
        taken = take_rounds(works, rounds=rounds)
    return [
        row(name, taken, lambda s: 100 * nominal / s["forward"] / s["peak"], "%", threshold=30),
        row(f"{preset} bf16 forward, batch {batch}", taken, lambda s: 1 / s["forward"], "clips/s"),
        row("bf16 peak, matrix product of 8192", taken, lambda s: s["peak"] / 1000, "TF/s"),
    ]


def end_to_end(name: str, work, rounds: int) -> list[Result]:
    """Frames per second of the pipeline over what decoding on all cores and the network alone would
    allow."""
    import tempfile
    from pathlib import Path

    from extract.presets import PRESETS
    from scripts.benchmarks.harness.videos import linked

    preset, copies = END_TO_END
    chosen = PRESETS[preset]
    with tempfile.TemporaryDirectory() as folder:
        many = linked(work, Path(folder), copies)
        with (
            Side(Alone, "motion", work.files()) as alone,
            Side(LeanForward, chosen.backbone, shapes(preset, chosen.batch_size[1]), "bf16", "cuda") as net,
            Side(Pipeline, preset, ("bf16",), "cuda") as ours,
        ):

            def rate() -> float:
                run = ours.call("extract", str(many.root), many.ids, "bf16")
                return run["frames"] / run["seconds"]

            works = {
                "decode": lambda: CORES / alone.call("decode"),
                "forward": lambda: chosen.segment_stride / net.call("forward"),
                "rate": rate,
            }
            taken = take_rounds(works, rounds=rounds)
            ours.call("close")
    return [
        row(name, taken, lambda s: s["rate"] / min(s["decode"], s["forward"]), "share", threshold=0.9),
        row("I3D-RGB bf16 end to end", taken, lambda s: s["rate"], "frames/s"),
        row("decode bound of all cores", taken, lambda s: s["decode"], "frames/s"),
        row("I3D-RGB bf16 forward bound", taken, lambda s: s["forward"], "frames/s"),
    ]
