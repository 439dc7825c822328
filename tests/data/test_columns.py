"""Names, units and labels of columns, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.data.columns import BDF_COLUMNS, Column, column_for, column_named, unit_of

units = st.text(st.characters(blacklist_characters="[]"), max_size=12)
names = st.text(max_size=30).filter(lambda n: n not in {column.name for column in BDF_COLUMNS})


@settings(deadline=None)
@given(st.text(max_size=30), units, st.sampled_from(["", " ", "\t"]))
def test_the_unit_is_what_stands_in_the_last_brackets(stem, unit, end):
    assert unit_of(f"{stem} [{unit}]{end}") == unit


@settings(deadline=None)
@given(st.text(st.characters(blacklist_characters="["), max_size=30))
def test_a_name_without_brackets_is_a_pure_number(name):
    assert unit_of(name) == "1"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Voltage [V]", "V"),
        ("Negative particle diffusivity [m2.s-1]", "m2.s-1"),
        ("Loss of lithium inventory [%]", "%"),
        ("C-rate", "1"),
        ("Sum of [all] reactions [A.m-3]", "A.m-3"),
        ("Sum of [all] reactions", "1"),
    ],
)
def test_units_of_pybamm_names(name, unit):
    assert unit_of(name) == unit


@settings(deadline=None)
@given(names)
def test_what_is_written_under_a_column_is_found_under_its_name_on_disk(name):
    column = column_for(name)
    assert column_named(column.name) == column


@pytest.mark.parametrize("column", BDF_COLUMNS)
def test_a_bdf_column_is_found_by_both_its_names(column):
    assert column_named(column.name) is column
    if column.pybamm_name is not None:
        assert column_for(column.pybamm_name) is column


@pytest.mark.parametrize("column", BDF_COLUMNS)
def test_the_label_of_a_bdf_column_ends_in_its_unit(column):
    assert column.label.endswith(f" / {column.unit}")


def test_any_other_variable_keeps_its_own_name_and_unit():
    name = "X-averaged cell temperature [K]"
    assert column_for(name) == Column(name, "K", name, name)
