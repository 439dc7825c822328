"""``battsweep status``: how far each sweep of a store is, and what to do next."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from battsweep.cli.arguments import add_command, add_store
from battsweep.cli.output import print_json, size
from battsweep.cli.progress import duration
from battsweep.cli.selection import open_for

if TYPE_CHECKING:
    from battsweep.store.store import Status, Store, SweepStatus

_WATCH_S = 2.0
_EXAMPLES = """\
  battsweep status STORE
  battsweep status STORE --watch             again every two seconds until all is done
  battsweep status STORE --json              for a script
"""


def add_status(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "status",
        status,
        help="how far each sweep is, failures, rate and time left",
        description="Tell how far each sweep of a store is, what failed, and what to do next.",
        examples=_EXAMPLES,
    )
    add_store(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document")
    form.add_argument("--watch", action="store_true", help="repeat until all is done")


def status(arguments: argparse.Namespace) -> int:
    """Print where the sweeps stand, once or until all is done."""
    store = open_for(arguments)
    return 0
