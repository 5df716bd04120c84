"""vad-score train: trains a head on stored features into RUN/seed_0, RUN/seed_1, ..."""

from __future__ import annotations

import time
from pathlib import Path

import click

from extract.runtime.say import say
from extract.store.option import STORE
from extract.store.output_file import OutputFile, WritingCommand, check_output_folder
from score.commands.common_options import (
    device_option,
    join_option,
    read_texts,
    text_names_option,
    texts_option,
)
from score.commands.training_lines import (
    data_line,
    example_lines,
    reporter,
    seed_line,
    shot_lines,
    start_lines,
)


@click.command(cls=WritingCommand)
@click.option("--head", "head_name", metavar="NAME", help="Head to train; vad-score heads lists them.")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Instead of --head: fine-tune a run seed by seed, or a seed's folder or checkpoint file, with its "
    "head and settings.",
)
@click.option(
    "--shots",
    type=click.IntRange(1),
    metavar="K",
    help="With --from: add the classes of the lists that the head does not predict, from K examples each, "
    "drawn by --seed; the rest of the head stays as it is.",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    required=True,
    type=STORE,
    metavar="DIR",
    help="Feature store; repeat it to train on several together, such as RGB and flow.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    required=True,
    metavar="LIST",
    help="Training videos: a TSV file, DATASET/train or a folder; may be repeated.",
)
@click.option(
    "--val",
    "validation_lists",
    multiple=True,
    metavar="LIST",
    help="Validation videos, which select the epoch.  [default: a hold-out split of the training videos]",
)
@click.option(
    "--out",
    "run",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="RUN",
    help="New folder for the run, which gets seed_0, seed_1, ...",
)
@click.option(
    "--preset",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Named settings of a new head; vad-score heads NAME lists them.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="YAML file of settings, applied over the preset.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="A.B=C",
    help="Override one setting, for example head.dropout=0.5.",
)
@join_option("data.segments.join, which is exact unless set")
@texts_option
@text_names_option
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Number of trainings.")
@click.option(
    "--seed",
    "first_seed",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="First seed; the others follow.",
)
@click.option(
    "--resume", is_flag=True, help="Continue RUN after its last complete epoch; finished seeds are kept."
)
@device_option
@click.option(
    "--tensorboard",
    is_flag=True,
    help="Write TensorBoard events into every seed's folder; needs the extra [tensorboard].",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="CPU threads.  [default: 1 for light heads, else all; when resuming, the same as before]",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Processes that read the stores.  [default: CPU cores if there is enough to read, else 1]",
)
@click.option(
    "--together/--apart",
    default=None,
    help="Train all seeds in one batch, or one after another.  [default: together on a GPU if the head "
    "allows]",
)
@click.option(
    "--profile",
    "profile_file",
    type=OutputFile("trace"),
    metavar="FILE",
    help="Print where the time went, and write a trace for chrome://tracing and ui.perfetto.dev.",
)
def train(
    head_name,
    source,
    shots,
    stores,
    lists,
    validation_lists,
    run,
    preset,
    config_file,
    overrides,
    join,
    texts_file,
    text_names,
    seeds,
    first_seed,
    resume,
    device,
    tensorboard,
    threads,
    workers,
    together,
    profile_file,
):
    """Train a head on stored features with weak, video-level labels, once per seed.

    Anomaly spans in the lists are ignored. The epoch that is kept is selected on a hold-out split of the
    training videos, which keeps the groups of the lists together.
    """
    from data_lists import resolve_lists
    from extract.runtime.device import choose_device, import_torch

    import_torch()  # first of all, since others import it
    from extract.runtime.memory_limits import naming_memory
    from extract.runtime.profile import OFF
    from score.bags.store_access import open_stores
    from score.runs.run_folders import seed_folders
    from score.runs.run_lock import locked
    from score.training.large_blocks import keep_blocks_of_light_head
    from score.training.seed_folder import check_other_seeds
    from score.training.starting_point import start_of, starting_points
    from score.training.tensorboard import EventFolder, check_tensorboard
    from score.training.training_data import check_weak_lists, prepare
    from score.training.training_texts import text_lines

    check_output_folder(run, option="--out")
    overrides = [*overrides, *([f"data.segments.join={join}"] if join else [])]
    texts = read_texts(texts_file, text_names)
    starts = starting_points(source) if source else []
    if shots is None:
        overrides = [*_for_feedback(lists, starts, config_file, overrides), *overrides]
    config = _settings(
        head_name, preset, starts, file=config_file, overrides=overrides, shots=shots, together=together
    )
    for seed in range(first_seed, first_seed + seeds):
        start_of(starts, seed)
    # For the whole training: a second one would write the same files.
    click.get_current_context().with_resource(locked(run, work="training"))
    if seed_folders(run) and not resume:
        raise ValueError(f"{run} already holds a run; --resume continues it, or choose another --out")
    if tensorboard:
        check_tensorboard()
    chosen = choose_device(device)
    together = not shots and _trains_together(config, together, on_gpu=chosen.type == "cuda", seeds=seeds)
    videos = resolve_lists(lists)
    validation = resolve_lists(validation_lists) if validation_lists else []
    drawn = None
    if shots:
        videos, starts, drawn = _with_shots(starts, videos, validation, shots, first_seed, texts)
    # Before the features are read, which may take minutes.
    check_weak_lists(videos, validation)
    profile = _profile(chosen) if profile_file else OFF
    began = time.perf_counter()
    reading = naming_memory(
        lambda: f"the features of {len(videos) + len(validation)} videos",
        "give fewer videos, fewer --workers, or a smaller data.segments.n",
    )
    with profile.span("read and pool"), reading:
        options = {"workers": workers, "starts": starts, "texts": texts, "feedback": _feedback_ids(lists)}
        options["shots"] = drawn
        data = prepare(config, open_stores(stores), videos, validation, **options).to(chosen)
    folders = {seed: run / f"seed_{seed}" for seed in range(first_seed, first_seed + seeds)}
    check_other_seeds(config, data, run, except_for=folders.values())
    _set_threads(threads, folders, data, config)
    keep_blocks_of_light_head(config, data.bag_spec)
    say(data_line(data, config, seconds=time.perf_counter() - began))
    spec = data.bag_spec
    lines = [*start_lines(data, folders), *shot_lines(drawn, spec)]
    for line in [*lines, *text_lines(config, spec.texts, spec.joined_dim)]:
        say(line, err=True)
    train_all = _train_together if together else _train_apart
    events = {seed: EventFolder(folder) for seed, folder in folders.items()} if tensorboard else {}
    reports = {seed: reporter(seed, config.train.epochs, events.get(seed)) for seed in folders}
    train_all(config, data, folders, reports, device=chosen, profile=profile)
    if drawn is not None:
        _say_examples(data, folders, drawn)
    for each in events.values():
        each.close()
    if profile_file:
        profile.write(profile_file)
        say(f"{profile.line()}: {profile_file}", err=True)


