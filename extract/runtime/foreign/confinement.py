"""Limits that a process sets itself before it reads hostile bytes, and that it cannot lift again."""

from __future__ import annotations

import ctypes
import os
import resource
import struct

import psutil

LEAST_MEMORY = 4 << 30  # bytes of addresses; half of the machine's memory where that is more
# Landlock of Linux 5.13 and later, from linux/landlock.h and the table of system calls, which all processors
# share.
CREATE_RULESET, RESTRICT_SELF = 444, 446
ASK_VERSION = 1
PR_SET_NO_NEW_PRIVS = 38
EXECUTE, WRITE_FILE, TRUNCATE = 1 << 0, 1 << 1, 1 << 14
REMOVE_AND_MAKE = 0b1_1111_1111_0000  # folders, files, devices, sockets, pipes and links
TRUNCATE_VERSION, NETWORK_VERSION = 3, 4
BIND_AND_CONNECT = 0b11


def confine() -> None:
    """From here on: a limited memory, no file written, made or removed, no program started, no connection.

    Where the kernel has no Landlock, only memory and the size of written files are limited.
    """
    memory = max(LEAST_MEMORY, psutil.virtual_memory().total // 2)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "prctl"):  # not Linux
        return
    version = libc.syscall(CREATE_RULESET, None, 0, ASK_VERSION)
    if version < 1:
        return
    files = EXECUTE | WRITE_FILE | REMOVE_AND_MAKE | (TRUNCATE if version >= TRUNCATE_VERSION else 0)
    network = BIND_AND_CONNECT if version >= NETWORK_VERSION else 0
    handled = struct.pack("<QQ", files, network) if network else struct.pack("<Q", files)
    # A rule set without rules: what it handles is forbidden everywhere.
    rules = libc.syscall(CREATE_RULESET, handled, len(handled), 0)
    if rules >= 0:
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.syscall(RESTRICT_SELF, rules, 0)
        os.close(rules)
