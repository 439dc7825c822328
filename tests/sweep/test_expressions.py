from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.sweep.expressions import (
    And,
    Arithmetic,
    Compare,
    In,
    Literal,
    Name,
    Not,
    Or,
    evaluate,
    names,
    parse,
)

VALUES = {"model": "DFN", "rate": 2.0, "Ambient temperature [K]": 298.15}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model == 'DFN' and rate > 1", True),
        ('model == "SPM" or rate >= 2', True),
        ("not model == 'DFN'", False),
        ("1 < rate <= 2", True),
        ("1 < rate < 2", False),
        ("rate in [1, 2, 'x']", True),
        ("rate not in [1, 2]", False),
        ("-rate in [-2]", True),
        ("`Ambient temperature [K]` > 300", False),
        ("rate * 2 + 1 == 5 and 10 / rate - 5 == 0", True),
        ("(rate + 1) * 2 == 6", True),
        ("rate == 'DFN'", False),
        ("rate != 'DFN'", True),
        ("rate > 5 or rate > 1 and model == 'SPM'", False),
        ("((rate > 1))", True),
        ("2 - 1 - 1 == 0 and 8 / 4 / 2 == 1", True),
    ],
)
def test_a_condition_holds_as_in_python(text, expected):
    assert evaluate(parse(text), VALUES) is expected


def test_a_tree_has_the_parts_that_were_written():
    assert parse("not (a + 1 < 2) and b in ['x'] or c == -3") == Or(
        (
            And(
                (
                    Not(Compare(Arithmetic("+", Name("a"), Literal(1.0)), (("<", Literal(2.0)),))),
                    In(Name("b"), ("x",)),
                )
            ),
            Compare(Name("c"), (("==", Literal(-3.0)),)),
        )
    )


def test_names_are_all_that_a_condition_reads():
    condition = parse("a < b + `c d` and not e in [1] or f == 'g'")
    assert names(condition) == {"a", "b", "c d", "e", "f"}


@pytest.mark.parametrize(
    ("text", "position", "allowed"),
    [
        ("", 1, "a name, a number"),
        ("rate", 5, "a comparison"),
        ("rate = 1", 6, "'=='"),
        ("rate > ", 7, "a name, a number"),
        ("(rate > 1", 10, "'\\)'"),
        ("rate > 1 rate", 10, "the end"),
        ("model == 'DFN", 10, "a closing '"),
        ("rate in []", 10, "a number or a 'text'"),
        ("(a > 1) > 2", 9, "a value, not a condition"),
        ("a and b > 1", 3, "a comparison"),
        ("a > 1e999", 5, "a finite number"),
        ("__import__('os') == 1", 11, "found '\\('"),
        ("a.b > 1", 2, "found '.'"),
    ],
)
def test_a_wrong_condition_is_refused_with_the_position_and_what_is_allowed(
    text, position, allowed
):
    with pytest.raises(ValueError, match=f"character {position}: .*{allowed}"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["(" * 5000 + "a > 1", "not " * 2000 + "a > 1", "-" * 9000 + "a > 1", "a" * 20_000],
)
def test_a_condition_too_deep_or_too_long_is_refused(text):
    with pytest.raises(ValueError, match=r"no more than|are allowed"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["rate < 'x'", "model + 1 == 2", "rate / 0 == 1", "rate * 1e308 == 1", "other > 1"],
)
def test_what_has_no_answer_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"order|counted|finite|no value"):
        evaluate(parse(text), VALUES)


WORDS = "and|or|not|in|==|!=|<|<=|>|>=|+|-|*|/|(|)|[|]|,|a|rate|`b c`|'x'|1|2.5|.|=|'|#|é"
PIECES = st.sampled_from([*re.split(r"\|", WORDS), '"'])


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(), st.lists(PIECES).map(" ".join)))
def test_any_text_is_a_condition_or_a_value_error(text):
    try:
        condition = parse(text)
        evaluate(condition, dict.fromkeys(names(condition), 1.0))
    except ValueError as error:
        assert str(error)


numbers = st.integers(-9, 9).map(float)
sums = st.recursive(
    st.one_of(numbers.map(lambda n: str(int(n))), st.sampled_from(["a", "b"])),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
    max_leaves=8,
)
comparisons = st.tuples(sums, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), sums).map(
    " ".join
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map(lambda text: f"not ({text})"),
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(conditions, numbers, numbers)
def test_a_condition_says_what_python_would_say(text, a, b):
    result = evaluate(parse(text), {"a": a, "b": b})
    assert result is eval(text, {}, {"a": a, "b": b})
    assert not math.isnan(result)
