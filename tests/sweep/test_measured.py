from __future__ import annotations

from pathlib import Path

import pytest

from battsweep.errors import SpecError
from battsweep.sweep.expand import expand
from battsweep.sweep.load import load_sweep
from battsweep.sweep.matching import measured_for

CURVE = "test_time_second,voltage_volt,current_ampere\n5,4.2,-1\n15,4.1,-1\n"
ONE = '[[measured]]\ncell = "A"\nprotocol = "cc"\nat = { rate = 1 }\nfile = "one.csv"\n'
TWO = ONE.replace("rate = 1", "rate = 2").replace("one.csv", "two.csv")
FIT = """
[fit]
data = ["one"]
hold_out = ["two"]
population = 6
[fit.parameters]
"Negative electrode thickness [m]" = { from = 7e-5, to = 9e-5, scale = "log" }
"""


@pytest.fixture(autouse=True)
def curve_files(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(CURVE)
    (tmp_path / "two.csv").write_text(CURVE.replace("4.1", "4.0"))


def fit_tasks(load, resolve, curves=ONE + TWO, fit=FIT, **sections):
    sweep = load(axes="", x=curves, y=fit, **sections)
    return expand(sweep, resolve(sweep))


def test_a_curve_belongs_to_the_tasks_with_its_cell_protocol_and_values(load, resolve):
    sweep = load(x=ONE + TWO.replace("at = { rate = 2 }", ""), models="[models.SPM]\n[models.X]")
    tasks = expand(sweep, resolve(sweep))
    found = [measured_for(sweep, task) for task in tasks]
    assert [curve and curve.name for curve in found] == ["one", "two", "one", "two"]
    assert found[0].times_s == (0.0, 10.0)
    assert found[0].current_a == (-1.0, -1.0)


def test_a_task_without_a_curve_has_none(load, resolve):
    sweep = load(x=ONE)
    found = [measured_for(sweep, task) for task in expand(sweep, resolve(sweep))]
    assert [curve is not None for curve in found] == [True, False]


@pytest.mark.parametrize(("summary", "matters"), [("rmse", True), ("energy", False)])
def test_a_curve_is_content_only_if_a_summary_needs_it(load, resolve, tmp_path, summary, matters):
    ids = []
    for voltage in ("4.1", "3.9"):
        (tmp_path / "one.csv").write_text(CURVE.replace("4.1", voltage))
        sweep = load(x=ONE, y=f'[output]\nsummary = ["{summary}"]')
        ids.append([task.id for task in expand(sweep, resolve(sweep))])
    assert (ids[0][0] != ids[1][0]) is matters
    assert ids[0][1] == ids[1][1]


@pytest.mark.parametrize(
    ("curves", "place", "message"),
    [
        (ONE.replace('"A"', '"B"'), "measured.0.cell", "'B': no such cell in this file"),
        (ONE.replace('"cc"', '"c"'), "measured.0.protocol", "did you mean 'cc'?"),
        (ONE.replace("rate =", "rat ="), "measured.0.at.rat", "did you mean 'rate'?"),
        (ONE + ONE, "measured.1.name", "'one': stands there twice"),
        (
            ONE + TWO.replace("rate = 2", "rate = 1.0"),
            "measured.1.at",
            "same tasks as 'one'",
        ),
        (ONE.replace("file", "fil"), "measured.0.fil", "did you mean 'file'?"),
        ("[measured]\n", "measured", "begin each with [[measured]]"),
    ],
)
def test_a_wrong_curve_is_told_with_its_place(faults, curves, place, message):
    found = {fault.place: fault.message for fault in faults(x=curves)}
    assert message in found[place]


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("{ rate = 7 }", "'cc' has rate = 7; its values there are 1, 2"),
        ('{ rate = "1" }', "'cc' has rate = '1'; its values there are 1, 2"),
        ('{ rate = 2, "Ambient temperature [K]" = 300 }', "at once"),
        ("{ rate = 3 }", "'cc' has rate = 3"),
    ],
)
def test_a_curve_that_no_task_matches_is_a_fault(load, resolve, at, message):
    sweep = load(
        axes='[[axes]]\nrate = [1, 2, 3]\n[[axes]]\n"Ambient temperature [K]" = [280, 300]',
        x=TWO + ONE.replace("{ rate = 1 }", at),
        y='[[exclude]]\nwhen = "rate == 3 or rate == 2 and `Ambient temperature [K]` == 300"',
    )
    with pytest.raises(SpecError) as caught:
        expand(sweep, resolve(sweep))
    (fault,) = caught.value.faults
    assert fault.place == "measured.1.at"
    assert message in fault.message


def test_a_curve_whose_every_task_is_excluded_is_a_fault(load, resolve):
    cells = '[cells.A]\nparameter_set = "X"\n[cells.B]\nparameter_set = "X"'
    sweep = load(cells=cells, x=ONE, y="[[exclude]]\nwhen = \"cell == 'A'\"")
    with pytest.raises(SpecError, match="cell 'A' and protocol 'cc' is left"):
        expand(sweep, resolve(sweep))


@pytest.mark.parametrize(
    ("protocol", "sign", "right"),
    [
        ('discharge = "{rate}C"', 1, False),
        ('discharge = "{rate}C"', -1, True),
        ('charge = "{rate}C"', 1, True),
        ('charge = "{rate}C"', -1, False),
        ('steps = ["Discharge at {rate}C"]', 1, True),
    ],
)
def test_a_current_of_the_wrong_sign_for_its_protocol_is_a_fault(
    write, tmp_path, protocol, sign, right
):
    # a little of the other sign at the start, as while resting, is no fault
    rows = f"0,4.0,{-0.01 * sign}\n1,4.1,{sign}\n9,4.2,{sign}\n"
    (tmp_path / "one.csv").write_text("test_time_second,voltage_volt,current_ampere\n" + rows)
    path = write(x=ONE, protocols=f"[protocols.cc]\n{protocol}")
    if right:
        assert load_sweep(path).measured
    else:
        with pytest.raises(SpecError, match="current is positive on charge; this is a"):
            load_sweep(path)


