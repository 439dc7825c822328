"""From a sweep to its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from battsweep.sweep.checks import all_placeholders, check_axes, check_exclude
from battsweep.sweep.cycles import check_series_cycles
from battsweep.sweep.expressions import evaluate, names, parse
from battsweep.sweep.faults import Faults, suggestion
from battsweep.sweep.fits import fit_tasks
from battsweep.sweep.identity import (
    NOMINAL_CAPACITY,
    digest,
    parameter_digester,
    settings_digest,
    task_id,
)
from battsweep.sweep.matching import check_matched, matching
from battsweep.sweep.placeholders import INITIAL_SOC, fill, placeholders
from battsweep.sweep.points import count_points, noticed_axes, points
from battsweep.sweep.procedures import Procedures
from battsweep.sweep.replay import CYCLE, cycle_axis, replayed_by
from battsweep.sweep.spec import Scalar, Sweep
from battsweep.sweep.summaries import AGAINST_MEASURED, parse_summary
from battsweep.sweep.task import Resolved, Task

__all__ = ["count_points", "expand", "fill", "placeholders"]


def expand(sweep: Sweep, resolved: Resolved) -> list[Task]:
    """Return a sweep's tasks: cells, models, protocols, points, in the file's order.

    Names that a protocol does not notice are left out of its tasks. Two tasks
    may have one id, if their labels differ and their content does not.

    Raises
    ------
    SpecError
        With all faults: names that are neither parameters nor placeholders,
        steps that PyBaMM does not understand, too many tasks, or none.
    """
    faults = Faults(str(sweep.path))
    procedures = Procedures(resolved.canonical_step, sweep.axes, faults)
    if sweep.fit is not None:
        return fit_tasks(sweep, sweep.fit, resolved, procedures, faults)
    check_axes(sweep.axes, sweep.protocols, faults)
    check_series_cycles(sweep, faults)
    _check_names(sweep, resolved, faults)
    _check_count(sweep, faults)
    faults.raise_if_any()
    tasks = _simulations(sweep, resolved, procedures, faults)
    faults.raise_if_any()
    if not tasks and count_points(sweep):
        faults.add("exclude", "leaves no task; loosen a condition")
    elif tasks:
        check_matched(sweep, tasks, faults)
    _check_noticed(sweep, tasks, faults)
    faults.raise_if_any()
    return tasks


def parameter_names(sweep: Sweep) -> tuple[str, ...]:
    """Return the varied names that are PyBaMM parameters, in the file's order."""
    elsewhere = {*all_placeholders(sweep.protocols), INITIAL_SOC}
    varied = (name for axis in sweep.axes for name in axis.names)
    return tuple(name for name in varied if name not in elsewhere)


def _check_names(sweep: Sweep, resolved: Resolved, faults: Faults) -> None:
    known_placeholders = all_placeholders(sweep.protocols)
    parameters = set(parameter_names(sweep))
    for number, axis in enumerate(sweep.axes):
        for name in axis.names:
            missing = [
                cell.name for cell in sweep.cells if name not in resolved.cells[cell.name].content
            ]
            if name in parameters and missing:
                known = {*known_placeholders}.union(
                    *(resolved.cells[label].content for label in missing)
                )
                faults.add(
                    f"axes.{number}.{name}",
                    f"{name!r}: no {{placeholder}} of a protocol, and no parameter of cell "
                    f"{', '.join(map(repr, missing))}{suggestion(name, known)}",
                )
    labels = {
        "cell": [cell.name for cell in sweep.cells],
        "model": [model.name for model in sweep.models],
        "protocol": [protocol.name for protocol in sweep.protocols],
    }
    axes = (*sweep.axes, *cycle_axis(sweep.protocols))
    check_exclude(enumerate(sweep.exclude), labels, axes, faults)


def _check_count(sweep: Sweep, faults: Faults) -> None:
    count, limit = count_points(sweep), sweep.run.max_tasks
    if count > limit:
        faults.add(
            "run.max_tasks",
            f"would be {count} tasks; max_tasks is {limit}; raise run.max_tasks or thin the axes",
        )


