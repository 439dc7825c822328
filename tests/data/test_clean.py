"""Cleaning: what no rule names stays as it was, to the last bit; what is wrong is found."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.data.cell import RawCell
from battsweep.data.clean import Cleaning, clean
from battsweep.errors import DataError

T, V, C = "test_time_second", "voltage_volt", "current_ampere"
STEP, CYCLE = "tester_step_index", "tester_cycle_count"


def made(seed=0, cycles=3, interval=10.0):
    """Return a clean series: discharges, rests, charges with a held voltage."""
    random = np.random.default_rng(seed)
    current, steps, counts = [], [], []
    step = 0
    for cycle in range(1, cycles + 1):
        for amperes, rows in ((-2.0, 120), (0.0, 30), (1.0, 200), (0.5, 60), (0.0, 30)):
            falling = amperes == 0.5
            current.append(np.exp(-np.arange(rows) / 20) if falling else np.full(rows, amperes))
            step += 1
            steps += [step] * rows
            counts += [cycle] * rows
    current = np.concatenate(current)
    charge = np.cumsum(current) * interval / 3600
    voltage = 3.6 + 0.4 * (charge - charge.min()) + 0.02 * current
    held = np.concatenate([np.arange(440) >= 350] * cycles) & (current > 0) & (current < 1)
    voltage[held] = voltage[np.flatnonzero(held)[0]]
    noise = random.normal(0, 1e-4, len(current))
    return {
        T: interval * np.arange(len(current)),
        V: voltage + noise,
        C: current,
        "temperature_t1_celsius": 25 + noise,
        CYCLE: np.array(counts),
        STEP: np.array(steps),
    }


def cell(values, **more):
    return RawCell("X", "csv", pa.table(values), (), **more)


def column(cleaned, name):
    return np.asarray(cleaned.series.column(name), dtype=float)


def changes(cleaned, rule):
    return [row for row in cleaned.changes.to_pylist() if row["rule"] == rule]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([1.0, 10.0, 60.0]))
def test_a_clean_series_is_not_changed_by_a_bit(seed, interval):
    values = made(seed, interval=interval)
    cleaned = clean(cell(values))
    assert cleaned.changes.num_rows == 0
    for name in (T, V, C, CYCLE, STEP):
        assert np.array_equal(np.asarray(cleaned.series.column(name)), values[name])


@settings(deadline=None, max_examples=30)
@given(st.data(), st.integers(0, 10**6))
def test_what_is_not_among_the_changes_is_as_it_was_to_the_last_bit(data, seed):
    values = made(seed)
    rows = len(values[T])
    random = np.random.default_rng(seed)
    for _ in range(data.draw(st.integers(0, 12))):
        name = data.draw(st.sampled_from([T, V, C, "temperature_t1_celsius"]))
        bad = data.draw(st.sampled_from([np.nan, np.inf, 9.9999, 0.0, -1.0, -184.0]))
        at = int(random.integers(rows))
        values[name][at : at + int(random.integers(1, 14))] = bad
    cleaned = clean(cell(values))
    dropped, touched = set(), set()
    for row in cleaned.changes.to_pylist():
        span = range(row["row"], row["row"] + row["row_count"])
        (dropped if row["column"] == "all" else touched).update(
            span if row["column"] == "all" else ((r, row["column"]) for r in span)
        )
    kept = [row for row in range(rows) if row not in dropped]
    assert cleaned.series.num_rows == len(kept)
    for name in (T, V, C):
        for now, row in zip(column(cleaned, name), kept, strict=True):
            same = now == values[name][row] or (np.isnan(now) and np.isnan(values[name][row]))
            assert same or (row, name) in touched, (name, row)
    assert np.all(np.diff(column(cleaned, T)) > 0)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6))
def test_cleaning_what_is_clean_already_changes_nothing(seed):
    values = made(seed)
    random = np.random.default_rng(seed)
    values[V][random.integers(10, 900, 5)] = np.nan
    values[V][random.integers(10, 900, 2)] = 9.9999
    values[T][500:505] -= 90
    once = clean(cell(values))
    again = clean(replace(cell(values), table=once.series.select([T, V, C, CYCLE, STEP])))
    assert again.changes.num_rows == 0
    assert again.series.column(V).equals(once.series.column(V))
    assert again.steps.column("step_kind").equals(once.steps.column("step_kind"))


def test_steps_and_cycles_follow_the_signal():
    cleaned = clean(cell(made(), info={"nominal_capacity_ah": 0.7}))
    kinds = cleaned.steps.column("step_kind").to_pylist()
    assert kinds[:5] == ["cc_discharge", "rest", "cc_charge", "cv_charge", "rest"]
    assert cleaned.steps.column("step_index").to_pylist() == list(range(1, len(kinds) + 1))
    assert cleaned.cycles.column("cycle_count").to_pylist() == [1, 2, 3]
    capacity = cleaned.cycles.column("discharge_capacity_ah").to_pylist()
    assert capacity[1:] == pytest.approx([2 * 1200 / 3600] * 2, rel=0.01)
    assert cleaned.steps.column("c_rate").to_pylist()[0] == pytest.approx(2 / 0.7, rel=0.02)


def test_a_train_of_pulses_is_one_step_and_a_drive_profile_too():
    values = made(cycles=1)
    random = np.random.default_rng(1)
    values[C][:120] = np.repeat(random.choice([-4.0, 0.0, 1.0], 60), 2)
    cleaned = clean(cell(values))
    assert cleaned.steps.column("step_kind").to_pylist()[0] == "other"
    assert not changes(cleaned, "voltage_spikes")
    assert cleaned.steps.num_rows < 10


def test_short_gaps_are_filled_and_long_ones_cut_and_told():
    values = made()
    values[V][50:53] = np.nan
    values[C][400:440] = np.nan
    cleaned = clean(cell(values))
    assert len(changes(cleaned, "missing_values")) == 3 + 40
    assert cleaned.series.num_rows == len(values[T]) - 40
    assert any("cut" in warning for warning in cleaned.warnings)
    assert column(cleaned, V)[51] == pytest.approx((values[V][49] + values[V][53]) / 2)


def test_a_missing_current_at_a_step_takes_its_own_steps_value():
    values = made()
    values[C][119:121] = np.nan
    cleaned = clean(cell(values))
    assert column(cleaned, C)[119:121].tolist() == [-2.0, 0.0]


@pytest.mark.parametrize("shift", [-90.0, 3600.0, -3600.0])
def test_a_clock_set_for_a_few_rows_is_set_back(shift):
    values = made()
    right = values[T].copy()
    values[T][300:306] += shift
    cleaned = clean(cell(values))
    assert column(cleaned, T).tolist() == right.tolist()
    assert changes(cleaned, "clock_steps")[0]["row_count"] == 6


def test_a_clock_that_wraps_at_midnight_goes_on():
    values = made()
    right = values[T].copy()
    values[T] = (values[T] + 80000) % 86400
    cleaned = clean(cell(values))
    assert (column(cleaned, T) - column(cleaned, T)[0]).tolist() == right.tolist()
    assert len(changes(cleaned, "midnight_wraps")) == 1


def test_operations_with_clocks_of_their_own_are_joined():
    values = made()
    operation = values[CYCLE].copy()
    for number in range(1, 4):
        values[T][operation == number] -= values[T][operation == number][0]
    cleaned = clean(cell(values, operation=pa.array(operation)))
    assert cleaned.series.num_rows == len(operation)
    assert np.all(np.diff(column(cleaned, T)) > 0)


def test_rows_with_the_time_of_the_one_before_are_kept_and_put_apart():
    values = made()
    values[T][120] = values[T][119]  # at the step of the current
    cleaned = clean(cell(values))
    assert cleaned.series.num_rows == len(values[T])
    assert 0 < column(cleaned, T)[120] - column(cleaned, T)[119] <= 1e-3


def test_a_clock_of_whole_seconds_is_spread_over_them():
    values = made(interval=0.25)
    right = values[T].copy()
    values[T] = np.floor(values[T])
    cleaned = clean(cell(values))
    assert cleaned.series.num_rows == len(right)
    assert np.max(np.abs(column(cleaned, T) - right)) < 0.01


def test_a_clock_that_goes_back_all_the_time_is_told_and_soon_read():
    values = made(cycles=30)
    values[T][::2] += 500.0
    cleaned = clean(cell(values))
    assert any("goes back" in warning for warning in cleaned.warnings)
    assert np.all(np.diff(column(cleaned, T)) > 0)


def test_a_sensor_that_was_not_connected_is_dropped_and_single_faults_are_taken_out():
    values = made()
    values["ambient_temperature_celsius"] = np.full(len(values[T]), -2501.7)
    values["temperature_t1_celsius"][60:62] = -184.0
    cleaned = clean(cell(values))
    assert "ambient_temperature_celsius" not in cleaned.series.column_names
    assert any("not connected" in warning for warning in cleaned.warnings)
    assert column(cleaned, "temperature_t1_celsius").min() > 20


def test_an_unsigned_current_gets_the_sign_of_its_state():
    values = made()
    words = np.where(values[C] < 0, "D", np.where(values[C] > 0, "C", "R"))
    right = values[C].copy()
    values[C] = np.abs(values[C])
    cleaned = clean(cell({**values, "tester_state": pa.array(words.tolist())}, signed=False))
    assert column(cleaned, C).tolist() == right.tolist()


def test_a_glitch_of_the_step_is_mended_and_a_pulse_is_not():
    values = made()
    values[STEP][40:43] = 99
    values[STEP][700:703] = 77
    values[C][700:703] = -5.0
    cleaned = clean(cell(values))
    assert {row["row"] for row in changes(cleaned, "step_glitches")} == {40, 41, 42}
    assert np.asarray(cleaned.series.column(STEP))[700] == 77


def test_a_jump_of_the_testers_cycle_is_told_and_ours_go_on():
    values = made()
    values[CYCLE][440:] += 3
    cleaned = clean(cell(values))
    assert [row["row"] for row in changes(cleaned, "cycle_jumps")] == [440]
    assert cleaned.cycles.column("cycle_count").to_pylist() == [1, 2, 3]
    assert np.array_equal(np.asarray(cleaned.series.column(CYCLE)), values[CYCLE])


def test_every_rule_can_be_switched_off():
    values = made()
    values[V][50] = 9.9999
    values[V] = np.append(values[V], values[V][-1])
    values = {
        name: np.append(v, v[-1]) if len(v) < len(values[V]) else v for name, v in values.items()
    }
    off = {
        name: False
        for name, value in ((n, getattr(Cleaning(), n)) for n in Cleaning.__dataclass_fields__)
        if value is True and name not in ("nonincreasing_times", "repeated_times")
    }
    cleaned = clean(cell(values), {**off, "repeated_times": False})
    assert {rule.rule for rule in cleaned.rules} == {"nonincreasing_times"}
    assert column(cleaned, V)[50] == 9.9999


@pytest.mark.parametrize("given_", [{"spikes": True}, {"missing_rows": "ten"}])
def test_settings_that_cannot_be_are_refused_by_name(given_):
    with pytest.raises(DataError, match=next(iter(given_))):
        clean(cell(made()), given_)


def test_a_file_without_a_row_that_counts_is_refused():
    values = made()
    values[V][:] = np.nan
    with pytest.raises(DataError, match="no row is left"):
        clean(cell(values))


def test_an_empty_discharge_is_told_and_is_no_end_of_life():
    values = made(cycles=4)
    discharge = np.flatnonzero(values[C] < 0)
    third = discharge[(discharge >= 880) & (discharge < 1320)]
    values[C][third] = 0.0
    words = np.where(np.isin(np.arange(len(values[C])), discharge), "discharge", "charge")
    operation = np.cumsum(np.diff(words == "discharge", prepend=True))
    cleaned = clean(
        cell({**values, "tester_state": pa.array(words.tolist())}, operation=pa.array(operation))
    )
    assert any("no charge" in warning and "end of life" in warning for warning in cleaned.warnings)
