"""The one place that flips a sign flips only the current, and only once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.data.convert import from_pybamm

numbers = st.lists(st.floats(allow_nan=False, width=64), max_size=20)


@settings(deadline=None)
@given(numbers)
def test_the_current_has_the_other_sign_and_nothing_else_changes(values):
    current = np.array(values, dtype=float)
    columns = from_pybamm({"Current [A]": current})
    assert list(columns) == ["current_ampere"]
    np.testing.assert_array_equal(columns["current_ampere"], -current)


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, -0.0, 1.0, -1.0]), min_size=1))
def test_no_current_is_a_negative_zero(values):
    flipped = from_pybamm({"Current [A]": np.array(values)})["current_ampere"]
    assert not np.any(np.signbit(flipped) & (flipped == 0))


@settings(deadline=None)
@given(numbers)
def test_the_arrays_that_were_given_stay_as_they_were(values):
    current = np.array(values, dtype=float)
    variables = {"Current [A]": current, "Voltage [V]": current}
    from_pybamm(variables)
    assert list(variables) == ["Current [A]", "Voltage [V]"]
    np.testing.assert_array_equal(current, np.array(values, dtype=float))


@settings(deadline=None)
@given(numbers, st.sampled_from(["Voltage [V]", "Time [s]", "C-rate", "Power [W]"]))
def test_only_the_current_is_flipped(values, name):
    array = np.array(values, dtype=float)
    [column] = from_pybamm({name: array}).values()
    np.testing.assert_array_equal(column, array)


def test_columns_have_the_names_on_disk_in_the_order_given():
    one = np.ones(1)
    names = ("Voltage [V]", "Cell temperature [K]", "Current [A]", "Time [s]")
    expected = ["voltage_volt", "Cell temperature [K]", "current_ampere", "test_time_second"]
    assert list(from_pybamm(dict.fromkeys(names, one))) == expected
