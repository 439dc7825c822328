from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.analysis.render import (
    FORMATS,
    markdown_table,
    number,
    records,
    render,
    text_table,
)

names = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=30
)
numbers = st.lists(st.floats(width=64), min_size=1, max_size=8)


@st.composite
def frames(draw):
    rows = draw(st.integers(0, 6))
    columns = draw(st.lists(names, min_size=1, max_size=8, unique=True))
    cells = st.one_of(st.floats(), st.integers(-(10**9), 10**9), st.text(max_size=60), st.none())
    return pd.DataFrame(
        {
            name: pd.Series(draw(st.lists(cells, min_size=rows, max_size=rows)), dtype=object)
            for name in columns
        }
    )


@settings(deadline=None)
@given(frames(), st.integers(20, 200))
def test_no_row_of_a_text_table_is_wider_than_asked(frame, width):
    table = text_table(frame, width=width).split("\n\n")[0]
    assert all(len(line) <= width for line in table.splitlines())


@settings(deadline=None)
@given(frames())
def test_every_row_of_a_text_table_is_one_line(frame):
    body = text_table(frame, width=10_000).splitlines()
    assert len(body) == 2 + max(len(frame), 1)


@settings(deadline=None)
@given(frames())
def test_json_is_strict_and_has_every_row_and_column(frame):
    def refuse(word):
        raise AssertionError(word)

    rows = json.loads(render(frame, "json"), parse_constant=refuse)
    assert len(rows) == len(frame)
    assert all(set(row) == set(frame.columns) for row in rows)


@settings(deadline=None)
@given(numbers)
def test_csv_gives_numbers_back_exactly(values):
    frame = pd.DataFrame({"energy [W.h]": values})
    lines = render(frame, "csv").decode().splitlines()[1:]
    back = [float(line.strip('"') or "nan") for line in lines]
    np.testing.assert_array_equal(back, values)


@settings(deadline=None)
@given(numbers)
def test_parquet_gives_numbers_back_exactly(values):
    frame = pd.DataFrame({"a": values})
    back = pd.read_parquet(io.BytesIO(render(frame, "parquet")))
    np.testing.assert_array_equal(back["a"].to_numpy(), np.array(values))


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_a_shown_number_is_right_to_five_digits(value):
    assert float(number(value)) == pytest.approx(value, rel=5e-5)


@settings(deadline=None)
@given(frames())
def test_every_line_of_a_markdown_table_has_the_same_number_of_bars(frame):
    lines = markdown_table(frame).splitlines()
    bars = {line.replace("\\\\", "").replace("\\|", "").count("|") for line in lines}
    assert bars == {len(frame.columns) + 1}


def test_ids_are_short_in_text_and_whole_in_csv():
    frame = pd.DataFrame({"task_id": ["0123456789abcdef" * 2]})
    assert "0123456789\n" in text_table(frame)
    assert b"0123456789abcdef0123456789abcdef" in render(frame, "csv")


def test_columns_that_do_not_fit_are_named_below():
    frame = pd.DataFrame({f"quantity {k} [A]": [1.5] for k in range(9)})
    table = text_table(frame, width=40)
    assert "7 more columns (--format csv shows all): quantity 2 [A]" in table


def test_nothing_known_is_a_dash():
    assert "–" in text_table(pd.DataFrame({"a": [float("nan")]}))
    assert records(pd.DataFrame({"a": [float("nan")]})) == [{"a": None}]


def test_an_unknown_format_names_the_known_ones():
    with pytest.raises(ValueError, match="'xml' is no format; choose one of text, csv"):
        render(pd.DataFrame({"a": [1]}), "xml")


def test_every_format_renders_mappings():
    frame = pd.DataFrame({"overrides": [{"a": 1.0}, {}]})
    assert all(render(frame, format) for format in FORMATS)