def _for_feedback(lists, starts: list, config_file: Path | None, overrides) -> list[str]:
    """Settings for lists of feedback, unless somebody sets them: what was labelled is to be learnt.

    Few labels change the validation AUC by chance, which would often keep the weights at the start.
    """
    from data_lists.tsv import has_notes

    if not starts or not any(has_notes(each) for each in lists):
        return []
    if config_file is not None or any(each.startswith("train.select=") for each in overrides):
        return []
    say("feedback: the last epoch is kept; --set train.select=... chooses another", err=True)
    return ["train.select=last"]


def _feedback_ids(lists) -> set[str]:
    from data_lists import read_list
    from data_lists.tsv import has_notes

    return {video.video_id for each in lists if has_notes(each) for video in read_list(each)}


def _with_shots(starts: list, videos: list, validation: list, shots: int, seed: int, texts):
    """The videos to train on, the checkpoints with rows for their new classes, and which were drawn."""
    from score.training.few_shots import draw_shots, grown

    drawn = draw_shots(starts[0], videos, shots, seed=seed, validation=validation)
    return drawn.videos, [grown(start, drawn.drawn, texts) for start in starts], drawn


def _say_examples(data, folders: dict[int, Path], drawn) -> None:
    from score.runs.checkpoint import load_checkpoint
    from score.training.example_ranking import example_ranking

    for seed, folder in folders.items():
        for line in example_lines(example_ranking(load_checkpoint(folder), data.train, drawn.drawn), seed):
            say(line, err=True)


