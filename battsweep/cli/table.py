"""``battsweep table``: ready-made tables of what a store holds."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from battsweep.cli import cells
from battsweep.cli.arguments import add_command, add_output, add_store, add_where, wrong
from battsweep.cli.loading import (
    load_fits,
    load_simulations,
    load_summaries,
    load_varied,
    rmse_asked,
)
from battsweep.cli.output import table_format, write_table, write_tables
from battsweep.cli.selection import open_for, selected_tasks, sweep_asked
from battsweep.errors import Fault, SpecError

if TYPE_CHECKING:
    import pandas as pd

    from battsweep.store.store import Store

NAMES = (
    "tasks",
    "cycles",
    "failures",
    "parameters",
    "fits",
    "rmse",
    "comparison",
    "proof",
    "sweeps",
    *cells.TABLES,
)
_WITHOUT_WHERE = ("parameters", "sweeps")
_DESCRIPTION = """\
Write one of these tables:
  tasks       a row a task: labels, status, what was varied, summaries
  cycles      a row a cycle of a task
  failures    what failed, and why
  parameters  every parameter set, and the models it was used with
  fits        a row a fit and parameter: start, fitted value, bounds
  rmse        a row a model and condition: best and median error against measured
              curves; for fits: before and after
  comparison  a row a task that was held against a measured curve: overlap, RMSE, largest
              error, bias, and the same by kind of step
  proof       a row a compared task and variable: how far from plain PyBaMM
  sweeps      the sweeps in the store
  cells       a row a measured cell: files, rows, cycles, what cleaning changed
  cell-cycles, cell-steps
              a row a cycle or step of measured cells (--cell: of one)
  telemetry   a row a day and signal, with the Parquet file that has its samples
"""
_EXAMPLES = """\
  battsweep table STORE tasks --where "status == 'done'" -o tasks.parquet
  battsweep table STORE failures
  battsweep table STORE rmse --format markdown
  battsweep table STORE cell-cycles --cell B0005 -o b0005.csv
"""


def add_table(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "table",
        table,
        help="ready-made tables: tasks, cycles, failures, fits, …",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    add_store(parser)
    parser.add_argument("name", metavar="NAME", choices=NAMES, help=", ".join(NAMES))
    add_where(parser)
    cells.add_cell(parser, help="only this measured cell (cell-cycles, cell-steps)")
    add_output(parser)


def table(arguments: argparse.Namespace) -> int:
    """Write the table."""
    name, where = arguments.name, arguments.where
    if where is not None and name in _WITHOUT_WHERE:
        raise wrong("--where", f"selects tasks; the table {name!r} has none")
    if name in cells.TABLES and (where is not None or arguments.sweep is not None):
        raise wrong("--where", f"and --sweep select tasks; the table {name!r} has none")
    if name not in cells.TABLES and arguments.cell is not None:
        raise wrong("--cell", f"is for cell-cycles and cell-steps; use --where for {name!r}")
    with open_for(arguments) as store:
        if name in cells.TABLES:
            write_table(cells.table_of(store, name, arguments.cell), arguments)
            return 0
        sweep = sweep_asked(store, arguments.sweep)
        if name == "rmse":
            tasks = selected_tasks(store, where, sweep)
            frames = _rmse(store, tasks, several=table_format(arguments) == "text")
        else:
            frames = {"": _frame(store, name, where, sweep)}
        write_tables(frames, arguments)
    return 0


def _frame(store: Store, name: str, where: str | None, sweep: str | None) -> pd.DataFrame:
    if name == "sweeps":
        return store.sweeps()
    if name == "parameters":
        return store.parameters(sweep=sweep)
    tasks = selected_tasks(store, where, sweep)
    if name == "tasks":
        return tasks
    if name == "comparison":
        from battsweep.analysis.compare import comparison_table

        return comparison_table(tasks)
    if name == "cycles":
        return store.cycles(where=where, sweep=sweep)
    if name == "proof":
        proofs = store.proofs(sweep=sweep)
        return proofs[proofs["task_id"].isin(tasks["task_id"])]
    if name == "failures":
        failures = store.failures(sweep=sweep)
        return failures[failures["task_id"].isin(tasks["task_id"])]
    from battsweep.analysis.fits import parameter_table

    return parameter_table(load_fits(store, tasks))


def _rmse(store: Store, tasks: pd.DataFrame, *, several: bool) -> dict[str, pd.DataFrame]:
    """Return a table of the simulations, one of the fits, or both with headings."""
    simulations = load_simulations(store, tasks)
    if not len(simulations):
        return {"": _fits_rmse(store, tasks)}
    if len(simulations) == len(tasks):
        return {"": _simulations_rmse(store, simulations)}
    if not several:
        raise wrong(
            "rmse",
            "simulations and fits have tables of their own; "
            "choose with --where \"kind == 'fit'\" or --sweep",
        )
    frames, faults = {}, list[Fault]()
    for title, frame_of, part in (
        ("Simulations against measured curves", _simulations_rmse, simulations),
        ("Fits: before and after", _fits_rmse, tasks),
    ):
        try:
            frames[title] = frame_of(store, part)
        except SpecError as error:
            faults += error.faults
    if not frames:
        raise SpecError(faults)
    for fault in faults:
        print(f"battsweep: {fault}", file=sys.stderr)
    return frames


def _fits_rmse(store: Store, tasks: pd.DataFrame) -> pd.DataFrame:
    from battsweep.analysis.fits import rmse_table

    return rmse_table(load_fits(store, tasks))


def _simulations_rmse(store: Store, tasks: pd.DataFrame) -> pd.DataFrame:
    from battsweep.analysis.overview import RMSE, rmse_overview

    varied = load_varied(store, tasks)
    if RMSE in load_summaries(tasks, varied) and tasks[RMSE].notna().any():
        return rmse_overview(tasks, varied=varied)
    if not rmse_asked(store, tasks):
        raise wrong(
            "rmse",
            "no task was held against a measured curve; "
            'the sweep file needs [[measured]] and summary = ["rmse"]',
        )
    done, failed = (int((tasks["status"] == word).sum()) for word in ("done", "failed"))
    raise wrong(
        "rmse",
        f"no task has an error against a measured curve: of {len(tasks)}, {done} are done "
        f"and {failed} failed; where tasks are done, none has the cell, the protocol "
        "and the values 'at' of a [[measured]]",
    )
