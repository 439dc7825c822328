"""Measured cycles replayed in a model: the same current, where it starts, how far it is off."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.cli.main import main
from battsweep.data.cell import RawCell, SourceFile
from battsweep.data.clean import clean
from battsweep.errors import SpecError
from battsweep.jobs.plan import make_plan
from battsweep.store.cells import write_cell
from battsweep.store.layout import create_store
from battsweep.store.store import open_store
from battsweep.sweep.load import load_sweep
from battsweep.sweep.reduction import CHARGE_SHARE, reduced

SWEEP = """
name = "again"
[cells.X]
parameter_set = "Chen2020"
measured = "X-01"
SCALE
[models.SPM]
[protocols.replay]
measured = { cycles = [2]MODE }
START
[output]
every = "60 s"
[run]
proof = "none"
"""


def written(folder, **given):
    path = folder / "sweep.toml"
    text = SWEEP
    for key in ("SCALE", "MODE", "START"):
        text = text.replace(key, given.get(key, ""))
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Return a store with a measured cell, which is a simulation with noise of 0.2 mV."""
    import pybamm

    steps = (
        "Discharge at 1C until 2.8 V",
        "Rest for 30 minutes",
        "Charge at 0.5C until 4.2 V",
        "Hold at 4.2 V until C/20",
        "Rest for 2 hours",
    )
    experiment = pybamm.Experiment([steps] * 2, period="20 seconds")
    simulation = pybamm.Simulation(
        pybamm.lithium_ion.SPM(),
        experiment=experiment,
        parameter_values=pybamm.ParameterValues("Chen2020"),
    )
    solution = simulation.solve(initial_soc=0.99, calc_esoh=False)
    random = np.random.default_rng(1)
    volts = solution["Voltage [V]"].entries
    table = pa.table(
        {
            "test_time_second": solution["Time [s]"].entries,
            "voltage_volt": volts + random.normal(0, 2e-4, len(volts)),
            "current_ampere": -solution["Current [A]"].entries
            + random.normal(0, 2e-4, len(volts)) * (solution["Current [A]"].entries != 0),
        }
    )
    raw = RawCell("X-01", "csv", table, (SourceFile("x.csv", 1, "0" * 64),))
    store = tmp_path_factory.mktemp("lab") / "store"
    create_store(store, format="parquet")
    write_cell(store, raw, clean(raw))
    return store


def loaded(path, lab):
    with open_store(lab) as store:
        return load_sweep(path, measured=store)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.floats(0, 0.02))
def test_a_reduced_current_keeps_its_charge_and_loses_no_pulse(seed, noise):
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 40, 12)
    level = random.choice([-5.0, -1.0, 0.0, 2.0], 12)
    current = np.repeat(level, lengths) + random.normal(0, noise, lengths.sum())
    times = np.cumsum(random.uniform(0.5, 20, len(current)))
    steps = np.repeat(np.arange(12), lengths)
    at, values, off = reduced(times, current, steps)
    line = np.interp(times, at, values)
    pieces = np.diff(times) * (current[1:] + current[:-1] - line[1:] - line[:-1]) / 2
    reach = np.ptp(
        np.concatenate([[0], np.cumsum(np.diff(times) * (current[1:] + current[:-1]) / 2)])
    )
    assert np.max(np.abs(np.cumsum(pieces))) <= CHARGE_SHARE * reach + 1e-9
    assert off <= CHARGE_SHARE
    assert np.max(np.abs(line - current)) < 0.1 + 5 * noise


def test_fewer_points_give_the_voltage_of_all_points(lab):
    import pybamm

    with open_store(lab) as store:
        rows = store.cell("X-01").series.to_pandas()
    rows = rows[rows["cycle_count"] == 2]
    times = rows["test_time_second"].to_numpy() - rows["test_time_second"].iloc[0]
    current = rows["current_ampere"].to_numpy()
    at, values, _ = reduced(times, current, rows["step_index"].to_numpy(float))
    assert len(at) < len(times) / 4
    volts = []
    for knots, amperes in ((times, current), (at, values)):
        parameters = pybamm.ParameterValues("Chen2020")
        parameters["Lower voltage cut-off [V]"] = 2.0
        parameters["Upper voltage cut-off [V]"] = 4.7
        parameters["Current function [A]"] = pybamm.Interpolant(knots, -amperes, pybamm.t)
        simulation = pybamm.Simulation(pybamm.lithium_ion.SPM(), parameter_values=parameters)
        solution = simulation.solve(knots, t_interp=times, initial_soc=0.98)
        volts.append(np.interp(times, solution.t, solution["Voltage [V]"].entries))
    off = np.abs(volts[0] - volts[1])
    assert np.sqrt(np.mean(off**2)) < 3e-4
    assert off.max() < 5e-3


