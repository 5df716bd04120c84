"""What a benchmark compares: heads with their settings, stores, parts of the data, and seeds.

OUT/plan.json                                   the settings, which later calls must repeat
OUT/<head>/<store>/[fold_<k>/]seed_<n>/         one cell: a run folder as train writes it
OUT/table.md, OUT/table.csv, OUT/benchmark.json
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_lists import ListError, Video, check_disjoint, digest
from extract.runtime.atomic import write_text
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.text_files import read_json
from extract.runtime.text import listed
from extract.store import FeatureStore
from extract.store.texts import ClassTexts
from score.bags.folds import make_folds
from score.bags.store_access import check_present, open_stores
from score.benchmark.cell_online import OnlineChoice
from score.benchmark.entries import Entry
from score.evaluation.checks import check_frames
from score.evaluation.frame_truth import NATIVE, Truth
from score.evaluation.online.online_measures import check_online
from score.evaluation.online.online_videos import check_clock
from score.heads import HEADS
from score.pooling.segment_join import read_joined
from score.runs.identity import check_same, completed
from score.training.training_data import check_weak_lists
from score.training.training_texts import texts_for

PLAN = "plan.json"
NAME = re.compile(r"(?!\.)[\w.+-]+")  # a folder's name, which .. would not be


@dataclass(frozen=True)
class StoreChoice:
    """One or several stores whose features are used together, under one name in the table."""

    name: str
    stores: tuple[FeatureStore, ...]


@dataclass(frozen=True)
class Part:
    """Training and test videos. name: "" for two lists, "fold_0", "fold_1", ... for folds."""

    name: str
    train: tuple[Video, ...]
    test: tuple[Video, ...]


@dataclass(frozen=True)
class Plan:
    """Everything that determines the numbers."""

    entries: tuple[Entry, ...]
    stores: tuple[StoreChoice, ...]
    parts: tuple[Part, ...]
    videos: tuple[Video, ...]
    """All test videos in the order of their list; with folds these are all videos."""
    seeds: int
    folds: int = 0
    """0 for a train and a test list."""
    group_by: str = "group"
    """What folds keep together: "group" or "video"."""
    device: str = "cpu"
    threads: int = 1
    """CPU threads per training; the last bits of the numbers depend on it."""
    best_on_test: bool = False
    """Also measure the test videos after every epoch."""
    texts: ClassTexts | None = None
    """Vectors of the classes, for the heads that take them."""
    online: OnlineChoice | None = None
    """Also measure what the heads would do live; not in the record, because it changes no other number."""

    def cells(self, out: Path) -> Iterator[Cell]:
        """Every cell; those of one head and store follow each other."""
        for store in self.stores:
            for entry in self.entries:
                for part in self.parts:
                    for seed in range(self.seeds):
                        yield Cell(entry, store, part, seed, run=out / entry.folder / store.name / part.name)

    def record(self) -> dict:
        """What must stay the same in one OUT; later calls may add heads, stores and seeds."""
        train = {video.video_id: video for part in self.parts for video in part.train}
        return {
            "heads": {entry.label: entry.config.to_dict() for entry in self.entries},
            "stores": {
                choice.name: [json.loads(store.spec.to_json()) for store in choice.stores]
                for choice in self.stores
            },
            "train_list": digest(train.values()),
            "test_list": digest(self.videos),
            "folds": self.folds,
            "group_by": self.group_by,
            "device": self.device,
            "threads": self.threads,
            "test_selected": self.best_on_test,
            **({} if self.texts is None else {"texts": self.texts.digest}),
        }


@dataclass(frozen=True)
class Cell:
    """One training. run: the folder of its seeds."""

    entry: Entry
    store: StoreChoice
    part: Part
    seed: int
    run: Path

    @property
    def folder(self) -> Path:
        return self.run / f"seed_{self.seed}"

    @property
    def title(self) -> str:
        return " ".join(
            filter(None, (self.entry.label, self.store.name, self.part.name, f"seed {self.seed}"))
        )


def make_stores(texts: Sequence[str]) -> tuple[StoreChoice, ...]:
    """The stores of "[NAME=]DIR[+DIR...]". Raises StoreError, and ValueError for a bad or repeated name."""
    choices = []
    for text in texts:
        name, equals, places = text.partition("=")
        # A path may contain "=" or "+": if it exists as written, it is one store.
        if not equals or Path(text).exists():
            name, places = "", text
        roots = [places] if Path(places).exists() else places.split("+")
        name = name or "+".join(Path(root).resolve().stem for root in roots)
        if not NAME.fullmatch(name):
            raise ValueError(
                f"--store {text}: the name {name!r} may only contain letters, digits and . _ + -, and "
                "not begin with a dot; give another with NAME=DIR"
            )
        choices.append(StoreChoice(name, tuple(open_stores(roots))))
    names = [choice.name for choice in choices]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two stores are named {repeated[0]}; give other names with NAME=DIR")
    return tuple(choices)


def make_parts(
    videos: Sequence[Video], test: Sequence[Video], *, folds: int, group_by: str
) -> tuple[tuple[Part, ...], tuple[Video, ...]]:
    """(the parts, all test videos in the order of their list). Raises ListError."""
    check_weak_lists(videos, ())
    if folds:
        split = make_folds(videos, folds, group_by=group_by)
        return tuple(Part(f"fold_{k}", fold.train, fold.test) for k, fold in enumerate(split)), tuple(videos)
    check_disjoint(videos, test)
    # A fixed protocol must not be tested on its own training split, even if no video is in both lists.
    if trained := [video.video_id for video in test if video.split == "train"]:
        raise ListError([f"{len(trained)} test videos belong to a training split ({listed(trained)})"])
    return (Part("", tuple(videos), tuple(test)),), tuple(test)


def check_plan(plan: Plan, out: Path, *, convention: str = NATIVE) -> None:
    """Check, before any training, that the plan can be finished and compared; then write OUT/plan.json.

    Raises StoreError for missing videos or lengths that differ from the lists, ConfigError for texts that do
    not fit the classes or the features, CheckpointError if OUT was begun with other settings.
    """
    check_out(out)
    truth = Truth.of(convention, plan.videos)
    every = {video.video_id: video for part in plan.parts for video in (*part.train, *part.test)}
    each_segments = [entry.config.data.segments for entry in plan.entries]
    ways = {(each.join, each.cut_at_most): each for each in each_segments}.values()
    for choice in plan.stores:
        # Finding this out after hours of training would waste them.
        check_present(choice.stores, list(every.values()))
        for segments in ways:
            check_frames(choice.stores, plan.videos, truth, segments)
    _check_texts(plan)
    if plan.online is not None:
        _check_online(plan, plan.online, truth)
    record, path = plan.record(), out / PLAN
    if path.exists():
        try:
            found = read_json(path)
            known = {
                **found,
                **{
                    key: {name: found[key].get(name, value) for name, value in record[key].items()}
                    for key in ("heads", "stores")
                },
            }
            known["heads"] = {name: completed(config) for name, config in known["heads"].items()}
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            reason = error.reason if isinstance(error, ForeignFileError) else "is no plan of a benchmark"
            raise ValueError(f"{path} is damaged: {reason}; choose another --out") from None
        # New heads and stores may join a benchmark; those that it knows must not change.
        check_same(record, known, out)
        for key in ("heads", "stores"):
            # Heads and stores of earlier calls stay known, so that they cannot come back with other
            # settings.
            record[key] = {**found[key], **record[key]}
    out.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(record, indent=1) + "\n")


def _check_texts(plan: Plan) -> None:
    able = [entry.config for entry in plan.entries if HEADS[entry.config.name].takes_texts]
    for config, choice, part in itertools.product(able, plan.stores, plan.parts):
        classes = sorted({video.event_class for video in part.train})
        texts_for(config, plan.texts, [store.spec for store in choice.stores], classes)


def _check_online(plan: Plan, choice: OnlineChoice, truth: Truth) -> None:
    if plan.folds:
        raise ValueError(
            "--online needs --test-list: the heads of different folds have thresholds of their own"
        )
    check_online(plan.videos, truth, absent=(), smooth="none")
    check_disjoint(choice.validation, plan.videos)
    if choice.validation and all(video.is_anomalous for video in choice.validation):
        raise ListError(["--val: no video is normal, and normal videos choose the thresholds of --online"])
    for store in plan.stores:
        check_present(store.stores, choice.validation)
        # Of a store without a clock no video has one, so the first one stands for all.
        segments = plan.entries[0].config.data.segments
        check_clock(read_joined(store.stores, plan.videos[0].video_id, segments)[0])


def check_out(out: Path) -> None:
    """Raise ValueError for a folder with other things than a benchmark, which its files would replace."""
    found = (
        sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) if out.is_dir() else []
    )
    if found and PLAN not in found:
        raise ValueError(
            f"--out {out} holds {found[0]} and no benchmark ({PLAN}); choose a new folder, or an empty one"
        )


def shared_groups(plan: Plan) -> list[str]:
    """Groups with videos in both training and test; there are none with folds by group."""
    shared: set[str] = set()
    for part in plan.parts:
        test = {video.group for video in part.test if video.group is not None}
        shared |= test & {video.group for video in part.train}
    return sorted(shared)
