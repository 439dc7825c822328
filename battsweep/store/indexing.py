"""Measured data into the index at once, where no driver is at work."""

from __future__ import annotations

import time
from pathlib import Path

from battsweep.errors import StoreError
from battsweep.store.index import Index
from battsweep.store.layout import index_path
from battsweep.store.lock import current_driver, driver_lock

_AGAIN_S = 0.05


def index_measured(store: Path, *, patience_s: float = 3.0) -> str:
    """Bring the index up to date with the measured data; return "" or who keeps it from that.

    The driver alone writes the index, so this takes its lock, for a moment. While
    a driver holds it, nothing is lost: the files are there, and that driver
    indexes them when it ends, or the next one, or the next ingest. Another ingest
    holds it for a moment only, so ``patience_s`` is waited.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with driver_lock(store):
                new = not index_path(store).exists()
                with Index.open(store, write=True) as index:
                    # A new index lacks the sweeps too, if there are some.
                    index.reconcile() if new else index.reconcile_measured()
                return ""
        except StoreError:
            holder = current_driver(store)
            if holder is not None and time.monotonic() >= deadline:
                return f"process {holder.pid} on {holder.host}, since {holder.since_utc}"
            if holder is None and time.monotonic() >= deadline:
                raise
        time.sleep(_AGAIN_S)
