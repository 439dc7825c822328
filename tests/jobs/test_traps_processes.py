"""Two traps that cannot happen: threads that share a model, and functions sent by value.

PyBaMM mixes up the answers of threads that share a built simulation, and a Dask function
that is pickled by value loses its module's built models: every task builds again.
"""

from __future__ import annotations

import pickle

from distributed.protocol.pickle import dumps

from battsweep.jobs.cluster import local_cluster
from battsweep.jobs.worker import compute_packed


def test_a_worker_has_one_thread():
    with local_cluster(1) as client:
        assert set(client.nthreads().values()) == {1}


def test_what_is_sent_to_workers_is_a_name_in_a_module():
    sent = dumps(compute_packed)
    assert len(sent) < 200
    assert b"battsweep.jobs.worker" in sent
    assert pickle.loads(sent) is compute_packed
