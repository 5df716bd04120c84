"""I3D of v-iashin/video_features by its own command, from a clone.

python -m scripts.benchmarks.peers.video_features CLONE REPORT OUT VIDEO [VIDEO ...]
python -m scripts.benchmarks.peers.video_features CLONE --weights FILE
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path

CLIP = 16


def main(clone: Path, report: Path, out: Path, videos: list[str]) -> None:
    """Its command with its own options; the first and the last moment of its loop are noted beside it."""
    sys.path.insert(0, str(clone))
    sys.argv = ["video_features", "feature_type=i3d", "device=cpu", "streams=rgb", "flow_type=raft"]
    sys.argv += [f"stack_size={CLIP}", f"step_size={CLIP}", "on_extraction=save_numpy"]
    sys.argv += [f"output_path={out}", f"tmp_path={out / 'tmp'}", f"video_paths=[{','.join(videos)}]"]
    moments = _noted_loop()
    runpy.run_module("video_features", run_name="__main__")
    import numpy as np
    import torch

    from scripts.benchmarks.peers.report import Report

    rows = [np.load(path) for path in out.rglob("*_rgb.npy")]
    counts = {"videos": len(rows), "rows": sum(map(len, rows)), "features": rows[0].shape[1] if rows else 0}
    Report(counts, moments[-1] - moments[0], torch.get_num_threads(), torch.__version__).write(report)


def _noted_loop() -> list[float]:
    """The time at both ends of each of its videos, filled in as it runs."""
    from video_features.models._base.base_extractor import (  # pyright: ignore[reportMissingImports]
        BaseExtractor,
    )

    moments, extract = [], BaseExtractor._extract

    def noted(self, video_path):
        moments.append(time.perf_counter())
        extract(self, video_path)
        moments.append(time.perf_counter())

    BaseExtractor._extract = noted
    return moments


def write_weights(clone: Path, path: Path) -> None:
    """Random weights of its own network, which cost as much as published ones."""
    sys.path.insert(0, str(clone))
    import torch
    from video_features.models.i3d.i3d_src.i3d_net import I3D  # pyright: ignore[reportMissingImports]

    torch.manual_seed(0)
    torch.save(I3D(num_classes=400, modality="rgb").state_dict(), path)


if __name__ == "__main__":
    if sys.argv[2] == "--weights":
        write_weights(Path(sys.argv[1]), Path(sys.argv[3]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
