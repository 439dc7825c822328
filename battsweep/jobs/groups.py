"""Tasks into groups that share one built model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from battsweep.jobs.classify import CAPACITY, CURRENT, Swept, Varied, classify
from battsweep.jobs.enters import Entered, entered
from battsweep.jobs.step_inputs import Steps, take_apart
from battsweep.sweep.cycles import cycles_at_once
from battsweep.sweep.identity import canonical_json
from battsweep.sweep.quantities import current_a
from battsweep.sweep.spec import Cell, Fit, Measured, Model, Output, Protocol, Sweep
from battsweep.sweep.summaries import parse_summary
from battsweep.sweep.task import Resolved, Task

__all__ = ["CAPACITY", "Curve", "FitItem", "Group", "Grouper", "Item", "Place"]


@dataclass(frozen=True, slots=True)
class Group:
    """All that must be known to build one model, and nothing that may vary in it.

    ``cell`` has the values that need a build of their own among its
    overrides; ``inputs`` are the PyBaMM parameters given at each solve;
    ``key`` is equal for groups that are built alike. ``slots`` has, for each
    of the protocol's steps, the prefix of the inputs that stand for its
    numbers, or None for a step that is the same in all tasks; the numbers in
    the others' texts are those of any one task. ``compiled`` says that there
    are enough tasks for the solver's functions to be compiled.
    ``solver_options`` are IDAKLU's, and "root_method". ``retry_ladder`` and
    ``time_limit_s`` say what may be tried after the solver gave up.
    """

    key: str
    cell: Cell
    model: Model
    protocol: Protocol
    inputs: tuple[str, ...]
    output: Output
    rtol: float
    atol: float
    slots: tuple[str | None, ...] = ()
    compiled: bool = False
    solver_options: Mapping[str, float | str] = field(default_factory=dict)
    retry_ladder: bool = True
    time_limit_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Item:
    """A task as its group's model needs it: values of the inputs, in PyBaMM's units.

    Those of a group's ``slots`` are among them. With ``prove`` its result is held
    against a plain simulation; with ``rebuild`` it is solved on a model built for
    it alone. ``block`` is how many cycles are solved and saved at a time; None
    for all at once.
    """

    task: Task
    inputs: Mapping[str, float]
    initial_soc: float | None
    duration_s: float
    measured: Measured | None = None
    prove: bool = False
    rebuild: bool = False
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
    prove: bool = False


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
        self._entered: dict[tuple[str, str, tuple[str, ...]], Entered] = {}
        self._words = _names_with_words(sweep)
        self._groups: dict[bytes, Group] = {}
        # Keeps the procedures too, so that no other can have the id of one.
        self._known: dict[tuple[object, ...], tuple[Protocol, Group]] = {}

    def place(self, cell: str, model: str, protocol: str, names: Sequence[str]) -> Place:
        """Return how ``names`` are swept with these labels."""
        at = (cell, model, protocol, tuple(names))
        if at not in self._places:
            content = self._resolved.cells[cell].content
            found = self._where(cell, model, tuple(name for name in names if name in content))
            swept = {
                name: classify(
                    Varied(
                        name,
                        self._protocols[protocol],
                        content,
                        found,
                        symbolic="submesh" in self._resolved.models[model],
                        numbers=name not in self._words,
                    )
                )
                for name in names
            }
            self._places[at] = Place(cell, model, protocol, swept)
        return self._places[at]

    def _where(self, cell: str, model: str, names: tuple[str, ...]) -> Entered:
        at = (cell, model, names)
        if at not in self._entered:
            made = self._pybamm_models[model]
            outputs = _outputs(self._sweep.output)
            self._entered[at] = entered(made, self._cells[cell], names, outputs)
        return self._entered[at]

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
        template = self._protocols[task.protocol]
        steps = take_apart(protocol.steps if template.replays else template.steps, protocol.steps)
        if protocol.kind == "constant":
            amperes = current_a(protocol.current, float(capacity or 0))
            inputs[CURRENT] = amperes if protocol.direction == "discharge" else -amperes
            duration = protocol.duration_s or 5 * 3600 * float(capacity or amperes) / amperes
            protocol = replace(protocol, current="", direction="discharge", duration_s=None)
        elif protocol.profile is not None:
            duration = protocol.profile.times_s[-1]
        alike = (
            *(task.cell, task.model, id(task.procedure)),
            *(tuple(constants.items()), tuple(inputs), tuple(free)),
        )
        if alike not in self._known:
            made = self._group(task, protocol, steps, constants, (*inputs, *free))
            self._known[alike] = (task.procedure, made)
        item = Item(
            task=task,
            inputs={**inputs, **steps.values},
            initial_soc=None if soc is None else float(soc),
            duration_s=duration,
            measured=measured,
            block=cycles_at_once(protocol, self._sweep.output, self._sweep.run),
        )
        group = self._known[alike][1]
        return group, item

    def _group(
        self,
        task: Task,
        protocol: Protocol,
        steps: Steps,
        constants: Mapping[str, float],
        inputs: Sequence[str],
    ) -> Group:
        cell = self._cells[task.cell]
        cell = replace(cell, name="", overrides={**cell.overrides, **constants})
        content = self._resolved.models[task.model]
        geometry: Literal["symbolic", "rebuild"] = "symbolic" if "submesh" in content else "rebuild"
        model = replace(self._models[task.model], name="", geometry=geometry)
        # Whether a state of charge is set decides where a build starts; which, does not.
        soc = None if protocol.initial_soc is None else 1.0
        protocol = replace(protocol, name="", initial_soc=soc)
        run = self._sweep.run
        changed = {**self._resolved.cells[task.cell].changed, **constants}
        what = canonical_json(
            [
                self._resolved.cells[task.cell].sha256,
                changed,
                content,
                [asdict(replace(protocol, steps=())), steps.structure],
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
                slots=steps.slots,
                retry_ladder=run.retry_ladder,
                time_limit_s=run.time_limit_s,
            )
        return self._groups[what]


def _names_with_words(sweep: Sweep) -> frozenset[str]:
    """Return the varied names that take other values than numbers."""
    found: set[str] = set()
    for axis in sweep.axes:
        for row in axis.rows:
            found.update(n for n, v in zip(axis.names, row, strict=True) if isinstance(v, str))
    return frozenset(found)


def _outputs(output: Output) -> tuple[str, ...]:
    summaries = [parse_summary(text).variable for text in output.summary]
    return (*output.series, *(name for name in summaries if name is not None))
