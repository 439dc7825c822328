import random
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.errors import StoreError
from battsweep.store.connect import connect_reading, connect_writing
from battsweep.store.index import Index
from battsweep.store.layout import index_path, shard_paths
from battsweep.store.schema import APPLICATION_ID, MIGRATIONS
from battsweep.store.status import status_of
from battsweep.store.sweeps import read_sweep

TASKS = 4
ATTEMPTS = st.tuples(
    st.integers(0, TASKS - 1),
    st.sampled_from(["done", "failed", "lost"]),
    st.integers(1, 3),
)
CHUNKS = st.lists(
    st.lists(ATTEMPTS, min_size=1, max_size=4, unique_by=lambda item: (item[0], item[2])),
    min_size=1,
    max_size=5,
)


def some_shards(store, made, chunks):
    """Write a shard for each list of (task, outcome, attempt)."""
    made.sweep_in(store, TASKS)
    return [
        made.shard_in(
            store,
            [made.receipt(task, outcome, attempt=attempt) for task, outcome, attempt in chunk],
            chunk=number,
        )
        for number, chunk in enumerate(chunks)
    ]


@given(CHUNKS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=25)
def test_order_and_repetition_of_shards_change_nothing(made, chunks, chooser: random.Random):
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        shards = some_shards(store, made, chunks)
        sweep = read_sweep(store, "rates")
        with Index.in_memory(store) as rebuilt, Index.open(store, write=True) as index:
            actions = [*shards, *chooser.choices(shards, k=3), None, None]
            chooser.shuffle(actions)
            for shard in actions:
                index.add_sweep(sweep) if shard is None else index.ingest_shard(shard)
            assert index.rows() == rebuilt.rows()


@given(CHUNKS)
@settings(deadline=None, max_examples=25)
def test_done_wins_over_failed_and_failed_over_lost(made, chunks):
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        some_shards(store, made, chunks)
        with Index.in_memory(store) as index:
            query = "SELECT number, status FROM all_tasks ORDER BY number"
            found = dict(index.connection.execute(query).fetchall())
    for task in range(TASKS):
        outcomes = {outcome for chunk in chunks for n, outcome, _ in chunk if n == task}
        expected = next((one for one in ("done", "failed", "lost") if one in outcomes), "waiting")
        assert found[task] == expected


@given(CHUNKS, st.data())
@settings(deadline=None, max_examples=15)
def test_forgetting_a_shard_is_as_if_it_had_never_been(made, chunks, data):
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        shards = some_shards(store, made, chunks)
        with Index.open(store, write=True) as index:
            index.reconcile()
            gone = data.draw(st.sampled_from(shards))
            (store / gone).unlink()
            assert index.reconcile().forgotten == (gone.as_posix(),)
            with Index.in_memory(store) as rebuilt:
                assert index.rows() == rebuilt.rows()


def test_a_shard_that_only_repeats_is_superseded(tmp_path, made):
    store = tmp_path / "store"
    late, first = some_shards(store, made, [[(0, "done", 1)], [(0, "done", 2)]])
    with Index.in_memory(store) as index:
        states = dict(index.connection.execute("SELECT shard, state FROM shard").fetchall())
    assert states == {late.as_posix(): "superseded", first.as_posix(): "live"}


def test_finished_are_the_done_and_the_failed(store, made):
    ids = [made.task_id(number) for number in range(10)]
    with Index.open(store, write=True) as index:
        assert index.finished(ids) == set(ids[:7])
        assert index.done(ids) == set(ids[:6])
        assert index.finished([]) == set()


def test_ingesting_returns_the_receipts_each_time(store, made):
    shard = shard_paths(store)[0]
    with Index.open(store, write=True) as index:
        first, second = index.ingest_shard(shard), index.ingest_shard(shard)
    assert first == second
    assert [receipt.number for receipt in first] == [0, 1, 2]


def test_a_damaged_shard_is_reported_and_the_rest_ingested(tmp_path, made):
    store = tmp_path / "store"
    shards = some_shards(store, made, [[(0, "done", 1)], [(1, "done", 1)]])
    (store / shards[0]).write_bytes(b"PAR1 nothing PAR1")
    with Index.open(store, write=True) as index:
        found = index.reconcile()
        assert found.shards == 1
        assert len(found.problems) == 1
        assert shards[0].name in found.problems[0]


def test_a_damaged_sweep_is_reported_and_the_shards_ingested(store):
    (store / "sweeps" / "rates" / "tasks.parquet").write_bytes(b"")
    with Index.in_memory(store) as index:
        assert index.rows()["sweep"] == []
        assert len(index.rows()["shard"]) == 3


def test_an_index_has_the_rights_of_its_owner_alone(store):
    assert index_path(store).stat().st_mode & 0o777 == 0o600


def test_on_local_disks_the_index_has_a_write_ahead_log(tmp_path):
    connection = connect_writing(tmp_path / "i", network=False)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    connection.close()


def test_on_network_file_systems_the_index_is_locked_and_has_none(tmp_path):
    connection = connect_writing(tmp_path / "i", network=True)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert connection.execute("PRAGMA locking_mode").fetchone() == ("exclusive",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def test_a_reader_copies_an_index_that_a_driver_keeps_locked(store):
    connection = connect_writing(index_path(store), network=True)
    connection.execute("UPDATE sweep SET seed = 8")
    reader = connect_reading(index_path(store))
    assert reader.execute("SELECT seed FROM sweep").fetchone() == (8,)
    assert status_of(reader).sweeps[0].counts["done"] == 6
    reader.close()
    connection.close()


def test_a_newer_index_is_refused(store):
    with sqlite3.connect(index_path(store)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    for write in (True, False):
        with pytest.raises(StoreError, match="install a newer battsweep"):
            Index.open(store, write=write)


def test_an_sqlite_file_of_something_else_is_refused(store):
    index_path(store).unlink()
    with sqlite3.connect(index_path(store)) as connection:
        connection.execute("CREATE TABLE cats(name TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="is an SQLite file of something else"):
        Index.open(store, write=True)


def test_a_damaged_index_names_the_way_out(store):
    index_path(store).write_bytes(b"not a database, but long enough to be looked at" * 100)
    for write in (True, False):
        with pytest.raises(StoreError, match="check STORE --rebuild"):
            Index.open(store, write=write)


def test_an_index_says_whose_it_is_and_refuses_the_wrong_types(store):
    with Index.open(store, write=True) as index:
        application = index.connection.execute("PRAGMA application_id").fetchone()
        assert application == (APPLICATION_ID,)
        with pytest.raises(sqlite3.IntegrityError):
            index.connection.execute("UPDATE shard SET bytes = 'many'")


def test_a_failed_ingest_leaves_the_index_as_it_was(store, made):
    with Index.open(store, write=True) as index:
        before = index.rows()
        wrong = made.shard_in(store, [made.receipt(8, "nonsense")], chunk=9)
        with pytest.raises(StoreError):
            index.ingest_shard(wrong)
        assert index.rows() == before
