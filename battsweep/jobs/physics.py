"""From the names in a sweep file to PyBaMM's objects."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from battsweep.jobs.environment import pin_environment
from battsweep.jobs.sources import call_model, call_set
from battsweep.sweep.spec import Cell, Model, Source


def import_pybamm() -> Any:
    """Return the pybamm module, imported with its telemetry off."""
    pin_environment()
    import pybamm

    return pybamm


def parameter_values(cell: Cell) -> Any:
    """Return a new `pybamm.ParameterValues` for a cell, overrides included.

    A name is a PyBaMM set, entry points included; a ``.json`` file is BPX if
    it has a "Header" table, otherwise a mapping of parameter values. A source
    is called.

    Raises
    ------
    ValueError, KeyError, OSError
        If PyBaMM does not know the set, or cannot read the file.
    """
    values = base_parameter_values(cell.parameter_set, cell.source)
    values.update(dict(cell.overrides))
    return values


def base_parameter_values(parameter_set: str, source: Source | None = None) -> Any:
    """Return a new `pybamm.ParameterValues` without overrides; see `parameter_values`."""
    if source is not None:
        return call_set(source)
    pybamm = import_pybamm()
    if not parameter_set.endswith(".json"):
        return pybamm.ParameterValues(parameter_set)
    content = json.loads(Path(parameter_set).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("it must hold one table of parameter names and values")
    if "Header" in content:
        return pybamm.ParameterValues.create_from_bpx(parameter_set)
    if any(isinstance(value, dict) for value in content.values()):
        return pybamm.ParameterValues.from_json(content)
    return pybamm.ParameterValues(content)


def model_classes() -> Mapping[str, Any]:
    """Return PyBaMM's lithium-ion model classes by name."""
    lithium_ion = import_pybamm().lithium_ion
    base = lithium_ion.BaseModel
    return {
        name: value
        for name, value in vars(lithium_ion).items()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    }


def entry_point_models() -> Mapping[str, str]:
    """Return the names of models that other packages bring, with package and version."""
    points = entry_points(group="pybamm_models")
    return {
        point.name: f"{point.dist.name} {point.dist.version}" if point.dist else ""
        for point in points
        if point.name not in model_classes()
    }


def make_model(model: Model) -> Any:
    """Return a new PyBaMM model: PyBaMM's own, of an entry point, or of a source.

    Raises
    ------
    KeyError
        If there is no model of that type.
    ValueError
        If a source is wrong, or an entry point gives no lithium-ion model.
    pybamm.OptionError
        If an option or its value is not PyBaMM's.
    """
    options = given_options(model)
    if model.source is not None:
        return call_model(model.source, options)
    if model.type in model_classes():
        return model_classes()[model.type](options=options or None)
    pybamm = import_pybamm()
    made = pybamm.Model(model.type, **({"options": options} if options else {}))
    if not isinstance(made, pybamm.lithium_ion.BaseModel):
        raise ValueError(f"the entry point {model.type!r} gives no lithium-ion model")
    return made


def given_options(model: Model) -> dict[str, object]:
    """Return the options that the sweep file gives a model, as PyBaMM writes them."""
    return {name: _option(value) for name, value in model.options.items()}


def _option(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return value


def mesh_points(model: Model, pybamm_model: Any) -> dict[str, int]:
    """Return the mesh points a domain: PyBaMM's defaults and what the file says."""
    return {**pybamm_model.default_var_pts, **model.mesh}


STEPS = (
    "write steps such as 'Discharge at 1C until 2.5 V', 'Rest for 30 minutes',"
    " 'Hold at 4.2 V until C/50'"
)


@lru_cache(maxsize=4096)
def parse_step(text: str) -> Any:
    """Return the `pybamm.step` that a step's text means.

    Raises
    ------
    ValueError
        If PyBaMM does not understand the text.
    """
    pybamm = import_pybamm()
    try:
        step = pybamm.step.string(text)
    except Exception as error:  # PyBaMM raises many kinds for a text it cannot read
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        reason = first.partition(" For example")[0]
        raise ValueError(f"{text!r}: PyBaMM does not understand it ({reason}); {STEPS}") from error
    if not all(math.isfinite(s) and s > 0 for s in (step.duration, step.period or 1.0)):
        raise ValueError(f"{text!r}: a duration must be above 0 and finite; {STEPS}")
    return step


def canonical_step(text: str) -> object:
    """Return plain values that are equal for steps that mean the same to PyBaMM."""
    step = parse_step(text)
    value = step.value
    return [
        type(step).__name__,
        float(value) if isinstance(value, int | float) else repr(value),
        None if step.uses_default_duration else float(step.duration),
        None if step.period is None else float(step.period),
        None if step.temperature is None else float(step.temperature),
        step.direction,
        [repr(term) for term in step.termination],
    ]
