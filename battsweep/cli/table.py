"""``battsweep table``: ready-made tables of what a store holds."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from battsweep.cli.arguments import add_command, add_output, add_store, add_where, wrong
from battsweep.cli.loading import load_fits, load_simulations, load_summaries, load_varied
from battsweep.cli.output import write_table
from battsweep.cli.selection import open_for, selected_tasks, sweep_asked

if TYPE_CHECKING:
    import pandas as pd

    from battsweep.store.store import Store

NAMES = ("tasks", "cycles", "failures", "parameters", "fits", "rmse", "sweeps")
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
  sweeps      the sweeps in the store
"""
_EXAMPLES = """\
  battsweep table STORE tasks --where "status == 'done'" -o tasks.parquet
  battsweep table STORE failures
  battsweep table STORE rmse --format markdown
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
    add_output(parser)


def table(arguments: argparse.Namespace) -> int:
    """Write the table."""
    name, where = arguments.name, arguments.where
    if where is not None and name in _WITHOUT_WHERE:
        raise wrong("--where", f"selects tasks; the table {name!r} has none")
    with open_for(arguments) as store:
        sweep = sweep_asked(store, arguments.sweep)
        write_table(_frame(store, name, where, sweep), arguments)
    return 0


def _frame(store: Store, name: str, where: str | None, sweep: str | None) -> pd.DataFrame:
    if name == "sweeps":
        return store.sweeps()
    if name == "parameters":
        return store.parameters(sweep=sweep)
    tasks = selected_tasks(store, where, sweep)
    if name == "tasks":
        return tasks
    if name == "cycles":
        return store.cycles(where=where, sweep=sweep)
    if name == "failures":
        failures = store.failures(sweep=sweep)
        return failures[failures["task_id"].isin(tasks["task_id"])]
    if name == "fits":
        from battsweep.analysis.fits import parameter_table

        return parameter_table(load_fits(store, tasks))
    return _rmse(store, tasks)


def _rmse(store: Store, tasks: pd.DataFrame) -> pd.DataFrame:
    from battsweep.analysis.fits import rmse_table
    from battsweep.analysis.overview import RMSE, rmse_overview

    simulations = load_simulations(store, tasks)
    if not len(simulations):
        return rmse_table(load_fits(store, tasks))
    if len(simulations) < len(tasks):
        raise wrong(
            "rmse",
            "simulations and fits have tables of their own; "
            "choose with --where \"kind == 'fit'\" or --sweep",
        )
    varied = load_varied(store, tasks)
    if RMSE not in load_summaries(tasks, varied):
        raise wrong(
            "rmse",
            "no task was held against a measured curve; "
            'the sweep file needs [[measured]] and summary = ["rmse"]',
        )
    return rmse_overview(tasks, varied=varied)
