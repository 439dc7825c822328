"""The parser of conditions; their grammar is in `battsweep.sweep.expressions`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

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

_LONGEST = 10_000
_DEEPEST = 30
_MOST_ARITHMETIC = 100
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<text>'[^']*'|"[^"]*")
    | (?P<quoted>`[^`]+`)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>==|!=|<=|>=|[-<>+*/()\[\],])
    )""",
    re.VERBOSE,
)
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_KEYWORDS = ("and", "or", "not", "in")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def parse(text: str) -> Expr:
    """Return a condition's tree; its root is one of `CONDITIONS`.

    Raises
    ------
    ValueError
        If the text is no condition; says at which character, and what may stand there.
    """
    parser = _Parser(text, _tokens(text))
    tree = parser.disjunction()
    if parser.now.kind != "end":
        raise parser.wrong("'and', 'or', a comparison or the end")
    if not isinstance(tree, CONDITIONS):
        raise parser.wrong("a comparison such as rate > 1")
    return tree


def _tokens(text: str) -> list[_Token]:
    if len(text) > _LONGEST:
        raise ValueError(f"a condition of {len(text)} characters; {_LONGEST} are allowed")
    tokens = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            at = end - len(text[position:end].lstrip())
            raise _error(text, at, _allowed_instead_of(text[at]))
        kind, token = found.lastgroup, found[found.lastgroup]
        if kind == "word" and token in _KEYWORDS:
            kind = "sign"
        tokens.append(_Token(kind, token, found.start(found.lastgroup)))
        position = found.end()
    return [*tokens, _Token("end", "", end)]


def _allowed_instead_of(character: str) -> str:
    if character == "=":
        return "expected '==' to compare, found '='"
    if character in "'\"`":
        return f"expected a closing {character}"
    return (
        f"expected a name, a number, a 'text' or one of == != < <= > >= + - * / "
        f"( ) [ ] and or not in, found {character!r}"
    )


def _error(text: str, position: int, message: str) -> ValueError:
    shown = text if len(text) <= 200 else f"{text[:197]}..."
    return ValueError(f"{shown!r}: character {position + 1}: {message}")


class _Parser:
    """Reads tokens from left to right; every method eats what it returns."""

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self._arithmetic = 0

    @property
    def now(self) -> _Token:
        return self._tokens[self._place]

    def wrong(self, expected: str) -> ValueError:
        found = repr(self.now.text) if self.now.kind != "end" else "the end"
        return _error(self._text, self.now.position, f"expected {expected}, found {found}")

    def disjunction(self) -> Expr:
        parts = self._list_of("or")
        return parts[0] if len(parts) == 1 else Or(parts)

    def _conjunction(self) -> Expr:
        parts = self._list_of("and")
        return parts[0] if len(parts) == 1 else And(parts)

    def _list_of(self, word: str) -> tuple[Expr, ...]:
        read = self._conjunction if word == "or" else self._negation
        parts = [read()]
        while self._is(word):
            self._needs_condition(parts[-1])
            self._place += 1
            parts.append(read())
            self._needs_condition(parts[-1])
        return tuple(parts)

    def _negation(self) -> Expr:
        if not self._is("not"):
            return self._comparison()
        self._enter()
        part = self._negation()
        self._depth -= 1
        self._needs_condition(part)
        return Not(part)

    def _comparison(self) -> Expr:
        first = self._sum()
        if self._is("in"):
            return self._membership(first)
        if self._is("not"):
            self._place += 1
            if not self._is("in"):
                raise self.wrong("'in'")
            return Not(self._membership(first))
        rest = []
        while self._is(*_COMPARISONS):
            self._needs_value(first)
            sign = self._take()
            right = self._sum()
            self._needs_value(right)
            rest.append((sign, right))
        return Compare(first, tuple(rest)) if rest else first

    def _membership(self, item: Expr) -> Expr:
        self._needs_value(item)
        self._place += 1
        self._expect("[")
        values = [self._literal()]
        while self._is(","):
            self._place += 1
            values.append(self._literal())
        self._expect("]")
        return In(item, tuple(values))

    def _literal(self) -> Value:
        sign = -1.0 if self._is("-") else 1.0
        if sign < 0:
            self._place += 1
        if self.now.kind == "number":
            return sign * self._number()
        if self.now.kind == "text" and sign > 0:
            return self._take()[1:-1]
        raise self.wrong("a number or a 'text'")

    def _sum(self) -> Expr:
        return self._chain(("+", "-"))

    def _product(self) -> Expr:
        return self._chain(("*", "/"))

    def _chain(self, signs: tuple[str, str]) -> Expr:
        read = self._product if "+" in signs else self._factor
        left = read()
        while self._is(*signs):
            self._needs_value(left)
            self._arithmetic += 1
            if self._arithmetic > _MOST_ARITHMETIC:
                raise self.wrong(f"no more than {_MOST_ARITHMETIC} of + - * /")
            sign = self._take()
            right = read()
            self._needs_value(right)
            left = Arithmetic(sign, left, right)
        return left

    def _factor(self) -> Expr:
        if self._is("-"):
            self._enter()
            part = self._factor()
            self._depth -= 1
            self._needs_value(part)
            if isinstance(part, Literal) and isinstance(part.value, float):
                return Literal(-part.value)
            return Arithmetic("-", Literal(0.0), part)
        if self._is("("):
            self._enter()
            inner = self.disjunction()
            self._depth -= 1
            self._expect(")")
            return inner
        if self.now.kind == "number":
            return Literal(self._number())
        if self.now.kind == "text":
            return Literal(self._take()[1:-1])
        if self.now.kind == "word":
            return Name(self._take())
        if self.now.kind == "quoted":
            return Name(self._take()[1:-1])
        raise self.wrong("a name, a number, a 'text' or '('")

    def _number(self) -> float:
        value = float(self.now.text)
        if not math.isfinite(value):
            raise self.wrong("a finite number")
        self._place += 1
        return value

    def _is(self, *signs: str) -> bool:
        return self.now.kind == "sign" and self.now.text in signs

    def _take(self) -> str:
        self._place += 1
        return self._tokens[self._place - 1].text

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            raise self.wrong(repr(sign))
        self._place += 1

    def _enter(self) -> None:
        """Step over a sign that nests; Python's stack allows only so many at once."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.wrong(f"no more than {_DEEPEST} open parentheses, 'not' and '-'")
        self._place += 1

    def _needs_condition(self, expr: Expr) -> None:
        if not isinstance(expr, CONDITIONS):
            raise self.wrong("a comparison such as rate > 1 beside 'and', 'or' and 'not'")

    def _needs_value(self, expr: Expr) -> None:
        if isinstance(expr, CONDITIONS):
            raise self.wrong("a value, not a condition, on both sides of a sign")
