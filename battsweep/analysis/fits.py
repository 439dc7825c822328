"""What fits found, and how much better they meet the measured curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class FittedCurve:
    """How well one measured curve is met, in mV, before and after the fit."""

    name: str
    role: str
    rmse_start_mv: float
    rmse_end_mv: float
    overlap: float


@dataclass(frozen=True, slots=True)
class FittedParameter:
    """A free parameter: its value before and after, its bounds, and what to think of it."""

    name: str
    start: float
    value: float
    low: float
    high: float
    note: str


@dataclass(frozen=True, slots=True)
class FittedTask:
    """What a fit's receipt says, with its task's labels."""

    task_id: str
    cell: str
    model: str
    curves: tuple[FittedCurve, ...]
    parameters: tuple[FittedParameter, ...]
    evaluations: int
    failed_evaluations: int


def read_fit(task_id: str, cell: str, model: str, fit: Mapping[str, Any]) -> FittedTask:
    """Return a fit from the mapping in its receipt."""
    curves = tuple(
        FittedCurve(
            name=str(one["name"]),
            role=str(one["role"]),
            rmse_start_mv=_number(one.get("rmse_start_mv")),
            rmse_end_mv=_number(one.get("rmse_end_mv")),
            overlap=_number(one.get("overlap")),
        )
        for one in fit["data"]
    )
    parameters = tuple(
        FittedParameter(
            name=name,
            start=_number(fit.get("start", {}).get(name)),
            value=_number(value),
            low=_number(fit["bounds"][name][0]),
            high=_number(fit["bounds"][name][1]),
            note=_note(name, fit),
        )
        for name, value in fit["parameters"].items()
    )
    return FittedTask(
        task_id,
        cell,
        model,
        curves,
        parameters,
        int(fit.get("evaluations", 0)),
        int(fit.get("failed_evaluations", 0)),
    )


def rmse_table(fits: Sequence[FittedTask]) -> pd.DataFrame:
    """Return the RMSE before and after, a row a fit and measured curve."""
    rows = [
        {
            "cell": fit.cell,
            "model": fit.model,
            "measured": curve.name,
            "role": curve.role,
            "RMSE before [mV]": round(curve.rmse_start_mv, 2),
            "RMSE after [mV]": round(curve.rmse_end_mv, 2),
            "overlap [1]": round(curve.overlap, 4),
            "task_id": fit.task_id,
        }
        for fit in fits
        for curve in fit.curves
    ]
    columns = ["cell", "model", "measured", "role", "RMSE before [mV]", "RMSE after [mV]"]
    return pd.DataFrame(rows, columns=[*columns, "overlap [1]", "task_id"])


def parameter_table(fits: Sequence[FittedTask]) -> pd.DataFrame:
    """Return the fitted parameters, a row a fit and parameter."""
    rows = [
        {
            "cell": fit.cell,
            "model": fit.model,
            "parameter": one.name,
            "start": one.start,
            "fitted": one.value,
            "low": one.low,
            "high": one.high,
            "note": one.note,
            "task_id": fit.task_id,
        }
        for fit in fits
        for one in fit.parameters
    ]
    columns = ["cell", "model", "parameter", "start", "fitted", "low", "high", "note"]
    return pd.DataFrame(rows, columns=[*columns, "task_id"])


def _note(name: str, fit: Mapping[str, Any]) -> str:
    if name in fit.get("no_effect", ()):
        return "no effect"
    return "at a bound" if name in fit.get("at_bound", ()) else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