@pytest.mark.parametrize("voltage", ["4200", "-0.1", "10.01"])
def test_a_voltage_that_cannot_be_in_volts_is_told_with_its_line(faults, tmp_path, voltage):
    (tmp_path / "one.csv").write_text(CURVE.replace("4.1", voltage))
    (fault,) = faults(x=ONE)
    assert (fault.file, fault.place) == (str(tmp_path / "one.csv"), "line 3")
    assert f"{float(voltage)!r}: not from 0 to 10 V; volts are expected" in fault.message


def test_a_curve_without_bdf_names_is_told_with_its_file(faults, tmp_path):
    (tmp_path / "one.csv").write_text("t,voltage_volt\n0,4\n1,3\n")
    (fault,) = faults(x=ONE)
    assert fault.file == str(tmp_path / "one.csv")
    assert "no column 'test_time_second'" in fault.message


def test_a_fit_has_one_task_for_each_cell_with_curves_and_each_model(load, resolve):
    cells = '[cells.A]\nparameter_set = "X"\n[cells.Z]\nparameter_set = "X"'
    tasks = fit_tasks(load, resolve, cells=cells, models="[models.SPM]\n[models.DFN]")
    assert [(task.number, task.kind, task.cell, task.model) for task in tasks] == [
        (0, "fit", "A", "SPM"),
        (1, "fit", "A", "DFN"),
    ]
    assert tasks[0].procedure.current == "1C"
    assert (dict(tasks[0].varied), dict(tasks[0].parameters)) == ({}, {})


def test_any_difference_in_a_fit_gives_another_id(load, resolve):
    variants = [
        {},
        {"fit": FIT.replace("7e-5", "6e-5")},
        {"fit": FIT.replace('"log"', '"linear"')},
        {"fit": FIT.replace("population = 6", "population = 7")},
        {"fit": FIT.replace('= ["two"]', "= []")},
        {"fit": FIT.replace('["one"]', '["one", "two"]').replace('= ["two"]', "= []")},
        {"fit": FIT.replace("[fit]", "[fit]\ngenerations=3")},
        {"fit": FIT.replace("[fit]", "[fit]\ntolerance = 0.5")},
        {"curves": ONE.replace("rate = 1", "rate = 3") + TWO},
        {"head": 'name = "rates"\nseed = 1'},
        {"models": "[models.DFN]"},
    ]
    ids = [fit_tasks(load, resolve, **variant)[0].id for variant in variants]
    assert len(set(ids)) == len(variants)


def test_names_and_the_order_of_curves_leave_a_fit_alone(load, resolve):
    both = FIT.replace('["one"]', '["one", "two"]').replace('= ["two"]', "= []")
    turned = both.replace('["one", "two"]', '["two", "one"]')
    renamed = (ONE + TWO).replace('one.csv"', 'one.csv"\nname = "first"')
    cells = '[cells.A]\nparameter_set = "Other name of the same"'
    ids = {
        fit_tasks(load, resolve, curves=curves, fit=fit, **sections)[0].id
        for curves, fit, sections in (
            (ONE + TWO, both, {}),
            (ONE + TWO, turned, {}),
            (renamed, both.replace('"one"', '"first"'), {"head": 'name = "other"'}),
            (ONE + TWO, both, {"cells": cells}),
        )
    }
    assert len(ids) == 1


def test_where_the_search_starts_is_content_of_a_fit(load, resolve):
    cells = '[cells.A]\nparameter_set="X"\noverrides={"Negative electrode thickness [m]"=8e-5}'
    (one,), (other,) = fit_tasks(load, resolve), fit_tasks(load, resolve, cells=cells)
    assert one.id != other.id


@pytest.mark.parametrize(
    ("curves", "fit", "place", "message"),
    [
        (
            ONE + TWO,
            FIT.replace('"one"', '"on"'),
            "fit.data.0",
            "no such [[measured]] curve",
        ),
        (ONE + TWO, FIT.replace('"one"', '"two"'), "fit.hold_out.0", "is in data too"),
        (ONE + TWO, FIT.replace("= 6", "= 3"), "fit.population", "3: must be greater"),
        (ONE + TWO, FIT.replace("to = 9", "to = 2"), "fit.parameters.N", "less than to"),
        (ONE + TWO, FIT.replace("to =", "too ="), "fit.parameters.N.too", "mean 'to'?"),
        (ONE + TWO, FIT.replace('["one"]', "[]"), "fit.data", "must not be empty"),
        (ONE + TWO.replace("rate = 2", ""), FIT, "measured.1.at", "no value to {rate}"),
        (
            ONE + TWO.replace("rate =", "x=1,rate ="),
            FIT,
            "measured.1.at.x",
            "not a placeholder",
        ),
    ],
)
def test_a_wrong_fit_is_told_with_its_place(faults, curves, fit, place, message):
    found = {fault.place: fault.message for fault in faults(axes="", x=curves, y=fit)}
    name = "Negative electrode thickness [m]"
    assert message in found[place.replace("N", name) if "parameters.N" in place else place]


def test_a_free_parameter_must_be_one_of_the_cell(load, resolve):
    fit = FIT.replace("thickness [m]", "thicknes [m]")
    with pytest.raises(SpecError, match="did you mean 'Negative electrode thickness"):
        fit_tasks(load, resolve, fit=fit)
