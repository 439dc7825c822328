"""Every kind of figure, from small tables and series made here."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.analysis.choices import choose_colour, choose_summary, choose_x
from battsweep.analysis.colours import colours_for, is_log_spread
from battsweep.analysis.curves import CAPACITY, MOST_CURVES, choose_curves, curve_figure
from battsweep.analysis.cycles import cycles_figure
from battsweep.analysis.heatmap import heatmap_figure, is_grid
from battsweep.analysis.overview import rmse_overview
from battsweep.analysis.panels import evenly
from battsweep.analysis.series import (
    MeasuredCurve,
    by_task,
    discharged_ah,
    discharges_at_different_currents,
    thinned,
)
from battsweep.analysis.style import axis_label, encode, unit_text
from battsweep.analysis.summaries import summary_figure

D = "Negative particle diffusivity [m2.s-1]"


def tasks_of(models, rates, diffusivities):
    rows = []
    for model in models:
        for rate in rates:
            for diffusivity in diffusivities:
                name = f"{model} {rate} {diffusivity}"
                rows.append(
                    {
                        "task_id": hashlib.sha256(name.encode()).hexdigest()[:32],
                        "number": len(rows),
                        "cell": "Ai2020",
                        "model": model,
                        "protocol": "discharge",
                        "status": "done",
                        "rate": rate,
                        D: diffusivity,
                        "rmse [mV]": 10 * rate + abs(np.log(diffusivity / 3e-14)),
                        "capacity [A.h]": 2.3 - 0.1 * rate,
                    }
                )
    return pd.DataFrame(rows)


def series_of(tasks):
    tables = []
    for row in tasks.to_dict("records"):
        time = np.linspace(0, 3600 / row["rate"], 20)
        tables.append(
            pa.table(
                {
                    "task_id": [row["task_id"]] * 20,
                    "test_time_second": time,
                    "voltage_volt": 4.2 - time * row["rate"] / 3600,
                    "current_ampere": np.full(20, -2.28 * row["rate"]),
                }
            )
        )
    return pa.concat_tables(tables)


def measured_at(rate, cell="Ai2020"):
    time = np.linspace(0, 3600 / rate, 100)
    table = pa.table({"test_time_second": time, "voltage_volt": 4.2 - time * rate / 3600})
    table = table.append_column("current_ampere", pa.array(np.full(100, -2.28 * rate)))
    return MeasuredCurve(f"{rate}C", cell, "discharge", {"rate": rate}, table)


def segments(axes):
    return [curve for lines in axes.collections for curve in lines.get_segments()]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20))
@settings(deadline=None)
def test_every_row_goes_to_its_task(lengths):
    ids = [f"task{k}" for k, length in enumerate(lengths) for _ in range(length)]
    table = pa.table({"task_id": ids, "n": list(range(len(ids)))})
    parts = by_task(table)
    assert [len(part) for part in parts.values()] == lengths
    assert [n for part in parts.values() for n in part["n"].to_pylist()] == table["n"].to_pylist()


@given(st.integers(1, 900), st.integers(1, 300), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_chosen_curves_span_the_colour(count, most, random):
    shades = list(range(count))
    random.shuffle(shades)
    chosen = evenly(pd.DataFrame({"shade": shades}), most, over="shade")
    assert len(chosen) == min(count, most)
    if most > 1:
        assert {0, count - 1} <= set(chosen["shade"])


@given(st.lists(st.floats(1e-20, 1e20), min_size=1, max_size=50))
@settings(deadline=None)
def test_every_value_of_a_quantity_has_a_colour(values):
    colours = colours_for(pd.Series(values), "a [V]")
    assert all(len(colours.of(value)) == 3 for value in values)
    assert (colours.bar is None) == (len(set(values)) <= 6)


@given(st.integers(1, 10_000), st.integers(2, 100))
@settings(deadline=None)
def test_thinning_keeps_the_ends(count, most):
    x = np.arange(count, dtype=float)
    thin, _ = thinned(x, x, most)
    assert len(thin) <= most
    assert (thin[0], thin[-1]) == (0, count - 1)


def test_a_constant_current_discharges_its_charge():
    table = series_of(tasks_of(["SPM"], [2.0], [3e-14]))
    assert discharged_ah(table)[-1] == pytest.approx(2.28)


def test_capacity_is_chosen_only_where_currents_differ():
    assert discharges_at_different_currents(by_task(series_of(tasks_of("M", [1, 2], [1.0]))))
    assert not discharges_at_different_currents(by_task(series_of(tasks_of("M", [1], [1.0, 2.0]))))


def test_each_model_has_a_panel_with_a_curve_a_task():
    tasks = tasks_of(["SPM", "DFN"], [0.5, 1, 2], [3e-14])
    figure = curve_figure(tasks, by_task(series_of(tasks)), colour="rate", x=CAPACITY)
    assert [axes.get_title() for axes in figure.axes] == ["SPM", "DFN"]
    assert [len(segments(axes)) for axes in figure.axes] == [3, 3]
    assert figure.axes[0].get_ylabel() == "Voltage / V"
    assert {axes.get_xlabel() for axes in figure.axes} == {"Discharge capacity / A h"}
    assert [text.get_text() for text in figure.legends[0].texts] == ["0.5", "1", "2"]


def test_measured_curves_are_drawn_where_they_belong():
    tasks = tasks_of(["SPM"], [0.5, 1], [3e-14])
    figure = curve_figure(
        tasks,
        by_task(series_of(tasks)),
        colour="rate",
        measured=[measured_at(1), measured_at(2), measured_at(0.5, cell="another")],
    )
    dots = [line for line in figure.axes[0].get_lines() if line.get_label() == "measured"]
    assert len(dots) == 1


def test_many_curves_are_thinned_and_the_title_says_so():
    tasks = tasks_of(["SPM"], [1], np.geomspace(1e-14, 1e-13, 400).tolist())
    chosen = choose_curves(tasks, colour=D)
    figure = curve_figure(tasks, by_task(series_of(chosen)), colour=D)
    assert len(segments(figure.axes[0])) == MOST_CURVES
    assert "300 of 400 tasks drawn" in figure.get_suptitle()
    assert figure.axes[-1].get_ylabel() == "Negative particle diffusivity / m² s⁻¹"


def test_the_title_counts_failed_tasks():
    tasks = tasks_of(["SPM"], [1, 2], [3e-14])
    series = by_task(series_of(tasks.iloc[:1]))
    tasks.loc[1, "status"] = "failed"
    assert "1 of 2 tasks drawn, 1 failed" in curve_figure(tasks, series).get_suptitle()


def test_a_summary_over_a_few_rates_is_a_line_a_model():
    figure = summary_figure(
        tasks_of(["SPM", "DFN"], [0.5, 1, 2], [3e-14]),
        x="rate",
        y="rmse [mV]",
        colour="model",
    )
    assert [line.get_label() for line in figure.axes[0].get_lines()] == ["SPM", "DFN"]
    assert figure.axes[0].get_ylabel() == "RMSE / mV"


def test_a_summary_with_many_values_at_one_place_is_dots():
    tasks = tasks_of(["SPM"], [1, 2], [1e-14, 3e-14, 1e-13])
    axes = summary_figure(tasks, x="rate", y="rmse [mV]").axes[0]
    assert not axes.get_lines()
    assert len(axes.collections[0].get_offsets()) == 6


def test_a_grid_becomes_cells_with_their_values():
    tasks = tasks_of(["SPM"], [0.5, 1, 2], [1e-14, 1e-13])
    figure = heatmap_figure(tasks, x=D, y="rate", value="rmse [mV]")
    assert is_grid(tasks, D, "rate")
    assert len(figure.axes[0].texts) == 6
    assert figure.axes[1].get_ylabel() == "RMSE / mV"


def test_a_rate_at_which_all_tasks_failed_keeps_its_empty_row():
    tasks = tasks_of(["SPM"], [0.5, 1, 2], [1e-14, 3e-14])
    failed = tasks["rate"] == 1
    tasks.loc[failed, "rmse [mV]"] = np.nan
    tasks.loc[failed, "status"] = "failed"
    figure = heatmap_figure(tasks, x=D, y="rate", value="rmse [mV]")
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == ["0.5", "1", "2"]
    assert len(figure.axes[0].texts) == 4
    assert "2 failed" in figure.get_suptitle()


def test_samples_become_dots():
    tasks = tasks_of(["SPM"], [1], np.geomspace(1e-14, 1e-13, 50).tolist())
    tasks["rate"] = np.linspace(0.5, 2, 50)
    figure = heatmap_figure(tasks, x=D, y="rate", value="rmse [mV]")
    assert len(figure.axes[0].collections[0].get_offsets()) == 50
    assert figure.axes[0].get_xscale() == "log"


def test_cycles_are_a_line_a_task():
    tasks = tasks_of(["SPM"], [0.5, 1], [3e-14])
    rows = [
        {"task_id": task_id, "cycle_count": n, "capacity [A.h]": 2.2 - 0.01 * n}
        for task_id in tasks["task_id"]
        for n in range(1, 6)
    ]
    figure = cycles_figure(tasks, pd.DataFrame(rows), y="capacity [A.h]", colour="rate")
    assert len(segments(figure.axes[0])) == 2
    assert figure.axes[0].get_xlabel() == "Cycle number"


def test_the_overview_has_a_row_a_model_and_rate():
    tasks = tasks_of(["SPM", "DFN"], [0.5, 1], [1e-14, 3e-14, 1e-13])
    table = rmse_overview(tasks, varied=["rate", D])
    assert list(zip(table["model"], table["rate"], strict=True)) == [
        ("DFN", 0.5),
        ("DFN", 1.0),
        ("SPM", 0.5),
        ("SPM", 1.0),
    ]
    assert table["best RMSE [mV]"].tolist() == [5, 10, 5, 10]


def test_the_quantity_with_fewest_values_gives_the_colour_and_that_with_most_lies_along_x():
    tasks = tasks_of(["SPM", "DFN"], [0.5, 1], [1e-14, 3e-14, 1e-13])
    assert choose_colour(tasks, [D, "rate"]) == "rate"
    assert choose_x(tasks, ["rate", D]) == D
    assert choose_colour(tasks, []) == "model"
    assert choose_summary(tasks, ["capacity [A.h]", "rmse [mV]"]) == "rmse [mV]"


def test_labels_have_units_as_people_write_them():
    assert axis_label(D) == "Negative particle diffusivity / m² s⁻¹"
    assert axis_label("rate") == "Rate"
    assert axis_label("time to 4.2 V [s]") == "Time to 4.2 V / s"
    assert unit_text("A.h") == "A h"


def test_decades_are_recognised_and_plain_ranges_are_not():
    assert is_log_spread(np.geomspace(1e-14, 1e-12, 9))
    assert not is_log_spread(np.linspace(1, 100, 9))


@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_the_same_figure_gives_the_same_bytes(format):
    tasks = tasks_of(["SPM"], [0.5, 1], [3e-14])
    one, other = (
        encode(curve_figure(tasks, by_task(series_of(tasks)), colour="rate"), format)
        for _ in range(2)
    )
    assert one == other
