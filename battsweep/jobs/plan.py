"""A sweep's tasks, resolved and grouped: all that can be known before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from battsweep.errors import Fault, SpecError
from battsweep.jobs.catalogue import Catalogue, catalogue
from battsweep.jobs.compiled import is_kept, pays
from battsweep.jobs.groups import CAPACITY, Curve, FitItem, Group, Grouper, Item, Place
from battsweep.jobs.replay import settled
from battsweep.jobs.sample import Placed
from battsweep.sweep.expand import expand, fill
from battsweep.sweep.identity import sweep_id
from battsweep.sweep.matching import measured_for
from battsweep.sweep.spec import Fit, Sweep
from battsweep.sweep.task import Task


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a sweep would compute.

    ``placed`` has, for each task, its group (None for a fit) and the task as
    its group needs it; ``places`` how each name is swept, by cell, model and
    protocol.
    """

    sweep: Sweep
    sweep_id: str
    tasks: tuple[Task, ...]
    placed: tuple[tuple[Group | None, Item | FitItem], ...]
    places: tuple[Place, ...]
    catalogue: Catalogue

    def groups(self) -> dict[str, int]:
        """Return the count of tasks by group key; fits count under "fit"."""
        return dict(Counter("fit" if g is None else g.key for g, _ in self.placed))

    def compiled(self) -> tuple[str, ...]:
        """Return the keys of the groups whose functions are compiled."""
        return tuple(sorted({g.key for g, _ in self.placed if g is not None and g.compiled}))


def make_plan(sweep: Sweep) -> Plan:
    """Check a sweep against PyBaMM and plan it.

    Raises
    ------
    SpecError
        With every fault found.
    """
    sweep = settled(sweep)
    known = catalogue(sweep)
    tasks = tuple(expand(sweep, known.resolved))
    grouper = Grouper(sweep, known.resolved, known.models)
    placed: list[Placed] = []
    places: dict[tuple[str, str, str], Place] = {}
    for task in tasks:
        if sweep.fit is not None:
            placed.append((None, _fit_item(sweep, sweep.fit, task, grouper, known)))
            continue
        placed.append(grouper.sort(task, measured=measured_for(sweep, task)))
        place = grouper.place(task.cell, task.model, task.protocol, tuple(task.varied))
        places.setdefault((place.cell, place.model, place.protocol), place)
    if sweep.fit is not None:
        places = _fit_places(sweep, sweep.fit, tasks, grouper)
    placed = _compiled(placed, known, sweep.run.compile)
    return Plan(sweep, sweep_id(sweep, tasks), tasks, tuple(placed), tuple(places.values()), known)


def _compiled(placed: Sequence[Placed], known: Catalogue, asked: bool | None) -> list[Placed]:
    """Return the same with those groups marked whose functions are compiled.

    Where it is not ``asked`` for or against, those are the ones that repay it, or
    were compiled before.
    """
    counts = Counter(group.key for group, _ in placed if group is not None)
    chosen: dict[str, bool] = {}
    for group, item in placed:
        if group is not None and group.key not in chosen:
            chosen[group.key] = (
                pays(
                    group.protocol,
                    tasks=counts[group.key],
                    algebraic=bool(known.models[item.task.model].algebraic),
                    rtol=group.rtol,
                )
                or is_kept(group.key)
                if asked is None
                else asked
            )
    return _marked(placed, {key for key, worth in chosen.items() if worth})


def compiled_as(plan: Plan, keys: Collection[str]) -> Plan:
    """Return a plan that compiles just the groups with these keys."""
    return replace(plan, placed=tuple(_marked(plan.placed, set(keys))))


def _marked(placed: Iterable[Placed], keys: set[str]) -> list[Placed]:
    groups: dict[str, Group] = {}
    for group, _ in placed:
        if group is not None and group.key not in groups:
            groups[group.key] = replace(group, compiled=group.key in keys)
    return [(None if g is None else groups[g.key], item) for g, item in placed]


def further_faults(sweep: Sweep) -> tuple[Fault, ...]:
    """Return what PyBaMM finds wrong in the part of a sweep file that can be read."""
    try:
        make_plan(sweep)
    except SpecError as error:
        return error.faults
    return ()


def _fit_item(sweep: Sweep, fit: Fit, task: Task, grouper: Grouper, known: Catalogue) -> FitItem:
    """Return a fit with one group and item for each of its curves."""
    content = known.resolved.cells[task.cell].content
    free = tuple(parameter.name for parameter in fit.free)
    protocols = {protocol.name: protocol for protocol in sweep.protocols}
    curves: list[Curve] = []
    evaluations = fit.population * len(free) * (fit.generations + 1)
    for role, names in (("fit", fit.data), ("hold-out", fit.hold_out)):
        for measured in sweep.measured:
            if measured.name not in names or measured.cell != task.cell:
                continue
            parameters = {n: float(v) for n, v in measured.at.items() if n in content}
            simulation = replace(
                task,
                kind="simulation",
                protocol=measured.protocol,
                varied=dict(measured.at),
                parameters=parameters,
                procedure=fill(protocols[measured.protocol], measured.at),
            )
            group, item = grouper.sort(simulation, measured=measured, free=free)
            algebraic = bool(known.models[task.model].algebraic)
            worth = pays(group.protocol, tasks=evaluations, algebraic=algebraic, rtol=group.rtol)
            group = replace(group, compiled=role == "fit" and worth)
            untouched = grouper.sort(simulation, measured=measured)
            curves.append(Curve(role, group, item, untouched))
    start = {name: _number(content.get(name)) for name in free}
    return FitItem(task, fit, tuple(curves), start, sweep.seed)


def _number(value: float | str | None) -> float | None:
    return value if isinstance(value, float) else None


def _fit_places(
    sweep: Sweep, fit: Fit, tasks: Sequence[Task], grouper: Grouper
) -> dict[tuple[str, str, str], Place]:
    """Return how the free parameters are given to each model; refuse what needs a build."""
    names = tuple(parameter.name for parameter in fit.free)
    faults: list[Fault] = []
    places: dict[tuple[str, str, str], Place] = {}
    for task in tasks:
        place = grouper.place(task.cell, task.model, task.protocol, names)
        places[(place.cell, place.model, place.protocol)] = place
        for name, swept in place.swept.items():
            if name == CAPACITY:
                message = "sets only what a C-rate means, not the cell; give currents in A"
                faults.append(Fault(str(sweep.path), f"fit.parameters.{name}", message))
            elif swept.rebuilds:
                message = (
                    f"cannot be fitted in this version with model {task.model!r}: {swept.reason};"
                    " sweep it instead"
                )
                faults.append(Fault(str(sweep.path), f"fit.parameters.{name}", message))
    if faults:
        raise SpecError(tuple(dict.fromkeys(faults)))
    return places
