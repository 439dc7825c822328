"""How each varied name is swept: as an input of one built model, or by building again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from battsweep.jobs.enters import Entered
from battsweep.sweep.placeholders import names_in
from battsweep.sweep.spec import Protocol

How = Literal[
    "input", "symbolic geometry", "initial state", "protocol input", "protocol", "rebuild"
]

CURRENT = "Current function [A]"
CAPACITY = "Nominal cell capacity [A.h]"
MAY_BE_C_RATE = re.compile(r"\d\s*C\b|\bC/|\{")
TEMPERATURES = ("Ambient temperature [K]", "Initial temperature [K]")


@dataclass(frozen=True, slots=True)
class Swept:
    """How a varied name is swept, and why."""

    how: How
    reason: str

    @property
    def rebuilds(self) -> bool:
        """Whether another value needs another built model."""
        return self.how == "rebuild"


@dataclass(frozen=True, slots=True)
class Varied:
    """A varied name at one place of a sweep, with what is known of it there.

    ``content`` are the cell's parameters; ``entered`` where they enter the
    model; ``symbolic`` says that the model's lengths are symbols of its mesh;
    ``numbers`` that all values the name takes are numbers.
    """

    name: str
    protocol: Protocol
    content: Mapping[str, float | str]
    entered: Entered
    symbolic: bool = False
    numbers: bool = True

    def is_state(self) -> bool:
        """Return whether it is the state of charge that a task starts from."""
        return self.name == "initial_soc" or self.protocol.initial_soc == f"{{{self.name}}}"

    def is_placeholder(self) -> bool:
        """Return whether it stands in the protocol and is no parameter."""
        return self.name not in self.content

    def has_steps(self) -> bool:
        """Return whether PyBaMM solves the protocol as an experiment."""
        profile = self.protocol.profile
        power = profile is not None and profile.quantity == "power"
        return self.protocol.kind == "steps" or power

    def in_steps(self) -> bool:
        """Return whether it stands in a step of the protocol."""
        return any(self.name in names_in(text) for text in self.protocol.steps)

    def is_used(self) -> bool:
        """Return whether it enters anything that is solved."""
        found = self.entered
        return self.name in found.equations | found.initial | found.events

    def is_a_rate(self) -> bool:
        """Return whether currents of the protocol, or ends of its steps, are made from it."""
        texts = (self.protocol.current, *self.protocol.steps)
        return self.name == CAPACITY and any(map(MAY_BE_C_RATE.search, texts))


@dataclass(frozen=True, slots=True)
class Rule:
    """If it ``applies`` to a varied name, that is ``how`` it is swept, for this ``reason``."""

    applies: Callable[[Varied], bool]
    how: How
    reason: str


RULES: tuple[Rule, ...] = (
    Rule(Varied.is_state, "initial state", "sets the initial concentrations of a built model"),
    Rule(
        lambda v: v.is_placeholder() and v.protocol.kind == "constant",
        "protocol input",
        f"sets {CURRENT!r}, an input",
    ),
    Rule(
        lambda v: v.is_placeholder() and v.in_steps() and v.numbers,
        "protocol input",
        "a number in the steps: an input of one experiment, or the duration of its step",
    ),
    Rule(
        lambda v: v.is_placeholder() and bool(v.protocol.replays),
        "protocol",
        "each measured cycle is a current, or steps, of its own: a build each",
    ),
    Rule(
        Varied.is_placeholder,
        "protocol",
        "changes the steps: those of like structure share an experiment",
    ),
    Rule(
        lambda v: v.name in v.entered.geometry and v.symbolic,
        "symbolic geometry",
        "a length, and a symbol in the mesh of every task of this model",
    ),
    Rule(
        lambda v: v.name in v.entered.geometry,
        "rebuild",
        "a length that the numbers of PyBaMM's own mesh are made from",
    ),
    Rule(
        lambda v: v.name in v.entered.refused,
        "rebuild",
        "PyBaMM cannot put an input in its place",
    ),
    Rule(
        lambda v: v.name in v.entered.averaged,
        "rebuild",
        "PyBaMM averages over the cell differently with it as an input (0.2 mV in SPMe)",
    ),
    Rule(
        Varied.is_a_rate,
        "input",
        "a number in the currents that are given as C-rates",
    ),
    Rule(
        lambda v: not v.is_used(),
        "input",
        "in no equation of this model: only outputs made of it can change",
    ),
    Rule(
        lambda v: v.name in TEMPERATURES and v.has_steps(),
        "input",
        "a number in the model's equations, under another name, as experiments keep this one",
    ),
    Rule(
        lambda v: isinstance(v.content[v.name], str),
        "input",
        "a number in place of a function or table of the set",
    ),
    Rule(lambda v: v.name in v.entered.equations, "input", "a number in the model's equations"),
    Rule(lambda v: v.name in v.entered.initial, "input", "a number in the model's initial state"),
    Rule(Varied.is_used, "input", "a number in the model's events"),
)
"""The first rule that applies holds.

A parameter is an input only where that gives the equations of a fresh
simulation: `tests/jobs/test_equations.py` compares them, to rounding.
"""


def classify(varied: Varied) -> Swept:
    """Say how a varied name is swept at one place."""
    rule = next(rule for rule in RULES if rule.applies(varied))
    return Swept(rule.how, rule.reason)
