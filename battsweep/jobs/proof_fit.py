"""The proof of a fit: its curves at the optimum, as stored, against plain simulations."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from battsweep.data.columns import CURRENT, CYCLE, STEP, TIME, VOLTAGE
from battsweep.jobs.failures import Failure
from battsweep.jobs.groups import Curve, FitItem
from battsweep.jobs.plain import Plain, simulate
from battsweep.jobs.proof import Difference, Proof, compare
from battsweep.jobs.proof_words import told
from battsweep.jobs.solve import Result, captured_log
from battsweep.jobs.summarise import Array


def prove_fit(item: FitItem, result: Result) -> Result:
    """Return a fit with the proof of its curves; failed where they are not right.

    The search itself is not repeated: its optimum is what counts.
    """
    if result.failure is not None:
        return result
    started = time.perf_counter()
    values = cast("Mapping[str, float]", result.fit["parameters"])
    differences: dict[str, Difference] = {}
    message, verdicts = "", list[bool | None]()
    for number, curve in enumerate(item.curves):
        if curve.item.measured is None:
            continue
        with captured_log():
            found = _prove_curve(curve, values, result, number)
        verdicts.append(found.passed)
        message = message or (f"{curve.item.measured.name}: {found.message}" * bool(found.message))
        for name, one in found.differences.items():
            if name not in differences or one.share > differences[name].share:
                differences[name] = one
    passed = False if False in verdicts else None if None in verdicts else True
    record = Proof(passed, differences, message).record(time.perf_counter() - started)
    if passed is not False:
        return replace(result, proof=record)
    why = f"with the fitted values, a plain simulation gives another curve: {told(record)}"
    return replace(result, proof=record, failure=Failure("error", why), summary={})


def _prove_curve(curve: Curve, values: Mapping[str, float], result: Result, number: int) -> Proof:
    """Return how the stored curve at the optimum compares with a plain simulation."""
    task = curve.item.task
    item = replace(
        curve.item, task=replace(task, parameters={**task.parameters, **values}), measured=None
    )
    output = replace(curve.group.output, series=("Voltage [V]", "Current [A]"), summary=())
    group = replace(curve.group, output=output)
    plain = simulate(group, item)
    mine = (result.columns["measured_index"] == number) & (result.columns["fitted"] == 1)
    rows = {column.name: result.columns[column.name][mine] for column in (TIME, VOLTAGE, CURRENT)}
    if not mine.any():
        return Proof(plain.failure is not None, {}, "nothing of it could be simulated")
    return compare(group, item, replace(result, columns=_with_steps(rows, plain)), plain)


def _with_steps(rows: Mapping[str, Array], plain: Plain) -> dict[str, Array]:
    """Return rows with cycle and step: one begins where time does not increase."""
    which = np.concatenate([[0], np.cumsum(np.diff(rows[TIME.name]) <= 0)])
    places = list(plain.parts)
    places += [(plain.cycles, len(places) + 1)] * (int(which[-1]) + 1 - len(places))
    cycles, steps = np.array(places)[which].T
    return {**rows, CYCLE.name: cycles, STEP.name: steps}
