"""The plan says of each pair of tolerances what was measured, and never more."""

from __future__ import annotations

import pytest

from battsweep.sweep.accuracy import expected_accuracy


@pytest.mark.parametrize(("rtol", "atol"), [(1e-5, 1e-6), (1e-6, 1e-6), (1e-8, 1e-10)])
def test_tight_tolerances_promise_a_tenth_of_a_millivolt_everywhere(rtol, atol):
    assert expected_accuracy(rtol, atol).startswith("the voltage is within 0.1 mV")


@pytest.mark.parametrize(("rtol", "atol"), [(1e-4, 1e-6), (5e-5, 1e-6), (1e-4, 1e-9)])
def test_wider_ones_say_where_they_are_not_enough(rtol, atol):
    assert "in profiles within about 0.3 mV (SPM: 1 mV)" in expected_accuracy(rtol, atol)


@pytest.mark.parametrize(("rtol", "atol"), [(1e-3, 1e-6), (1e-6, 1e-4)])
def test_coarse_tolerances_promise_nothing(rtol, atol):
    assert "coarse" in expected_accuracy(rtol, atol)
