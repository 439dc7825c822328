"""A sweep's own files: what was asked for, written once and never changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from battsweep.errors import StoreError
from battsweep.store.files import make_folder, write_whole
from battsweep.store.json_text import to_json
from battsweep.store.layout import (
    SCHEMA_VERSION,
    parameters_path,
    sweep_folder,
    sweeps_folder,
)
from battsweep.store.measured import write_measured
from battsweep.sweep.identity import request_digest
from battsweep.sweep.matching import measured_for
from battsweep.sweep.replay import cycle_axis
from battsweep.sweep.spec import Profile, Source, Sweep
from battsweep.sweep.task import Resolved, Task


@dataclass(frozen=True, slots=True, eq=False)
class SweepRecord:
    """A sweep as the store keeps it.

    ``plan`` is plan.json; ``tasks`` has a row a task: number, task_id, kind,
    cell, model, protocol, varied, parameters and procedure as JSON, and the
    file of the measured curve that it is held against, if there is one.
    """

    sweep_id: str
    plan: Mapping[str, Any]
    tasks: pa.Table


def write_sweep(
    store: Path,
    sweep_id: str,
    sweep: Sweep,
    tasks: Sequence[Task],
    resolved: Resolved,
    parameter_sets: Mapping[str, str],
    *,
    compiled: Sequence[str] = (),
) -> SweepRecord:
    """Write a sweep's files unless they are there; return them as read back.

    ``parameter_sets`` has the text of each set by the sha256 of that text; ``compiled``
    the groups whose solver functions are compiled, which later runs keep to.

    Raises
    ------
    StoreError
        If the store has other tasks under this id, or a set's text does not
        have its sha256.
    """
    digest = _digest_of_ids(task.id for task in tasks)
    folder = sweep_folder(store, sweep_id)
    if (folder / "plan.json").exists():
        record = read_sweep(store, sweep_id)
        if record.plan["tasks_digest"] != digest:
            raise StoreError(
                f"{folder}: the store has another sweep under this id, with "
                f"{record.plan['task_count']} tasks; give the new sweep another name"
            )
        return record
    for name, text in parameter_sets.items():
        _write_parameters(store, name, text)
    make_folder(folder)
    measured = {curve.name: write_measured(store, curve) for curve in sweep.measured}
    curves = [measured_for(sweep, task) for task in tasks]
    table = tasks_table(tasks, [measured[curve.name].file if curve else None for curve in curves])
    files = {
        "sweep.toml": sweep.text.encode(),
        "tasks.parquet": _parquet(table),
        **{source_name(s.sha256): s.text.encode() for s in _sources(sweep)},
    }
    plan = {
        **_plan(sweep_id, sweep, tasks, resolved),
        "measured": [asdict(record) for record in measured.values()],
        "tasks_digest": digest,
        "compiled": list(compiled),
        "files": {name: sha256(content).hexdigest() for name, content in files.items()},
    }
    for name, content in files.items():
        write_whole(folder / name, content)
    # The plan comes last: a sweep without one is not there yet.
    sealed = {
        **json.loads(to_json(plan)),
        "sha256": sha256(to_json(plan).encode()).hexdigest(),
    }
    write_whole(folder / "plan.json", (json.dumps(sealed, indent=2) + "\n").encode())
    return read_sweep(store, sweep_id)


def source_name(digest: str) -> str:
    """Return the name, in a sweep's folder, of the copy of a user's Python file."""
    return f"source-{digest[:16]}.py"


def _sources(sweep: Sweep) -> list[Source]:
    found = [*(cell.source for cell in sweep.cells), *(model.source for model in sweep.models)]
    return [source for source in found if source is not None]


def request_of(sweep: Sweep) -> str:
    """Return the digest by which a sweep is known again without planning it."""
    return request_digest(sweep, pybamm=version("pybamm"))


def read_sweep(store: Path, sweep_id: str) -> SweepRecord:
    """Return a sweep's record, verified.

    Raises
    ------
    StoreError
        If a file of it is missing or damaged.
    """
    return read_sweep_folder(sweep_folder(store, sweep_id))


def sweep_folders(store: Path) -> list[Path]:
    """Return the folders of all sweeps that were written to the end."""
    return sorted(path.parent for path in sweeps_folder(store).glob("*/plan.json"))


def read_sweep_folder(folder: Path) -> SweepRecord:
    """Return the record of the sweep in a folder, as `read_sweep` does."""
    plan = _read_plan(folder / "plan.json")
    for name, digest in plan["files"].items():
        if sha256(_read(folder / name)).hexdigest() != digest:
            raise StoreError(f"{folder / name}: is damaged; {_mend(folder)}")
    tasks = pq.read_table(folder / "tasks.parquet", partitioning=None)
    return SweepRecord(str(plan["sweep_id"]), plan, tasks)


def read_parameters(store: Path, digest: str) -> str:
    """Return the text of a parameter set, verified against its name."""
    path = parameters_path(store, digest)
    data = _read(path)
    if sha256(data).hexdigest() != digest:
        raise StoreError(f"{path}: is damaged; remove it and run a sweep that uses it again")
    return data.decode()


def tasks_table(tasks: Sequence[Task], measured: Sequence[str | None]) -> pa.Table:
    """Return tasks, each with a measured curve or None, as a table.

    The few procedures there are are kept once each.
    """
    keys: dict[object, int] = {}
    procedures: list[str] = []
    codes = []
    profiles: dict[int, Profile | None] = {}
    for task in tasks:
        profile = task.procedure.profile
        profiles[id(profile)] = profile
        # A profile may have many thousand values: told apart by identity, not by content.
        key = (replace(task.procedure, profile=None), id(profile))
        if key not in keys:
            keys[key] = len(procedures)
            procedures.append(to_json(asdict(task.procedure)))
        codes.append(keys[key])
    labels = {
        name: pa.array(values, pa.string()).dictionary_encode()
        for name, values in {
            "kind": [task.kind for task in tasks],
            "cell": [task.cell for task in tasks],
            "model": [task.model for task in tasks],
            "protocol": [task.protocol for task in tasks],
        }.items()
    }
    return pa.table(
        {
            "number": pa.array([int(task.number) for task in tasks], pa.int64()),
            "task_id": pa.array([task.id for task in tasks], pa.string()),
            **labels,
            "varied": pa.array((to_json(task.varied) for task in tasks), pa.string()),
            "parameters": pa.array((to_json(task.parameters) for task in tasks), pa.string()),
            "procedure": pa.DictionaryArray.from_arrays(
                pa.array(codes, pa.int32()), pa.array(procedures, pa.string())
            ),
            "measured": pa.array(measured, pa.string()).dictionary_encode(),
        }
    )


def _plan(
    sweep_id: str, sweep: Sweep, tasks: Sequence[Task], resolved: Resolved
) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "sweep_id": sweep_id,
        "name": sweep.name,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": sweep.seed,
        "request": request_of(sweep),
        "task_count": len(tasks),
        "cells": {
            name: {
                "parameter_set": cell.parameter_set,
                "sha256": cell.sha256,
                "changed": dict(cell.changed),
                "source": cell.source,
            }
            for name, cell in resolved.cells.items()
        },
        "models": {name: dict(content) for name, content in resolved.models.items()},
        "protocols": [protocol.name for protocol in sweep.protocols],
        "axes": [list(axis.names) for axis in (*sweep.axes, *cycle_axis(sweep.protocols))],
        "replays": [
            {"cell": r.cell, "cycle": r.cycle, "initial_soc": r.initial_soc, "told": r.told}
            for protocol in sweep.protocols
            for r in protocol.replays
        ],
        "output": asdict(sweep.output),
        "run": asdict(sweep.run),
        "fit": asdict(sweep.fit) if sweep.fit else None,
    }


def _write_parameters(store: Path, digest: str, text: str) -> None:
    found = sha256(text.encode()).hexdigest()
    if found != digest:
        raise StoreError(
            f"{parameters_path(store, digest)}: the text of this set has the sha256 "
            f"{found}; name it so"
        )
    path = parameters_path(store, digest)
    if not path.exists():
        write_whole(path, text.encode())


def _read_plan(path: Path) -> dict[str, Any]:
    try:
        plan: dict[str, Any] = json.loads(_read(path))
        digest = plan.pop("sha256")
        if sha256(to_json(plan).encode()).hexdigest() != digest:
            raise ValueError("it does not match its sha256")
    except (ValueError, KeyError, AttributeError) as error:
        raise StoreError(f"{path}: is damaged ({error}); {_mend(path.parent)}") from error
    return plan


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; {_mend(path.parent)}") from error


def _mend(folder: Path) -> str:
    return f"move {folder} away and run the sweep again: what was computed is found again"


def _digest_of_ids(ids: Iterable[str]) -> str:
    return sha256("\n".join(ids).encode()).hexdigest()


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())
