"""Child processes that start as fresh interpreters and end with their parent."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection

from extract.runtime.secret_variables import SECRETS
from extract.runtime.stopping import leave

# multiprocessing's spawn would import the caller's main program, and its torch with it.
PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from extract.runtime.child_process import run_main; run_main(*sys.argv[2:])"
)
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
# What a child gets of our environment: where things lie, which devices and how many threads to use. Not our
# secrets (keys of clouds, the webhook's address), because it reads files of strangers.
KEPT_NAMES = frozenset(
    "HOME LANG LANGUAGE LD_LIBRARY_PATH LD_PRELOAD LOGNAME MALLOC_ARENA_MAX PATH SHELL SYSTEMROOT TEMP TERM "
    "TMP TMPDIR TORCH_HOME TZ USER VAD_FAST VAD_STORE_CACHE VAD_WEIGHTS_DIR VIRTUAL_ENV".split()
)
KEPT_PREFIXES = (
    *(
        "COV_",
        "CUDA_",
        "CUDNN_",
        "DECORD_",
        "GOMP_",
        "HDF5_",
        "KMP_",
        "LC_",
        "MALLOC_",
        "MKL_",
        "NCCL_",
        "NUMBA_",
    ),
    *(
        "NVIDIA_",
        "OMP_",
        "OPENBLAS_",
        "PYTHON",
        "PYTORCH_",
        "SLURM_CPU",
        "THP_",
        "TORCHINDUCTOR_",
        "TRITON_",
        "XDG_",
    ),
)
PR_SET_PDEATHSIG = 1  # option of prctl, from linux/prctl.h


def start_child(
    module: str,
    *files: int,
    one_thread: bool = False,
    output: int | None = None,
    whole_environment: bool = False,
) -> tuple[subprocess.Popen, Connection]:
    """Run `main(connection, *files)` of a module in a new process; returns it and our end of the connection.

    files: descriptors that the process inherits. one_thread: its numerical libraries use one thread each.
    output: a descriptor for its output and errors in place of ours. The process ignores Ctrl-C, which its
    parent handles, and is killed when the thread that started it ends. whole_environment: it also gets our
    secrets, which a process that reads remote stores needs.
    """
    # A socket rather than a pipe, because both sides send and receive.
    mine, theirs = socket.socketpair()
    inherited = (theirs.fileno(), *files)
    # Ctrl-C is held back until the process ignores it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", PROGRAM, json.dumps(sys.path), module),
                *map(str, (os.getpid(), *inherited)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=inherited,
            env={
                **(_without_secrets() if whole_environment else clean_environment()),
                **(ONE_THREAD if one_thread else {}),
            },
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    return process, Connection(mine.detach())


def _without_secrets() -> dict[str, str]:
    # No child sends alerts, so none needs these secrets, whatever else it needs.
    return {name: value for name, value in os.environ.items() if name not in SECRETS}


def clean_environment() -> dict[str, str]:
    """Our environment without what may be secret, for programs that read files of strangers."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in KEPT_NAMES or name.startswith(KEPT_PREFIXES)
    }


def run_main(module: str, parent: str, connection: str, *files: str) -> None:
    """What PROGRAM runs in the new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    die_with(int(parent))
    importlib.import_module(module).main(Connection(int(connection)), *map(int, files))
    leave(0)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however that happens.

    Linux only; elsewhere the closed connection ends a process at its next message.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel knew
        os._exit(1)


def how_it_ended(status: int | None) -> str:
    """How a process ended, for a message. status: exit code, negative for a signal, None while it runs."""
    if status is None:
        return "closed its connection"
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with exit code {status}"
