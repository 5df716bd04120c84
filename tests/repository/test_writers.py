"""Everything that writes goes through extract/runtime/atomic: to its partial files, or by its functions."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("data_lists", "extract", "score", "scripts/demo", "scripts/tools")
WRITERS = ("save", "savez", "savez_compressed", "savetxt", "imwrite", "savefig", "tofile", "dump", "to_csv")
MOVERS = ("replace", "rename", "renames", "move", "copy", "copy2", "copyfile", "copytree")
MODULES = ("os", "shutil")
METHODS = ("write_text", "write_bytes", "touch", "symlink_to", "hardlink_to")

# Where a call may write otherwise, and why.
EXCEPTIONS = {
    ("extract/runtime/atomic.py", "open(path, 'x', encoding='utf-8')"): "where there are no hard links",
    ("extract/store/index.py", "copy.open('wb')"): "a temporary folder",
    ("extract/runtime/foreign/sandbox.py", "np.save(file, each, allow_pickle=False)"): "into memory",
    ("extract/weights/fetch.py", "open(unfinished, 'ab')"): "what is kept of a broken download, under a lock",
    ("extract/weights/fetch.py", "unfinished.replace(path)"): "the complete, verified download",
    ("extract/store/hdf5_group.py", "h5py.File(image, 'w')"): "into memory",
    ("extract/store/texts/texts_file.py", "h5py.File(memory, 'w')"): "into memory",
    ("extract/store/hdf5_group.py", "path.write_bytes(image.getbuffer())"): "path is atomic's partial file",
    ("extract/store/hdf5_group.py", "h5py.File(path, 'w', locking=False)"): "path is atomic's partial file",
    ("extract/store/packing.py", "h5py.File(disk, 'w')"): "disk is atomic's partial file",
    ("extract/store/failures.py", "store.files.write_text(FAILURES_FILE"): "a store",
    ("extract/store/remote_files.py", "self.write_text(name, text)"): "a store",
    ("extract/decode/single_video.py", "(folder / video.name).symlink_to(video)"): "a temporary folder",
    ("extract/commands/doctor.py", "av.open(str(path), 'w')"): "a temporary folder",
    ("score/live/json_lines.py", "open(path, 'a', encoding='utf-8')"): "whole lines, flushed; also to a pipe",
    ("score/predict/inputs.py", "place.symlink_to(each.path.resolve()"): "a temporary folder",
    ("score/benchmark/cell_scores.py", "np.savez(file, "): "file is atomic's partial file",
    ("score/runs/torch_file.py", "torch.save"): "into memory",
    ("score/report/figures/theme.py", "figure.savefig"): "into memory",
    ("scripts/demo/make_corridor.py", "np.savez_compressed(file, "): "atomic's partial file",
    ("scripts/tools/kill_matrix.py", ""): "works in a temporary folder",
    ("scripts/tools/kill_verbs.py", ""): "works in a temporary folder",
    ("scripts/tools/fuzzing/process.py", ""): "damages files in a temporary folder",
    ("scripts/tools/fuzzing/targets.py", ""): "makes them there",
    ("scripts/tools/make_compatibility_data.py", ""): "writes test data of one commit, once",
}  # fmt: skip


def mode_of(call: ast.Call, position: int) -> str:
    """The mode that a call gives, as text; "" without one."""
    given = [each.value for each in call.keywords if each.arg == "mode"]
    given += call.args[position : position + 1]
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else ""


def writes(call: ast.Call) -> bool:
    """Whether a call writes to a path, and not to one of atomic's partial files."""
    name = ast.unparse(call.func)
    last, owner = name.rpartition(".")[2], name.rpartition(".")[0]
    place = ast.unparse(call.args[0]) if call.args else ""
    if "partial" in (place if last not in METHODS else owner):
        return False
    if name in ("open", "io.open", "os.fdopen", "gzip.open", "av.open", "h5py.File", "zipfile.ZipFile"):
        return bool(set(mode_of(call, 1)) & set("wax+"))
    if last == "open" and owner not in ("av", "os", "Image", "webbrowser"):
        return bool(set(mode_of(call, 0)) & set("wax+"))
    if last in METHODS:
        return owner != "atomic" and bool(owner)
    if last in WRITERS:
        return owner in ("np", "torch", "cv2", "json", "yaml", "pickle") or last in ("savefig", "tofile")
    if owner == "dataclasses" or not owner:
        return False
    return last in MOVERS and (owner in MODULES or (last == "replace" and len(call.args) == 1))


def found_in(text: str) -> list[tuple[int, str]]:
    """(line, call) of what writes otherwise."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [(call.lineno, ast.unparse(call)) for call in calls if writes(call)]


def test_every_writer_is_atomic():
    used, wrong = set(), []
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            for line, call in found_in(path.read_text()):
                excepted = [key for key in EXCEPTIONS if key[0] == name and call.startswith(key[1])]
                used |= set(excepted)
                wrong += [] if excepted else [f"{name}:{line}: {call}"]
    assert not wrong, "\n".join(wrong)
    stale = [key for key in EXCEPTIONS if key not in used]
    assert not stale, f"no longer needed: {stale}"


@pytest.mark.parametrize(
    "text",
    [
        "open(path, 'w')",
        "open(path, mode='ab')",
        "path.open('x')",
        "path.write_text('a')",
        "(folder / 'a').write_bytes(b'')",
        "np.save(path, rows)",
        "torch.save(values, path)",
        "figure.savefig(path)",
        "av.open(str(path), 'w', format='mp4')",
        "h5py.File(path, 'r+')",
        "os.replace(a, b)",
        "shutil.copyfile(a, b)",
        "cv2.imwrite(str(path), picture)",
        "json.dump(values, file)",
    ],
)
def test_what_writes_otherwise_is_seen(text):
    assert len(found_in(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "open(path)",
        "open(path, 'rb')",
        "partial.write_text('a')",
        "atomic.write_text(path, 'a')",
        "write_text(path, 'a')",
        "open(partial, 'wb')",
        "av.open(str(self.file.partial), 'w')",
        "h5py.File(path, 'r')",
        "text.replace('a', 'b')",
        "dataclasses.replace(value, number=1)",
    ],
)
def test_what_reads_or_is_atomic_is_not(text):
    assert found_in(text) == []
