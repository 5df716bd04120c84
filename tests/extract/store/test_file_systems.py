"""Stores where the file system has no locks, no hard links and no flush of folders, all at once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# What the C library answers there, for every file.
POOR = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#define FAIL(number) do { errno = number; return -1; } while (0)
int flock(int file, int how) { FAIL(ENOLCK); }
static int control(const char *name, int file, int what, void *more) {
    if (what == F_SETLK || what == F_SETLKW || what == F_OFD_SETLK || what == F_OFD_SETLKW) FAIL(ENOLCK);
    return ((int (*)(int, int, ...))dlsym(RTLD_NEXT, name))(file, what, more);
}
#define CONTROL(name) int name(int file, int what, ...) { \
    va_list list; va_start(list, what); void *more = va_arg(list, void *); va_end(list); \
    return control(#name, file, what, more); }
CONTROL(fcntl)
CONTROL(fcntl64)
int link(const char *old, const char *new) { FAIL(EPERM); }
int linkat(int one, const char *old, int other, const char *new, int how) { FAIL(EPERM); }
int fsync(int file) {
    struct stat state;
    if (!fstat(file, &state) && S_ISDIR(state.st_mode)) FAIL(EINVAL);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file);
}
"""
WORK = """
import h5py, numpy as np
try:
    h5py.File("locked.h5", "w")
    raise SystemExit("HDF5 found locks")
except OSError:
    pass
from extract.store import FeatureStore
from extract.store.hdf5_group import LARGEST_IMAGE
from extract.store.packing import pack, unpack
from support.tiny_stores import make_features, make_store, make_videos
import extract.store.hdf5_group as hdf5_group
store = make_store("store", make_videos(2, 1))
hdf5_group.LARGEST_IMAGE = 0  # as if the rows were too large for a file in memory
store.write(make_features("large", np.ones((9, 6))))
assert pack("store", "pack.h5") == 4 and unpack("pack.h5", "again") == 4
for place in ("store", "pack.h5", "again"):
    opened = FeatureStore(place)
    assert sorted(opened.ids()) == ["a0", "large", "n0", "n1"]
    for name in opened.ids():
        assert np.array_equal(opened.verify(name).features, store.read(name).features)
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="builds a library with gcc")
def test_stores_are_written_packed_and_read_there(tmp_path):
    (tmp_path / "poor.c").write_text(POOR)
    library = tmp_path / "poor.so"
    command = ["gcc", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "poor.c"), "-ldl"]
    subprocess.run(command, check=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-c", WORK]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no hard links here" in done.stderr
    left = {path.name for path in tmp_path.iterdir()} - {"poor.c", "poor.so", "cache", "locked.h5"}
    assert left == {"store", "pack.h5", "again"}