def _check_noticed(sweep: Sweep, tasks: Sequence[Task], faults: Faults) -> None:
    """Note axes whose every task was excluded."""
    used: set[str] = set()
    for keys in {tuple(task.varied) for task in tasks}:
        used.update(keys)
    for number, axis in enumerate(sweep.axes):
        for name in axis.names:
            if name not in used and tasks:
                faults.add(
                    f"axes.{number}.{name}",
                    f"{name!r}: varied for nothing, as every task that would notice it is "
                    "excluded; delete it or loosen a condition",
                )


def _simulations(
    sweep: Sweep, resolved: Resolved, procedures: Procedures, faults: Faults
) -> list[Task]:
    excluded = _Exclusion(sweep.exclude, faults)
    elsewhere = all_placeholders(sweep.protocols)
    settings = settings_digest(sweep.output, sweep.run)
    curves = sweep.measured if _needs_measured(sweep) else ()
    axes = {
        protocol.name: noticed_axes(protocol, sweep.axes, elsewhere) for protocol in sweep.protocols
    }
    swept = parameter_names(sweep)
    tasks: list[Task] = []
    for cell in sweep.cells:
        content = resolved.cells[cell.name].content
        parameters_digest = parameter_digester(resolved.cells[cell.name].identity(), swept)
        own_capacity = content.get(NOMINAL_CAPACITY)
        for model in sweep.models:
            model_digest = digest(resolved.models[model.name])
            for protocol, replay in replayed_by(cell.name, sweep.protocols):
                labels = {"cell": cell.name, "model": model.name, "protocol": protocol.name}
                for point in points(axes[protocol.name]):
                    varied = point if replay is None else {CYCLE: float(replay.cycle), **point}
                    if excluded({**varied, **labels}):
                        continue
                    capacity = varied.get(NOMINAL_CAPACITY, own_capacity)
                    procedure = procedures.get(protocol, varied, capacity, replay)
                    if procedure is None:
                        continue
                    parameters = {name: float(varied[name]) for name in swept}
                    curve = curves and matching(curves, cell.name, protocol.name, varied)
                    tasks.append(
                        Task(
                            id=task_id(
                                kind="simulation",
                                parameters=parameters_digest(tuple(parameters.values())),
                                model=model_digest,
                                protocol=procedure.digest,
                                settings=settings,
                                measured=curve.sha256 if curve else None,
                            ),
                            number=len(tasks),
                            kind="simulation",
                            varied=varied,
                            parameters=parameters,
                            procedure=procedure.protocol,
                            **labels,
                        )
                    )
    excluded.note_idle()
    return tasks


def _needs_measured(sweep: Sweep) -> bool:
    kinds = {parse_summary(text).kind for text in sweep.output.summary}
    return bool(kinds & set(AGAINST_MEASURED))


class _Exclusion:
    """The conditions of a sweep; calling it says whether any holds for some values."""

    def __init__(self, conditions: Sequence[str], faults: Faults) -> None:
        self._faults = faults
        self._conditions = [
            (f"exclude.{number}.when", tree, names(tree))
            for number, tree in enumerate(map(parse, conditions))
        ]
        self._idle = {place for place, _, _ in self._conditions}

    def __call__(self, values: Mapping[str, Scalar]) -> bool:
        holds = False
        for place, condition, needed in self._conditions:
            if holds and place not in self._idle:
                continue
            if not needed <= values.keys():  # a task without the name is not meant
                continue
            try:
                if evaluate(condition, values):
                    self._idle.discard(place)
                    holds = True
            except ValueError as error:
                if not self._faults.under(place):
                    self._faults.add(place, str(error))
        return holds

    def note_idle(self) -> None:
        """Note the conditions that have held for nothing so far."""
        for place, _, _ in self._conditions:
            if place in self._idle and not self._faults.under(place):
                self._faults.add(place, "leaves out nothing; check it, or delete it")
