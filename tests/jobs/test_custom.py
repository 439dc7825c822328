"""Models and parameter sets of a user's own: from a Python file, or from another package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from battsweep.cli.main import main
from battsweep.errors import SpecError
from battsweep.jobs.driver import run_plan
from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.plan import make_plan
from battsweep.jobs.warm import Builds, answers
from battsweep.store.store import open_store
from battsweep.sweep.identity import digest, parameter_digester
from battsweep.sweep.load import load_sweep

SOURCE = """
import pybamm

def model(options=None):
    made = pybamm.lithium_ion.SPM(options)
    made.variables["Twice the voltage [V]"] = 2 * made.variables["Voltage [V]"]
    return made

def basic():
    return pybamm.lithium_ion.BasicSPM()

def cell():
    values = pybamm.ParameterValues("Chen2020")
    values["Negative particle diffusivity [m2.s-1]"] = diffusivity
    return dict(values)

def diffusivity(sto, T):
    return 3.3e-14 * (1 + sto)

def raises():
    raise RuntimeError("no such cell")

def number():
    return 7

def no_voltage():
    made = pybamm.lithium_ion.SPM()
    del made.variables["Voltage [V]"]
    return made
"""
SWEEP = """
name = "own"
[cells.A]
parameter_set = "own.py:cell"
[models.mine]
type = "own.py:model"
options = { thermal = "lumped" }
[models.basic]
type = "own.py:basic"
[protocols.p]
discharge = "1C"
duration = 600
[[axes]]
"Positive particle diffusivity [m2.s-1]" = [4e-15, 5e-15]
[output]
every = 100
"""


def write(folder, *, source=SOURCE, sweep=SWEEP):
    """Write a sweep and its source, and return the sweep."""
    (folder / "own.py").write_text(source)
    (folder / "sweep.toml").write_text(sweep)
    return load_sweep(folder / "sweep.toml")


def ids(sweep):
    return [task.id for task in make_plan(sweep).tasks]


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """Return a store whose tasks use a user's own model and set."""
    folder = tmp_path_factory.mktemp("own")
    progress = run_plan(make_plan(write(folder)), folder / "store", workers=1)
    assert (progress.done, progress.failed) == (4, 0)
    (folder / "own.py").unlink()
    return folder / "store"


def test_a_model_and_a_set_of_ones_own_give_what_plain_pybamm_gives(computed, tmp_path):
    pybamm = import_pybamm()
    names = {}
    exec(SOURCE, names)
    values = pybamm.ParameterValues(names["cell"]())
    values["Positive particle diffusivity [m2.s-1]"] = 5e-15
    values["Current function [A]"] = 5.0
    with open_store(computed) as store:
        for name, model in (
            ("mine", names["model"]({"thermal": "lumped"})),
            ("basic", names["basic"]()),
        ):
            simulation = pybamm.Simulation(
                model, parameter_values=values, solver=pybamm.IDAKLUSolver(rtol=1e-5, atol=1e-6)
            )
            plain = simulation.solve([0, 600], t_interp=np.arange(0, 700, 100))
            [task] = store.tasks(
                f"model == '{name}' and `Positive particle diffusivity [m2.s-1]` == 5e-15"
            )["task_id"]
            rows = store.series([task])
            np.testing.assert_allclose(
                rows["voltage_volt"], plain["Voltage [V]"].entries, rtol=0, atol=1e-7
            )


@pytest.mark.parametrize("number", [1, 3])
def test_the_script_uses_the_copy_that_the_store_keeps(number, computed, capsys):
    assert main(["show", str(computed), str(number), "--script"]) == 0
    names = {}
    exec(capsys.readouterr().out, names)
    capsys.readouterr()
    with open_store(computed) as store:
        rows = store.series(f"number == {number}")
    np.testing.assert_allclose(
        rows["voltage_volt"].to_numpy()[:6],
        names["solution"]["Voltage [V]"].entries[:6],
        rtol=0,
        atol=1e-7,
    )


def test_editing_the_file_changes_the_tasks_and_moving_it_does_not(tmp_path):
    for name in ("one", "other", "edited"):
        (tmp_path / name).mkdir()
    one = ids(write(tmp_path / "one"))
    assert ids(write(tmp_path / "other")) == one
    assert not set(ids(write(tmp_path / "edited", source=SOURCE + "\n# another\n"))) & set(one)


