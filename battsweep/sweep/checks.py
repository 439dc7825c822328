"""What must hold between the tables of a sweep: every name has its meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from battsweep.sweep.expressions import (
    And,
    Compare,
    Expr,
    In,
    Literal,
    Name,
    Not,
    Or,
    names,
)
from battsweep.sweep.expressions import parse as parse_expression
from battsweep.sweep.faults import Faults, shown, suggestion, toml_key
from battsweep.sweep.placeholders import INITIAL_SOC, fill, names_in, placeholders
from battsweep.sweep.quantities import is_number, number_text
from battsweep.sweep.spec import LABELS, Axis, Measured, Protocol, Scalar

_MOST_LISTED = 8


def all_placeholders(protocols: Iterable[Protocol]) -> frozenset[str]:
    """Return the names that are placeholders in any of the protocols."""
    return frozenset().union(*(placeholders(protocol) for protocol in protocols))


def check_axes(axes: Sequence[Axis], protocols: Sequence[Protocol], faults: Faults) -> None:
    """Note placeholders without an axis, and values that do not suit their name."""
    varied = {name for axis in axes for name in axis.names}
    words_allowed = all_placeholders(protocols)
    soc_names = {INITIAL_SOC} & varied
    for protocol in protocols:
        place = f"protocols.{protocol.name}"
        for name in sorted(placeholders(protocol) - varied):
            if name in LABELS:
                told = "is a label of every task, which no axis can vary; give it another name"
                faults.add(place, f"{{{name}}}: {told}")
                continue
            hint = suggestion(name, varied) or f"; add [[axes]] with {toml_key(name)} = [...]"
            faults.add(place, f"{{{name}}}: no axis gives it a value{hint}")
        if isinstance(protocol.initial_soc, str):
            own = names_in(protocol.initial_soc)
            soc_names.update(own)
            if INITIAL_SOC in varied and own != [INITIAL_SOC]:
                faults.add(
                    f"{place}.initial_soc",
                    f"{protocol.initial_soc!r}: the axis 'initial_soc' sets it too",
                )
    for number, axis in enumerate(axes):
        for column, name in enumerate(axis.names):
            values = [row[column] for row in axis.rows]
            place = f"axes.{number}.{name}"
            if name in soc_names:
                _note_first_wrong(values, _is_soc, "must be a number from 0 to 1", place, faults)
            elif name not in words_allowed:
                rule = f"must be a number, as no protocol has the placeholder {{{name}}}"
                _note_first_wrong(values, is_number, rule, place, faults)


def _note_first_wrong(
    values: Sequence[Scalar],
    right: Callable[[Scalar], bool],
    rule: str,
    place: str,
    faults: Faults,
) -> None:
    for number, value in enumerate(values):
        if not right(value):
            faults.add(place, f"value {number}: {shown(value)}: {rule}")
            return


def _is_soc(value: Scalar) -> bool:
    return isinstance(value, int | float) and is_number(value) and 0 <= value <= 1


def check_exclude(
    conditions: Iterable[tuple[int, str]],
    labels: Mapping[str, Sequence[str]],
    axes: Sequence[Axis] | None,
    faults: Faults,
) -> None:
    """Note conditions that cannot be read, and names and labels in them that do not exist.

    Each condition comes with its number in the file. ``labels`` has the labels of
    "cell", "model" and "protocol"; ``axes`` is None where they are faulty and
    their names not known.
    """
    values = values_of(axes or ())
    known = {*labels, *values} if axes is not None else None
    for number, text in conditions:
        place = f"exclude.{number}.when"
        try:
            condition = parse_expression(text)
        except ValueError as error:
            faults.add(place, str(error))
            continue
        unknown = names(condition) - known if known is not None else ()
        for name in sorted(unknown):
            hint = suggestion(name, known or ())
            faults.add(place, f"{name!r}: not a name of this sweep{hint}")
        for kind, label in _labels_in(condition):
            if kind in labels and label not in labels[kind]:
                hint = suggestion(str(label), labels[kind])
                faults.add(place, f"{shown(label)}: no such {kind} in this file{hint}")
            elif kind in values and not any(_alike(label, value) for value in values[kind]):
                given = "a text" if isinstance(label, str) else "a number"
                told = f"{kind!r} is never {given}; its values are {listed(values[kind])}"
                faults.add(place, f"{shown(label)}: {told}")


def values_of(axes: Iterable[Axis]) -> dict[str, tuple[Scalar, ...]]:
    """Return the values of each varied name, in the file's order."""
    return {
        name: tuple(row[column] for row in axis.rows)
        for axis in axes
        for column, name in enumerate(axis.names)
    }


def listed(values: Iterable[Scalar]) -> str:
    """Return values as a message lists them: each once, the first few."""
    distinct = list(dict.fromkeys(values))
    texts = [repr(value) if isinstance(value, str) else number_text(value) for value in distinct]
    return ", ".join([*texts[:_MOST_LISTED], *(["..."] if len(texts) > _MOST_LISTED else [])])


def _alike(one: object, other: object) -> bool:
    return isinstance(one, str) == isinstance(other, str)


def _labels_in(condition: Expr) -> Iterator[tuple[str, object]]:
    """Yield each name that is compared with a text, and the text."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _labels_in(part)
        case Not(part):
            yield from _labels_in(part)
        case In(Name(name), values):
            yield from ((name, value) for value in values)
        case Compare(first, rest):
            sides = [first, *(side for _, side in rest)]
            for left, right in pairwise(sides):
                for one, other in ((left, right), (right, left)):
                    if isinstance(one, Name) and isinstance(other, Literal):
                        yield one.name, other.value
        case _:
            return


def check_measured(curves: Sequence[Measured], axes: Sequence[Axis], faults: Faults) -> None:
    """Note names in ``at`` that are not varied, and two curves that claim the same tasks."""
    known = {name for axis in axes for name in axis.names}
    for number, curve in enumerate(curves):
        place = f"measured.{number}.at"
        for name in curve.at:
            if name not in known:
                faults.add(f"{place}.{name}", f"not the name of an axis{suggestion(name, known)}")
        for other in curves[:number]:
            if (curve.cell, curve.protocol, curve.at) == (
                other.cell,
                other.protocol,
                other.at,
            ):
                faults.add(place, f"belongs to the same tasks as {other.name!r}; give another at")


def check_fit_curves(
    curves: Sequence[Measured], protocols: Sequence[Protocol], faults: Faults
) -> None:
    """Note curves whose ``at`` does not fill the placeholders of their protocol."""
    known = {protocol.name: protocol for protocol in protocols}
    for number, curve in enumerate(curves):
        if curve.protocol not in known:
            continue
        place = f"measured.{number}.at"
        needed = placeholders(known[curve.protocol])
        for name in sorted(needed - set(curve.at)):
            faults.add(place, f"gives no value to {{{name}}} of {curve.protocol!r}; add it")
        for name in curve.at:
            if name not in needed and name != INITIAL_SOC:
                hint = suggestion(name, needed)
                faults.add(
                    f"{place}.{name}",
                    f"not a placeholder of {curve.protocol!r}; curves of a fit differ in "
                    f"placeholders only, in this version{hint}",
                )
        try:
            fill(known[curve.protocol], curve.at)
        except ValueError as error:
            if needed <= set(curve.at):
                faults.add(place, str(error))
