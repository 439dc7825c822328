from __future__ import annotations

import numpy as np
import pyarrow as pa

from battsweep.analysis.fit_figure import fit_figure
from battsweep.analysis.fits import parameter_table, read_fit, rmse_table
from battsweep.analysis.series import MeasuredCurve

NAME = "Negative particle diffusivity [m2.s-1]"
FIT = {
    "parameters": {NAME: 3e-14},
    "bounds": {NAME: [1e-14, 1e-13]},
    "start": {NAME: 2e-14},
    "objective_start_mv": 40.0,
    "objective_end_mv": 5.0,
    "evaluations": 120,
    "failed_evaluations": 2,
    "generations": 6,
    "at_bound": [],
    "data": [
        {
            "name": "1C",
            "role": "fit",
            "rmse_start_mv": 40.0,
            "rmse_end_mv": 5.0,
            "overlap": 1.0,
        },
        {
            "name": "2C",
            "role": "hold-out",
            "rmse_start_mv": 60.0,
            "rmse_end_mv": 9.0,
            "overlap": 0.9,
        },
    ],
    "history_mv": [40.0, 5.0],
}
TIME = np.linspace(0, 3600, 30)


def simulated(position, fitted, error):
    return pa.table(
        {
            "test_time_second": TIME,
            "voltage_volt": 4 - TIME / 3600 + error,
            "current_ampere": np.full(30, -2.0),
            "measured_index": np.full(30, position),
            "fitted": np.full(30, fitted),
        }
    )


def test_the_error_table_has_a_row_a_curve_with_before_and_after():
    table = rmse_table([read_fit("t", "A", "SPM", FIT)])
    assert table["RMSE before [mV]"].tolist() == [40, 60]
    assert table["RMSE after [mV]"].tolist() == [5, 9]
    assert table["role"].tolist() == ["fit", "hold-out"]


def test_the_parameter_table_has_start_value_and_bounds():
    row = parameter_table([read_fit("t", "A", "SPM", FIT)]).iloc[0]
    assert (row["start"], row["fitted"], row["low"], row["high"]) == (
        2e-14,
        3e-14,
        1e-14,
        1e-13,
    )
    assert row["note"] == ""


def test_tables_of_no_fits_have_their_columns():
    assert "RMSE after [mV]" in rmse_table([])
    assert "fitted" in parameter_table([])


def test_a_number_that_is_missing_is_unknown_and_not_an_error():
    fit = read_fit("t", "A", "SPM", {**FIT, "data": [{"name": "1C", "role": "fit"}]})
    assert np.isnan(fit.curves[0].rmse_end_mv)


def test_the_figure_shows_voltages_above_and_errors_in_mv_below():
    parts = [simulated(k, f, 0.04 if f == 0 else 0.005) for k in (0, 1) for f in (0, 1)]
    curves = {
        ("A", name): MeasuredCurve(
            name,
            "A",
            "d",
            {},
            pa.table({"test_time_second": TIME, "voltage_volt": 4 - TIME / 3600}),
        )
        for name in ("1C", "2C")
    }
    fit = read_fit("t", "A", "SPM", FIT)
    figure = fit_figure([fit], {"t": pa.concat_tables(parts)}, curves)
    above, below = figure.axes
    assert "RMSE 40.0 → 5.0 mV, hold-out 60.0 → 9.0 mV" in above.get_title()
    assert len(above.get_lines()) == 6
    errors = sorted({round(float(np.max(line.get_ydata()))) for line in below.get_lines()})
    assert errors == [0, 5, 40]
    assert below.get_ylabel() == "Error / mV"
