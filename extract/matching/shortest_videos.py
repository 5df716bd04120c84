"""Which videos of a folder are decoded: the shortest files, as many as take minutes."""

from __future__ import annotations

from collections.abc import Sequence

from extract.decode import DecodeJob, SourceError, find_source

# Videos of more bytes than this together are not decoded for their length alone: minutes on one core.
DECODED_BYTES = 512 << 20


def shortest_first(jobs: Sequence[DecodeJob], *, least: int, most: int) -> list[DecodeJob]:
    """Up to `most` jobs by the bytes of their videos, smallest first; those without a source are left out.

    After the first `least`, as many as have DECODED_BYTES together.
    """
    sizes = {}
    for job in jobs:
        try:
            source = find_source(job.root, job.video_id)
            paths = [image.path for image in source.images] or [source.path]
            sizes[job] = sum(path.stat().st_size for path in paths)
        except (SourceError, OSError):
            continue
    found, total = [], 0
    for job in sorted(sizes, key=lambda job: sizes[job])[:most]:
        total += sizes[job]
        if len(found) >= least and total > DECODED_BYTES:
            break
        found.append(job)
    return found
