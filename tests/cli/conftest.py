"""A small store, written by the real store code: simulations, failures, cycles and fits."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from battsweep.store.index import Index
from battsweep.store.layout import create_store
from battsweep.store.receipts import Receipt
from battsweep.store.shards import write_shard
from battsweep.store.sweeps import write_sweep
from battsweep.sweep.spec import (
    Axis,
    Cell,
    Fit,
    Free,
    Measured,
    Model,
    Output,
    Protocol,
    Sweep,
)
from battsweep.sweep.task import Resolved, ResolvedCell, Task

ROOT = Path(__file__).parents[2]
THICKNESS = "Negative electrode thickness [m]"
SWEEP, FITS = "rates-0a1b2c3d", "fits-4e5f6a7b"
SET = '{"Negative electrode thickness [m]": 8e-05}'
DIGEST = sha256(SET.encode()).hexdigest()
RATES, THICKNESSES, MODELS = (0.5, 1.0, 2.0), (7e-5, 8e-5, 9e-5), ("SPM", "DFN")
PROVENANCE = {"host": "node1", "python": "3.11.9", "packages": {"pybamm": "26.10"}}
RESOLVED = Resolved(
    cells={"Ai": ResolvedCell("Ai2020", DIGEST, {THICKNESS: 8e-5})},
    models={name: {"type": name, "options": {}, "mesh": {}} for name in MODELS},
    canonical_step=str,
)


@pytest.fixture(scope="session")
def battsweep():
    """Return a function that runs the command line in a new process."""

    def run(*arguments, cwd=None, stdin=None, **environment):
        return subprocess.run(
            [sys.executable, "-m", "battsweep.cli.main", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            input=stdin,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environment},
        )

    return run


def voltage(time, rate, shift=0.0):
    return 4.2 - 0.9 * time * rate / 3600 - 0.05 * rate + shift


def measured(rate):
    time = np.linspace(0, 3600 / rate, 40)
    return Measured(
        name=f"cell_{rate:g}C",
        cell="Ai",
        protocol="discharge",
        at={"rate": rate},
        times_s=tuple(time.tolist()),
        voltage_v=tuple(voltage(time, rate, 0.01).tolist()),
        current_a=tuple([-2.0 * rate] * 40),
        source=f"cell_{rate:g}C.csv",
        sha256=sha256(str(rate).encode()).hexdigest(),
    )


def sweep_of(name, **more):
    return Sweep(
        name=name,
        path=Path(f"{name}.toml"),
        text=f'name = "{name}"\n',
        seed=1,
        cells=(Cell("Ai", "Ai2020"),),
        models=tuple(Model(name, name) for name in MODELS),
        protocols=(Protocol("discharge", "constant", current="{rate}C"),),
        measured=tuple(map(measured, RATES)),
        **more,
    )


def task_of(number, kind, model, varied):
    parameters = {name: value for name, value in varied.items() if name == THICKNESS}
    rate = varied.get("rate", 1)
    return Task(
        id=sha256(f"{kind} {model} {sorted(varied.items())}".encode()).hexdigest()[:32],
        number=number,
        kind=kind,
        cell="Ai",
        model=model,
        protocol="discharge",
        varied=varied,
        parameters=parameters,
        procedure=Protocol("discharge", "constant", current=f"{rate}C"),
    )


def receipt_of(task, **more):
    return Receipt(
        task_id=task.id,
        number=task.number,
        kind=task.kind,
        cell=task.cell,
        model=task.model,
        protocol=task.protocol,
        varied=task.varied,
        started_utc="2026-01-02T03:04:05+00:00",
        wall_s=2.5,
        log="solver: a step was repeated\n",
        **more,
    )


def simulated(task):
    rate = task.varied["rate"]
    time = np.linspace(0, 3600 / rate, 30)
    series = pa.table(
        {
            "test_time_second": time,
            "voltage_volt": voltage(time, rate, (task.varied[THICKNESS] - 8e-5) * 1e3),
            "current_ampere": np.full(30, -2.0 * rate),
        }
    )
    summary = {
        "capacity [A.h]": 2.0,
        "rmse [mV]": 10.0 + task.varied[THICKNESS] * 1e5 + rate,
    }
    cycles = [{"cycle_count": n, "capacity [A.h]": 2.0 - 0.1 * n} for n in (1, 2, 3)]
    statistics = {"solve_s": 0.5}
    receipt = receipt_of(
        task, outcome="done", summary=summary, cycles=cycles, statistics=statistics
    )
    return series, receipt


def fitted(task):
    parts, data = [], []
    for position, curve in enumerate(map(measured, RATES)):
        time = np.array(curve.times_s)
        for after, error in ((0, 0.03), (1, 0.004)):
            parts.append(
                {
                    "test_time_second": time,
                    "voltage_volt": np.array(curve.voltage_v) + error,
                    "current_ampere": np.array(curve.current_a),
                    "measured_index": np.full(len(time), position),
                    "fitted": np.full(len(time), after),
                }
            )
        role = "hold-out" if position == 2 else "fit"
        data.append(
            {
                "name": curve.name,
                "role": role,
                "rmse_start_mv": 30.0,
                "rmse_end_mv": 4.0,
                "overlap": 1.0,
            }
        )
    fit = {
        "parameters": {THICKNESS: 8.5e-5},
        "bounds": {THICKNESS: [7e-5, 9e-5]},
        "start": {THICKNESS: 8e-5},
        "objective_start_mv": 30.0,
        "objective_end_mv": 4.0,
        "evaluations": 100,
        "failed_evaluations": 1,
        "generations": 5,
        "at_bound": [],
        "data": data,
        "history_mv": [30.0, 4.0],
    }
    return pa.concat_tables(map(pa.table, parts)), receipt_of(task, outcome="done", fit=fit)


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """Return a store with 18 simulations (one failed, one waiting) and two fits."""
    path = tmp_path_factory.mktemp("stores") / "small-store"
    create_store(path, format="parquet")
    points = [{"rate": rate, THICKNESS: size} for rate in RATES for size in THICKNESSES]
    pairs = [(model, point) for model in MODELS for point in points]
    tasks = [task_of(n, "simulation", *pair) for n, pair in enumerate(pairs)]
    axes = (
        Axis(("rate",), tuple((rate,) for rate in RATES)),
        Axis((THICKNESS,), tuple((size,) for size in THICKNESSES)),
    )
    output = Output(every_s=10.0, summary=("capacity", "rmse"))
    sweep = sweep_of("rates", axes=axes, output=output)
    fits = [task_of(n, "fit", model, {}) for n, model in enumerate(MODELS)]
    fit = Fit((Free(THICKNESS, 7e-5, 9e-5),), ("cell_0.5C", "cell_1C"), ("cell_2C",))
    failed = receipt_of(
        tasks[5],
        outcome="failed",
        failure_class="solver",
        message="IDAKLU: the error test failed too often",
        traceback="Traceback (most recent call last):\n  line\nSolverError: too often",
    )
    ended = [simulated(task) for task in tasks[:17] if task is not tasks[5]]
    with Index.open(path) as index:
        for sweep_id, one, of_it in (
            (SWEEP, sweep, tasks),
            (FITS, sweep_of("fits", fit=fit), fits),
        ):
            index.add_sweep(write_sweep(path, sweep_id, one, of_it, RESOLVED, {DIGEST: SET}))
        for sweep_id, results, extra in (
            (SWEEP, ended, [failed]),
            (FITS, [fitted(task) for task in fits], []),
        ):
            shard = write_shard(
                path,
                sweep_id,
                chunk=0,
                attempt=1,
                series=[series for series, _ in results],
                receipts=[*(receipt for _, receipt in results), *extra],
                provenance=PROVENANCE,
                format="parquet",
            )
            index.ingest_shard(shard)
    logs = path / "logs"
    logs.mkdir(exist_ok=True)
    (logs / "driver-1.log").write_text("".join(f"line {n}\n" for n in range(100)))
    return path
