"""Hands chunks to workers, indexes what they deliver, and stops without losing any."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from battsweep.errors import LostError, StoreError
from battsweep.jobs.chunks import Chunk, Queue
from battsweep.jobs.cluster import local_cluster
from battsweep.jobs.plan import Plan
from battsweep.jobs.progress import Progress
from battsweep.jobs.worker import Order, compute_chunk, lost_receipt, provenance
from battsweep.slurm.environment import allotted_cores
from battsweep.store.checkpoints import forget_finished
from battsweep.store.files import make_folder
from battsweep.store.index import Index
from battsweep.store.layout import create_store, logs_folder
from battsweep.store.lock import driver_lock
from battsweep.store.shards import write_shard
from battsweep.store.sweeps import write_sweep

MAX_ATTEMPTS = 3
CHUNKS_A_WORKER = 2
FETCH_S = 10.0
NO_WORKER_S = 60.0


class Stop:
    """Whether the user asked to stop: Ctrl-C once drains, twice stops at once."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, _signal: int, _frame: object) -> None:
        """Note a first signal; raise KeyboardInterrupt at the second."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def listening() -> Generator[Stop]:
    """Yield a `Stop` that hears Ctrl-C and SIGTERM, where this is the main thread."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_plan(
    plan: Plan,
    store: str | Path,
    *,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Compute what a plan's sweep has not yet in a store, and return how it went.

    Safe to call again, after any end: it goes on from what is on the disk.
    ``workers`` is one a core unless said.

    Raises
    ------
    StoreError
        If the store is damaged, full, or driven by another process.
    """
    store, workers = Path(store), workers or allotted_cores()
    on_progress = on_progress or (lambda _: None)
    create_store(store, format=plan.sweep.run.format)
    make_folder(logs_folder(store))
    with driver_lock(store), Index.open(store, write=True) as index:
        known = plan.catalogue
        write_sweep(
            store,
            plan.sweep_id,
            plan.sweep,
            plan.tasks,
            known.resolved,
            known.parameter_sets,
        )
        found = index.reconcile()
        if found.problems:
            raise StoreError(
                "\n".join([*found.problems, f"mend it first: battsweep check {store}"])
            )
        forget_finished(store, index.finished)
        finished = index.finished(task.id for task in plan.tasks)
        done = index.done(finished)
        progress = Progress(len({task.id for task in plan.tasks}), len(finished))
        progress.found_failed = len(finished) - len(done)
        waiting: dict[str, Any] = {}
        for group, item in plan.placed:
            if item.task.id not in finished:
                waiting.setdefault(item.task.id, (group, item))
        if waiting:
            with (
                listening() as stop,
                DriverLog(store) as log,
                local_cluster(workers) as client,
            ):
                progress.started = time.monotonic()
                log.write(f"{len(waiting)} of {progress.total} tasks on {workers} workers")
                driver = Driver(plan, store, index, client, progress, log)
                driver.drive(Queue(waiting.values(), workers=workers), stop, workers, on_progress)
                log.write(f"done {progress.done}, failed {progress.failed}, left {progress.left}")
    return progress


class DriverLog:
    """The driver's own log file in a store; a new one each time it runs."""

    def __init__(self, store: Path) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        self._file = (store / "logs" / f"driver-{stamp}.log").open("x", encoding="utf-8")

    def __enter__(self) -> DriverLog:
        """Return the open log."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def write(self, message: str) -> None:
        """Add a line with the time."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._file.write(f"{now} {message}\n")
        self._file.flush()