def test_a_replay_of_its_own_simulation_is_right_to_the_noise(lab, tmp_path):
    path = written(tmp_path)
    assert main(["run", str(path), "--store", str(lab), "--workers", "1"]) == 0
    with open_store(lab) as store:
        (task,) = store.tasks().to_dict("records")
        plan = json.loads(store.query("SELECT plan FROM sweep")["plan"][0])
    assert task["cycle"] == 2
    assert task["overlap [1]"] == 1
    assert task["rmse [mV]"] < 5
    assert abs(task["bias [mV]"]) < 3
    assert task["rmse in rest [mV]"] < 5
    assert task["max error [mV]"] >= task["rmse [mV]"]
    (told,) = plan["replays"]
    assert told["initial_soc"] == pytest.approx(1.0, abs=0.03)
    assert "after 120 min of rest" in told["told"]


def test_what_is_compared_is_a_table_and_a_picture(lab, tmp_path, capsys):
    path = written(tmp_path)
    assert main(["run", str(path), "--store", str(lab), "--workers", "1"]) == 0
    capsys.readouterr()
    assert main(["table", str(lab), "comparison", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["cycle"] == 2
    output = tmp_path / "compare.svg"
    assert main(["plot", str(lab), "compare", "--cycle", "2", "-o", str(output)]) == 0
    assert b"X-01 cycle 2" in output.read_bytes()
    assert main(["plot", str(lab), "compare", "--cycle", "9", "-o", str(output)]) == 2
    assert "there are 2" in capsys.readouterr().err


def test_the_steps_that_a_cycle_shows_can_be_done_instead(lab, tmp_path):
    sweep = loaded(written(tmp_path, MODE=', as = "steps"'), lab)
    (item,) = [item for _, item in make_plan(sweep).placed]
    steps = item.task.procedure.steps
    assert [step.split()[0] for step in steps] == ["Discharge", "Rest", "Charge", "Hold", "Rest"]
    assert "until 2.8" in steps[0]
    assert "until 4.2" in steps[2]
    assert steps[3].startswith("Hold at 4.2")
    assert float(steps[3].split()[-2]) == pytest.approx(0.25, abs=0.02)  # C/20


def test_the_electrodes_area_is_scaled_to_the_measured_capacity(lab, tmp_path):
    scaled = loaded(written(tmp_path, SCALE="scale_capacity = true"), lab)
    plan = make_plan(scaled)
    (cell,) = plan.sweep.cells
    assert cell.overrides["Electrode height [m]"] == pytest.approx(0.065, rel=0.03)
    assert "electrode area x" in plan.sweep.protocols[0].replays[0].told


def test_a_start_that_is_fitted_is_the_one_it_was(lab, tmp_path):
    path = written(tmp_path, START='initial_soc = "fit"')
    fitted = loaded(path, lab)
    rest = loaded(written(tmp_path), lab)
    found = make_plan(fitted).sweep.protocols[0].replays[0]
    known = make_plan(rest).sweep.protocols[0].replays[0]
    assert found.initial_soc == pytest.approx(known.initial_soc, abs=0.01)
    assert "SPM's least error" in found.told


def test_another_history_makes_another_task(lab, tmp_path):
    sweep = loaded(written(tmp_path), lab)
    given = loaded(written(tmp_path, START="initial_soc = 0.5"), lab)
    assert make_plan(sweep).tasks[0].id != make_plan(given).tasks[0].id
    assert make_plan(given).tasks[0].procedure.initial_soc == 0.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("X-01", "Y-01"), "battsweep ingest FILE --store STORE --cell Y-01"),
        (("cycles = [2]", "cycles = [7]"), "7: cell 'X-01' has cycles 1 to 2"),
        (('measured = "X-01"', ""), 'add measured = "NAME" to [cells.X]'),
        (("cycles = [2]", "cycels = [2]"), "did you mean 'cycles'?"),
        (("SCALE", "scale_capacity = 3"), "scale_capacity"),
    ],
)
def test_what_cannot_be_replayed_is_told_before_anything_is_computed(lab, tmp_path, change, words):
    path = written(tmp_path)
    text = SWEEP.replace(*change)
    for key in ("SCALE", "MODE", "START"):
        text = text.replace(key, "")
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        loaded(path, lab)
    assert words in str(caught.value)


def test_without_a_store_the_command_that_makes_one_is_told(tmp_path):
    with pytest.raises(SpecError, match="battsweep ingest FILE"):
        load_sweep(written(tmp_path))
