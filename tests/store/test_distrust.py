"""What a distrusted group's reused models gave never counts, in whichever order it came."""

from __future__ import annotations

import itertools

import pytest

from battsweep.store.check import check
from battsweep.store.index import Index
from battsweep.store.ingest import delete_shard
from battsweep.store.store import open_store

RIGHT = {
    "passed": True,
    "worst": "Voltage [V]",
    "message": "",
    "differences": {
        "Voltage [V]": {"difference": 2e-6, "tolerance": 3e-4, "unit": "V", "passed": True}
    },
    "seconds": 0.3,
}
WRONG = {
    **RIGHT,
    "passed": False,
    "differences": {
        "Voltage [V]": {"difference": 0.07, "tolerance": 3e-4, "unit": "V", "passed": False}
    },
}
NOT_COMPARED = {**RIGHT, "passed": None, "differences": {}, "message": "it died"}


@pytest.fixture
def shards(tmp_path, made):
    """Return shards of one group (reused, found wrong, rebuilt), and one of another group."""

    def reused(number, outcome="done", **changes):
        return made.receipt(number, outcome, **{"group": "g", "method": "reused", **changes})

    store = tmp_path / "store"
    made.sweep_in(store, 7)
    chunks = [
        [reused(0), reused(1, proof=RIGHT), reused(2, "failed")],
        [reused(3, method="rebuilt", proof=WRONG), reused(4)],
        [reused(1, "failed", method="rebuilt")],
        [reused(5, group="h", proof=RIGHT), reused(6, group="h", proof=NOT_COMPARED)],
    ]
    return [made.shard_in(store, receipts, chunk) for chunk, receipts in enumerate(chunks)]


def test_in_every_order_the_index_is_the_same_and_distrust_voids_what_was_reused(
    shards, tmp_path, made
):
    found = []
    with Index.in_memory(tmp_path / "store") as index:
        for order in itertools.permutations(shards):
            for shard in order:
                delete_shard(index.connection, shard.as_posix())
            for shard in (*order, order[0]):
                index.ingest_shard(shard)
            found.append(index.rows())
            ids = [made.task_id(n) for n in range(7)]
            assert index.distrusted() == {"g"}
            assert index.finished(ids) == {made.task_id(n) for n in (1, 3, 5, 6)}
            assert index.done(ids) == {made.task_id(n) for n in (3, 5, 6)}
            assert index.unproven(ids) == set()
            assert index.proven(ids) == {made.task_id(n) for n in (3, 5, 6)}
        assert found[-1] == found[0]


def test_a_group_is_trusted_again_where_the_shard_that_spoke_against_it_is_gone(
    shards, tmp_path, made
):
    store = tmp_path / "store"
    with Index.open(store, write=True) as index:
        index.reconcile()
        ids = [made.task_id(n) for n in range(7)]
        assert index.distrusted() == {"g"}
        (store / shards[1]).unlink()
        index.reconcile()
        assert index.distrusted() == set()
        assert index.finished(ids) == {made.task_id(n) for n in (0, 1, 2, 5, 6)}
        assert index.unproven(ids) == {made.task_id(0)}
    assert check(store) == []


def test_the_status_and_the_table_tell_what_was_found(shards, tmp_path):
    assert shards
    with open_store(tmp_path / "store") as store:
        found = store.status().proof
        assert (found.groups, found.tasks, found.distrusted, found.undecided) == (2, 4, 1, 1)
        assert found.voltage_v == 2e-6
        assert "0.07 V" in found.worst
        table = store.proofs()
        assert sorted(table["passed"]) == ["no", "not compared", "yes", "yes"]
        assert set(table["group"]) == {"g", "h"}
