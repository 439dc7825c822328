"""Steps that differ in numbers only: one experiment, with the numbers as inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from battsweep.jobs.physics import import_pybamm, parse_step

OPERATORS = {"charge": ">", "discharge": "<"}


@dataclass(frozen=True, slots=True)
class Steps:
    """Filled steps, taken apart.

    ``structure`` is equal for steps that one experiment can do; ``slots``
    has, for each step, the prefix of its inputs' names, or None for a step
    that is the same in every task; ``values`` the numbers of the inputs.
    """

    structure: tuple[object, ...]
    slots: tuple[str | None, ...]
    values: Mapping[str, float]


def take_apart(template: Sequence[str], filled: Sequence[str]) -> Steps:
    """Take steps apart whose templates have placeholders; leave the others as they are.

    Repeated templates share their inputs, as their steps share a model.
    """
    structure: list[object] = []
    slots: list[str | None] = []
    values: dict[str, float] = {}
    for text, step in zip(template, filled, strict=True):
        if "{" not in text:
            structure.append(step)
            slots.append(None)
            continue
        slot = f"Step {template.index(text) + 1}"
        kind, found = _parts(slot, parse_step(step))
        structure.append([slot, *kind])
        slots.append(slot)
        values.update(found)
    return Steps(tuple(structure), tuple(slots), values)


def _parts(slot: str, step: Any) -> tuple[list[object], dict[str, float]]:
    """Return what of a step decides its model, and the numbers that are inputs of it.

    A duration is neither: PyBaMM reads it when it solves. A value of 0 is
    kept, since PyBaMM makes a rest of it, which ends at no voltage.
    """
    values: dict[str, float] = {}
    kind: list[object] = [type(step).__name__, step.direction, step.uses_default_duration]
    kind.append([step.period, step.temperature])
    if step.value == 0:
        kind.append(0.0)
    else:
        values[f"{slot} value"] = float(step.value)
    for number, term in enumerate(step.termination, start=1):
        kind.append([type(term).__name__, _operator(step, term)])
        if not _never_ends(step, term):
            values[f"{slot} end {number}"] = float(term.value)
    return kind, values


def with_inputs(text: str, slot: str) -> Any:
    """Return the PyBaMM step of a text, with inputs for its numbers.

    PyBaMM reads off a value's sign whether a voltage is an upper or a lower
    end; of an input it cannot, so the end says it itself.
    """
    pybamm = import_pybamm()
    step = parse_step(text)
    _, values = _parts(slot, step)
    name = f"{slot} value"
    ends = [
        type(term)(pybamm.InputParameter(f"{slot} end {number}"), operator=_operator(step, term))
        for number, term in enumerate(step.termination, start=1)
        if not _never_ends(step, term)
    ]
    return type(step)(
        pybamm.InputParameter(name) if name in values else step.value,
        duration=step.duration,
        termination=ends or None,
        period=step.period,
        description=text,
    )


def _operator(step: Any, term: Any) -> str | None:
    if isinstance(term, import_pybamm().step.VoltageTermination) and term.operator is None:
        return OPERATORS.get(step.direction)
    return str(term.operator) if term.operator else None


def _never_ends(step: Any, term: Any) -> bool:
    """Return whether PyBaMM makes no event of an end, as of a rest's until a voltage."""
    voltage = import_pybamm().step.VoltageTermination
    return isinstance(term, voltage) and _operator(step, term) is None


def set_durations(steps: Sequence[Any], slots: Sequence[str | None], texts: Sequence[str]) -> None:
    """Give a built experiment's steps the durations and names of the steps in ``texts``.

    ``steps`` are PyBaMM's, one for each step of all cycles.
    """
    for number, step in enumerate(steps):
        at = number % len(texts)
        if slots[at] is not None:
            given = parse_step(texts[at])
            step.duration = given.duration
            step.uses_default_duration = given.uses_default_duration
            step.description = texts[at]