def test_the_source_is_part_of_what_makes_a_cell(tmp_path):
    plan = make_plan(write(tmp_path))
    cell = plan.catalogue.resolved.cells["A"]
    assert digest(cell.identity()) != digest(cell.content)
    names = ["Positive particle diffusivity [m2.s-1]"]
    of = parameter_digester(cell.identity(), names)
    assert of([cell.content[names[0]]]) == digest(cell.identity())


def test_a_source_that_is_not_what_was_planned_is_refused_where_it_is_solved(tmp_path):
    group, item = make_plan(write(tmp_path)).placed[0]
    other = replace(group.model.source, text=SOURCE + "\n# another\n")
    changed = replace(group, key="changed", model=replace(group.model, source=other))
    *_, result = answers(changed, (item,), Builds())
    assert result.failure.failure_class == "spec"
    assert "own.py: is not what was planned" in result.failure.message
    *_, result = answers(group, (item,), Builds())
    assert result.failure is None


WRONG = {
    "own.py": ["names", "write 'own.py:make'"],
    "none.py:make": ["no such file"],
    "own.py:modell": ["has no function 'modell'", "'model'"],
    "own.py:raises": ["raised RuntimeError: no such cell (line 21)"],
    "own.py:number": ["returned a int", "must return"],
    "syntax.py:make": ["cannot be executed: SyntaxError", "(line 2)"],
    "exits.py:make": ["cannot be executed: SystemExit"],
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("key", ["type", "parameter_set"])
def test_what_is_wrong_with_a_file_is_told_with_its_place(wrong, key, tmp_path):
    (tmp_path / "syntax.py").write_text("import pybamm\ndef make(:\n")
    (tmp_path / "exits.py").write_text("raise SystemExit(3)\n")
    right = "own.py:model" if key == "type" else "own.py:cell"
    with pytest.raises(SpecError) as caught:
        text = SWEEP.replace('options = { thermal = "lumped" }', "")
        make_plan(write(tmp_path, sweep=text.replace(right, wrong)))
    place = "models.mine.type" if key == "type" else "cells.A.parameter_set"
    [fault] = [fault for fault in caught.value.faults if fault.place == place]
    for part in WRONG[wrong][wrong == "own.py" :]:
        assert part in fault.message


def test_a_model_without_a_voltage_or_without_options_is_refused(tmp_path):
    text = SWEEP.replace("own.py:basic", "own.py:no_voltage").replace(
        'options = { thermal = "lumped" }', ""
    )
    with pytest.raises(SpecError, match="without the variable 'Voltage"):
        make_plan(write(tmp_path, sweep=text))
    text = SWEEP.replace("own.py:model", "own.py:basic")
    with pytest.raises(SpecError, match="takes no options"):
        make_plan(write(tmp_path, sweep=text))


def test_models_and_sets_that_another_package_brings_are_known_by_name(tmp_path):
    package = tmp_path / "site"
    (package / "brings-1.2.dist-info").mkdir(parents=True)
    (package / "brings-1.2.dist-info/METADATA").write_text("Name: brings\nVersion: 1.2\n")
    (package / "brings-1.2.dist-info/entry_points.txt").write_text(
        "[pybamm_models]\nTheirSPM = brings:TheirSPM\n"
        "[pybamm_parameter_sets]\nTheirCell = brings:their_cell\n"
    )
    (package / "brings.py").write_text(
        "import pybamm\n"
        "class TheirSPM(pybamm.lithium_ion.SPM):\n"
        "    def __init__(self, options=None):\n"
        "        super().__init__({'x-average side reactions': 'true', **(options or {})})\n"
        "def their_cell():\n    return dict(pybamm.ParameterValues('Chen2020'))\n"
    )
    (tmp_path / "sweep.toml").write_text(
        "name = 't'\n[cells.A]\nparameter_set = 'TheirCell'\n[models.TheirSPM]\n"
        "options = { thermal = 'lumped' }\n"
        "[protocols.p]\ndischarge = '1C'\nduration = 60\n[output]\nevery = 30\n"
    )
    command = [sys.executable, "-m", "battsweep.cli.main", "run", str(tmp_path / "sweep.toml")]
    done = subprocess.run(
        [*command, "--store", str(tmp_path / "store"), "--json", "--workers", "1"],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["done"] == 1
    with open_store(tmp_path / "store") as store:
        content = store.task("0").model_content
    assert content["package"] == "brings 1.2"
