"""Status is read from counts; they are what counting every task would give."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.store.index import Index
from battsweep.store.status import finished_since, status_of
from battsweep.store.sweeps import read_sweep

TASKS = 5
RECEIPT = st.tuples(
    st.integers(0, TASKS - 1),
    st.sampled_from([("done", None), ("failed", "solver"), ("failed", "memory"), ("lost", None)]),
    st.integers(1, 3),
    st.floats(0, 1e5),
    st.sampled_from(["", "2026-01-02T03:04:05+00:00", "2026-01-02T05:04:05+00:00"]),
)
SHARDS = st.lists(
    st.lists(RECEIPT, min_size=1, max_size=4, unique_by=lambda one: (one[0], one[2])),
    min_size=1,
    max_size=5,
)
COUNTED = """
SELECT sweep, status, coalesce(failure_class, ''), wall_s, finished_utc FROM all_tasks"""


@given(SHARDS, st.data())
@settings(deadline=None, max_examples=25)
def test_the_counts_are_those_of_the_tasks_whatever_comes_and_goes(made, shards, data):
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        made.sweep_in(store, TASKS)
        made.sweep_in(store, TASKS - 2, "fewer")  # of the same tasks, and known only later
        paths = [
            made.shard_in(
                store,
                [
                    made.receipt(
                        task,
                        outcome,
                        failure_class=why,
                        attempt=attempt,
                        wall_s=wall_s,
                        started_utc=started,
                    )
                    for task, (outcome, why), attempt, wall_s, started in receipts
                ],
                chunk=number,
            )
            for number, receipts in enumerate(shards)
        ]
        with Index.open(store, write=True) as index:
            index.add_sweep(read_sweep(store, "rates"))
            for path in paths:
                index.ingest_shard(path)
            index.add_sweep(read_sweep(store, "fewer"))
            assert_counted(index)
            for path in data.draw(st.lists(st.sampled_from(paths), unique=True)):
                (store / path).unlink()
            index.reconcile()
            assert_counted(index)
            with Index.in_memory(store) as rebuilt:
                assert rebuilt.rows() == index.rows()
                assert status_of(rebuilt.connection) == status_of(index.connection)


def assert_counted(index):
    rows = index.connection.execute(COUNTED).fetchall()
    for found in status_of(index.connection).sweeps:
        mine = [row[1:] for row in rows if row[0] == found.sweep]
        counts = Counter(status for status, *_ in mine)
        assert {name: n for name, n in found.counts.items() if n} == dict(counts)
        assert found.failures == Counter(why for status, why, *_ in mine if status == "failed")
        assert abs(found.wall_s - sum(wall or 0 for *_, wall, _ in mine)) < 1e-5 * TASKS
        ended = [utc for status, _, _, utc in mine if status in ("done", "failed") and utc]
        assert found.first_finished_utc == min(ended, default="")
        assert found.last_finished_utc == max(ended, default="")


def test_what_finished_lately_is_counted_by_sweep(store):
    with Index.open(store, write=False) as index:
        assert finished_since(index.connection, "2026-01-01T00:00:00+00:00") == {"rates": 7}
        assert finished_since(index.connection, "2026-01-03T00:00:00+00:00") == {}
