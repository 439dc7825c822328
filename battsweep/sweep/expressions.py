"""Conditions such as ``model == 'DFN' and rate > 1``: text to a small tree.

Nothing is ever handed to Python's ``eval``. A name with spaces stands in
backticks: ```Ambient temperature [K]` > 300``.

::

    condition   negation { ("and" | "or") negation }      "and" binds closer
    negation    "not" negation | comparison
    comparison  sum { ("==" | "!=" | "<" | "<=" | ">" | ">=") sum }
                | sum ["not"] "in" "[" value { "," value } "]"
    sum         product { ("+" | "-") product }
    product     factor { ("*" | "/") factor }
    factor      "-" factor | number | 'text' | name | "(" condition or sum ")"
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

from battsweep.sweep.grammar import parse
from battsweep.sweep.tree import (
    CONDITIONS,
    And,
    Arithmetic,
    Compare,
    Expr,
    In,
    Literal,
    Name,
    Not,
    Or,
    Value,
)

__all__ = [
    "CONDITIONS",
    "And",
    "Arithmetic",
    "Compare",
    "Expr",
    "In",
    "Literal",
    "Name",
    "Not",
    "Or",
    "Value",
    "evaluate",
    "names",
    "parse",
]

_ORDER: Mapping[str, Callable[[Value, Value], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def names(expr: Expr) -> frozenset[str]:
    """Return all names that a tree reads."""
    match expr:
        case Name(name):
            return frozenset([name])
        case Literal():
            return frozenset()
        case Arithmetic(_, left, right):
            return names(left) | names(right)
        case Compare(first, rest):
            return names(first).union(*(names(part) for _, part in rest))
        case In(item, _):
            return names(item)
        case Not(part):
            return names(part)
        case And(parts) | Or(parts):
            return frozenset().union(*(names(part) for part in parts))


def evaluate(expr: Expr, values: Mapping[str, Value]) -> bool:
    """Return whether a condition holds for these values.

    A number and a text are never equal.

    Raises
    ------
    ValueError
        If a name has no value, a number is ordered against a text or counted
        with one, or arithmetic has no finite result.
    """
    match expr:
        case Compare(first, rest):
            left = _value(first, values)
            for sign, part in rest:
                right = _value(part, values)
                if not _holds(sign, left, right):
                    return False
                left = right
            return True
        case In(item, options):
            return _value(item, values) in options
        case Not(part):
            return not evaluate(part, values)
        case And(parts):
            return all(evaluate(part, values) for part in parts)
        case Or(parts):
            return any(evaluate(part, values) for part in parts)
        case _:
            raise ValueError("not a condition; compare it with something")


def _value(expr: Expr, values: Mapping[str, Value]) -> Value:
    match expr:
        case Literal(value):
            return value
        case Name(name):
            if name not in values:
                raise ValueError(f"{name!r} has no value here")
            return values[name]
        case Arithmetic(sign, left, right):
            return _count(sign, _value(left, values), _value(right, values))
        case _:
            raise ValueError("a condition stands where a value must")


def _holds(sign: str, left: Value, right: Value) -> bool:
    if sign not in ("==", "!=") and isinstance(left, str) != isinstance(right, str):
        raise ValueError(f"{left!r} {sign} {right!r}: a number and a text have no order")
    return _ORDER[sign](left, right)


def _count(sign: str, left: Value, right: Value) -> float:
    if isinstance(left, str) or isinstance(right, str):
        raise ValueError(f"{left!r} {sign} {right!r}: only numbers can be counted with")
    try:
        result = _ARITHMETIC[sign](left, right)
    except (ZeroDivisionError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        raise ValueError(f"{left!r} {sign} {right!r}: has no finite result")
    return result
