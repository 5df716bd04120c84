"""One set of scores in every supported form is one AUC."""

import csv
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from sklearn.metrics import roc_auc_score

from data_lists import Video, frame_labels
from score.evaluation.evaluate_files import evaluate_scores
from score.evaluation.evaluation_settings import EvaluationSettings
from score.evaluation.foreign_scores.score_form import ScoreForm
from score.evaluation.foreign_scores.segment_rules import Segments

STEP, COUNT, FPS = 16, 5, 16.0
FRAMES = STEP * COUNT
VIDEOS = [
    Video("Abuse/a_x264", "Abuse", FRAMES, ((16, 50),)),
    Video("Normal/b.c", "Normal", FRAMES),
    Video("Fight/three", "Fight", FRAMES, ((0, 30),)),
]
RNG = np.random.default_rng(7)
SEGMENTS = {video.video_id: RNG.random(COUNT).round(3) for video in VIDEOS}
SCORES = {name: np.repeat(values, STEP) for name, values in SEGMENTS.items()}
LABELS = np.concatenate([frame_labels(video, FRAMES) for video in VIDEOS])
BY_HAND = roc_auc_score(LABELS, np.concatenate(list(SCORES.values())))
STARTS = range(0, FRAMES, STEP)


def last(name):
    return name.rsplit("/", 1)[-1]


