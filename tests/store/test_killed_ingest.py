"""Whatever ends an ingest, the store has all of a cell or file, or nothing of it."""

import glob
import multiprocessing
import os
import resource
import signal
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from battsweep.errors import StoreError
from battsweep.store.cells import cell_records, read_cell, write_cell
from battsweep.store.check import LEFT_OVER_AFTER_S, check, rebuild
from battsweep.store.files import PART_SUFFIX
from battsweep.store.index import Index
from battsweep.store.indexing import index_measured
from battsweep.store.layout import create_store, index_path
from battsweep.store.lock import driver_lock
from battsweep.store.telemetry import ingest_telemetry
from battsweep.store.telemetry_reading import read_samples_of

sys.path.insert(0, str(Path(__file__).parent))
from measured_cells import cell, source

SPAWN = multiprocessing.get_context("spawn")
DAY_MS = 1_647_043_200_000
HEADER = "timestamp,SITE,ASSET,COMPONENT,signal_name,VALUE\n"


@pytest.fixture
def store(tmp_path):
    create_store(tmp_path / "store", format="parquet")
    return tmp_path / "store"


def parts(store):
    return [path for path in store.rglob("*") if path.name.endswith(PART_SUFFIX)]


def rows_of(store):
    with Index.open(store, write=False) as index:
        return index.rows()


def telemetry_file(path, rows, value=1.0):
    lines = (f"{DAY_MS + 10 * n},1,2,{n % 7},s,{value + n}\n" for n in range(rows))
    path.write_text(HEADER + "".join(lines))
    return path


def write_cells_for_ever(store, pipe):
    number = 0
    while True:
        own = (source(content=str(number)),)
        raw, clean = cell(f"cell-{number % 3}", seed=number, sources=own, rows=20_000)
        write_cell(store, raw, clean)
        pipe.send(number)
        number += 1


def ingest_files_for_ever(store, pipe):
    number = 0
    while True:
        path = telemetry_file(store.parent / f"t{number % 3}.csv", 3000, value=number)
        ingest_telemetry(store, path, "signals", rows_in_memory=500)
        pipe.send(number)
        number += 1


@pytest.mark.parametrize(
    ("writer", "point"),
    [
        (write_cells_for_ever, ""),
        (write_cells_for_ever, ".*.part/**/*.parquet"),
        (ingest_files_for_ever, ""),
        (ingest_files_for_ever, ".*.part/run-*"),
        (ingest_files_for_ever, ".*.part/**/*.parquet"),
    ],
)
def test_a_killed_ingest_leaves_only_what_is_whole(store, writer, point):
    here, there = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=writer, args=(store, there))
    process.start()
    there.close()
    reported = -1
    for _ in range(4):
        assert here.poll(60)
        reported = here.recv()
    deadline = time.monotonic() + 60
    while point and not any(store.glob(f"*/*/{point}")):
        assert time.monotonic() < deadline
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    process.close()
    here.close()
    assert index_measured(store) == ""
    assert check(store, deep=True) == []
    if writer is write_cells_for_ever:
        records = cell_records(store)
        assert len(records) >= min(3, reported + 1)
        assert sum(record.generation for record in records) >= reported + 1
        for record in records:
            assert read_cell(store, record.cell).series.num_rows == record.rows
    else:
        values = read_samples_of(store, "s").column("value").to_pylist()
        assert len(values) == 3000 * min(3, len(values) // 3000)
        assert len(values) >= 3000
        # Some readers' patterns see hidden folders too: nothing half written may be there.
        for path in glob.glob(f"{store}/telemetry/*/day=*/*/*", include_hidden=True):
            assert pq.read_table(path, partitioning=None).num_rows == 3000
    for path in parts(store):
        old = os.stat(path).st_mtime - LEFT_OVER_AFTER_S - 60
        os.utime(path, (old, old))
        [found] = [one for one in check(store) if one.path == str(path)]
        assert (found.kind, found.mend) == ("left over", f"rm -r {path}")


def ingest_one(store, start, seed, pipe):
    start.wait(60)
    raw, clean = cell(seed=seed, sources=(source(f"part{seed}.csv", str(seed)),))
    pipe.send(write_cell(store, raw, clean, extend=True).what)
    pipe.send(index_measured(store))


def test_two_ingests_at_once_of_one_cell_both_get_in(store):
    start = SPAWN.Event()
    pipes, processes = [], []
    for seed in (1, 2):
        here, there = SPAWN.Pipe(duplex=False)
        processes.append(SPAWN.Process(target=ingest_one, args=(store, start, seed, there)))
        processes[-1].start()
        there.close()
        pipes.append(here)
    start.set()
    told = []
    for here, process in zip(pipes, processes, strict=True):
        told.append([here.recv(), here.recv()])
        process.join(60)
        assert process.exitcode == 0
        process.close()
        here.close()
    assert sorted(told) == [["extended", ""], ["new", ""]]
    found = read_cell(store, "LGM50-01")
    assert found.record.cycles == 6
    assert len(found.record.segments) == 2
    assert check(store, deep=True) == []


def test_what_is_ingested_under_a_driver_is_indexed_after_it(store):
    with Index.open(store, write=True):
        pass
    with driver_lock(store) as driver:
        write_cell(store, *cell())
        assert f"process {driver.pid}" in index_measured(store, patience_s=0.1)
        assert read_cell(store, "LGM50-01").record.rows == 60
        assert [finding.kind for finding in check(store)] == ["unknown"]
    assert index_measured(store) == ""
    assert check(store, deep=True) == []


def small_files_only(store, telemetry, pipe):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
    try:
        if telemetry:
            ingest_telemetry(store, telemetry, "signals", rows_in_memory=400)
        else:
            write_cell(store, *cell(rows=2000))
    except StoreError as error:
        pipe.send(str(error))


@pytest.mark.parametrize("telemetry", [False, True])
def test_a_full_disk_leaves_nothing_behind_and_is_told(store, telemetry):
    path = telemetry_file(store.parent / "t.csv", 3000) if telemetry else None
    before = sorted(store.rglob("*"))
    here, there = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=small_files_only, args=(store, path, there))
    process.start()
    there.close()
    assert "File too large" in here.recv()
    process.join(60)
    process.close()
    here.close()
    left = {path for path in store.rglob("*") if path.is_file()} - set(before)
    assert left == set()


