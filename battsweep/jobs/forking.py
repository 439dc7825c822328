"""One server that has imported everything, from which workers and their solving processes fork.

PyBaMM takes seconds to import. The server is started as early as can be, and imports while
the driver plans; a process that is forked from it is there in some ten milliseconds.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import sys
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from battsweep.jobs.environment import pin_environment

PRELOADED = ["pybamm", "distributed", "battsweep.jobs.worker"]


class _Inherited(forkserver.ForkServer):
    """The server that this process was itself forked from, which is not to be started again."""

    def ensure_running(self) -> None:
        """Start only what helps Python to clean up."""
        resource_tracker.ensure_running()


def start_server() -> None:
    """Start the server and return at once; safe to call twice, and where there can be none.

    To be called in the main thread. Nothing that is forked from it hears Ctrl-C: the signal
    is blocked while it is started, and processes inherit that.
    """
    pin_environment()
    if not _can_fork():
        return
    # Started later, by a thread, the tracker would unblock the signal there.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        multiprocessing.set_forkserver_preload(PRELOADED)
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def context() -> Any:
    """Return the multiprocessing context to start solving processes with, in a worker.

    A worker that was forked from the server uses the same one: Python itself would start
    another. Any other worker starts a server of its own.
    """
    if not _can_fork():
        return multiprocessing.get_context("spawn")
    server: Any = forkserver._forkserver
    if type(server) is forkserver.ForkServer:
        if _was_forked(server):
            server.__class__ = _Inherited
        else:
            multiprocessing.set_forkserver_preload(PRELOADED)
    return multiprocessing.get_context("forkserver")


def abandon_server() -> None:
    """Let this process start a server of its own, as the one it was forked from is gone."""
    server: Any = forkserver._forkserver
    if type(server) is _Inherited:
        server.__class__ = forkserver.ForkServer  # type: ignore[assignment]
        multiprocessing.set_forkserver_preload(PRELOADED)


def method() -> str:
    """Return how processes are started here, in multiprocessing's words."""
    return "forkserver" if _can_fork() else "spawn"


def die_with_holder(alive: Connection) -> None:
    """Ask Linux to end this process as soon as nobody holds the other end of a pipe.

    It does so even inside C++ code that never returns to Python.
    """
    if sys.platform != "linux":
        return
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(alive.fileno(), fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(alive.fileno(), fcntl.F_GETFL)
    fcntl.fcntl(alive.fileno(), fcntl.F_SETFL, flags | os.O_ASYNC)
    if alive.poll():  # the end of the file: it was let go of before we asked
        os._exit(1)


def _can_fork() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods()


def _was_forked(server: Any) -> bool:
    """Return whether this process is a server's child: it knows where, but did not start it."""
    return server._forkserver_address is not None and server._forkserver_pid is None
