from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FAULTS = {
    "key": ({"head": 'name = "x"\nsede = 1'}, "sede", "did you mean 'seed'?"),
    "name": ({"head": 'name = "a/b"'}, "name", "'a/b': it names a folder"),
    "dots": ({"head": 'name = ".."'}, "name", "'..': it names a folder"),
    "no name": ({"head": ""}, "name", "missing"),
    "seed": (
        {"head": 'name = "x"\nseed = -1'},
        "seed",
        "-1: must be greater than or equal to 0",
    ),
    "boolean": (
        {"head": 'name = "x"\nseed = true'},
        "seed",
        "True: must be a whole number",
    ),
    "no cell": ({"cells": ""}, "cells", "at least one cell is needed"),
    "no model": ({"models": ""}, "models", "at least one model is needed"),
    "no protocol": ({"protocols": ""}, "protocols", "at least one protocol is needed"),
    "set": ({"cells": "[cells.A]"}, "cells.A.parameter_set", "missing"),
    "set file": (
        {"cells": '[cells.A]\nparameter_set = "sets/a.json"'},
        "cells.A.parameter_set",
        "'sets/a.json': no such file",
    ),
    "override": (
        {"cells": '[cells.A]\nparameter_set = "X"\noverrides = { a = nan }'},
        "cells.A.overrides.a",
        "nan: must be a finite number",
    ),
    "override text": (
        {"cells": '[cells.A]\nparameter_set = "X"\noverrides = { a = "1" }'},
        "cells.A.overrides.a",
        "'1': must be a number",
    ),
    "mesh": (
        {"models": "[models.M]\nmesh = { x_n = 2 }"},
        "models.M.mesh.x_n",
        "2: must be",
    ),
    "option": (
        {"models": "[models.M]\noptions = { a = 1979-05-27 }"},
        "models.M.options.a",
        "must be a text, a finite number, a boolean or a list",
    ),
    "nothing done": ({"protocols": "[protocols.x]"}, "protocols.x", "exactly one of steps"),
    "two things": (
        {"protocols": '[protocols.x]\nsteps = ["Rest"]\ndischarge = "1C"'},
        "protocols.x",
        "has steps and discharge; give exactly one of",
    ),
    "no steps": (
        {"protocols": "[protocols.x]\nsteps = []"},
        "protocols.x.steps",
        "not be empty",
    ),
    "cycles": (
        {"protocols": '[protocols.x]\nsteps = ["Rest"]\ncycles = 0'},
        "protocols.x.cycles",
        "0: must be greater than or equal to 1",
    ),
    "cycles beside": (
        {"protocols": '[protocols.x]\ndischarge = "{rate}C"\ncycles = 2'},
        "protocols.x.cycles",
        "has no meaning beside 'discharge'",
    ),
    "current": (
        {"protocols": '[protocols.x]\ndischarge = "1 V"'},
        "protocols.x.discharge",
        "'1 V': not a current",
    ),
    "duration": (
        {"protocols": '[protocols.x]\ndischarge = "{rate}C"\nduration = "long"'},
        "protocols.x.duration",
        "'long': not a duration",
    ),
    "braces": (
        {"protocols": '[protocols.x]\ndischarge = "{rateC"'},
        "protocols.x.discharge",
        "braces come in pairs",
    ),
    "soc": (
        {"protocols": '[protocols.x]\ndischarge = "{rate}C"\ninitial_soc = 80'},
        "protocols.x.initial_soc",
        "80: must be a number from 0 to 1",
    ),
    "replay": (
        {"protocols": "[protocols.x]\nmeasured = { cycles = [1] }"},
        "protocols.x.measured",
        "no cell of this file is measured",
    ),
    "no sign": (
        {"protocols": '[protocols.x]\nprofile = "a.csv"'},
        "protocols.x.positive",
        "testers mostly count charge as positive",
    ),
    "unit": (
        {
            "protocols": '[protocols.x]\nprofile = "a.csv"\npositive = "charge"\n'
            'quantity = "power"\nunit = "A"'
        },
        "protocols.x.unit",
        "'A': not a unit of power; write W or kW",
    ),
    "zip": (
        {"axes": "[[axes]]\nrate = [1, 2]\nx = [1, 2, 3]"},
        "axes.0",
        "'rate' has 2, 'x' has 3",
    ),
    "empty list": ({"axes": "[[axes]]\nrate = []"}, "axes.0.rate", "must not be empty"),
    "empty axis": ({"axes": "[[axes]]"}, "axes.0", "is empty"),
    "infinite": (
        {"axes": "[[axes]]\nrate = [1, inf]"},
        "axes.0.rate.1",
        "inf: must be a finite",
    ),
    "no list": ({"axes": "[[axes]]\nrate = 1"}, "axes.0.rate", "write [1]"),
    "twice": (
        {"axes": "[[axes]]\nrate = [1]\n[[axes]]\nrate = [2]"},
        "axes.1.rate",
        "is varied by axes.0 too",
    ),
    "label": ({"axes": "[[axes]]\nrate = [1]\nmodel = [1]"}, "axes.0.model", "is a label"),
    "range key": (
        {"axes": "[[axes]]\nrate = { from = 1, too = 2, points = 3 }"},
        "axes.0.rate.too",
        "not a known key; did you mean 'to'?",
    ),
    "log": (
        {"axes": '[[axes]]\nrate = { from = 0, to = 2, points = 3, scale = "log" }'},
        "axes.0.rate",
        "a log scale needs numbers above 0",
    ),
    "order": (
        {"axes": "[[axes]]\nrate = { from = 2, to = 1, points = 3 }"},
        "axes.0.rate",
        "from must be less than to",
    ),
    "method": (
        {"axes": '[[axes]]\nsample = {method="sobel",points=3}\nrate = {from=1,to=2}'},
        "axes.0.sample.method",
        "did you mean 'sobol'?",
    ),
    "huge": (
        {"axes": '[[axes]]\nsample = {method="random",points=9999999}\nrate={from=1,to=2}'},
        "axes.0",
        "max_tasks is 100000",
    ),
    "table": ({"axes": "[[axes]]\ntable = 3"}, "axes.0.table", "3: must be a file's name"),
    "no axis": ({"axes": ""}, "protocols.cc", "{rate}: no axis gives it a value"),
    "axis typo": ({"axes": "[[axes]]\nrat = [1]"}, "protocols.cc", "did you mean 'rat'?"),
    "word": (
        {"axes": '[[axes]]\nrate = [1]\n"T [K]" = ["hot"]'},
        "axes.0.T [K]",
        "'hot': must be a number, as no protocol has the placeholder",
    ),
    "soc axis": (
        {"axes": "[[axes]]\nrate = [1]\ninitial_soc = [2]"},
        "axes.0.initial_soc",
        "2.0: must be a number from 0 to 1",
    ),
    "exclude": ({"x": '[[exclude]]\nwhen = "rate >"'}, "exclude.0.when", "character 7"),
    "exclude name": (
        {"x": '[[exclude]]\nwhen = "rte > 1"'},
        "exclude.0.when",
        "did you mean 'rate'?",
    ),
    "exclude label": (
        {"x": "[[exclude]]\nwhen = \"model == 'SPMe'\""},
        "exclude.0.when",
        "'SPMe': no such model in this file; did you mean 'SPM'?",
    ),
    "every and points": (
        {"x": '[output]\nevery = "1 s"\npoints = 9'},
        "output",
        "at most one",
    ),
    "points": ({"x": "[output]\npoints = 1"}, "output.points", "1: must be greater"),
    "summary": (
        {"x": '[output]\nsummary = ["enrgy"]'},
        "output.summary.0",
        "mean 'energy'",
    ),
    "summary twice": (
        {"x": '[output]\nsummary = ["energy", "energy [W.h]"]'},
        "output.summary.1",
        "stands there twice",
    ),
    "rmse": ({"x": '[output]\nsummary = ["rmse"]'}, "output.summary.0", "add [[measured]]"),
    "series": (
        {"x": '[output]\nseries = ["Voltage [V]", "Voltage [V]"]'},
        "output.series",
        "stands there twice",
    ),
    "time limit": ({"x": "[run]\ntime_limit = 0"}, "run.time_limit", "0: not a duration"),
    "format": ({"x": '[run]\nformat = "parket"'}, "run.format", "did you mean 'parquet'?"),
    "solver": ({"x": "[run]\nsolver = { rtol = 1 }"}, "run.solver.rtol", "less than 0.1"),
    "solver key": ({"x": "[run]\nsolver = { rtl = 1 }"}, "run.solver.rtl", "mean 'rtol'"),
    "many cycles": (
        {"protocols": '[protocols.x]\nsteps = ["Rest"]\ncycles = 100001'},
        "protocols.x.cycles",
        "100001: must be less than or equal to 100000",
    ),
    "every": ({"x": '[output]\nevery = "0.0009 s"'}, "output.every", "at least 1 ms"),
    "many points": ({"x": "[output]\npoints = 10000001"}, "output.points", "10000001: must be"),
    "value twice": (
        {"axes": "[[axes]]\nrate = [1, 2, 1.0]"},
        "axes.0.rate",
        "value 2: 1.0: stands there twice; delete one",
    ),
    "point twice": (
        {"axes": '[[axes]]\nrate = [1, 1]\n"T [K]" = [300, 300]'},
        "axes.0",
        "point 1: {'rate': 1.0, 'T [K]': 300.0}: stands there twice",
    ),
    "number with text": (
        {"x": "[[exclude]]\nwhen = \"rate != '1'\""},
        "exclude.0.when",
        "'1': 'rate' is never a text; its values are 1, 2",
    ),
    "text with number": (
        {"axes": '[[axes]]\nrate = ["1", "2"]', "x": '[[exclude]]\nwhen = "rate in [1]"'},
        "exclude.0.when",
        "1.0: 'rate' is never a number; its values are '1', '2'",
    ),
    "quoted name": (
        {"protocols": '[protocols.x]\ncharge = "{ra te}C"', "axes": ""},
        "protocols.x",
        'add [[axes]] with "ra te" = [...]',
    ),
    "label in braces": (
        {"protocols": '[protocols.x]\ncharge = "{model}C"', "axes": ""},
        "protocols.x",
        "{model}: is a label of every task, which no axis can vary; give it another name",
    ),
    "soc braces": (
        {"protocols": '[protocols.x]\ncharge = "1C"\ninitial_soc = "{ }"', "axes": ""},
        "protocols.x.initial_soc",
        "braces come in pairs",
    ),
    "list of models": (
        {"head": 'name = "x"\nmodels = ["SPM"]', "models": ""},
        "models",
        "must be a table: begin it with [models.SPM]",
    ),
    "cells in a list": (
        {"cells": '[[cells]]\nparameter_set = "X"'},
        "cells",
        "write [cells.NAME], not [[cells]]",
    ),
    "memory limit": (
        {"x": "[run]\nmemory_limit = '4'"},
        "run.memory_limit",
        "'4': not an amount of memory",
    ),
    "max tasks": ({"x": "[run]\nmax_tasks = 0"}, "run.max_tasks", "0: must be"),
    "fit and axes": (
        {"x": "[fit]"},
        "axes",
        "not together in this version; write two sweep files",
    ),
}


