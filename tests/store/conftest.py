from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from battsweep.store.index import Index
from battsweep.store.layout import create_store
from battsweep.store.receipts import Receipt
from battsweep.store.shards import write_shard
from battsweep.store.sweeps import write_sweep
from battsweep.sweep.spec import Cell, Measured, Model, Protocol, Sweep
from battsweep.sweep.task import Resolved, ResolvedCell, Task

SET_TEXT = json.dumps({"Nominal cell capacity [A.h]": 5.0})
SET_SHA = hashlib.sha256(SET_TEXT.encode()).hexdigest()
PROTOCOL = Protocol("rate", "constant", current="{rate}C")


def task_id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def make_table(rows: int, seed: int = 0) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table(
        {
            "test_time_second": np.arange(rows, dtype=float),
            "voltage_volt": 3.7 + random.random(rows),
            "Current density [A.m-2]": random.random(rows),
        }
    )


def make_receipt(number: int, outcome: str = "done", **changes: object) -> Receipt:
    receipt = Receipt(
        task_id=task_id(number),
        number=number,
        kind="simulation",
        cell="LGM50",
        model="SPMe",
        protocol="rate",
        varied={"rate": number / 10},
        outcome=outcome,
        failure_class="solver" if outcome == "failed" else None,
        message="it gave up" if outcome == "failed" else None,
        summary={"capacity [A.h]": 5.0 - number / 100} if outcome == "done" else {},
        cycles=[{"cycle_count": 1, "energy [W.h]": 18.0}] if outcome == "done" else [],
        started_utc="2026-01-02T03:04:05+00:00",
        wall_s=1.5,
    )
    return replace(receipt, **changes)


def make_tasks(count: int) -> list[Task]:
    return [
        Task(
            id=task_id(number),
            number=number,
            kind="simulation",
            cell="LGM50",
            model="SPMe",
            protocol="rate",
            varied={"rate": number / 10},
            parameters={},
            procedure=replace(PROTOCOL, current=f"{number / 10}C"),
        )
        for number in range(count)
    ]


def make_sweep(name: str = "rates") -> Sweep:
    curve = Measured(
        name="LGM50-01",
        cell="LGM50",
        protocol="rate",
        at={"rate": 0.2},
        times_s=(0, 1, 2),
        voltage_v=(4.2, 4.1, 4.0),
        current_a=(),
        source="lab",
        sha256="ab" * 32,
    )
    return Sweep(
        name=name,
        path=Path("rates.toml"),
        text=f"name = '{name}'\n",
        seed=7,
        cells=(Cell("LGM50", "Chen2020"),),
        models=(Model("SPMe", "SPMe"),),
        protocols=(PROTOCOL,),
        measured=(curve,),
    )


def make_resolved() -> Resolved:
    content = {"Nominal cell capacity [A.h]": 5.0}
    return Resolved(
        cells={"LGM50": ResolvedCell("Chen2020", SET_SHA, content)},
        models={"SPMe": {"type": "SPMe", "options": {"thermal": "isothermal"}}},
        canonical_step=str,
    )


@dataclass(frozen=True)
class Made:
    """What tests make stores of."""

    table: Callable[..., pa.Table] = make_table
    receipt: Callable[..., Receipt] = make_receipt
    tasks: Callable[[int], list[Task]] = make_tasks
    sweep: Callable[..., Sweep] = make_sweep
    resolved: Callable[[], Resolved] = make_resolved
    task_id: Callable[[int], str] = task_id

    def sweep_in(self, store: Path, count: int, name: str = "rates") -> None:
        """Create a store with a sweep of some tasks."""
        create_store(store, format="parquet")
        tasks = make_tasks(count)
        sets = {SET_SHA: SET_TEXT}
        write_sweep(store, name, make_sweep(name), tasks, make_resolved(), sets)

    def shard_in(
        self,
        store: Path,
        receipts: Sequence[Receipt],
        chunk: int = 0,
        format: str = "parquet",
    ) -> Path:
        """Write a shard with ten rows for each receipt that has some."""
        rows = [one for one in receipts if one.outcome == "done" or one.partial]
        return write_shard(
            store,
            "rates",
            chunk=chunk,
            attempt=1,
            series=[make_table(10, receipt.number) for receipt in rows],
            receipts=receipts,
            provenance={"host": "here"},
            format=format,
        )


@pytest.fixture(scope="session")
def made() -> Made:
    return Made()


@pytest.fixture(params=["parquet", "hdf5"])
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store with ten tasks: six done, one failed, one lost, two waiting."""
    path = tmp_path / "store"
    made = Made()
    made.sweep_in(path, 10)
    made.shard_in(path, [make_receipt(n) for n in (0, 1, 2)], chunk=0)
    made.shard_in(path, [make_receipt(n) for n in (3, 4, 5)], chunk=1)
    made.shard_in(path, [make_receipt(6, "failed"), make_receipt(7, "lost")], chunk=2)
    with Index.open(path, write=True) as index:
        index.reconcile()
    return path
