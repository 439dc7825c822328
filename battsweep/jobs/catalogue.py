"""What PyBaMM says of a sweep's names: resolved where right, a fault where wrong."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from battsweep.errors import Fault, SpecError
from battsweep.jobs.classify import CAPACITY
from battsweep.jobs.enters import geometry_names
from battsweep.jobs.health import knows_health
from battsweep.jobs.physics import (
    base_parameter_values,
    canonical_step,
    entry_point_models,
    given_options,
    import_pybamm,
    make_model,
    mesh_points,
    model_classes,
)
from battsweep.jobs.symbolic import cannot_be_symbolic
from battsweep.sweep.spec import Cell, Model, Sweep
from battsweep.sweep.summaries import HEALTH, parse_summary
from battsweep.sweep.task import Resolved, ResolvedCell

C_RATE = re.compile(r"[\d}.]\s*C\b|\bC/")
NOT_PHYSICS = ("citations", "chemistry")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A sweep's names as PyBaMM knows them.

    ``parameter_sets`` maps the sha256 of a serialised set to its JSON text;
    ``models`` holds one built-but-not-discretised PyBaMM model a name, to be
    read only.
    """

    resolved: Resolved
    parameter_sets: Mapping[str, str]
    models: Mapping[str, Any]


def catalogue(sweep: Sweep) -> Catalogue:
    """Look every name of a sweep up in PyBaMM.

    Raises
    ------
    SpecError
        With every name that PyBaMM does not know, and the nearest it does.
    """
    faults: list[Fault] = []
    cells: dict[str, ResolvedCell] = {}
    sets: dict[str, str] = {}
    models: dict[str, Any] = {}
    for cell in sweep.cells:
        found = _resolve_cell(sweep, cell, faults)
        if found is not None:
            cells[cell.name], text = found
            sets[cells[cell.name].sha256] = text
    for model in sweep.models:
        made = _resolve_model(sweep, model, faults)
        if made is not None:
            models[model.name] = made
    for name, made in models.items():
        _check_outputs(sweep, name, made, faults)
    _check_conflicts(sweep, faults)
    _check_capacity(sweep, cells, faults)
    symbolic = (
        {} if faults else {m.name: _is_symbolic(sweep, m, models, faults) for m in sweep.models}
    )
    if faults:
        raise SpecError([*faults, *_step_faults(sweep)])
    contents = {
        m.name: _model_content(m, models[m.name], symbolic=symbolic[m.name]) for m in sweep.models
    }
    return Catalogue(Resolved(cells, contents, canonical_step), sets, models)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x' or 'y'?", or nothing where nothing is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(by_lower[n]) for n in near)}?" if near else ""


def _resolve_cell(sweep: Sweep, cell: Cell, faults: list[Fault]) -> tuple[ResolvedCell, str] | None:
    place = f"cells.{cell.name}"
    try:
        base = base_parameter_values(cell.parameter_set, cell.source)
        serialised = base.to_json()
    except Exception as error:  # a set may be any user's file or entry point
        known = list(import_pybamm().parameter_sets)
        reason = f"{type(error).__name__}: {_first_line(error)}"
        message = f"cannot read {cell.parameter_set!r} ({reason})"
        if cell.source is not None:
            message = str(error) if isinstance(error, ValueError) else reason
        elif not cell.parameter_set.endswith(".json") and cell.parameter_set not in known:
            hint = did_you_mean(cell.parameter_set, known) or f"; known sets: {', '.join(known)}"
            message = f"PyBaMM has no parameter set {cell.parameter_set!r}{hint}"
        faults.append(Fault(str(sweep.path), f"{place}.parameter_set", message))
        return None
    content = {n: _content_value(v) for n, v in serialised.items() if n not in NOT_PHYSICS}
    text = json.dumps(serialised, indent=1, sort_keys=True)
    for name in cell.overrides:
        if name not in content:
            faults.append(
                Fault(
                    str(sweep.path),
                    f"{place}.overrides.{name}",
                    f"not a parameter of {cell.parameter_set!r}{did_you_mean(name, content)}",
                )
            )
    changed = {n: float(v) for n, v in cell.overrides.items() if content.get(n) != float(v)}
    resolved = ResolvedCell(
        parameter_set=cell.parameter_set,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        content={**content, **changed},
        changed=changed,
        source=None if cell.source is None else cell.source.sha256,
    )
    return resolved, text


