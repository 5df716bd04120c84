"""vad-extract text: class names and prompts as vectors, so that stage 2 needs no network of language."""

from __future__ import annotations

from pathlib import Path

import click

from extract.runtime.say import say
from extract.store.output_file import OutputFile, WritingCommand


@click.command(cls=WritingCommand)
@click.option(
    "--preset", "name", required=True, help="A preset of CLIP: its features and these texts share a space."
)
@click.option(
    "--classes",
    required=True,
    metavar="LIST",
    help="Names with commas between them, a file with a name per line, a data set (ucf_crime), or a list of "
    "videos, whose event classes are taken.",
)
@click.option(
    "--prompts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with a template per line, such as `a video of {}`, or a .json object of texts per class. "
    "[default: the names as they stand]",
)
@click.option("--out", type=OutputFile("class texts"), required=True, help="The file to write (.h5).")
@click.option(
    "--weights", help="As for run: a known name, a file, or none for random ones. [default: the preset's]"
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of random weights.")
def text(name, classes, prompts, out, weights, seed):
    """Write a vector per class: the output of CLIP's text tower, not normalised.

    Of several prompts per class, the direction is the mean of their directions and the length their mean
    length. The file also holds the names, the prompts and the digests of both towers' weights;
    extract.store.texts.read_class_texts reads it.
    """
    from extract.language.prompts import class_names, class_prompts
    from extract.language.text_features import class_texts
    from extract.presets import PRESETS
    from extract.runtime.text import counted, unknown
    from extract.store.texts import write_class_texts

    if name not in PRESETS:
        raise click.UsageError(unknown(name, list(PRESETS), kind="preset"))
    names = class_names(classes)
    texts = class_texts(PRESETS[name], names, class_prompts(names, prompts), weights=weights, seed=seed)
    write_class_texts(out, texts)
    count = sum(map(len, texts.prompts))
    sizes = f"{counted(names, 'class')}, {counted(count, 'prompt')}, {texts.feature_dim} numbers each"
    say(f"{out}: {sizes}, weights {texts.text_weights}")
