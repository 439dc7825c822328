"""The tree of a condition, as `battsweep.sweep.grammar` makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = float | str


@dataclass(frozen=True, slots=True)
class Name:
    """The value of a task's label or varied quantity."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A number or a text, as written."""

    value: Value


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``left operator right``, with one of + - * /."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Compare:
    """``first op second op third ...``: true if each neighbouring pair holds."""

    first: Expr
    rest: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class In:
    """``item in [values]``."""

    item: Expr
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``not part``."""

    part: Expr


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more parts."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more parts."""

    parts: tuple[Expr, ...]


Expr: TypeAlias = Name | Literal | Arithmetic | Compare | In | Not | And | Or
CONDITIONS = (Compare, In, Not, And, Or)
