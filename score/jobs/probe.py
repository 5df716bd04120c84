"""Prints what a video file contains, as JSON; in its own process, because a hostile file may crash it."""

from __future__ import annotations

import json
import resource
import sys

MEMORY = 4 << 30  # bytes of addresses
STILL = ("image2", "ico")  # containers of a single image, besides those whose name ends in _pipe


def probe(path: str) -> dict:
    """codec, seconds and frames of a video, None for what the file does not say.

    A file without video gives codec None; sound: whether it has an audio track; still: whether it is an
    image.
    """
    import av
    from av.stream import Disposition

    with av.open(path, options={"protocol_whitelist": "file"}) as container:
        name = container.format.name
        still = name in STILL or name.endswith("_pipe")
        # The cover of a song is a video stream, too.
        moving = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
        if still or not moving:
            return {"codec": None, "sound": bool(container.streams.audio), "still": still}
        stream = moving[0]
        seconds = None if container.duration is None else container.duration / av.time_base
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        rate = stream.average_rate
        frames = stream.frames or (round(seconds * rate) if seconds and rate else None)
        return {"codec": stream.codec_context.name, "seconds": seconds, "frames": frames}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        answer = probe(sys.argv[1])
    except Exception as error:
        # Whatever it is, the file caused it; av raises errors of many types.
        answer = {"problem": getattr(error, "strerror", None) or str(error) or type(error).__name__}
    sys.stdout.write(json.dumps(answer))
