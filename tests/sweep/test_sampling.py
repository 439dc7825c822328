from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.sweep.sampling import Bounds, count_rows, sample, spread

METHODS = ("random", "latin-hypercube", "sobol", "one-at-a-time", "grid")
BOUNDS = (Bounds(75e-6, 95e-6), Bounds(1e-14, 1e-13, "log"))

methods = st.sampled_from(METHODS)


@settings(deadline=None, max_examples=60)
@given(methods, st.integers(1, 40), st.integers(0, 2**63 - 1), st.integers(0, 9))
def test_the_same_seed_gives_the_same_rows_inside_the_bounds(method, points, seed, axis):
    rows = sample(BOUNDS, method, points, seed=(seed, axis))
    assert rows == sample(BOUNDS, method, points, seed=(seed, axis))
    assert len(rows) <= count_rows(method, points, len(BOUNDS))
    for row in rows:
        for value, bounds in zip(row, BOUNDS, strict=True):
            assert bounds.low <= value <= bounds.high
            assert type(value) is float


@pytest.mark.parametrize("method", ["random", "latin-hypercube", "sobol"])
def test_another_seed_or_axis_gives_other_rows(method):
    drawn = {sample(BOUNDS, method, 8, seed=seed) for seed in [(0, 0), (0, 1), (1, 0)]}
    assert len(drawn) == 3


@pytest.mark.parametrize("points", [1, 2, 3, 100, 128])
def test_sobol_takes_any_number_of_points(points):
    assert len(set(sample(BOUNDS, "sobol", points, seed=(0, 0)))) == points


def test_a_latin_hypercube_has_one_point_in_each_stratum():
    rows = np.array(sample((Bounds(0, 1), Bounds(0, 1)), "latin-hypercube", 50, seed=(3, 0)))
    for column in rows.T:
        assert sorted((column * 50).astype(int)) == list(range(50))


def test_a_log_scale_spreads_evenly_over_the_decades():
    rows = np.array(sample((Bounds(1e-3, 1e3, "log"),), "latin-hypercube", 60, seed=(0, 0)))
    counts, _ = np.histogram(np.log10(rows), bins=6, range=(-3, 3))
    assert list(counts) == [10] * 6


def test_a_grid_is_every_combination():
    rows = sample((Bounds(0, 1), Bounds(1, 100, "log")), "grid", 3, seed=(0, 0))
    assert rows == tuple((a, b) for a in (0.0, 0.5, 1.0) for b in (1.0, 10.0, 100.0))


def test_one_at_a_time_moves_one_quantity_from_the_base():
    rows = sample((Bounds(0, 4, base=1.0), Bounds(1, 100, "log")), "one-at-a-time", 3, seed=(0, 0))
    assert rows == ((1, 10), (0, 10), (2, 10), (4, 10), (1, 1), (1, 100))


@settings(deadline=None)
@given(st.integers(2, 50), st.floats(1e-6, 1e3), st.floats(1.1, 1e3), st.booleans())
def test_a_spread_holds_both_ends_and_rises(points, low, ratio, log):
    values = spread(Bounds(low, low * ratio, "log" if log else "linear"), points)
    assert (values[0], values[-1], len(values)) == (low, low * ratio, points)
    assert all(before < after for before, after in pairwise(values))
