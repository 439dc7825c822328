"""Protocols with their placeholders filled, each checked and hashed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from battsweep.sweep.faults import Faults, shown
from battsweep.sweep.identity import canonical_json, procedure_digest, profile_digest
from battsweep.sweep.placeholders import INITIAL_SOC, fill, names_in, placeholders
from battsweep.sweep.quantities import current_a
from battsweep.sweep.spec import Axis, Protocol, Replay, Scalar


@dataclass(frozen=True, slots=True)
class Procedure:
    """A filled protocol, and the digest of its content."""

    protocol: Protocol
    digest: str


class Procedures:
    """Fills protocols, each only once, and notes the first fault of each place."""

    def __init__(
        self, canonical_step: Callable[[str], object], axes: Sequence[Axis], faults: Faults
    ) -> None:
        self._canonical_step = canonical_step
        self._axes = axes
        self._faults = faults
        self._steps: dict[str, object] = {}
        self._names: dict[object, tuple[str, ...]] = {}
        self._profiles: dict[object, str | None] = {}
        self._known: dict[tuple[object, ...], Procedure | None] = {}

    def get(
        self,
        protocol: Protocol,
        values: Mapping[str, Scalar],
        capacity: float | str | None,
        replay: Replay | None = None,
    ) -> Procedure | None:
        """Return the protocol filled with values; None after noting what is wrong.

        ``capacity`` is that of the cell, in A.h, where its parameters say so;
        ``replay`` the measured cycle that a protocol with replays does.
        """
        label: object = protocol.name
        if replay is not None:
            label = (protocol.name, replay.cell, replay.cycle)
            protocol = replace(
                protocol,
                profile=replay.profile,
                steps=replay.steps,
                initial_soc=replay.initial_soc,
                replays=(),
            )
        if label not in self._names:
            self._names[label] = (*sorted(placeholders(protocol)), INITIAL_SOC)
            self._profiles[label] = profile_digest(protocol.profile)
        capacity_ah = None
        if protocol.kind == "constant" and isinstance(capacity, float) and capacity > 0:
            capacity_ah = capacity
        key = (label, capacity_ah, *(values.get(name) for name in self._names[label]))
        if key not in self._known:
            self._known[key] = self._fill(protocol, values, capacity_ah, self._profiles[label])
        return self._known[key]

    def _fill(
        self,
        protocol: Protocol,
        values: Mapping[str, Scalar],
        capacity_ah: float | None,
        profile: str | None,
    ) -> Procedure | None:
        place = f"protocols.{protocol.name}"
        try:
            filled = fill(protocol, values)
        except ValueError as error:
            self._note(place, str(error))
            return None
        checks: list[tuple[str, str, str, Callable[[str], object]]] = [
            (f"{place}.steps.{number}", protocol.steps[number], step, self._step)
            for number, step in enumerate(filled.steps)
        ]
        if filled.kind == "constant":
            where = f"{place}.{filled.direction}"
            checks.append(
                (where, protocol.current, filled.current, lambda text: _amperes(text, capacity_ah))
            )
        sound = True
        for where, given, text, understand in checks:
            try:
                understand(text)
            except ValueError as error:
                told = str(error) if text in str(error) else f"{shown(text)}: {error}"
                self._note(where, told + self._origin(given, values))
                sound = False
        if not sound:
            return None
        return Procedure(filled, procedure_digest(filled, self._step, profile, capacity_ah))

    def _step(self, text: str) -> object:
        if text not in self._steps:
            step = self._canonical_step(text)
            try:
                canonical_json(step)
            except ValueError as error:
                told = "has a number that is too large for a computer; write a smaller one"
                raise ValueError(f"{shown(text)}: {told}") from error
            self._steps[text] = step
        return self._steps[text]

    def _origin(self, text: str, values: Mapping[str, Scalar]) -> str:
        """Return which axes gave the values that now stand in a text."""
        told = [
            f"{{{name}}} is value {[row[column] for row in axis.rows].index(values[name])} "
            f"of axes.{number}.{name}"
            for number, axis in enumerate(self._axes)
            for column, name in enumerate(axis.names)
            if name in names_in(text) and name in values
        ]
        return f"; {', '.join(told)}" if told else ""

    def _note(self, place: str, message: str) -> None:
        if not self._faults.under(place):
            self._faults.add(place, message)


def _amperes(text: str, capacity_ah: float | None) -> None:
    if not math.isfinite(current_a(text, capacity_ah or 1.0)):
        raise ValueError(f"{shown(text)}: a current too large for a computer; write a smaller one")