@pytest.mark.parametrize(("sections", "place", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_place_its_value_and_the_way_out(
    faults, tmp_path, sections, place, message
):
    found = faults(**sections)
    assert all(fault.file == str(tmp_path / "sweep.toml") for fault in found)
    told = [fault.message for fault in found if fault.place == place]
    assert any(message in text for text in told), found


INDEPENDENT = ("name", "set", "mesh", "current", "zip", "exclude", "summary", "format")


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=40,
)
@given(chosen=st.sets(st.sampled_from(INDEPENDENT), min_size=1))
def test_all_faults_of_a_file_are_told_at_once(faults, chosen):
    sections: dict[str, str] = {}
    for name in chosen:
        for section, text in FAULTS[name][0].items():
            key = f"{name}-{section}" if section == "x" else section
            sections[key] = text
    found = {(fault.place, fault.message) for fault in faults(**sections)}
    for name in chosen:
        _, place, message = FAULTS[name]
        assert any(at == place and message in text for at, text in found)


def test_a_wrong_table_of_an_axis_brings_no_other_fault(faults, tmp_path):
    (tmp_path / "t.csv").write_text("rate\nnan\n")
    (fault,) = faults(axes='[[axes]]\ntable = "t.csv"')
    assert fault.file == str(tmp_path / "t.csv")


def test_what_would_command_a_terminal_is_told_escaped(faults):
    found = faults(head='name = "x"\n"a\\u001b[31m" = 1')
    assert "a\\x1b[31m" in str(found[0])
    assert str(found[0]).isprintable()


def test_a_missing_profile_is_told_beside_other_faults_of_its_protocol(faults):
    found = faults(protocols='[protocols.x]\nprofile = "none.csv"\nscal = 2', axes="")
    assert {fault.place for fault in found} == {
        "protocols.x.positive",
        "protocols.x.scal",
        "protocols.x.profile",
    }
