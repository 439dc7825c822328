"""Hands chunks to workers, indexes what they deliver, and stops without losing any."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from battsweep.errors import LostError, StoreError
from battsweep.jobs.chunks import Chunk, Flight, Part, Queue
from battsweep.jobs.cluster import local_cluster
from battsweep.jobs.driver_log import DriverLog
from battsweep.jobs.groups import Item
from battsweep.jobs.memory import give_back, share_of_memory
from battsweep.jobs.plan import Plan, compiled_as
from battsweep.jobs.progress import Progress
from battsweep.jobs.proof_words import REBUILDING, told
from battsweep.jobs.sample import Placed, standing, to_compute
from battsweep.jobs.stopping import Stop, listening
from battsweep.jobs.worker import (
    Delivered,
    Order,
    compute_packed,
    lost_receipt,
    packed,
    provenance,
)
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
LOOK_S = 0.25
WORKERS_S = 2.0
FETCH_S = 10.0
NO_WORKER_S = 60.0
IDLE_S = 30.0


def run_plan(
    plan: Plan,
    store: str | Path,
    *,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    proof: str | None = None,
    only: frozenset[str] | None = None,
    on_chunk: Callable[[Chunk, Delivered], None] | None = None,
) -> Progress:
    """Compute what a plan's sweep has not yet in a store, and return how it went.

    Safe to call again, after any end: it goes on from what is on the disk.
    ``workers`` is one a core unless said; ``proof`` ("none", "sample" or "all")
    what the sweep file says. With ``only``, tasks of other ids are left.
    ``on_chunk`` is told of each chunk, once indexed, and its costs.

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
        named = (plan.sweep_id, plan.sweep, plan.tasks, known.resolved, known.parameter_sets)
        record = write_sweep(store, *named, compiled=plan.compiled())
        plan = compiled_as(plan, record.plan.get("compiled", plan.compiled()))
        found = index.reconcile()
        if found.problems:
            advice = f"mend it first: battsweep check {store}"
            raise StoreError("\n".join([*found.problems, advice]))
        forget_finished(store, index.finished)
        pa.default_memory_pool().release_unused()  # Arrow keeps what the list of tasks took
        known_tasks = standing(index, [task.id for task in plan.tasks])
        waiting = to_compute(plan.placed, known_tasks, proof or plan.sweep.run.proof)
        if only is not None:
            waiting = [(group, item) for group, item in waiting if item.task.id in only]
        finished = set(known_tasks.finished) - {item.task.id for _, item in waiting}
        progress = Progress(len({task.id for task in plan.tasks}), len(finished))
        progress.found_failed = len(finished) - len(index.done(finished))
        if waiting:
            with listening() as stop, DriverLog(store) as log, local_cluster(workers) as client:
                progress.started = time.monotonic()
                log.write(f"{len(waiting)} of {progress.total} tasks on {workers} workers")
                driver = Driver(
                    plan, store, index, client, progress, log, on_chunk, workers=workers
                )
                driver.drive(Queue(waiting, workers=workers), stop, on_progress)
                again = driver.to_rebuild(finished)
                if only is not None:
                    again = [(group, item) for group, item in again if item.task.id in only]
                if again and not stop.asked:
                    driver.drive(Queue(again, workers=workers), stop, on_progress)
                log.write(f"done {progress.done}, failed {progress.failed}, left {progress.left}")
            # What workers wrote and did not live to tell of; what was ingested meanwhile.
            index.reconcile() if driver.lost_workers else index.reconcile_measured()
    return progress


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
        on_chunk: Callable[[Chunk, Delivered], None] | None = None,
        *,
        workers: int,
    ) -> None:
        self._plan = plan
        self._store = store
        self._index = index
        self._client = client
        self._progress = progress
        self._log = log
        self._on_chunk = on_chunk
        self._chunk = index.last_chunk(plan.sweep_id)
        self._flying: dict[Any, Flight] = {}
        self._workers: tuple[str, ...] = ()
        self._looked = 0.0
        self._last_worker = self._last_busy = time.monotonic()
        self._distrusted: set[str] = set()
        self.lost_workers = False
        self._memory_limit = plan.sweep.run.memory_limit_bytes or share_of_memory(workers)

    def drive(
        self,
        queue: Queue,
        stop: Stop,
        on_progress: Callable[[Progress], None],
    ) -> None:
        """Keep every worker busy until nothing waits, or the user asks to stop."""
        from distributed import wait

        self._find_workers(queue)
        while (len(queue) and not stop.asked) or self._flying:
            if stop.asked:
                self._withdraw()
            else:
                self._hand_out(queue)
            self._progress.stopping = stop.asked
            on_progress(self._progress)
            if not self._flying:
                time.sleep(LOOK_S if len(queue) else 0)
                self._check_workers(queue)
                continue
            try:
                ended = wait(list(self._flying), timeout=LOOK_S, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                self._check_workers(queue)
                continue
            for future in ended:
                self._take(future, queue)
        self._progress.stopping = stop.asked
        on_progress(self._progress)

    def _hand_out(self, queue: Queue) -> None:
        """Give each worker what it should have: one chunk, and one behind it if much is left."""
        if time.monotonic() - self._looked > WORKERS_S:
            self._find_workers(queue)
        for depth in range(1, CHUNKS_A_WORKER + 1):
            for worker in self._workers:
                busy = sum(1 for flight in self._flying.values() if flight.worker == worker)
                if busy >= depth or (depth > 1 and not queue.ahead()):
                    continue
                chunk = queue.next(worker)
                parts = () if chunk is None else self._worth(chunk)
                if chunk is not None and parts:
                    self._submit(replace(chunk, parts=parts), worker)

    def _withdraw(self) -> None:
        """Take back the chunks that wait behind another on their worker; they have not begun."""
        seen: set[str] = set()
        for future, flight in list(self._flying.items()):
            if flight.worker in seen:
                future.cancel()
                del self._flying[future]
            seen.add(flight.worker)

    def _submit(self, chunk: Chunk, worker: str) -> None:
        self._chunk += 1
        order = Order(
            store=str(self._store.resolve()),
            sweep=self._plan.sweep_id,
            chunk=self._chunk,
            parts=chunk.parts,
            attempt=chunk.attempt,
            time_limit_s=self._plan.sweep.run.time_limit_s,
            format=self._plan.sweep.run.format,
            memory_limit_bytes=self._memory_limit,
        )
        # Another worker takes it only if this one, which has built its model, is gone.
        future = self._client.submit(
            compute_packed,
            packed(order),
            pure=False,
            retries=0,
            workers=[worker],
            allow_other_workers=True,
        )
        self._flying[future] = Flight(chunk, worker)

    def _take(self, future: Any, queue: Queue) -> None:
        """Index what a chunk delivered; put it back, or give it up, where it was lost."""
        try:
            delivered = future.result(timeout=FETCH_S)
        except (StoreError, KeyboardInterrupt):
            raise
        except Exception as error:  # a lost worker, or a bug: neither may end the others
            if isinstance(error, TimeoutError) and future.status != "error":
                return  # its worker died since; Dask computes it again, and a later look takes it
            flight = self._flying.pop(future)
            queue.forget(flight.worker)
            self._find_workers(queue)
            self.lost_workers = True
            self._lose(flight.chunk, f"{type(error).__name__}: {error}", queue)
            return
        chunk = self._flying.pop(future).chunk
        all_proven = all(item.prove for item in chunk.items)
        solve_s = delivered.solve_s + all_proven * delivered.proof_s
        queue.learn(chunk, solve_s=solve_s, builds=delivered.builds, build_s=delivered.build_s)
        self._ingest(delivered.shard)
        if self._on_chunk is not None:
            self._on_chunk(chunk, delivered)

    def _lose(self, chunk: Chunk, reason: str, queue: Queue) -> None:
        self._log.write(f"chunk of {len(chunk.items)} at attempt {chunk.attempt}: {reason}")
        if chunk.attempt < MAX_ATTEMPTS:
            queue.again(chunk)
        else:
            self._give_up(chunk, reason)

    def _find_workers(self, queue: Queue) -> None:
        """Ask Dask which workers there are; forget what those had built that are gone."""
        found = self._client.scheduler_info(n_workers=-1)["workers"]
        workers = tuple(found)
        for gone in set(self._workers) - set(workers):
            self.lost_workers = True
            queue.forget(gone)
        self._workers, self._looked = workers, time.monotonic()
        self._last_worker = self._looked if workers else self._last_worker
        if not self._flying or any(map(_executes, found.values())):
            self._last_busy = self._looked
        give_back()

    def _check_workers(self, queue: Queue) -> None:
        """Raise `LostError` where no worker has been there for some time.

        Put back what no worker begins: Dask may have given it to one that was replaced.
        """
        self._find_workers(queue)
        if time.monotonic() - self._last_busy > IDLE_S:
            self._last_busy = time.monotonic()
            for future, flight in list(self._flying.items()):
                future.cancel()
                del self._flying[future]
                self._lose(flight.chunk, f"no worker began it in {IDLE_S:g} s", queue)
        if time.monotonic() - self._last_worker > NO_WORKER_S:
            done = "what was computed is stored, and the same command goes on"
            raise LostError(f"no worker for {NO_WORKER_S:g} s; {done}")

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
            if record.proof.get("passed") is False and record.group not in self._distrusted:
                self._distrusted.add(record.group)
                self._progress.distrusted += 1
                self._log.write(f"group {record.group}: {told(record.proof)}; {REBUILDING}")
            if record.outcome == "done":
                self._progress.done += 1
            elif record.outcome == "lost":
                self._progress.lost += 1
            else:
                self._progress.failed += 1
                name = record.failure_class or "error"
                self._progress.by_class[name] = self._progress.by_class.get(name, 0) + 1

    def _worth(self, chunk: Chunk) -> tuple[Part, ...]:
        """Return a chunk's parts without those whose reused model is distrusted.

        What is not handed out for that is found again by `to_rebuild`.
        """
        return tuple(
            (group, items)
            for group, items in chunk.parts
            if group is None
            or group.key not in self._distrusted
            or any(isinstance(item, Item) and item.rebuild for item in items)
        )

    def to_rebuild(self, found: Collection[str]) -> list[Placed]:
        """Return the tasks of groups that were distrusted meanwhile, to be built for themselves.

        Counts anew what is done, as their outcomes on a reused model are none.
        """
        if not self._distrusted:
            return []
        known = standing(self._index, [task.id for task in self._plan.tasks])
        done = self._index.done(known.finished)
        progress, before = self._progress, set(found)
        progress.found = len(before & set(known.finished))
        progress.found_failed = len((before & set(known.finished)) - done)
        progress.done = len(done - before)
        failed = set(known.finished) - done - before
        progress.failed, progress.by_class = len(failed), self._index.failure_classes(failed)
        left = to_compute(self._plan.placed, known, "none")
        return [(g, item) for g, item in left if g is not None and g.key in self._distrusted]


def _executes(worker: Mapping[str, Any]) -> bool:
    return bool(worker["metrics"].get("task_counts", {}).get("executing"))
