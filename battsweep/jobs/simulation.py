"""What a group's `pybamm.Simulation` is made of: experiment, profile, solver, outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from battsweep.data.columns import TIME
from battsweep.jobs.classify import TEMPERATURES
from battsweep.jobs.groups import Group
from battsweep.jobs.knots import stops
from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.step_inputs import with_inputs
from battsweep.sweep.summaries import parse_summary

VOLTAGE_AND_CURRENT = ("Voltage [V]", "Current [A]")


def solver_of(group: Group, outputs: list[str], *, compiled: bool) -> Any:
    """Return a new solver; where it gives up, what it has so far is returned with a warning."""
    options = {"compile": compiled, **group.solver_options}
    return import_pybamm().IDAKLUSolver(
        rtol=group.rtol,
        atol=group.atol,
        output_variables=outputs,
        root_method=options.pop("root_method", None),
        on_failure="warn",
        options=options,
    )


def wanted_variables(group: Group) -> tuple[str, ...]:
    """Return the PyBaMM variables that a group's series and summaries are made of."""
    names = [*VOLTAGE_AND_CURRENT, *group.output.series]
    for text in group.output.summary:
        summary = parse_summary(text)
        if summary.variable is not None:
            names.append(summary.variable)
        if "capacity" in summary.kind:
            names.append("Discharge capacity [A.h]")
    return tuple(dict.fromkeys(name for name in names if name != TIME.pybamm_name))


def input_name(name: str, *, is_experiment: bool) -> str:
    """Return the name of the input that stands for a parameter.

    PyBaMM refuses inputs of some names in experiments, which may set them
    step by step; ours, whose steps have no temperatures, do not.
    """
    return f"{name} of the task" if is_experiment and name in TEMPERATURES else name


def has_steps(group: Group) -> bool:
    """Return whether a group's protocol is an experiment to PyBaMM."""
    profile = group.protocol.profile
    return group.protocol.kind == "steps" or (profile is not None and profile.quantity == "power")


def experiment_of(group: Group, *, cycles: int | None = None) -> Any:
    """Return a protocol as a `pybamm.Experiment`, of all its cycles or so many."""
    pybamm = import_pybamm()
    protocol = group.protocol
    steps: tuple[Any, ...] = tuple(
        text if slot is None else with_inputs(text, slot)
        for text, slot in zip(
            protocol.steps, group.slots or (None,) * len(protocol.steps), strict=True
        )
    )
    if protocol.profile is not None:
        # PyBaMM's power is positive on discharge, a profile's on charge.
        power = [-value for value in protocol.profile.values]
        steps = (pybamm.step.power(np.column_stack([protocol.profile.times_s, power])),)
    return pybamm.Experiment([steps] * (cycles or protocol.cycles), period=group.output.every_s)


def stops_of(group: Group) -> NDArray[np.float64] | None:
    """Return where a profile's solver must stop; None where there is no profile."""
    profile = group.protocol.profile
    if profile is None:
        return None
    return stops(np.array(profile.times_s), np.array(profile.values), rtol=group.rtol)


def interpolant_of(group: Group) -> Any:
    """Return a current profile as PyBaMM's function of time."""
    pybamm = import_pybamm()
    profile = group.protocol.profile
    if profile is None:
        raise ValueError("this protocol has no profile")
    # PyBaMM's current is positive on discharge, a profile's on charge.
    return pybamm.Interpolant(
        np.array(profile.times_s),
        -np.array(profile.values),
        pybamm.t,
        interpolator="linear",
    )
