"""Arrays of scores: .npy, .npz, MATLAB's .mat and files of torch.save."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from extract.runtime.foreign.arrays import NUMBERS, npz_names, read_mat, read_npy, read_npz
from score.evaluation.foreign_scores.score_columns import VIDEO_COLUMNS
from score.evaluation.foreign_scores.score_content import Content
from score.evaluation.foreign_scores.score_fields import field_rows, is_place, score_field
from score.evaluation.foreign_scores.score_rows import (
    each_checked,
    real_numbers,
    score_rows,
    without_single_axes,
)

TEXT = "US"  # numpy's kinds of text
NAMES = (*VIDEO_COLUMNS, "names", "video_names", "video_ids", "videos", "filenames", "files", "ids")
SAVE = "save plain numbers, with numpy.savez(file, **scores) for several videos"


def read_arrays(path: Path) -> Content:
    """The scores in a file of arrays. Raises ValueError."""
    return content_of(load_arrays(path))


def load_arrays(path: Path) -> Any:
    """An array, a list of arrays, or a dict of them. Raises ValueError."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        try:
            return read_npy(path)
        except ValueError as error:
            reason = getattr(error, "reason", str(error))
            if "Python objects" in reason:
                reason = f"{reason.removesuffix('; save plain numbers')}; {SAVE}"
            raise ValueError(reason) from None
    if suffix == ".npz":
        # Names of videos may stand beside the scores.
        return {name: read_npz(path, name, kinds=NUMBERS + TEXT) for name in npz_names(path)}
    if suffix == ".mat":
        return read_mat(path)
    from extract.runtime.foreign.tensor_files import read_tensors

    return _plain(read_tensors(path))


def content_of(values: Any) -> Content:
    """The scores in arrays: one, a list of one for each video, or a dict. Raises ValueError."""
    if isinstance(values, dict):
        return _of_names({str(name): each for name, each in values.items() if not isinstance(each, str)})
    if isinstance(values, list):
        if values and all(np.ndim(each) == 0 for each in values):
            return Content(whole=score_rows(values))
        return Content(parts=[score_rows(each) for each in values])
    array = real_numbers(values, "score")
    plain = without_single_axes(array)
    if plain.ndim == 2:
        return Content(parts=[score_rows(row) for row in plain])
    return Content(whole=score_rows(plain))


def _of_names(values: dict[str, Any]) -> Content:
    """One of the names may be the scores of everything (`scores`), or each may be a video."""
    texts = {name.casefold(): each for name, each in values.items() if _is_text(each)}
    values = {name: each for name, each in values.items() if name.casefold() not in texts}
    if not values:
        raise ValueError("holds no array of numbers")
    key = score_field(values)
    if key is None and len(values) == 1:
        key = next(iter(values))
    named, wrong = each_checked(values.items(), score_rows)
    if key is None:
        return Content(named=named, wrong=wrong)
    read: tuple[str, ...] = (key,)
    if any(is_place(name) for name in values if name != key) and _is_row(values[key]):
        rows, read = field_rows(values, key)
        whole = Content(whole=rows)
        named = {name: each for name, each in named.items() if name not in read}
    else:
        whole = content_of(values[key]) if not isinstance(values[key], dict) else _of_names(values[key])
    names = next((texts[name] for name in NAMES if name in texts), None)
    if names is not None:
        return _with_names([str(each) for each in np.asarray(names).reshape(-1)], whole)
    unread = tuple(name for name in values if name not in read)
    return Content(whole.whole, whole.parts, named | whole.named, wrong | whole.wrong, unread)


def _with_names(names: list[str], scores: Content) -> Content:
    """Rows of videos whose names stand beside them."""
    if len(names) != len(scores.parts) or len(set(names)) < len(names):
        rows = f"{len(scores.parts)} rows" if scores.parts else "one row"
        raise ValueError(
            f"holds {len(set(names))} names and {rows} of scores, expected a row for each name; for one long "
            "row leave the names out and give --order"
        )
    return Content(named=dict(zip(names, scores.parts, strict=True)))


def _is_row(value: Any) -> bool:
    """Whether a value is the scores of one video, or of all one after another."""
    return isinstance(value, np.ndarray) and value.size == max(value.shape, default=1)


def _is_text(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, str) for each in value)
    return isinstance(value, np.ndarray) and value.dtype.kind in TEXT


def _plain(value: Any) -> Any:
    """Tensors as arrays, inside dicts and lists; what is neither number nor tensor is left out."""
    if isinstance(value, dict):
        found = {str(name): _plain(each) for name, each in value.items()}
        return {name: each for name, each in found.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [each for item in value if (each := _plain(item)) is not None]
    if isinstance(value, (int, float)):
        return np.float64(value)
    if hasattr(value, "detach"):
        tensor = value.detach().cpu()
        if tensor.is_sparse or tensor.is_quantized:
            tensor = tensor.to_dense() if tensor.is_sparse else tensor.dequantize()
        return tensor.double().numpy() if tensor.is_floating_point() else tensor.numpy()
    return None
