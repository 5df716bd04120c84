"""One truth of three videos, written down in every form that we read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from data_lists import Video, frame_labels, write_list
from data_lists.truths.truth_videos import TruthRule

FPS = 25
VIDEOS = (
    Video("cam/one", "Fight", 100, ((20, 40), (60, 70))),
    Video("cam/two", "Normal", 80),
    Video("hall/three", "Fight", 50, ((0, 25),)),
)
LABELS = {video.video_id: frame_labels(video, video.num_frames) for video in VIDEOS}
EVENTS = [(video.video_id, start, stop) for video in VIDEOS for start, stop in video.anomaly_spans]


@dataclass(frozen=True)
class Form:
    """write: into a folder, returns the path to read. options: of make-list, where the form needs some."""

    write: Callable[[Path], Path]
    options: tuple[str, ...] = ()
    # Whether the form itself names every video.
    names_all: bool = True

    @property
    def rule(self) -> TruthRule:
        """The options as make-list understands them."""
        given = dict(zip(self.options[::2], self.options[1::2], strict=True))
        return TruthRule(
            fps=float(given["--fps"]) if "--fps" in given else None,
            inclusive=True if given.get("--end") == "inclusive" else None,
            event_class=given.get("--class", ""),
        )


def folder_of(save: Callable[[Path, np.ndarray], None]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        for name, labels in LABELS.items():
            path = folder / "truth" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            save(path, labels)
        return folder / "truth"

    return write


def saved(name: str, save: Callable[[Path], None]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        save(folder / name)
        return folder / name

    return write


def text(name: str, content: str) -> Callable[[Path], Path]:
    return saved(name, lambda path: _write_text(path, content))


def document(name: str, content: Any) -> Callable[[Path], Path]:
    return text(name, json.dumps(content))


def _write_text(path: Path, content: str) -> None:
    path.write_text(content)


def rows(head: str, line: str, *, joint: str = "\n", normal: str = "") -> str:
    """One line per event, and one of the normal video where its form has one."""
    lines = [
        line.format(video=video, start=start, stop=stop, s=start / FPS, e=stop / FPS, last=stop - 1)
        for video, start, stop in EVENTS
    ]
    return joint.join([head, *lines, *([normal] if normal else [])]) + "\n"


def by_video(value: Callable[[Video], Any]) -> dict[str, Any]:
    return {video.video_id: value(video) for video in VIDEOS}


def seconds(video: Video) -> list[list[float]]:
    return [[start / FPS, stop / FPS] for start, stop in video.anomaly_spans]


ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"><MEDIA_DESCRIPTOR MEDIA_URL="file:///D:/x.mp4"
 MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="./{name}.mp4"/></HEADER>
<TIME_ORDER>{slots}</TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="default">{annotations}</TIER>
</ANNOTATION_DOCUMENT>
"""


