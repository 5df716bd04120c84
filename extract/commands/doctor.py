"""vad-extract doctor: what this machine has and whether it works."""

from __future__ import annotations

import os
import sys

import click


@click.command()
def doctor():
    """Show versions, device, decoders and weights; exit 1 when something that every run needs is broken."""
    from extract.runtime.versions import EXTRACTION, versions

    for package, version in versions(EXTRACTION).items():
        click.echo(f"{package:32} {version}")
    checks = {
        "torch and torchvision fit": _torchvision,
        "device": _device,
        "decoder decord": _decord,
        "decoder pyav": _pyav,
        "optical flow (cv2)": _opencv,
        "processor": _processor,
        "weights": _weights,
    }
    broken = 0
    for name, check in checks.items():
        try:
            click.echo(f"{name:32} {check()}")
        except Exception as error:  # the doctor names what is broken, whatever it is
            broken += 1
            click.echo(
                f"{name:32} BROKEN: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            )
    sys.exit(1 if broken else 0)


def _torchvision() -> str:
    import torch
    import torchvision

    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    torchvision.ops.nms(boxes, torch.tensor([1.0]), 0.5)  # fails where the two come from different builds
    return "yes"


def _device() -> str:
    import torch

    if not torch.cuda.is_available():
        return "no GPU; networks run on the CPU"
    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return f"{', '.join(names)}; CUDA {torch.version.cuda}"


def _decord() -> str:
    from extract.decode.decord_reader import decord_version

    return decord_version()


def _pyav() -> str:
    import av

    return f"{av.__version__}, FFmpeg libraries {'.'.join(map(str, av.library_versions['libavcodec']))} (libavcodec)"


def _opencv() -> str:
    import cv2

    cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    if lacking := [name for name in ("optflow", "HOGDescriptor") if not hasattr(cv2, name)]:
        return (
            f"{cv2.__version__}, without cv2.{' and cv2.'.join(lacking)}: another opencv package was installed over it "
            "(the extra [scene] does that); bring it back with "
            "pip install --force-reinstall --no-deps opencv-contrib-python-headless"
        )
    return cv2.__version__


def _processor() -> str:
    return f"{len(os.sched_getaffinity(0))} cores"


def _weights() -> str:
    from extract.weights import found_weights

    return ", ".join(found_weights()) or "none found (vad-extract weights list says what there is)"
