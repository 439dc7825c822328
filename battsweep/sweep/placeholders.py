"""``{placeholders}`` in a protocol: find them, and put values in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from battsweep.sweep.faults import shown
from battsweep.sweep.quantities import is_number, number_text
from battsweep.sweep.spec import Protocol, Scalar

INITIAL_SOC = "initial_soc"
_PLACEHOLDER = re.compile(r"\{\s*([^{}]*?)\s*\}")


def names_in(text: str) -> list[str]:
    """Return the names between braces, in order.

    Raises
    ------
    ValueError
        If a brace has no partner, or nothing is between two.
    """
    names = _PLACEHOLDER.findall(text)
    rest = _PLACEHOLDER.sub("", text)
    if "" in names or "{" in rest or "}" in rest:
        raise ValueError(f"{shown(text)}: braces come in pairs around a name, as {{rate}}")
    return names


def names_anywhere(value: object) -> frozenset[str]:
    """Return the names between braces in all texts of a table, even of a faulty one."""
    if isinstance(value, str):
        return frozenset(_PLACEHOLDER.findall(value))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return frozenset().union(*map(names_anywhere, inner))


def placeholders(protocol: Protocol) -> frozenset[str]:
    """Return the names of all placeholders of a protocol, its initial_soc's included."""
    texts = [*protocol.steps, protocol.current]
    if isinstance(protocol.initial_soc, str):
        texts.append(protocol.initial_soc)
    return frozenset(name for text in texts for name in names_in(text))


def fill(protocol: Protocol, values: Mapping[str, Scalar]) -> Protocol:
    """Return the protocol with every placeholder replaced by its value.

    A value called ``initial_soc`` sets the protocol's. Other values that the
    protocol has no place for are ignored.

    Raises
    ------
    ValueError
        If a placeholder has no value, or initial_soc is not between 0 and 1.
    """
    soc = values.get(INITIAL_SOC, protocol.initial_soc)
    if isinstance(soc, str) and (names := names_in(soc)):
        soc = _value(names[0], values)
    if soc is not None:
        if isinstance(soc, str) or not is_number(soc) or not 0 <= soc <= 1:
            raise ValueError(f"initial_soc: {shown(soc)}: must be a number between 0 and 1")
        soc = float(soc)
    return replace(
        protocol,
        steps=tuple(_fill_text(step, values) for step in protocol.steps),
        current=_fill_text(protocol.current, values),
        initial_soc=soc,
    )


def _fill_text(text: str, values: Mapping[str, Scalar]) -> str:
    if "{" not in text:
        return text
    return _PLACEHOLDER.sub(lambda found: _text(_value(found[1], values)), text)


def _value(name: str, values: Mapping[str, Scalar]) -> Scalar:
    if name not in values:
        raise ValueError(f"no value for the placeholder {{{name}}}; give it an axis")
    return values[name]


def _text(value: Scalar) -> str:
    return value if isinstance(value, str) else number_text(value)
