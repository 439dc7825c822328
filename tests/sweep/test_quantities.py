from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.sweep.quantities import (
    bytes_of,
    current_a,
    is_number,
    number_in,
    number_text,
    seconds,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10 s", 10),
        ("10 min", 600),
        ("1.5 h", 5400),
        ("30 minutes", 1800),
        ("2 hours", 7200),
        ("1 day", 86400),
        ("90s", 90),
        (5, 5),
        (0.5, 0.5),
    ],
)
def test_a_duration_is_read_in_each_form(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4 GiB", 2**32), ("800 MB", 800_000_000), ("0.5 GiB", 2**29), ("1TB", 10**12)],
)
def test_an_amount_of_memory_is_read_in_each_form(text, expected):
    assert bytes_of(text) == expected


@pytest.mark.parametrize("wrong", ["4", "4 G", "", 4, 2**32, True, None, "1 MiB", "-4 GiB"])
def test_a_wrong_amount_of_memory_is_refused_with_its_value(wrong):
    with pytest.raises(ValueError, match=r"GiB|MiB") as caught:
        bytes_of(wrong)
    assert repr(wrong) in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    ["10", "", "10 weeks", "-1 s", "0 s", 0, -3, True, None, "1e999 s", math.nan, [1]],
)
def test_a_wrong_duration_is_refused_with_its_value_and_the_forms_allowed(wrong):
    with pytest.raises(ValueError, match="not a duration; write a time above zero") as caught:
        seconds(wrong)
    assert repr(wrong) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1C", 5), ("0.5 C", 2.5), ("C/2", 2.5), ("C / 4", 1.25), ("2 A", 2), ("500 mA", 0.5)],
)
def test_a_current_is_read_in_each_form(text, expected):
    assert current_a(text, 5.0) == expected


@pytest.mark.parametrize(
    "wrong",
    ["", "C", "1", "-1C", "0C", "C/0", "2 V", "1e999 A", "C/1e999", "nan A", "1C rate"],
)
def test_a_wrong_current_is_refused_with_its_value_and_the_forms_allowed(wrong):
    with pytest.raises(ValueError, match="not a current; write a current above zero") as caught:
        current_a(wrong, 5.0)
    assert repr(wrong) in str(caught.value)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_quantity_or_a_value_error(text):
    for read in (seconds, lambda given: current_a(given, 5.0)):
        try:
            assert 0 < read(text) < math.inf
        except ValueError as error:
            assert "write a" in str(error)


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_written_and_read_is_the_same(value):
    assert number_in(number_text(value)) == value


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "1_000", "", "1,5", "٣", " 1"])
def test_what_only_looks_like_a_number_is_none(text):
    assert number_in(text) is None


@pytest.mark.parametrize("value", [True, False, math.nan, math.inf, 10**400, "1", None])
def test_booleans_and_what_is_not_finite_are_no_numbers(value):
    assert not is_number(value)
