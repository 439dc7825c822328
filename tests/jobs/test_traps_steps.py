"""Numbers in steps as inputs: every task is what PyBaMM makes of its own text."""

from __future__ import annotations

import numpy as np
import pytest

HEAD = 'name = "t"\n[cells.A]\nparameter_set = "Chen2020"\n[models.SPM]\n'
TAIL = "[output]\nevery = 60\n[run]\nsolver = { rtol = 1e-8, atol = 1e-8 }\n"
CLOSE_V = 2e-7


def protocol(steps, more=""):
    return f"[protocols.p]\nsteps = {list(steps)}\n{more}\n"


def axis(name, values):
    return f"[[axes]]\n'{name}' = {values}\n"


def compare(found, sweep, plain, close=CLOSE_V):
    """Check every result of a sweep against its own plain simulation."""
    for _, item, result in found:
        expected = plain(sweep, item.task)
        times = result.columns["test_time_second"]
        kept = [s for c in expected.cycles for s in c.steps if len(s.t) > 1]
        np.testing.assert_allclose(times, np.concatenate([s.t for s in kept]), rtol=1e-6, atol=1e-3)
        voltage = np.concatenate([s["Voltage [V]"].entries for s in kept])
        np.testing.assert_allclose(result.columns["voltage_volt"], voltage, atol=close)
        assert result.method == "reused"


CASES = {
    "a C-rate, whose default duration follows from it": (
        ["Discharge at {x}C until 3.2 V", "Rest for 10 minutes"],
        [0.2, 1, 2],
        1,
    ),
    "a current": (["Discharge at {x} A until 3.4 V"], [2, 5], 1),
    "a part of a C-rate": (["Discharge at C/{x} until 3.5 V"], [1, 3], 1),
    "a voltage that is held, and where charging ends": (
        ["Charge at 1C until {x} V", "Hold at {x} V until C/20"],
        [4.1, 4.15],
        1,
    ),
    "where a discharge ends": (["Discharge at 1C until {x} V"], [3.2, 3.6], 1),
    "where a hold ends": (
        ["Charge at 1C until 4.1 V", "Hold at 4.1 V until {x} mA"],
        [400, 900],
        1,
    ),
    "a duration": (
        ["Discharge at 1C for {x} minutes or until 3 V", "Rest for {x} minutes"],
        [5, 20],
        1,
    ),
    "a power": (["Discharge at {x} W for 20 minutes or until 3 V"], [5, 15], 1),
    "a sign": (["Discharge at {x} A for 10 minutes"], [-2, 3, 2], 2),
    "nothing at all": (["Discharge at {x} A for 10 minutes or until 3 V"], [0, 3], 2),
    "a voltage a rest never ends at": (["Rest for 10 minutes or until {x} V"], [3, 4.19], 1),
}


@pytest.mark.parametrize("case", CASES)
def test_numbers_in_steps_are_inputs_of_one_experiment(case, make_sweep, solved, plain):
    steps, values, groups = CASES[case]
    soc = "initial_soc = 0.6" if "Charge" in steps[0] else "initial_soc = 0.9"
    sweep = make_sweep(HEAD + protocol(steps, soc) + axis("x", values) + TAIL)
    found = solved(sweep)
    compare(found, sweep, plain)
    assert len({group.key for group, _, _ in found}) == groups