def table(head, rows, *, delimiter=",", name="scores.csv", shuffled=True):
    """A writer of a table of rows (video, segment or frame number, score)."""

    def write(folder):
        lines = [row for video in VIDEOS for row in rows(video.video_id)]
        if shuffled:
            lines = [lines[place] for place in np.random.default_rng(1).permutation(len(lines))]
        with (folder / name).open("w", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerows([head.split(), *lines])
        return folder / name

    return write


def frames(video_id, first=0):
    return [(video_id, frame + first, score) for frame, score in enumerate(SCORES[video_id])]


def segments(video_id, *columns):
    """columns: functions of the first frame of a segment."""
    return [
        (video_id, *(column(start) for column in columns), score)
        for start, score in zip(STARTS, SEGMENTS[video_id], strict=True)
    ]


def folder_of(save, names=lambda name: name):
    def write(folder):
        for name, values in SCORES.items():
            path = folder / "scores" / names(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            save(path, values)
        return folder / "scores"

    return write


def one_file(name, save):
    def write(folder):
        save(folder / name)
        return folder / name

    return write


def torch_save(value, path):
    import torch

    torch.save(value, path)


def tensors(values):
    import torch

    return {name: torch.from_numpy(each) for name, each in values.items()}


def hdf5(path):
    with h5py.File(path, "w") as file:
        for name, values in SEGMENTS.items():
            file[f"{name}/score"] = values
            file[f"{name}/span"] = [[start, start + STEP] for start in STARTS]


def prediction():
    """What vad-score predict writes: runs of frames with one score each."""
    timeline = {name: {"frame": [*STARTS, FRAMES], "score": each.tolist()} for name, each in SEGMENTS.items()}
    videos = [{"video": name, "frames": FRAMES, "timeline": each} for name, each in timeline.items()]
    return {"format_version": 1, "model": {}, "rule": {}, "videos": videos, "failed": []}


def long(values=SCORES):
    return np.concatenate(list(values.values()))


def clock(start):
    return f"00:00:{start / FPS:06.3f}"


def mixed(values):
    """The scores of one video as named values, in an order that only `frame` says."""
    order = np.random.default_rng(2).permutation(len(values))
    return {"frame": order, "score": np.asarray(values)[order], "fps": np.float64(25)}


def plain_lists(values):
    return {name: each.tolist() for name, each in values.items()}


def seconds_in_json(path):
    rows = [
        {"video": name, "start": n, "end": n + 1, "score": score}
        for name, values in SEGMENTS.items()
        for n, score in reversed(list(enumerate(values.tolist())))
    ]
    path.write_text(json.dumps(rows))


JOINED = np.concatenate([values[:, None] for values in SCORES.values()])
PLAIN = ScoreForm()
BY_SEGMENT, EVEN, FLOOR = (
    ScoreForm(each) for each in (Segments(STEP), Segments(rule="even"), Segments(rule="floor"))
)
SECOND, RATE = ScoreForm(Segments(rule="second"), fps=FPS), ScoreForm(fps=FPS)
FORMS = {
    # A folder with a file a video.
    "folder npy": (folder_of(lambda path, values: np.save(f"{path}.npy", values)), PLAIN),
    "folder npy [N, 1]": (folder_of(lambda path, values: np.save(f"{path}.npy", values[:, None])), PLAIN),
    "flat folder txt": (folder_of(lambda path, values: np.savetxt(f"{path}.txt", values), last), PLAIN),
    "flat folder _i3d": (folder_of(lambda path, values: np.save(f"{path}_i3d.npy", values), last), PLAIN),
    "folder one line of text": (
        folder_of(lambda path, values: np.savetxt(f"{path}.txt", values[None])),
        PLAIN,
    ),
    "folder npz": (folder_of(lambda path, values: np.savez(f"{path}.npz", values)), PLAIN),
    "folder npz named": (
        folder_of(lambda path, values: np.savez(f"{path}.npz", scores=values, labels=0 * values)),
        PLAIN,
    ),
    "folder json": (
        folder_of(
            lambda path, values: Path(f"{path}.json").write_text(json.dumps({"scores": values.tolist()}))
        ),
        PLAIN,
    ),
    "folder npz with frames": (
        folder_of(lambda path, values: np.savez(f"{path}.npz", **mixed(values))),
        PLAIN,
    ),
    "folder mat with frames": (folder_of(lambda path, values: savemat(f"{path}.mat", mixed(values))), PLAIN),
    "folder json with frames": (
        folder_of(
            lambda path, values: Path(f"{path}.json").write_text(json.dumps(plain_lists(mixed(values))))
        ),
        PLAIN,
    ),
    "folder json of rows": (
        folder_of(
            lambda path, values: Path(f"{path}.json").write_text(
                json.dumps([{"frame": n, "score": v} for n, v in reversed(list(enumerate(values)))])
            )
        ),
        PLAIN,
    ),
    "folder csv with a row number": (
        folder_of(
            lambda path, values: Path(f"{path}.csv").write_text(
                "id,score\n" + "\n".join(f"{n},{v}" for n, v in enumerate(values))
            )
        ),
        PLAIN,
    ),
    # One file of all videos, by name.
    "csv": (
        table("video_id score", lambda name: [(name, score) for score in SCORES[name]], shuffled=False),
        PLAIN,
    ),
    "csv of pandas": (
        table("index video anomaly_score", lambda name: [(n, v, s) for v, n, s in frames(name)]),
        PLAIN,
    ),
    "csv of pandas, index without a name": (
        one_file(
            "s.csv",
            lambda path: path.write_text(
                ",video_path,score\n"
                + "\n".join(
                    f"{place},{name},{score}"
                    for place, (name, score) in reversed(
                        list(enumerate((n, s) for n, each in SCORES.items() for s in each))
                    )
                )
            ),
        ),
        PLAIN,
    ),
    "csv with frames": (table("video frame score", frames), PLAIN),
    "csv with names in one word": (table("VideoName framenumber anomalyscore", frames), PLAIN),
    "json rows in whole seconds": (one_file("s.json", seconds_in_json), RATE),
    "json by video with frames": (
        one_file(
            "s.json",
            lambda path: path.write_text(
                json.dumps({name: plain_lists(mixed(values)) for name, values in SCORES.items()})
            ),
        ),
        PLAIN,
    ),
    "csv with frames from 1": (table("Video_Name Frame_ID Score", lambda name: frames(name, 1)), PLAIN),
    "csv with pictures": (
        table("video frame score", lambda name: [(v, f"img_{n:05d}.jpg", s) for v, n, s in frames(name, 1)]),
        PLAIN,
    ),
    "csv ;": (
        table(
            "filename score",
            lambda name: [(f"{name}.mp4", str(s).replace(".", ",")) for s in SCORES[name]],
            delimiter=";",
            shuffled=False,
        ),
        PLAIN,
    ),
    "tsv": (table("id frame_idx score", frames, delimiter="\t", name="scores.tsv"), PLAIN),
    "txt with spaces": (table("name frame score", frames, delimiter=" ", name="scores.txt"), PLAIN),
    "csv every 16th frame": (table("video frame score", lambda name: segments(name, int)), PLAIN),
    "csv every 16th frame from 1": (
        table("video frame score", lambda name: segments(name, lambda start: start + 1)),
        PLAIN,
    ),
    "csv start,end": (
        table("video start end score", lambda name: segments(name, int, lambda start: start + STEP)),
        PLAIN,
    ),
    "csv first and last frame": (
        table(
            "video start_frame end_frame score",
            lambda name: segments(name, int, lambda start: start + STEP - 1),
        ),
        PLAIN,
    ),
    "csv first and last frame from 1": (
        table(
            "video start end score",
            lambda name: segments(name, lambda start: start + 1, lambda start: start + STEP),
        ),
        PLAIN,
    ),
    "csv segment numbers": (
        table("video segment score", lambda name: segments(name, lambda start: start // STEP)),
        BY_SEGMENT,
    ),
    "csv segment numbers, even": (
        table("video snippet_id score", lambda name: segments(name, lambda start: start // STEP + 1)),
        EVEN,
    ),
    "csv seconds": (
        table("video second score", lambda name: segments(name, lambda start: start / FPS)),
        RATE,
    ),
    "csv start and end in seconds": (
        table(
            "video start_time end_time score",
            lambda name: segments(name, lambda start: start / FPS, lambda start: (start + STEP) / FPS),
        ),
        RATE,
    ),
    "csv start,end of fractions": (
        table(
            "video start end score",
            lambda name: segments(name, lambda start: start / 32, lambda start: (start + STEP) / 32),
        ),
        ScoreForm(fps=32.0),
    ),
    "csv clock": (table("video timestamp score", lambda name: segments(name, clock)), RATE),
    "csv milliseconds": (
        table("video time_ms score", lambda name: [(v, n * 1000 / FPS, s) for v, n, s in frames(name)]),
        RATE,
    ),
    "json": (
        one_file(
            "s.json",
            lambda path: path.write_text(
                json.dumps({last(name): each.tolist() for name, each in SCORES.items()})
            ),
        ),
        PLAIN,
    ),
    "json spans": (
        one_file(
            "s.json",
            lambda path: path.write_text(
                json.dumps(
                    {
                        name: {"score": each.tolist(), "span": [[start, start + STEP] for start in STARTS]}
                        for name, each in SEGMENTS.items()
                    }
                )
            ),
        ),
        PLAIN,
    ),
    "json rows": (
        one_file(
            "s.json",
            lambda path: path.write_text(
                json.dumps(
                    [
                        {"video": v, "frame": n, "score": s}
                        for name in reversed(SCORES)
                        for v, n, s in reversed(frames(name))
                    ]
                )
            ),
        ),
        PLAIN,
    ),
    "json by frame": (
        one_file(
            "s.json",
            lambda path: path.write_text(
                json.dumps(
                    {
                        name: {str(n): float(each[n]) for n in sorted(range(FRAMES), key=str)}
                        for name, each in SCORES.items()
                    }
                )
            ),
        ),
        PLAIN,
    ),
    "json of predict": (one_file("s.json", lambda path: path.write_text(json.dumps(prediction()))), PLAIN),
    "json objects": (
        one_file(
            "s.json",
            lambda path: path.write_text(
                json.dumps(
                    [{"video": name, "scores": each.tolist()} for name, each in reversed(SCORES.items())]
                )
            ),
        ),
        PLAIN,
    ),
    "json in json": (
        one_file(
            "s.json",
            lambda path: path.write_text(
                json.dumps(
                    {"results": {name: {"frame_scores": each.tolist()} for name, each in SCORES.items()}}
                )
            ),
        ),
        PLAIN,
    ),
    "npz with names": (
        one_file(
            "s.npz",
            lambda path: np.savez(
                path,
                names=list(SCORES)[::-1],
                scores=np.stack(list(SEGMENTS.values())[::-1]),
                labels=[0, 1, 1],
            ),
        ),
        BY_SEGMENT,
    ),
    "csv ends": (table("video end score", lambda name: segments(name, lambda start: start + STEP)), PLAIN),
    "csv last frames": (
        table("video last_frame score", lambda name: segments(name, lambda start: start + STEP - 1)),
        PLAIN,
    ),
    "csv whole seconds from 1": (
        table("video second score", lambda name: segments(name, lambda start: start // STEP + 1)),
        RATE,
    ),
    "npz by name": (
        one_file("s.npz", lambda path: np.savez(path, **{last(name): each for name, each in SCORES.items()})),
        PLAIN,
    ),
    # All videos one after another.
    "npy long": (one_file("s.npy", lambda path: np.save(path, long())), PLAIN),
    "npy long [1, N]": (one_file("s.npy", lambda path: np.save(path, JOINED.T)), PLAIN),
    "npy long segments": (one_file("s.npy", lambda path: np.save(path, long(SEGMENTS))), BY_SEGMENT),
    "npy long even": (one_file("s.npy", lambda path: np.save(path, long(SEGMENTS))), EVEN),
    "npy [V, N]": (one_file("s.npy", lambda path: np.save(path, np.stack(list(SEGMENTS.values())))), FLOOR),
    "npy one a second": (one_file("s.npy", lambda path: np.save(path, long(SEGMENTS))), SECOND),
    "txt long": (one_file("s.txt", lambda path: np.savetxt(path, long())), PLAIN),
    "npz long": (one_file("s.npz", lambda path: np.savez(path, preds=long(), scores=long())), PLAIN),
    "json list": (
        one_file(
            "s.json", lambda path: path.write_text(json.dumps([each.tolist() for each in SCORES.values()]))
        ),
        PLAIN,
    ),
}
# Their readers run in a process of their own or need torch.
SLOW_FORMS = {
    "flat folder mat": (
        folder_of(lambda path, values: savemat(f"{path}.mat", {"scores": values}), last),
        PLAIN,
    ),
    "mat cells": (
        one_file(
            "s.mat",
            lambda path: savemat(path, {"psnr": np.array([*SCORES.values(), None], dtype=object)[:-1]}),
        ),
        PLAIN,
    ),
    "pt by name": (one_file("s.pt", lambda path: torch_save(tensors(SCORES), path)), PLAIN),
    "pt list": (one_file("s.pt", lambda path: torch_save(list(tensors(SEGMENTS).values()), path)), EVEN),
    "h5": (one_file("s.h5", hdf5), PLAIN),
}


@pytest.mark.parametrize(
    "write, form",
    [
        *(pytest.param(*each, id=name) for name, each in FORMS.items()),
        *(pytest.param(*each, id=name, marks=pytest.mark.slow) for name, each in SLOW_FORMS.items()),
    ],
)
def test_one_set_of_scores_is_one_auc_in_every_form(tmp_path, write, form):
    found = evaluate_scores(write(tmp_path), VIDEOS, EvaluationSettings(resamples=0), form=form)
    assert found.summaries["frame_auc"].mean == pytest.approx(BY_HAND, abs=1e-12)
    assert found.frames == len(LABELS) and not any("belong to no segment" in note for note in found.notes)