def _settings(
    head_name: str | None,
    preset: str,
    starts: list,
    *,
    shots: int | None,
    together: bool | None,
    overrides,
    **changes,
):
    """The settings of a run. starts: of --from, whose settings are kept but for the changes."""
    from score.config.presets import preset_of
    from score.config.run_config import resolve
    from score.training.starting_point import settings_from

    if shots and not starts:
        raise click.UsageError("--shots adds a class to a trained head: give --from RUN with it")
    if shots and together:
        raise click.UsageError("--together: seeds train one after another with --shots; leave it out")
    if not starts:
        if head_name is None:
            raise click.UsageError("give --head NAME, or --from RUN to start from a trained one")
        return resolve(preset_of(head_name, preset), overrides=overrides, **changes)
    given = click.get_current_context().get_parameter_source("preset")
    if given == click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError(
            "--preset is for a new head; those of --from come from there, and --set or --config change them"
        )
    if not shots:
        return settings_from(starts[0], head_name, overrides=overrides, **changes)

    from score.training.few_shots import shot_settings

    return shot_settings(starts[0], head_name, overrides=overrides, **changes)


def _train_apart(config, data, folders, reports, **options) -> None:
    from score.training.loop import train_seed

    for seed, folder in folders.items():
        began = time.perf_counter()
        checkpoint = train_seed(config, data, folder=folder, seed=seed, on_epoch=reports[seed], **options)
        say(seed_line(checkpoint, folder, seconds=time.perf_counter() - began))


def _train_together(config, data, folders, reports, **options) -> None:
    from score.training.batched_seeds import train_seeds

    began = time.perf_counter()
    checkpoints = train_seeds(
        config, data, folders=folders, on_epoch=lambda seed, record: reports[seed](record), **options
    )
    for seed, checkpoint in checkpoints.items():
        say(seed_line(checkpoint, folders[seed], seconds=time.perf_counter() - began))


def _profile(device):
    import torch

    from extract.runtime.profile import Profile

    return Profile(torch.cuda.synchronize) if device.type == "cuda" else Profile()


def _trains_together(config, together: bool | None, *, on_gpu: bool, seeds: int) -> bool:
    """Whether the seeds train in one batch. together: --together, None if it was not given."""
    from score.training.batched_seeds import batching_blocker

    blocker = batching_blocker(config)
    if together and blocker:
        raise ValueError(f"--together: {blocker}")
    # On a CPU a batch of seeds is no faster than one seed after another.
    return on_gpu and seeds > 1 and not blocker if together is None else together


def _set_threads(threads: int | None, folders: dict[int, Path], data, config) -> None:
    """Set the number of CPU threads. threads: --threads, None if it was not given."""
    import torch

    from score.training.seed_folder import threads_of_resume

    # Rounding depends on the number of threads: a resumed seed keeps it, to end with the same bits.
    begun = threads_of_resume(folders.values())
    torch.set_num_threads(threads or begun or _threads(data, config))
    if threads and begun not in (None, threads):
        say(
            f"begun with {begun} threads, resumed with {threads}: the last bits will differ from an "
            "uninterrupted run",
            err=True,
        )


def _threads(data, config) -> int:
    import torch

    if data.bag_spec.array_shapes:
        return torch.get_num_threads()  # networks on pixels keep all of them busy

    from score.threads import choose_threads
    from score.training.large_blocks import parameter_count

    batch = min(config.train.batch, len(data.train))
    instances = batch * data.train.num_crops * int(data.train.length.max())
    return choose_threads(instances, parameter_count(config, data.bag_spec))
