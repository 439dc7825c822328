import multiprocessing
import os
import signal

import pytest

from battsweep.store.files import PART_SUFFIX
from battsweep.store.index import Index
from battsweep.store.layout import shard_paths
from battsweep.store.shards import read_receipts, read_series

SPAWN = multiprocessing.get_context("spawn")
ROUNDS = 3


def write_for_ever(made, store, format, pipe):
    chunk = 0
    while True:
        path = made.shard_in(store, [made.receipt(n) for n in range(10)], chunk, format)
        pipe.send(path)
        chunk += 1


@pytest.mark.parametrize("kill_after", range(1, ROUNDS + 1))
def test_a_killed_writer_leaves_only_whole_shards(tmp_path, made, format, kill_after):
    made.sweep_in(tmp_path, 10)
    here, there = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=write_for_ever, args=(made, tmp_path, format, there))
    process.start()
    there.close()
    reported = []
    for _ in range(3 * kill_after):
        assert here.poll(60)
        reported.append(here.recv())
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    process.close()
    try:
        while here.poll(0):
            reported.append(here.recv())
    except EOFError:
        pass
    here.close()
    found = shard_paths(tmp_path)
    assert set(reported) <= set(found)
    for path in found:
        receipts, _ = read_receipts(tmp_path / path)
        assert len(read_series(tmp_path / path, 0, 100)) == 100
        assert len(receipts) == 10
    others = {path.name for path in (tmp_path / "data").rglob("*") if path.is_file()}
    others -= {path.name for path in found}
    assert all(name.startswith(".") and name.endswith(PART_SUFFIX) for name in others)
    with Index.in_memory(tmp_path) as index:
        assert len(index.rows()["shard"]) == len(found)