class Driver:
    """One run: the window of chunks in flight, and what becomes of each."""

    def __init__(
        self,
        plan: Plan,
        store: Path,
        index: Index,
        client: Any,
        progress: Progress,
        log: DriverLog,
    ) -> None:
        self._plan = plan
        self._store = store
        self._index = index
        self._client = client
        self._progress = progress
        self._log = log
        self._chunk = index.last_chunk(plan.sweep_id)
        self._flying: dict[Any, Chunk] = {}
        self._last_worker = time.monotonic()

    def drive(
        self,
        queue: Queue,
        stop: Stop,
        workers: int,
        on_progress: Callable[[Progress], None],
    ) -> None:
        """Keep every worker busy until nothing waits, or the user asks to stop."""
        from distributed import wait

        while (len(queue) and not stop.asked) or self._flying:
            while len(self._flying) < CHUNKS_A_WORKER * workers and not stop.asked:
                chunk = queue.next()
                if chunk is None:
                    break
                self._submit(chunk)
            self._progress.stopping = stop.asked
            on_progress(self._progress)
            try:
                ended = wait(list(self._flying), timeout=0.25, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                self._check_workers()
                continue
            for future in ended:
                self._take(future, queue)
        self._progress.stopping = stop.asked
        on_progress(self._progress)

    def _submit(self, chunk: Chunk) -> None:
        self._chunk += 1
        order = Order(
            store=str(self._store.resolve()),
            sweep=self._plan.sweep_id,
            chunk=self._chunk,
            group=chunk.group,
            items=chunk.items,
            attempt=chunk.attempt,
            time_limit_s=self._plan.sweep.run.time_limit_s,
            format=self._plan.sweep.run.format,
        )
        future = self._client.submit(compute_chunk, order, pure=False, retries=0)
        self._flying[future] = chunk

    def _take(self, future: Any, queue: Queue) -> None:
        """Index what a chunk delivered; put it back, or give it up, where it was lost."""
        try:
            delivered = future.result(timeout=FETCH_S)
        except TimeoutError:
            return  # its worker died since; Dask computes it again, and a later look takes it
        except (StoreError, KeyboardInterrupt):
            raise
        except Exception as error:  # a lost worker, or a bug: neither may end the others
            self._lose(self._flying.pop(future), f"{type(error).__name__}: {error}", queue)
            return
        chunk = self._flying.pop(future)
        queue.learn(chunk, delivered.wall_s - delivered.build_s - delivered.write_s)
        self._ingest(delivered.shard)

    def _lose(self, chunk: Chunk, reason: str, queue: Queue) -> None:
        self._log.write(f"chunk of {len(chunk.items)} at attempt {chunk.attempt}: {reason}")
        if chunk.attempt < MAX_ATTEMPTS:
            queue.again(chunk)
        else:
            self._give_up(chunk, reason)

    def _check_workers(self) -> None:
        """Raise `LostError` where no worker has been there for some time."""
        if self._client.scheduler_info(n_workers=-1)["workers"]:
            self._last_worker = time.monotonic()
        elif time.monotonic() - self._last_worker > NO_WORKER_S:
            raise LostError(
                f"no worker for {NO_WORKER_S:g} s; what was computed is stored,"
                " and the same command goes on"
            )

    def _give_up(self, chunk: Chunk, reason: str) -> None:
        """Record tasks as lost: tasks are not solved in the worker, so it is no fault of theirs.

        The next run tries them again.
        """
        message = f"its worker was lost {chunk.attempt} times ({reason})"
        self._chunk += 1
        shard = write_shard(
            self._store,
            self._plan.sweep_id,
            chunk=self._chunk,
            attempt=chunk.attempt,
            series=[],
            receipts=[lost_receipt(item.task, message, chunk.attempt) for item in chunk.items],
            provenance=provenance(),
            format=self._plan.sweep.run.format,
        )
        self._ingest(str(shard))

    def _ingest(self, shard: str) -> None:
        for record in self._index.ingest_shard(shard):
            if record.outcome == "done":
                self._progress.done += 1
            elif record.outcome == "lost":
                self._progress.lost += 1
            else:
                self._progress.failed += 1
                name = record.failure_class or "error"
                self._progress.by_class[name] = self._progress.by_class.get(name, 0) + 1
