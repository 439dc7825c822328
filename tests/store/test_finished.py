from battsweep.store.finished import finished_sweep
from battsweep.store.index import Index


def finished_in(store, made):
    """Finish the store's sweep: the tasks that were lost or waiting."""
    path = made.shard_in(store, [made.receipt(number) for number in (7, 8, 9)], chunk=3)
    with Index.open(store) as index:
        index.ingest_shard(path)
    return store / path


def test_a_finished_sweep_is_counted(store, made):
    assert finished_sweep(store, made.sweep()) is None
    finished_in(store, made)
    found = finished_sweep(store, made.sweep())
    assert (found.total, found.failed) == (10, 1)


def test_a_sweep_is_not_finished_beside_a_shard_that_the_index_does_not_know(store, made):
    path = finished_in(store, made)
    path.with_name("part-0000099-01-junk.parquet").write_bytes(b"junk")
    assert finished_sweep(store, made.sweep()) is None


def test_a_sweep_is_not_finished_without_one_of_its_shards(store, made):
    finished_in(store, made).unlink()
    assert finished_sweep(store, made.sweep()) is None
