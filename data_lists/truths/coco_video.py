"""COCO JSON of videos: images with a video and a frame, and annotations of images with a category.

A frame is anomalous if an annotation of it has a category that is not one of normal. Annotations of whole
videos (YouTube-VIS: a list with an entry per frame, null where the object is not there) are read as well.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from data_lists.truths.annotation import FRAMES, Annotation, Event, FoundTruth, video_name
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.text import listed

FORM = "COCO JSON of videos"
FRAME_KEYS = ("frame_id", "frame_index", "frame_idx", "frame")
PER_FRAME = ("segmentations", "bboxes")


def is_coco(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and "annotations" in content
        and ("images" in content or "categories" in content)
    )


def coco_truth(path: Path, content: dict[str, Any]) -> FoundTruth:
    """Raises ForeignFileError."""
    with reading(path, FORM):
        names = {each["id"]: _name(each) for each in content.get("videos", ())}
        fps = {each["id"]: each.get("fps") for each in content.get("videos", ())}
        categories = {each["id"]: str(each["name"]) for each in content.get("categories", ())}
        frames: dict[Any, dict[int, Any]] = {}  # video -> frame -> image
        place = {}  # image -> video, frame
        for image in content.get("images", ()):
            video = image["video_id"] if "video_id" in image else _folder(image)
            names.setdefault(video, str(video))
            number = next((image[key] for key in FRAME_KEYS if key in image), None)
            if number is None:
                raise ForeignFileError(
                    path, f"image {image['id']}: has no {FRAME_KEYS[0]}, so its place is unknown"
                )
            if int(number) in frames.setdefault(video, {}):
                raise ForeignFileError(
                    path, f"image {image['id']}: frame {number} of {names[video]} is there twice"
                )
            frames[video][int(number)] = image["id"]
            place[image["id"]] = video, int(number)
        lengths = {each["id"]: each.get("length") for each in content.get("videos", ())}
        first = {video: _first(path, names[video], numbers) for video, numbers in frames.items()}
        lengths |= {video: len(numbers) for video, numbers in frames.items()}
        events: dict[Any, list[Event]] = {video: [] for video in names}
        for each in content["annotations"]:
            label, where = categories.get(each.get("category_id"), ""), f"annotation {each.get('id')}"
            if "image_id" in each and place:
                if each["image_id"] not in place:
                    raise ForeignFileError(path, f"{where}: image {each['image_id']} is not among the images")
                video, number = place[each["image_id"]]
                marked = [number - first[video]]
            else:
                video = each["video_id"]
                marked = _present(path, each, where)
            events[video] += [Event(frame, frame + 1, FRAMES, label, where) for frame in marked]
    annotations = tuple(
        Annotation(
            video_name(name),
            tuple(events[video]),
            num_frames=lengths.get(video),
            fps=fps.get(video),
            where=f"video {name!r}",
        )
        for video, name in names.items()
    )
    used = listed(sorted({event.label for each in events.values() for event in each}))
    return FoundTruth(path, FORM, annotations, notes=(f"categories that mark frames: {used or 'none'}",))


def _name(video: dict[str, Any]) -> str:
    if name := video.get("name") or video.get("file_name"):
        return str(name)
    # YouTube-VIS lists the frames of a video instead.
    return str(PurePosixPath(video["file_names"][0]).parent) if video.get("file_names") else str(video["id"])


def _folder(image: dict[str, Any]) -> str:
    return str(PurePosixPath(str(image["file_name"]).replace("\\", "/")).parent)


def _first(path: Path, name: str, numbers: dict[int, Any]) -> int:
    first, last = min(numbers), max(numbers)
    if first not in (0, 1) or last - first + 1 != len(numbers):
        raise ForeignFileError(
            path,
            f"video {name}: {len(numbers)} images with frames {first} to {last}; expected all, from 0 or 1",
        )
    return first


def _present(path: Path, annotation: dict[str, Any], where: str) -> list[int]:
    found = next((annotation[key] for key in PER_FRAME if isinstance(annotation.get(key), list)), None)
    if found is None:
        raise ForeignFileError(
            path, f"{where}: names no image, and has no {' or '.join(PER_FRAME)} per frame"
        )
    return [frame for frame, value in enumerate(found) if value is not None]
