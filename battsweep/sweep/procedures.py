"""Protocols with their placeholders filled, each checked and hashed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from battsweep.sweep.faults import Faults, shown
from battsweep.sweep.identity import procedure_digest, profile_digest
from battsweep.sweep.placeholders import INITIAL_SOC, fill, placeholders
from battsweep.sweep.quantities import parse_current
from battsweep.sweep.spec import Protocol, Scalar


@dataclass(frozen=True, slots=True)
class Procedure:
    """A filled protocol, and the digest of its content."""

    protocol: Protocol
    digest: str


class Procedures:
    """Fills protocols, each only once, and notes the first fault of each place."""

    def __init__(self, canonical_step: Callable[[str], object], faults: Faults) -> None:
        self._canonical_step = canonical_step
        self._faults = faults
        self._steps: dict[str, object] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._profiles: dict[str, str | None] = {}
        self._known: dict[tuple[object, ...], Procedure | None] = {}

    def get(self, protocol: Protocol, values: Mapping[str, Scalar]) -> Procedure | None:
        """Return the protocol filled with values; None after noting what is wrong."""
        label = protocol.name
        if label not in self._names:
            self._names[label] = (*sorted(placeholders(protocol)), INITIAL_SOC)
            self._profiles[label] = profile_digest(protocol.profile)
        key = (label, *(values.get(name) for name in self._names[label]))
        if key not in self._known:
            self._known[key] = self._fill(protocol, values)
        return self._known[key]

    def _fill(self, protocol: Protocol, values: Mapping[str, Scalar]) -> Procedure | None:
        place = f"protocols.{protocol.name}"
        try:
            filled = fill(protocol, values)
        except ValueError as error:
            self._note(place, str(error))
            return None
        checks: list[tuple[str, str, Callable[[str], object]]] = [
            (f"{place}.steps.{number}", step, self._step)
            for number, step in enumerate(filled.steps)
        ]
        if filled.kind == "constant":
            checks.append((f"{place}.{filled.direction}", filled.current, parse_current))
        sound = True
        for where, text, understand in checks:
            try:
                understand(text)
            except ValueError as error:
                told = str(error)
                self._note(where, told if text in told else f"{shown(text)}: {told}")
                sound = False
        if not sound:
            return None
        profile = self._profiles[protocol.name]
        return Procedure(filled, procedure_digest(filled, self._step, profile))

    def _step(self, text: str) -> object:
        if text not in self._steps:
            self._steps[text] = self._canonical_step(text)
        return self._steps[text]

    def _note(self, place: str, message: str) -> None:
        if not self._faults.under(place):
            self._faults.add(place, message)
