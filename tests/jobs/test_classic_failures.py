"""Seven ways in which long sweeps of lithium-ion models have always failed, as PyBaMM fails now.

Each ends with its class, a message that says what to do, and what was computed until then.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from battsweep.jobs.plan import make_plan
from battsweep.jobs.warm import Builds, answers
from battsweep.jobs.worker import receipt
from battsweep.sweep.load import load_sweep

BAD = Path(__file__).parent / "bad" / "models.py"
SETS = """
import numpy as np
import pybamm

def changed(function):
    values = pybamm.ParameterValues("Chen2020")
    values["Negative particle diffusivity [m2.s-1]"] = function
    return values

def short_table():
    points = np.array([0.5, 0.7, 1.0])
    return changed(lambda sto, T: pybamm.Interpolant(points, 3e-14 + 0 * points, sto, name="D"))

def nonlinear():
    return changed(lambda sto, T: 3e-14 * (1 - 1.5 * sto))
"""
CYCLES = 'steps = ["Discharge at 1C until 3 V", "Charge at 1C until 4.1 V"]\ncycles = 3'


@dataclass(frozen=True)
class Case:
    """A task that fails: its tables, class, words of its message, and whether rows are left."""

    cell: str
    model: str
    protocol: str
    failure_class: str | None
    words: tuple[str, ...]
    partial: bool


CRACKING = (
    'parameter_set = "OKane2022"\n'
    'overrides = { "Negative electrode initial crack length [m]" = 5.8e-6,'
    ' "Negative electrode cracking rate" = 1e-17 }'
)
CRACKED = 'type = "SPM"\noptions = { "particle mechanics" = ["swelling and cracking", "none"] }'
CLOGGING = 'parameter_set = "OKane2022"\noverrides = { "SEI solvent diffusivity [m2.s-1]" = 1e-15 }'
CLOGGED = (
    'type = "SPMe"\noptions = { SEI = "solvent-diffusion limited", "SEI porosity change" = "true" }'
)
CHEN = 'parameter_set = "Chen2020"'
SPM = 'type = "SPM"'
DISCHARGE = 'discharge = "1C"'
FULL = 'initial_soc = 1\nsteps = ["Charge at 1C for 10 minutes", "Rest for 1 hour"]'
NO_ROOM = (
    f'{CHEN}\noverrides = {{ "Maximum concentration in positive electrode [mol.m-3]" = 2000 }}'
)
TOO_FULL = (
    f'{CHEN}\noverrides = {{ "Initial concentration in negative electrode [mol.m-3]" = 34000 }}'
)
CASES = {
    "cracking event": Case(
        CRACKING, CRACKED, CYCLES, "infeasible", ("crack length", "cracking rate"), True
    ),
    "cracking event, constant current": Case(
        CRACKING, CRACKED, DISCHARGE, "infeasible", ("crack length", "cracking rate"), True
    ),
    "solver error": Case(
        CHEN, 'type = "models.py:not_a_number"', DISCHARGE, "solver", ("600 s", "IDA_"), True
    ),
    "solver error in a step": Case(
        CHEN,
        'type = "models.py:not_a_number"',
        'steps = ["Rest for 5 minutes", "Discharge at 1C for 10 minutes", "Rest for 1 hour"]',
        "solver",
        ("cycle 1, step 2", "IDA_", "look for"),
        True,
    ),
    "charge at 100 %": Case(
        CHEN, SPM, 'charge = "1C"\ninitial_soc = 1', "infeasible", ("state of charge",), False
    ),
    "charge at 100 % in steps": Case(
        CHEN, SPM, FULL, "infeasible", ("Maximum voltage", "lower state of charge"), True
    ),
    "charge at 100 % until a voltage": Case(
        CHEN,
        SPM,
        'initial_soc = 1\nsteps = ["Charge at 1C until 4.2 V"]',
        "infeasible",
        ("skipped",),
        False,
    ),
    "interpolation out of range": Case(
        'parameter_set = "sets.py:short_table"',
        SPM,
        DISCHARGE,
        None,
        ("'D' at its lower end", "more points|points beyond"),
        False,
    ),
    "interpolation out of range in steps": Case(
        'parameter_set = "sets.py:short_table"', SPM, CYCLES, None, ("'D' at its lower end",), False
    ),
    "pore clogging": Case(
        CLOGGING, CLOGGED, CYCLES, "infeasible", ("porosity", "side reactions"), True
    ),
    "stoichiometry out of range": Case(
        TOO_FULL, SPM, DISCHARGE, "infeasible", ("stoichiometry out of range",), False
    ),
    "stoichiometry out of range for a state of charge": Case(
        NO_ROOM,
        SPM,
        f"{DISCHARGE}\ninitial_soc = 1",
        "infeasible",
        ("Q_Li", "maximum concentrations"),
        False,
    ),
    "non-linear diffusivity": Case(
        'parameter_set = "sets.py:nonlinear"', SPM, DISCHARGE, "solver", ("IDA_", "functions"), True
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_classic_failure_has_its_class_and_says_what_to_do(name, tmp_path):
    case = CASES[name]
    shutil.copy(BAD, tmp_path)
    (tmp_path / "sets.py").write_text(SETS)
    (tmp_path / "sweep.toml").write_text(
        f"name = 't'\n[cells.A]\n{case.cell}\n[models.m]\n{case.model}\n"
        f"[protocols.p]\n{case.protocol}\n[output]\nevery = 60\nsummary = ['capacity']\n"
        "[run]\nretry_ladder = false\nsolver = { rtol = 1e-4, atol = 1e-6 }\n"
    )
    [(group, item)] = make_plan(load_sweep(tmp_path / "sweep.toml")).placed
    *_, result = answers(group, (item,), Builds())
    found = receipt(item.task, result, 1)
    assert found.failure_class == case.failure_class, result
    assert found.outcome == ("done" if case.failure_class is None else "failed")
    text = found.message or found.log
    for words in case.words:
        assert any(word in text for word in words.split("|")), text
    assert found.partial is case.partial
    if found.row_count:
        assert all(np.all(np.isfinite(values)) for values in result.columns.values())
        assert np.all(np.diff(result.columns["test_time_second"]) >= 0)
