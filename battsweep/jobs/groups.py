"""Tasks into groups that share one built model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from battsweep.jobs.classify import CURRENT, Swept, classify
from battsweep.sweep.cycles import cycles_at_once
from battsweep.sweep.identity import canonical_json
from battsweep.sweep.quantities import current_a
from battsweep.sweep.spec import Cell, Fit, Measured, Model, Output, Protocol, Sweep
from battsweep.sweep.task import Resolved, Task

CAPACITY = "Nominal cell capacity [A.h]"


@dataclass(frozen=True, slots=True)
class Group:
    """All that must be known to build one model, and nothing that may vary in it.

    ``cell`` has the values that need a build of their own among its
    overrides; ``inputs`` are the PyBaMM parameters given at each solve;
    ``key`` is equal for groups that are built alike.
    """

    key: str
    cell: Cell
    model: Model
    protocol: Protocol
    inputs: tuple[str, ...]
    output: Output
    rtol: float
    atol: float


@dataclass(frozen=True, slots=True)
class Item:
    """A task as its group's model needs it: values of the inputs, in PyBaMM's units.

    ``block`` is how many cycles are solved and saved at a time; None for all at once.
    """

    task: Task
    inputs: Mapping[str, float]
    initial_soc: float | None
    duration_s: float
    measured: Measured | None = None
    block: int | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A measured curve, and the simulations that are held against it in a fit.

    ``group`` takes the free parameters as inputs; ``untouched`` is the cell
    as it is before the fit.
    """

    role: str
    group: Group
    item: Item
    untouched: tuple[Group, Item]


@dataclass(frozen=True, slots=True)
class FitItem:
    """A fit as a worker needs it."""

    task: Task
    fit: Fit
    curves: tuple[Curve, ...]
    start: Mapping[str, float | None]
    seed: int


@dataclass(frozen=True, slots=True)
class Place:
    """A cell, model and protocol by label, with how each varied name is swept there."""

    cell: str
    model: str
    protocol: str
    swept: Mapping[str, Swept] = field(default_factory=dict)


class Grouper:
    """Sorts the tasks of one sweep; keeps what PyBaMM said of each name."""

    def __init__(self, sweep: Sweep, resolved: Resolved, models: Mapping[str, Any]) -> None:
        self._sweep = sweep
        self._resolved = resolved
        self._pybamm_models = models
        self._cells = {cell.name: cell for cell in sweep.cells}
        self._models = {model.name: model for model in sweep.models}
        self._protocols = {protocol.name: protocol for protocol in sweep.protocols}
        self._places: dict[tuple[str, str, str, tuple[str, ...]], Place] = {}
        self._groups: dict[bytes, Group] = {}

    def place(self, cell: str, model: str, protocol: str, names: Sequence[str]) -> Place:
        """Return how ``names`` are swept with these labels."""
        at = (cell, model, protocol, tuple(names))
        if at not in self._places:
            swept = {
                name: classify(
                    name,
                    protocol=self._protocols[protocol],
                    model=self._pybamm_models[model],
                    content=self._resolved.cells[cell].content,
                )
                for name in names
            }
            self._places[at] = Place(cell, model, protocol, swept)
        return self._places[at]

    def sort(
        self, task: Task, *, measured: Measured | None = None, free: Sequence[str] = ()
    ) -> tuple[Group, Item]:
        """Return the group a task belongs to, and the task as that group needs it.

        ``free`` are further parameters that a fit will give as inputs.
        """
        place = self.place(task.cell, task.model, task.protocol, tuple(task.varied))
        constants = {n: v for n, v in task.parameters.items() if place.swept[n].rebuilds}
        inputs = {n: v for n, v in task.parameters.items() if n not in constants}
        content = self._resolved.cells[task.cell].content
        capacity = task.parameters.get(CAPACITY, content.get(CAPACITY))
        protocol, duration = task.procedure, 0.0
        soc = protocol.initial_soc
        if protocol.kind == "constant":
            amperes = current_a(protocol.current, float(capacity or 0))
            inputs[CURRENT] = amperes if protocol.direction == "discharge" else -amperes
            duration = protocol.duration_s or 5 * 3600 * float(capacity or amperes) / amperes
            protocol = replace(protocol, current="", direction="discharge", duration_s=None)
        elif protocol.profile is not None:
            duration = protocol.profile.times_s[-1]
        group = self._group(task, protocol, constants, (*inputs, *free))
        block = cycles_at_once(protocol, self._sweep.output, self._sweep.run)
        item = Item(task, inputs, None if soc is None else float(soc), duration, measured, block)
        return group, item

    def _group(
        self,
        task: Task,
        protocol: Protocol,
        constants: Mapping[str, float],
        inputs: Sequence[str],
    ) -> Group:
        cell = self._cells[task.cell]
        cell = Cell("", cell.parameter_set, {**cell.overrides, **constants})
        model = replace(self._models[task.model], name="")
        # Whether a state of charge is set decides where a build starts; which, does not.
        soc = None if protocol.initial_soc is None else 1.0
        protocol = replace(protocol, name="", initial_soc=soc)
        run = self._sweep.run
        changed = {**self._resolved.cells[task.cell].changed, **constants}
        what = canonical_json(
            [
                self._resolved.cells[task.cell].sha256,
                changed,
                self._resolved.models[task.model],
                asdict(protocol),
                sorted(set(inputs)),
                [asdict(self._sweep.output), run.rtol, run.atol],
            ]
        )
        if what not in self._groups:
            self._groups[what] = Group(
                key=hashlib.sha256(what).hexdigest()[:16],
                cell=cell,
                model=model,
                protocol=protocol,
                inputs=tuple(sorted(set(inputs))),
                output=self._sweep.output,
                rtol=run.rtol,
                atol=run.atol,
            )
        return self._groups[what]
