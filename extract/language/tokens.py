"""CLIP's byte pairs, from the vocabulary that comes with OpenCLIP."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

MISSING = "texts need the tokeniser of OpenCLIP: pip install 'vad-pipeline[clip]'"


def tokenize(texts: Sequence[str], longest: int) -> Tensor:
    """int64 [len(texts), longest]: start, tokens, end, zeros.

    Raises ValueError for a text that does not fit, where OpenCLIP would cut it, and without OpenCLIP.
    """
    try:
        from open_clip.tokenizer import SimpleTokenizer
    except ModuleNotFoundError as error:
        raise ValueError(f"{MISSING} (no module {error.name})") from None
    tokenizer = SimpleTokenizer()
    for text in texts:
        count = len(tokenizer.encode(text)) + 2
        if count > longest:
            raise ValueError(f"{text!r:.80} has {count} tokens, expected at most {longest}")
    return tokenizer(list(texts), context_length=longest)