def _content_value(value: object) -> float | str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = json.dumps(value, sort_keys=True, default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _resolve_model(sweep: Sweep, model: Model, faults: list[Fault]) -> Any | None:
    place = f"models.{model.name}"
    known = [*model_classes(), *entry_point_models()]
    if model.source is not None:
        known.append(model.type)
    if model.type not in known:
        hint = did_you_mean(model.type, known) or f"; known models: {', '.join(sorted(known))}"
        message = f"PyBaMM has no lithium-ion model {model.type!r}{hint}"
        faults.append(Fault(str(sweep.path), f"{place}.type", message))
        return None
    try:
        made = make_model(model)
    except Exception as error:  # OptionError, and others for odd values
        message = _first_line(error)
        if model.options:
            message = f"{message} (options: {dict(model.options)!r})"
        key = "options" if model.type in model_classes() else "type"
        faults.append(Fault(str(sweep.path), f"{place}.{key}", message))
        made = None
    points = (_default_model(model) if made is None else made).default_var_pts
    for name in model.mesh:
        if name not in points:
            message = f"not a mesh domain of {model.type}{did_you_mean(name, points)}"
            faults.append(Fault(str(sweep.path), f"{place}.mesh.{name}", message))
    return made


def _default_model(model: Model) -> Any:
    classes = model_classes()
    return classes.get(model.type, classes["SPM"])()


def _model_content(model: Model, made: Any, *, symbolic: bool) -> dict[str, object]:
    options = {str(k): json.loads(json.dumps(v)) for k, v in dict(made.options).items()}
    content: dict[str, object] = {
        "type": model.type,
        "options": options,
        "mesh": mesh_points(model, made),
    }
    if model.source is not None:
        # Its options are what the file says besides: a function may use them as it likes.
        given = json.loads(json.dumps(given_options(model)))
        source = {"source": model.source.sha256, "given": given}
        content = {**content, **source, "type": model.source.function}
    elif model.type in entry_point_models():
        content = {**content, "package": entry_point_models()[model.type]}
    # Another discretisation gives other numbers, so it is part of what is computed.
    return {**content, "submesh": "symbolic"} if symbolic else content


def _is_symbolic(
    sweep: Sweep, model: Model, models: Mapping[str, Any], faults: list[Fault]
) -> bool:
    """Return whether all tasks of a model have a mesh made of symbols.

    So it is where lengths are varied, and PyBaMM can do it, or the file says so.
    """
    varied = {name for axis in sweep.axes for name in axis.names}
    varied |= {free.name for free in sweep.fit.free} if sweep.fit is not None else set()
    varied |= {name for curve in sweep.measured for name in curve.at}
    lengths = sorted(varied & geometry_names(models[model.name]))
    if model.geometry == "rebuild" or (model.geometry is None and not lengths):
        return False
    symbolic = replace(model, geometry="symbolic")
    for cell in {cell.parameter_set: cell for cell in sweep.cells}.values():
        reason = cannot_be_symbolic(symbolic, cell, lengths)
        if reason is not None:
            if model.geometry == "symbolic":
                message = f"PyBaMM cannot build it with cell {cell.name!r} ({reason}); delete it"
                faults.append(Fault(str(sweep.path), f"models.{model.name}.geometry", message))
            return False
    return True


def _check_outputs(sweep: Sweep, name: str, made: Any, faults: list[Fault]) -> None:
    for position, variable in enumerate(sweep.output.series):
        place = f"output.series.{position}"
        if variable not in made.variables:
            faults.append(_unknown_variable(sweep, place, variable, name, made))
        elif not _is_scalar(made, variable):
            averages = [
                n for n in made.variables if _is_average_of(variable, n) and _is_scalar(made, n)
            ]
            hint = f"; did you mean {' or '.join(map(repr, averages[:2]))}?" if averages else ""
            message = f"{variable!r} varies in space; only one number a time is kept{hint}"
            faults.append(Fault(str(sweep.path), place, message))
    for position, text in enumerate(sweep.output.summary):
        summary, place = parse_summary(text), f"output.summary.{position}"
        variable = summary.variable or "Voltage [V]"
        if variable not in made.variables:
            faults.append(_unknown_variable(sweep, place, variable, name, made))
        elif summary.kind == "health" and not knows_health(made):
            message = f"{text!r}: PyBaMM does not work it out for model {name!r}; leave it out"
            faults.append(Fault(str(sweep.path), place, message))


def _is_scalar(made: Any, variable: str) -> bool:
    """Return whether a variable is one number a time; a collector may be a point."""
    domain = made.variables[variable].domain
    return not domain or (domain == ["current collector"] and made.options["dimensionality"] == 0)


def _unknown_variable(sweep: Sweep, place: str, variable: str, name: str, made: Any) -> Fault:
    hint = did_you_mean(variable, [*made.variables, *HEALTH])
    return Fault(str(sweep.path), place, f"model {name!r} has no variable {variable!r}{hint}")


def _is_average_of(variable: str, name: str) -> bool:
    stem = variable[0].lower() + variable[1:]
    return name in (f"X-averaged {stem}", f"Volume-averaged {stem}", f"Average {stem}")


def _check_conflicts(sweep: Sweep, faults: list[Fault]) -> None:
    """Refuse what PyBaMM would accept and then silently ignore."""
    charged = any(protocol.initial_soc is not None for protocol in sweep.protocols)
    places = [(f"cells.{c.name}.overrides.{n}", n) for c in sweep.cells for n in c.overrides]
    for number, axis in enumerate(sweep.axes):
        places += [(f"axes.{number}.{name}", name) for name in axis.names]
        charged = charged or "initial_soc" in axis.names
    if sweep.fit is not None:
        places += [(f"fit.parameters.{free.name}", free.name) for free in sweep.fit.free]
    for place, name in places:
        if name == "Current function [A]":
            message = "the protocol sets the current; vary a {placeholder} in it instead"
            faults.append(Fault(str(sweep.path), place, message))
        elif charged and name.startswith("Initial concentration in ") and "electrode" in name:
            message = "initial_soc sets this too and would silently win; keep one of the two"
            faults.append(Fault(str(sweep.path), place, message))


def _check_capacity(sweep: Sweep, cells: Mapping[str, ResolvedCell], faults: list[Fault]) -> None:
    """Refuse C-rates that no capacity gives a meaning to."""
    message = f"C-rates need a {CAPACITY!r} above 0; it is"
    texts = [text for p in sweep.protocols for text in (p.current, *p.steps)]
    if not any(C_RATE.search(text) for text in texts):
        return
    for name, cell in cells.items():
        value = cell.content.get(CAPACITY)
        if not isinstance(value, float) or value <= 0:
            found = "missing" if value is None else repr(value)
            place = f"cells.{name}.overrides.{CAPACITY}"
            faults.append(Fault(str(sweep.path), place, f"{message} {found}; set it"))
    for number, axis in enumerate(sweep.axes):
        for name, column in zip(axis.names, zip(*axis.rows, strict=True), strict=True):
            wrong = [v for v in column if name == CAPACITY and not (isinstance(v, float) and v > 0)]
            if wrong:
                fault = Fault(str(sweep.path), f"axes.{number}.{name}", f"{message} {wrong[0]!r}")
                faults.append(fault)


def _step_faults(sweep: Sweep) -> list[Fault]:
    """Return the steps without placeholders that PyBaMM does not understand."""
    faults: list[Fault] = []
    for protocol in sweep.protocols:
        for number, text in enumerate(protocol.steps):
            if "{" in text:
                continue
            try:
                canonical_step(text)
            except ValueError as error:
                place = f"protocols.{protocol.name}.steps.{number}"
                faults.append(Fault(str(sweep.path), place, str(error)))
    return faults


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