def elan(folder: Path) -> Path:
    (folder / "eaf").mkdir()
    for number, video in enumerate(VIDEOS):
        slots = [each * 1000 // FPS for span in video.anomaly_spans for each in span]
        annotations = [
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{n}" TIME_SLOT_REF1="ts{2 * n}" '
            f'TIME_SLOT_REF2="ts{2 * n + 1}"><ANNOTATION_VALUE>Fight</ANNOTATION_VALUE>'
            "</ALIGNABLE_ANNOTATION></ANNOTATION>"
            for n in range(len(slots) // 2)
        ]
        (folder / "eaf" / f"{number}.eaf").write_text(
            ELAN.format(
                name=video.video_id,
                slots="".join(
                    f'<TIME_SLOT TIME_SLOT_ID="ts{n}" TIME_VALUE="{each}"/>' for n, each in enumerate(slots)
                ),
                annotations="".join(annotations),
            )
        )
    return folder / "eaf"


VIA_PROJECT = {
    "project": {"pname": "p"},
    "attribute": {"1": {"aname": "TEMPORAL-SEGMENTS", "options": {"default": "", "f": "Fight"}}},
    "file": {str(n): {"fid": str(n), "fname": f"{video.video_id}.mp4"} for n, video in enumerate(VIDEOS)},
    "view": {str(n): {"fid_list": [str(n)]} for n in range(len(VIDEOS))},
    "metadata": {
        f"{n}_{m}": {"vid": str(n), "flg": 0, "z": span, "xy": [], "av": {"1": "f"}}
        for n, video in enumerate(VIDEOS)
        for m, span in enumerate(seconds(video))
    },
}
VIA_TABLE = rows(
    "# Exported using VGG Image Annotator\n# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,"
    "spatial_coordinates,metadata",
    '"1_x","[""{video}.mp4""]",0,"[{s},{e}]","[]","{{""1"":""Fight""}}"',
    normal='"1_y","[""cam/two.mp4""]",0,"[1.5]","[2,10,10,20,20]","{}"',
)
ACTIVITYNET = {
    "version": "VERSION 1.3",
    "taxonomy": [],
    "database": {
        video.video_id: {
            "subset": "testing" if video.is_anomalous else "validation",
            "duration": video.num_frames / FPS,
            "annotations": [{"segment": span, "label": "Fight"} for span in seconds(video)],
        }
        for video in VIDEOS
    },
}
COCO = {
    "videos": [{"id": n, "name": video.video_id} for n, video in enumerate(VIDEOS, 1)],
    "categories": [{"id": 7, "name": "Fight"}, {"id": 8, "name": "normal"}],
    "images": [
        {"id": 1000 * n + frame, "video_id": n, "frame_id": frame, "file_name": f"{n}/{frame}.jpg"}
        for n, video in enumerate(VIDEOS, 1)
        for frame in range(video.num_frames)
    ],
    "annotations": [
        {
            "id": 1000 * n + frame,
            "image_id": 1000 * n + frame,
            "category_id": 7 if marked else 8,
            "bbox": [0, 0, 9, 9],
        }
        for n, video in enumerate(VIDEOS, 1)
        for frame, marked in enumerate(LABELS[video.video_id])
    ],
}
YOUTUBE_VIS = {
    "videos": [
        {"id": n, "file_names": [f"{video.video_id}/{frame}.jpg" for frame in range(video.num_frames)]}
        | {"length": video.num_frames}
        for n, video in enumerate(VIDEOS)
    ],
    "categories": [{"id": 7, "name": "Fight"}],
    "annotations": [
        {
            "id": n,
            "video_id": n,
            "category_id": 7,
            "bboxes": [[0, 0, 9, 9] if each else None for each in labels],
        }
        for n, labels in enumerate(LABELS.values())
    ],
}
LONG = np.concatenate(list(LABELS.values()))
BY_FRAME = "video,frame,label\n" + "".join(
    f"{video}.mp4,{frame},{label}\n" for video, labels in LABELS.items() for frame, label in enumerate(labels)
)

CLASS = ("--class", "Fight")
FPS_25 = ("--fps", "25")


# As Ped2 and Avenue have it: [2, events], the first frame and the last one, from 1.
EVENT_CELLS = [
    np.array([(start + 1, stop) for start, stop in video.anomaly_spans], float).reshape(-1, 2).T
    for video in VIDEOS
]


def _cells(parts: list[np.ndarray]) -> np.ndarray:
    cells = np.empty((1, len(parts)), dtype=object)
    for place, part in enumerate(parts):
        cells[0, place] = part if part.ndim == 2 else part[None]
    return cells


# A label per frame, a file per video.
ARRAYS_BY_VIDEO = {
    "npy": folder_of(lambda path, labels: np.save(path.with_suffix(".npy"), labels)),
    "npy of bool [1, F]": folder_of(
        lambda path, labels: np.save(path.with_suffix(".npy"), labels[None].astype(bool))
    ),
    "npy of float [F, 1]": folder_of(
        lambda path, labels: np.save(path.with_suffix(".npy"), labels[:, None].astype(float))
    ),
    "npz": folder_of(lambda path, labels: np.savez(path.with_suffix(".npz"), gt=labels)),
    "mat": folder_of(lambda path, labels: savemat(path.with_suffix(".mat"), {"gt": labels})),
    "csv": folder_of(
        lambda path, labels: np.savetxt(path.with_suffix(".csv"), labels, "%d", header="gt", comments="")
    ),
    "txt": folder_of(lambda path, labels: np.savetxt(path.with_suffix(".txt"), labels, "%.1f")),
    "txt in one line": folder_of(
        lambda path, labels: _write_text(path.with_suffix(".txt"), ", ".join(map(str, labels)))
    ),
    "npz by name": saved("gt.npz", lambda path: np.savez(path, **LABELS)),
    "table by frame": text("gt.csv", BY_FRAME),
    "JSON by frame": document("gt.json", by_video(lambda video: LABELS[video.video_id].tolist())),
}
# All videos one after another, without names.
LONG_ARRAYS = {
    "long npy": saved("gt.npy", lambda path: np.save(path, LONG)),
    "long mat": saved("gt.mat", lambda path: savemat(path, {"gt": LONG})),
    "long txt": saved("gt.txt", lambda path: np.savetxt(path, LONG, "%d")),
    "cells": saved("gt.mat", lambda path: savemat(path, {"gt": _cells(list(LABELS.values()))})),
}
INTERVALS: dict[str, Form] = {
    "cells of events": Form(
        saved("gt.mat", lambda path: savemat(path, {"gt": _cells(EVENT_CELLS)})), CLASS, names_all=False
    ),
    "frames": Form(
        text(
            "t.csv",
            rows(
                "video,start_frame,end_frame,label", "{video},{start},{stop},Fight", normal="cam/two,,,Normal"
            ),
        )
    ),
    "last frames": Form(
        text(
            "t.csv",
            rows(
                "video_id;first frame;last frame;class",
                "{video}.mp4;{start};{last};Fight",
                normal="cam/two;-1;-1;Normal",
            ),
        ),
        ("--end", "inclusive"),
    ),
    "seconds": Form(
        text(
            "t.tsv",
            rows(
                "name\tstart_time\tend_time\tcategory",
                "{video}\t{s}\t{e}\tFight",
                normal="cam/two\t\t\tbackground",
            ),
        ),
        FPS_25,
    ),
    "seconds without a unit": Form(
        text(
            "t.csv",
            rows("filename,start,end,label,confidence", "{video},{s},{e},Fight,0.5", normal="cam/two,,,,"),
        ),
        FPS_25,
    ),
    "clock and duration": Form(
        text(
            "t.csv",
            rows("video,start,duration,label", "{video},0:00:{s},{e},Fight", normal="cam/two,,,")
            .replace("0.8,1.6", "0.80,0.8")
            .replace("2.4,2.8", "2.40,0.4"),
        ),
        FPS_25,
    ),
    "rate in the table": Form(
        text(
            "t.csv",
            rows("video,start_ms,end_ms,label,fps", "{video},{s}e3,{e}e3,Fight,25", normal="cam/two,,,,25"),
        )
    ),
    "a list of ours": Form(saved("own.tsv", lambda path: write_list(path, VIDEOS))),
    "JSON pairs": Form(
        document("t.json", by_video(lambda video: [list(span) for span in video.anomaly_spans])),
        CLASS,
    ),
    "JSON objects": Form(
        document(
            "t.json",
            {
                "videos": [
                    {
                        "video": video.video_id,
                        "fps": FPS,
                        "label": video.event_class,
                        "segments": seconds(video),
                    }
                    for video in VIDEOS
                ]
            },
        )
    ),
    "JSON events": Form(
        document(
            "t.json",
            [{"file": video, "start": start, "end": stop, "label": "Fight"} for video, start, stop in EVENTS]
            + [{"file": "cam/two"}],
        )
    ),
    # Programs and data sets.
    "VIA project": Form(document("via.json", VIA_PROJECT), FPS_25),
    "VIA table": Form(text("via.csv", VIA_TABLE), FPS_25),
    "ELAN": Form(elan, FPS_25),
    "ActivityNet": Form(document("anet.json", ACTIVITYNET), FPS_25),
    "COCO": Form(document("coco.json", COCO)),
    "COCO from 1": Form(
        document(
            "coco.json",
            COCO | {"images": [image | {"frame_id": image["frame_id"] + 1} for image in COCO["images"]]},
        )
    ),
    "THUMOS": Form(
        document(
            "thumos.json",
            {
                "database": {
                    video.video_id: {
                        "annotations": [
                            # Where a video has no rate, its frames count and not these seconds.
                            {
                                "segment": [span[0] / 30, span[1] / 30],
                                "segment(frames)": span,
                                "label": "Fight",
                            }
                            for span in video.anomaly_spans
                        ]
                    }
                    for video in VIDEOS
                }
            },
        )
    ),
    "YouTube-VIS": Form(document("vis.json", YOUTUBE_VIS)),
    "XD lines": Form(
        text("xd.txt", "cam/one.mp4 20 40 60 70\nhall/three 0 25\n"),
        CLASS,
        names_all=False,
    ),
    "XD lines with classes": Form(
        text("xd.txt", "cam/one.mp4 B1 20 40 G 60 70\nhall/three B1 0 25\n"), CLASS, names_all=False
    ),
    "UCF lines": Form(
        text(
            "ucf.txt",
            "one.mp4  Fight  21  40  61  70  \ntwo.mp4  Normal  -1  -1  -1  -1  \n"
            "three.mp4  Fight  1  25  -1  -1  \n",
        ),
        names_all=False,
    ),
}
FORMS = (
    {name: Form(write, CLASS) for name, write in ARRAYS_BY_VIDEO.items()}
    | {name: Form(write, CLASS, names_all=False) for name, write in LONG_ARRAYS.items()}
    | INTERVALS
)
