"""Plans whose groups are wrong: a parameter is varied that the built model does not take.

PyBaMM ignores such a value without a word, so every task gets the answer of the first.
As a program: runs such a plan of a sweep file in a store.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from battsweep.jobs.classify import CURRENT
from battsweep.jobs.driver import run_plan
from battsweep.jobs.plan import Plan, make_plan
from battsweep.sweep.load import load_sweep

SWEEP = """
name = "forged"
[cells.A]
parameter_set = "Chen2020"
[models.SPM]
[protocols.p]
discharge = "1C"
[[axes]]
"Positive electrode active material volume fraction" = { from = 0.6, to = 0.7, points = 14 }
[output]
every = "60 s"
summary = ["capacity"]
"""


def forged(plan: Plan) -> Plan:
    """Return a plan whose one group takes the current alone."""
    placed = [
        (replace(group, key="f" * 16, inputs=(CURRENT,)), item) for group, item in plan.placed
    ]
    return replace(plan, placed=tuple(placed))


def main() -> None:
    """Run the forged plan of a sweep file in a store."""
    sweep, store = map(Path, sys.argv[1:])
    run_plan(forged(make_plan(load_sweep(sweep))), store, workers=2)


if __name__ == "__main__":
    main()
