"""What the columns of a truth are for, by what people call them, without case, spaces and punctuation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from data_lists.truths.annotation import FRAMES, SECONDS

# What a column is for -> its names.
VIDEO = "video videoid videoname name filename file filepath path vid clip clipid videofile videopath".split()
START = "start begin from onset tstart segmentstart".split()
END = "end stop to offset tend segmentend".split()
START_FRAME = "startframe framestart firstframe beginframe fromframe startframes framebegin sframe".split()
END_FRAME = "endframe frameend lastframe stopframe toframe endframes framestop eframe".split()
START_SECONDS = (
    "starttime startsec startsecs startseconds starts begintime timestart tstartsec startsecond "
    "timestampstart starttimes starttimesec starttimeseconds startinseconds fromtime "
    "beginsec temporalsegmentstart".split()
)
END_SECONDS = (
    "endtime endsec endsecs endseconds ends stoptime timeend tendsec endsecond timestampend "
    "endtimes endtimesec endtimeseconds endinseconds totime stopsec stopseconds temporalsegmentend".split()
)
START_MS, END_MS = "startms begintimems beginms startmsec".split(), "endms endtimems stopms endmsec".split()
DURATION = "duration durationsec durationseconds".split()
CLASS = (
    "label class eventclass category action type anomalytype event eventtype classname labelname "
    "anomalyclass activity tag".split()
)
FLAG = (
    "label gt truth groundtruth anomaly anomalous isanomaly isanomalous abnormal y ytrue target value".split()
)
FRAME = "frame frameid frameidx frameindex framenumber frameno framenr framenum".split()
# pandas writes its index below an empty heading. It numbers the rows of all videos or of each.
ROW = ["index", "idx", "row", "rowid", "unnamed0", ""]
SEGMENT = [
    f"{noun}{end}"
    for noun in ("segment", "snippet", "chunk", "window")
    for end in ("", "s", "id", "idx", "index", "no", "number")
]
TIME = "time second seconds timestamp sec t".split()
NUM_FRAMES = "numframes frames nframes totalframes framecount videoframes nbframes videolength".split()
FPS = "fps framerate rate".split()
VIDEO_SECONDS = "videoduration videoseconds".split()
ANNOTATOR = "annotator annotatorid rater raterid coder user userid worker workerid".split()
USES = {
    "video": VIDEO,
    "start_frame": START_FRAME,
    "end_frame": END_FRAME,
    "start_seconds": START_SECONDS,
    "end_seconds": END_SECONDS,
    "start_ms": START_MS,
    "end_ms": END_MS,
    "start": START,
    "end": END,
    "duration": DURATION,
    "frame": FRAME,
    "row": ROW,
    "segment": SEGMENT,
    "time": TIME,
    "class": CLASS,
    "flag": FLAG,
    "num_frames": NUM_FRAMES,
    "fps": FPS,
    "video_seconds": VIDEO_SECONDS,
    "annotator": ANNOTATOR,
}
# Start and end -> unit, and how many of the written numbers make one.
PAIRS = (
    ("start_frame", "end_frame", FRAMES, 1.0),
    ("start_seconds", "end_seconds", SECONDS, 1.0),
    ("start_ms", "end_ms", SECONDS, 1000.0),
    ("start", "end", "", 1.0),
)


def use_of(columns: Sequence[str]) -> dict[str, str]:
    """Use -> column, for the columns that say what they are for."""
    found: dict[str, str] = {}
    for column in columns:
        plain = plain_column(column)
        for use, names in USES.items():
            if plain in names and use not in found and column not in found.values():
                found[use] = column
    # One name can mean a class of an event or the label of a frame.
    if "flag" not in found and "class" in found and pair_of(found) is None:
        if plain_column(found["class"]) in FLAG:
            found["flag"] = found.pop("class")
    if "class" not in found and "flag" in found and pair_of(found) is not None:
        found["class"] = found.pop("flag")
    return found


def plain_column(column: str) -> str:
    return re.sub("[^a-z0-9]", "", str(column).casefold())


def pair_of(uses: Mapping[str, str]) -> tuple[str, str, str, float] | None:
    """The pair of PAIRS that is there; a duration may stand for the end."""
    for start, end, unit, scale in PAIRS:
        # Seconds are no number of frames.
        lasts = "duration" in uses and not (unit == FRAMES and "sec" in plain_column(uses["duration"]))
        if start in uses and (end in uses or lasts):
            return start, end, unit, scale
    return None
