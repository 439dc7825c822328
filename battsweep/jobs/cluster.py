"""A Dask cluster of this machine's cores: one process a worker, one thread a process."""

from __future__ import annotations

import logging
import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from battsweep.jobs.forking import method, start_server

SETTINGS = {
    # A worker starts a solving process of its own, which a daemon may not.
    "distributed.worker.daemon": False,
    # Memory is the solving process's; Dask's limits would see the worker only.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    # A chunk whose worker died comes back to us, who try its tasks alone.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.comm.timeouts.connect": "60s",
}


@contextmanager
def local_cluster(workers: int) -> Generator[Any]:
    """Yield a `distributed.Client` of a cluster on this machine, and close both.

    Workers never see Ctrl-C: it is blocked while they are made, and a
    process inherits that. Their processes end with this one, however it ends.
    """
    start_server()
    import dask
    from distributed import Client, LocalCluster

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with (
            tempfile.TemporaryDirectory(prefix="battsweep-") as scratch,
            dask.config.set(SETTINGS),
            dask.config.set({"distributed.worker.multiprocessing-method": method()}),
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                local_directory=scratch,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            yield client
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
