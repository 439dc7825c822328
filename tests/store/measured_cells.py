"""Cells as readers and cleaning hand them over, made small."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from battsweep.data.cell import CleanCell, RawCell, RuleCount, SourceFile

ROWS = 60


def source(name="part1.csv", content="a"):
    data = content.encode()
    return SourceFile(name, len(data), hashlib.sha256(data).hexdigest())


def series(seed=0, rows=ROWS, start=0.0, unix=None):
    random = np.random.default_rng(seed)
    number = np.arange(rows)
    columns = {
        "test_time_second": start + 10.0 * number,
        "voltage_volt": 3.2 + random.random(rows),
        "current_ampere": np.where(number % 20 < 10, 1.0, -1.0),
        "cycle_count": pa.array(1 + number // 20, pa.int64()),
        "step_index": pa.array(1 + number // 10, pa.int64()),
        "step_kind": pa.array(["cc_charge" if n % 20 < 10 else "cc_discharge" for n in number]),
        "tester_cycle_count": pa.array(7 + number // 20, pa.int64()),
    }
    if unix is not None:
        columns["unix_time_second"] = unix + 10.0 * number
    return pa.table(columns)


def cell(name="LGM50-01", *, sources=None, impedance=None, changes=2, **how):
    """Return a raw cell and a clean one: cycles of 20 rows, steps of 10."""
    table = series(**how)
    cycles = table.num_rows // 20
    raw = RawCell(
        cell=name,
        format="csv",
        table=table,
        sources=sources or (source(),),
        info={"nominal_capacity_ah": 5.0},
        notes=("columns were guessed",),
        impedance=impedance,
    )
    steps = pa.table(
        {
            "step_index": pa.array(range(1, 2 * cycles + 1), pa.int64()),
            "cycle_count": pa.array([1 + n // 2 for n in range(2 * cycles)], pa.int64()),
            "step_kind": pa.array(["cc_charge", "cc_discharge"] * cycles),
            "row_start": pa.array(range(0, 20 * cycles, 10), pa.int64()),
            "start_second": np.arange(2 * cycles) * 100.0,
            "capacity_ah": np.full(2 * cycles, 0.025),
        }
    )
    cycle_rows = pa.table(
        {
            "cycle_count": pa.array(range(1, cycles + 1), pa.int64()),
            "discharge_capacity_ah": np.linspace(5, 4.9, cycles),
            "coulombic_efficiency": pa.array([None, *[0.99] * (cycles - 1)], pa.float64()),
        }
    )
    changed = pa.table(
        {
            "rule": pa.array(["spike"] * changes, pa.string()),
            "row": pa.array(range(changes), pa.int64()),
            "column": pa.array(["voltage_volt"] * changes, pa.string()),
            "before": np.full(changes, 9.9),
            "after": np.full(changes, 3.3),
            "why": pa.array(["far from its neighbours"] * changes, pa.string()),
        }
    )
    rule = RuleCount("spike", {"sigma": 6.0}, changes, changes, 0, f"{changes} spikes replaced")
    rules = (rule, rule)  # one rule may look at several columns
    clean = CleanCell(name, table, steps, cycle_rows, changed, rules, ("short file",))
    return raw, clean