def fill(store):
    write_cell(store, *cell("A"))
    write_cell(store, *cell("A", seed=1, sources=(source("part2.csv", "b"),)), extend=True)
    write_cell(store, *cell("A", seed=2, sources=(source("part1.csv", "c"),)))
    write_cell(store, *cell("../B", sources=(source("b.csv", "b"),)))
    folder = store.parent
    for value in (1.0, 2.0):
        path = telemetry_file(folder / "t.csv", 50, value=value)
        ingest_telemetry(store, path, "signals")


def test_a_rebuilt_index_is_equal_row_by_row(store):
    fill(store)
    assert index_measured(store) == ""
    before = rows_of(store)
    assert [len(before[t]) for t in ("cell_generation", "measured_cycle", "telemetry_file")] == [
        4,
        9,
        2,
    ]
    rebuild(store)
    assert rows_of(store) == before
    index_path(store).unlink()
    rebuild(store)
    assert rows_of(store) == before
    assert check(store, deep=True) == []


def test_the_order_of_indexing_makes_no_difference(store, tmp_path):
    write_cell(store, *cell("A"))
    index_measured(store)
    write_cell(store, *cell("A", seed=2, sources=(source("part1.csv", "c"),)))
    path = telemetry_file(tmp_path / "t.csv", 50)
    ingest_telemetry(store, path, "signals")
    index_measured(store)
    ingest_telemetry(store, telemetry_file(path, 50, value=3.0), "signals")
    index_measured(store)
    before = rows_of(store)
    rebuild(store)
    assert rows_of(store) == before
    assert sorted(row[6] for row in before["telemetry_file"]) == ["live", "superseded"]


def test_every_damaged_file_is_found_by_a_deep_check_and_the_mend_mends(store):
    fill(store)
    index_measured(store)
    files = [
        path
        for folder in ("measured", "telemetry")
        for path in sorted((store / folder).rglob("*"))
        if path.is_file()
    ]
    assert len(files) == 4 * 5 + 2 * 2
    for path in files:
        data = path.read_bytes()
        for place in (len(data) // 3, len(data) - 12):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            found = [finding for finding in check(store, deep=True) if finding.kind == "damaged"]
            assert [str(path) in one.message for one in found] == [True]
            assert f"rm -r {found[0].path}" in found[0].mend
        path.write_bytes(data)
    assert check(store, deep=True) == []


def test_an_ingest_into_a_store_without_an_index_brings_its_sweeps_back(store, made):
    made.sweep_in(store, 3)
    made.shard_in(store, [made.receipt(0)])
    write_cell(store, *cell())
    assert index_measured(store) == ""
    assert len(rows_of(store)["sweep_task"]) == 3
    assert check(store, deep=True) == []


def test_a_damaged_generation_is_told_and_stands_in_nobodys_way(store):
    fill(store)
    [path] = (store / "measured" / "A").glob("g000002/series.parquet")
    path.write_bytes(b"")
    with Index.in_memory(store) as index:
        states = dict(
            index.connection.execute("SELECT generation, state FROM cell_generation WHERE cell='A'")
        )
    assert states == {1: "live"}


def test_an_index_of_an_older_version_is_read_and_brought_up_to_date(store):
    from battsweep.store import connect, schema

    with Index.open(store, write=True) as index:
        for view in schema.MEASURED_VIEW_NAMES:
            index.connection.execute(f"DROP VIEW {view}")
        for table in reversed(schema.MEASURED_TABLE_NAMES):
            index.connection.execute(f"DROP TABLE {table}")
        index.connection.execute("PRAGMA user_version = 1")
    connection = connect.connect_reading(index_path(store))
    assert connection.execute("SELECT count(*) FROM measured_cells").fetchone() == (0,)
    connection.close()
    assert check(store) == []
    write_cell(store, *cell())
    index_measured(store)
    assert len(rows_of(store)["cell_generation"]) == 1
