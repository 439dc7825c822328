"""``battsweep query``: ask the store in SQL, or by a condition; never changes anything."""

from __future__ import annotations

import argparse
import sys

from battsweep.cli.arguments import add_command, add_output, add_store, add_where, wrong
from battsweep.cli.output import write_table
from battsweep.cli.selection import open_for, selected_tasks

_DESCRIPTION = """\
Ask the store's index in SQL (SQLite's, read-only), or give the tasks that meet a condition.
Views to ask: all_tasks, cycles_of_cell, simulation_vs_measured, parameter_sets_by_model,
default_parameter_curves, failures; of measured data: measured_cells, every_cycle_of_cell,
telemetry. SQL "-" reads the query from standard input.
"""
_EXAMPLES = """\
  battsweep query STORE "SELECT model, count(*) AS tasks FROM all_tasks GROUP BY model"
  battsweep query STORE --where "model == 'SPMe' and rate > 1"
  battsweep query STORE --where "`Ambient temperature [K]` > 300" -o hot.parquet
"""


def add_query(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "query",
        query,
        help="ask in SQL or by a condition, read-only",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    add_store(parser)
    parser.add_argument("sql", metavar="SQL", nargs="?", help="one SELECT; '-' for stdin")
    add_where(parser)
    add_output(parser)


def query(arguments: argparse.Namespace) -> int:
    """Write the answer as a table."""
    selects = arguments.where is not None or arguments.sweep is not None
    if (arguments.sql is None) == (not selects):
        raise wrong(
            "query",
            "give either SQL or --where (with --sweep, if wanted), not both or neither",
        )
    with open_for(arguments) as store:
        if arguments.sql is None:
            frame = selected_tasks(store, arguments.where, arguments.sweep)
        else:
            frame = store.query(sys.stdin.read() if arguments.sql == "-" else arguments.sql)
        write_table(frame, arguments)
    return 0
