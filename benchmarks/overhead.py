"""What everything but solving costs a task: Dask, pipe, shard, receipt, index.

The worker's own clock is taken apart: the time of a chunk, less the time PyBaMM's solve
took and less the build, is what is not solving; the driver's share is added.

    python benchmarks/overhead.py --tasks 1000
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from battsweep import load_sweep, open_store, plan
from battsweep.jobs.chunks import Queue
from battsweep.jobs.worker import Order, compute_chunk
from battsweep.store.index import Index
from battsweep.store.layout import create_store, logs_folder
from battsweep.store.sweeps import write_sweep

SWEEP = """
name = "overhead"
[cells.LGM50]
parameter_set = "Chen2020"
[models.SPM]
[protocols.discharge]
discharge = "1C"
[[axes]]
"Negative particle diffusivity [m2.s-1]" = { from = 2e-14, to = 6e-14, points = TASKS }
[output]
every = 36
summary = ["capacity", "energy"]
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=1000)
    tasks = parser.parse_args().tasks
    with tempfile.TemporaryDirectory() as folder:
        times = measure(tasks, Path(folder))
    print(f"{tasks} SPM 1C discharges, one worker in this process; ms a task")
    for name, seconds in times.items():
        print(f"  {name:44}{1e3 * seconds / tasks:8.3f}")


def measure(tasks: int, folder: Path) -> dict[str, float]:
    """Return seconds by part, for all tasks together."""
    (folder / "sweep.toml").write_text(SWEEP.replace("TASKS", str(tasks)))
    made = plan(load_sweep(folder / "sweep.toml"))
    store = folder / "store"
    create_store(store, format="parquet")
    logs_folder(store).mkdir()
    known = made.catalogue
    write_sweep(store, made.sweep_id, made.sweep, made.tasks, known.resolved, known.parameter_sets)
    queue = Queue(made.placed, workers=2)
    group, first = made.placed[0]
    warm = Order(str(store), made.sweep_id, 0, ((group, (first,)),), 1, 60, "parquet")
    compute_chunk(warm)
    chunks = worker = write = 0.0
    dask = dask_seconds_a_chunk()
    with Index.open(store, write=True) as index:
        index.reconcile()
        ingest = 0.0
        while (chunk := queue.next("here")) is not None:
            chunks += 1
            order = Order(str(store), made.sweep_id, int(chunks), chunk.parts, 1, 60, "parquet")
            started = time.perf_counter()
            delivered = compute_chunk(order)
            worker += time.perf_counter() - started - delivered.build_s
            write += delivered.write_s
            queue.learn(
                chunk,
                solve_s=delivered.wall_s - delivered.build_s - delivered.write_s,
                builds=delivered.builds,
                build_s=delivered.build_s,
            )
            started = time.perf_counter()
            index.ingest_shard(delivered.shard)
            ingest += time.perf_counter() - started
    with open_store(store) as opened:
        found = opened.query("SELECT statistics, wall_s FROM all_tasks")
    solve = sum(json.loads(text)["solve_s"] for text in found["statistics"])
    attempt = float(found["wall_s"].sum())
    return {
        "PyBaMM's solve": solve,
        "reading its solution, summaries": attempt - solve,
        "pipe, receipts, tables": worker - attempt - write,
        "writing shards": write,
        "index": ingest,
        f"Dask ({int(chunks)} chunks)": dask * chunks,
        "all that is not solving": worker - attempt + ingest + dask * chunks,
    }


def dask_seconds_a_chunk(rounds: int = 50) -> float:
    """Return what Dask adds to a chunk: a future that does nothing, submitted and awaited."""
    from battsweep.jobs.cluster import local_cluster

    with local_cluster(1) as client:
        client.submit(int, 0, pure=False).result()
        started = time.perf_counter()
        for _ in range(rounds):
            client.submit(int, 0, pure=False).result()
        return (time.perf_counter() - started) / rounds


if __name__ == "__main__":
    main()
