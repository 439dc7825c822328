"""A condition such as ``model == 'DFN' and rate > 1`` as SQL; all values are bound."""

from __future__ import annotations

from dataclasses import dataclass

from battsweep.errors import StoreError
from battsweep.sweep.expressions import (
    And,
    Arithmetic,
    Compare,
    Expr,
    In,
    Literal,
    Name,
    Not,
    Or,
    names,
    parse,
)

TASK_COLUMNS = (
    "task_id",
    "number",
    "sweep",
    "kind",
    "cell",
    "model",
    "protocol",
    "status",
    "failure_class",
)
"""What a condition may name besides varied values and summaries."""

_SIGNS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL, and the values of its question marks in order."""

    text: str
    values: tuple[object, ...] = ()


def where_sql(text: str) -> tuple[Sql, frozenset[str]]:
    """Return a condition as SQL over the view ``all_tasks``, and the names it looks up.

    A name that is no column is looked up in a row's varied values, then in
    its summary. A task that lacks it does not meet the condition, nor one
    where a number is held against a text.

    Raises
    ------
    StoreError
        If the text is not a condition.
    """
    try:
        expr = parse(text)
    except ValueError as error:
        raise StoreError(f"where: {text!r}: {error}") from error
    return _condition(expr), names(expr) - set(TASK_COLUMNS)


def _condition(expr: Expr) -> Sql:
    match expr:
        case Compare(first, rest):
            parts = []
            left = first
            for sign, right in rest:
                parts.append(_comparison(_SIGNS[sign], _value(left), _value(right)))
                left = right
            return _joined(" AND ", parts)
        case In(item, options):
            one = _value(item)
            marks = ", ".join("?" for _ in options)
            return Sql(f"({one.text} IN ({marks}))", one.values + tuple(map(_plain, options)))
        case Not(part):
            inner = _condition(part)
            return Sql(f"(NOT {inner.text})", inner.values)
        case And(parts):
            return _joined(" AND ", [_condition(part) for part in parts])
        case Or(parts):
            return _joined(" OR ", [_condition(part) for part in parts])
        case Name() | Literal() | Arithmetic():
            raise StoreError("where: not a condition; compare it with something")


def _comparison(sign: str, left: Sql, right: Sql) -> Sql:
    if sign in ("=", "<>"):
        return Sql(f"({left.text} {sign} {right.text})", left.values + right.values)
    # SQLite puts every text after every number; here they have no order.
    guard = f"CASE WHEN (typeof({left.text}) = 'text') = (typeof({right.text}) = 'text')"
    return Sql(
        f"({guard} THEN {left.text} {sign} {right.text} END)",
        (left.values + right.values) * 2,
    )


def _value(expr: Expr) -> Sql:
    match expr:
        case Literal(value):
            return Sql("?", (_plain(value),))
        case Name(name) if name in TASK_COLUMNS:
            return Sql(f"t.{name}")
        case Name(name):
            look_up = "(SELECT value FROM json_each({}) WHERE key = ?)"
            places = ", ".join(look_up.format(place) for place in ("t.varied", "t.summary"))
            return Sql(f"coalesce({places})", (name, name))
        case Arithmetic(sign, left, right):
            one, other = _number(left), _number(right)
            return Sql(f"({one.text} {sign} {other.text})", one.values + other.values)
        case _:
            raise StoreError("where: a condition stands where a value must")


def _number(expr: Expr) -> Sql:
    """Return a value as a real number, since SQLite divides integers without a rest.

    A text is NULL: SQLite would count with it as with 0.
    """
    value = _value(expr)
    if isinstance(expr, Arithmetic):
        return value
    one = f"(SELECT {value.text} AS v)"
    return Sql(
        f"(SELECT CAST(v AS REAL) FROM {one} WHERE typeof(v) <> 'text')",  # noqa: S608
        value.values,
    )


def _joined(word: str, parts: list[Sql]) -> Sql:
    text = word.join(part.text for part in parts)
    return Sql(f"({text})", tuple(value for part in parts for value in part.values))


def _plain(value: float | str) -> float | str:
    return value if isinstance(value, str) else float(value)
