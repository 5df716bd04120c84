"""Freed memory stays with the process for the next tensor, until it is returned."""

import platform
import subprocess
import sys

import pytest

ASK = """
import numpy as np
import psutil
from extract.runtime.allocator import keep_large_blocks, return_free_blocks

def megabytes():
    return psutil.Process().memory_info().rss / 1e6

keep_large_blocks()
blocks = [np.ones(5_000_000) for _ in range(4)]
last = np.ones(1000)
print(megabytes())
del blocks
print(megabytes())
return_free_blocks()
print(megabytes(), int(last.sum()))
"""

APART = """
import numpy as np
import psutil
from extract.runtime.allocator import keep_large_blocks, large_blocks_apart

def megabytes_of(count):
    before = psutil.Process().memory_info().rss
    block = np.ones(count)
    del block
    return (psutil.Process().memory_info().rss - before) / 1e6

keep_large_blocks()
with large_blocks_apart():
    print(megabytes_of(20_000_000))
print(megabytes_of(20_000_000))
"""

only_gnu = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of GNU's C library")


@only_gnu
def test_a_large_block_goes_back_at_once_while_blocks_are_apart_and_stays_afterwards():
    done = subprocess.run([sys.executable, "-c", APART], capture_output=True, text=True, check=True)
    apart, afterwards = map(float, done.stdout.split())
    assert apart < 20 and afterwards > 140  # of 160 MB


@only_gnu
def test_freed_blocks_are_kept_until_they_are_returned():
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    full, freed, returned, total = map(float, done.stdout.split())
    assert freed > full - 10  # of 160 MB
    assert returned < full - 150
    assert total == 1000  # what is in use stays
