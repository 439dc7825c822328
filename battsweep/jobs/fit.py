"""One fit: SciPy's differential evolution around built models."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from battsweep.data.columns import TIME
from battsweep.data.convert import from_pybamm
from battsweep.jobs.build import Built
from battsweep.jobs.failures import Failure, classify_failure
from battsweep.jobs.groups import Curve, FitItem
from battsweep.jobs.solve import Result, Solved, captured_log, solve
from battsweep.jobs.summarise import (
    VoltageErrors,
    overlap,
    rmse_mv,
    root_mean_square_mv,
    voltage_errors,
)
from battsweep.sweep.spec import Free

Array = NDArray[np.float64]

INFEASIBLE_MV = 1e4
"""What a candidate costs, in mV, of which no part of a curve could be simulated."""
AT_BOUND = 0.01
"""A parameter nearer to a bound than this share of its range is reported as at it."""


@dataclass(slots=True)
class Evaluator:
    """Voltage errors of candidates against measured curves; counts what it was asked."""

    item: FitItem
    builds: Mapping[str, Built]
    evaluations: int = 0
    failures: int = 0
    history_mv: list[float] = field(default_factory=list)

    def objective(self, candidate: Array) -> float:
        """Return the root mean squared error in mV over the time of the fitted curves.

        A simulation that ends before its curve is held at its last voltage,
        so that the search cannot win by ending early; a candidate that
        cannot be simulated at all costs `INFEASIBLE_MV`.
        """
        self.evaluations += 1
        values = decode(candidate, self.item.fit.free)
        errors: list[VoltageErrors] = []
        for curve in self.item.curves:
            if curve.role != "fit" or curve.item.measured is None:
                continue
            solved = self.simulate(curve, values)
            if not solved.steps:
                self.failures += 1
                return INFEASIBLE_MV
            errors.append(voltage_errors(solved.steps, curve.item.measured))
        return root_mean_square_mv(errors)

    def simulate(self, curve: Curve, values: Mapping[str, float] | None) -> Solved:
        """Return the simulation of a curve, without steps where there is none.

        With ``values`` None it is that of the untouched cell.
        """
        group, item = (curve.group, curve.item) if values is not None else curve.untouched
        try:
            solved = solve(self.builds[group.key], {**item.inputs, **(values or {})}, item=item)
        except Exception as error:  # an infeasible candidate is part of any search
            return Solved((), classify_failure(error))
        # What a solver reached before it gave up is no answer that could win.
        gave_up = solved.failure is not None and solved.failure.failure_class == "solver"
        return Solved((), solved.failure) if gave_up else solved


def decode(candidate: Array, free: Sequence[Free]) -> dict[str, float]:
    """Return parameter values for a candidate whose entries lie in [0, 1]."""
    values = {}
    for share, parameter in zip(candidate, free, strict=True):
        if parameter.scale == "log":
            value = parameter.low * (parameter.high / parameter.low) ** share
        else:
            value = parameter.low + (parameter.high - parameter.low) * share
        values[parameter.name] = float(np.clip(value, parameter.low, parameter.high))
    return values


def encode(values: Mapping[str, float | None], free: Sequence[Free]) -> Array | None:
    """Return the candidate of some values; None if one is missing or out of bounds."""
    shares = []
    for parameter in free:
        value = values.get(parameter.name)
        if value is None or not parameter.low <= value <= parameter.high:
            return None
        if parameter.scale == "log":
            shares.append(np.log(value / parameter.low) / np.log(parameter.high / parameter.low))
        else:
            shares.append((value - parameter.low) / (parameter.high - parameter.low))
    return np.asarray(np.clip(shares, 0.0, 1.0), dtype=np.float64)


def run_fit(item: FitItem, builds: Any) -> Result:
    """Search the parameters with the least voltage error; return them as a task's result.

    ``builds`` is the process's `battsweep.jobs.warm.Builds`. The same seed
    gives the same numbers.
    """
    started = time.perf_counter()
    with captured_log() as log:
        try:
            columns, summary, record = _search(item, builds, log)
            failure, text = None, None
        except Exception as error:  # every error becomes an outcome
            columns, summary, record = {}, {}, {}
            failure, text = classify_failure(error), traceback.format_exc()
        if record and record["failed_evaluations"] == record["evaluations"]:
            columns, summary, record = {}, {}, {}
            failure = Failure("infeasible", "no candidate could be simulated; change the bounds")
    return Result(
        columns=columns,
        summary=summary,
        cycles=(),
        statistics={},
        failure=failure,
        traceback=text,
        log="\n".join(log),
        wall_s=time.perf_counter() - started,
        fit=record,
    )


def _search(
    item: FitItem, builds: Any, log: list[str]
) -> tuple[dict[str, Array], dict[str, float | None], dict[str, object]]:
    from scipy.optimize import Bounds, differential_evolution

    fit = item.fit
    example = decode(np.full(len(fit.free), 0.5), fit.free)
    built = {}
    for curve in item.curves:
        group, plain = curve.untouched
        first = replace(curve.item, inputs={**curve.item.inputs, **example})
        built[curve.group.key] = builds.get(curve.group, first)
        built[group.key] = builds.get(group, plain)
    unused = [set(built[curve.group.key].unused_inputs()) for curve in item.curves]
    no_effect = sorted({p.name for p in fit.free}.intersection(*unused))
    log.extend(f"{name!r} is in no equation: its fitted value says nothing" for name in no_effect)
    evaluator = Evaluator(item, built)
    start = encode(item.start, fit.free)

    def note(intermediate_result: Any) -> None:
        evaluator.history_mv.append(float(intermediate_result.fun))

    found = differential_evolution(
        evaluator.objective,
        bounds=Bounds(np.zeros(len(fit.free)), np.ones(len(fit.free))),
        maxiter=fit.generations,
        popsize=fit.population,
        tol=fit.tolerance,
        rng=item.seed,
        x0=start,
        polish=False,
        updating="deferred",
        callback=note,
    )
    end = decode(found.x, fit.free)
    shares = dict(zip((p.name for p in fit.free), found.x, strict=True))
    columns, data, start_mv = _curves(evaluator, end)
    record: dict[str, object] = {
        "parameters": end,
        "bounds": {p.name: [p.low, p.high] for p in fit.free},
        "start": dict(item.start),
        "objective_start_mv": start_mv,
        "objective_end_mv": float(found.fun),
        "evaluations": evaluator.evaluations,
        "failed_evaluations": evaluator.failures,
        "generations": int(found.nit),
        "converged": bool(found.success),
        "no_effect": no_effect,
        "at_bound": [n for n, s in shares.items() if min(s, 1 - s) < AT_BOUND],
        "data": data,
        "history_mv": evaluator.history_mv,
    }
    summary: dict[str, float | None] = {"objective [mV]": float(found.fun)}
    summary.update(end)
    return columns, summary, record


def _curves(
    evaluator: Evaluator, end: Mapping[str, float]
) -> tuple[dict[str, Array], list[dict[str, object]], float | None]:
    """Return the rows and errors of every curve before and after, and the first objective."""
    parts: list[dict[str, Array]] = []
    data: list[dict[str, object]] = []
    start_errors: list[VoltageErrors] = []
    for number, curve in enumerate(evaluator.item.curves):
        measured = curve.item.measured
        if measured is None:
            continue
        record: dict[str, object] = {"name": measured.name, "role": curve.role}
        for fitted, which, values in ((0, "start", None), (1, "end", end)):
            solved = evaluator.simulate(curve, values)
            record[f"rmse_{which}_mv"] = rmse_mv(solved.steps, measured) if solved.steps else None
            if not solved.steps:
                continue
            record["overlap"] = overlap(solved.steps, measured)
            parts.append(_rows(solved, number, fitted))
            if not fitted and curve.role == "fit":
                start_errors.append(voltage_errors(solved.steps, measured))
        data.append(record)
    columns = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]} if parts else {}
    return columns, data, root_mean_square_mv(start_errors) if start_errors else None


def _rows(solved: Solved, number: int, fitted: int) -> dict[str, Array]:
    names = ("Voltage [V]", "Current [A]")
    times = np.concatenate([step.times_s for step in solved.steps])
    values = {n: np.concatenate([step.values[n] for step in solved.steps]) for n in names}
    return {
        TIME.name: times,
        **from_pybamm(values),
        "measured_index": np.full(len(times), number, dtype=np.int32),
        "fitted": np.full(len(times), fitted, dtype=np.int32),
    }
