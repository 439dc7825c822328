import os

import pytest

from battsweep.errors import StoreError
from battsweep.store.check import LEFT_OVER_AFTER_S, check, rebuild
from battsweep.store.index import Index, digest_and_size
from battsweep.store.layout import index_path, shard_paths
from battsweep.store.lock import driver_lock
from battsweep.store.store import open_store


def rows_of(store):
    with Index.open(store, write=True) as index:
        return index.rows()


def flip(path, place=60):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def kinds(findings):
    return [(finding.kind, finding.path.rsplit("/", 1)[-1]) for finding in findings]


def test_nothing_is_wrong_with_a_whole_store(store):
    assert check(store) == []
    assert check(store, deep=True) == []


def test_a_rebuilt_index_is_equal_row_by_row(store):
    before = rows_of(store)
    rebuild(store)
    assert rows_of(store) == before
    assert check(store, deep=True) == []


@pytest.mark.parametrize("content", [None, b"", b"rubbish" * 1000])
def test_any_index_can_be_rebuilt(store, content):
    before = rows_of(store)
    index_path(store).unlink()
    if content is not None:
        index_path(store).write_bytes(content)
    rebuild(store)
    assert rows_of(store) == before


def test_a_log_of_the_old_index_does_not_reach_the_new_one(store, made):
    with Index.open(store, write=True) as index:
        index.ingest_shard(made.shard_in(store, [made.receipt(8)], chunk=8))
        log = index_path(store).with_name("index.sqlite-wal")
        old = log.read_bytes()
        before = index.rows()
    log.write_bytes(old)
    rebuild(store)
    assert not log.exists()
    assert rows_of(store) == before


def test_an_index_is_not_rebuilt_under_a_driver(store):
    with driver_lock(store), pytest.raises(StoreError, match="driven by process"):
        rebuild(store)


def test_rebuilding_leaves_nothing_behind(store):
    before = sorted(store.rglob("*"))
    rebuild(store)
    assert sorted(store.rglob("*")) == before


def test_a_missing_shard_is_found_and_mended(store):
    gone = shard_paths(store)[1]
    (store / gone).unlink()
    (finding,) = check(store)
    assert (finding.kind, finding.path) == ("missing", str(store / gone))
    assert finding.mend == f"battsweep check {store} --rebuild"
    rebuild(store)
    assert check(store, deep=True) == []
    with open_store(store) as found:
        assert found.status().sweeps[0].counts["waiting"] == 5


def test_an_unknown_shard_is_found_and_mended(store, made):
    path = made.shard_in(store, [made.receipt(9)], chunk=9)
    assert kinds(check(store)) == [("unknown", path.name)]
    rebuild(store)
    assert check(store, deep=True) == []


def test_a_changed_byte_is_found_only_by_looking_deep(store):
    path = shard_paths(store)[0]
    flip(store / path)
    assert check(store) == []
    (finding,) = check(store, deep=True)
    assert (finding.kind, finding.path) == ("damaged", str(store / path))
    assert finding.mend.startswith(f"rm {store / path} && battsweep check")


@pytest.mark.parametrize("place", [0, 60])
def test_a_rebuild_does_not_approve_a_damaged_shard(store, place):
    path = store / shard_paths(store)[0]
    flip(path, place)
    assert [problem.split(":")[0] for problem in rebuild(store).problems] == [str(path)]
    assert kinds(check(store)) == [("damaged", path.name)]
    with open_store(store) as found:
        assert found.status().sweeps[0].counts["waiting"] == 5
    path.unlink()
    assert check(store, deep=True) == []


def test_a_look_into_the_depth_believes_no_digest_in_the_index(store):
    path = shard_paths(store)[0]
    flip(store / path)
    digest, _ = digest_and_size(store / path)
    with Index.open(store) as index:
        index.connection.execute("UPDATE shard SET sha256 = ? WHERE shard = ?", (digest, str(path)))
    assert kinds(check(store, deep=True)) == [("damaged", path.name)]


def test_an_emptied_shard_is_called_empty(store):
    path = store / shard_paths(store)[0]
    path.write_bytes(b"")
    (finding,) = check(store)
    assert (finding.kind, finding.message) == ("damaged", "it is empty")


def test_a_missing_index_is_called_missing(store):
    index_path(store).unlink()
    (finding,) = check(store)
    assert "the index is missing; run `battsweep check" in finding.message


def test_a_cut_shard_is_found(store):
    path = store / shard_paths(store)[0]
    path.write_bytes(path.read_bytes()[:-9])
    assert kinds(check(store)) == [("damaged", path.name)]


def test_damaged_files_of_a_sweep_are_found(store):
    flip(store / "sweeps" / "rates" / "sweep.toml", 2)
    assert kinds(check(store)) == [("damaged", "rates")]


def test_a_damaged_parameter_set_and_curve_are_found(store):
    (parameters,) = (store / "params").iterdir()
    (curve,) = (store / "measured").rglob("*.parquet")
    flip(parameters, 3)
    flip(curve, 30)
    assert kinds(check(store, deep=True)) == [
        ("damaged", parameters.name),
        ("damaged", curve.name),
    ]


def test_an_index_that_says_something_else_is_found(store):
    with Index.open(store, write=True) as index:
        index.connection.execute("UPDATE attempt SET wall_s = 99 WHERE task_id LIKE '%'")
    assert kinds(check(store, deep=True)) == [("index", "index.sqlite")]
    rebuild(store)
    assert check(store, deep=True) == []


def test_a_damaged_index_is_found(store):
    index_path(store).write_bytes(b"rubbish" * 1000)
    (finding,) = check(store)
    assert finding.kind == "index"
    assert "--rebuild" in finding.mend


def test_left_over_files_are_found_once_they_are_old(store):
    part = (store / shard_paths(store)[0]).with_name(".part-0.abc.part")
    part.write_bytes(b"")
    assert check(store) == []
    long_ago = part.stat().st_mtime - LEFT_OVER_AFTER_S - 1
    os.utime(part, (long_ago, long_ago))
    assert kinds(check(store)) == [("left over", part.name)]
