"""The electrodes' state of health as a summary: known names, and models that have none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from battsweep.errors import SpecError
from battsweep.jobs.catalogue import catalogue
from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Builds, answers
from battsweep.sweep.summaries import HEALTH, Summary, parse_summary

SWEEP = """
name = "health"
[cells.A]
parameter_set = "SET"
[models.M]
type = "SPM"
options = OPTIONS
[protocols.p]
discharge = "1C"
[output]
every = "5 min"
summary = SUMMARY
"""


def text(summary, *, parameters="Chen2020", options="{}"):
    found = SWEEP.replace("SUMMARY", str(summary)).replace("SET", parameters)
    return found.replace("OPTIONS", options)


def test_every_name_is_one_of_pybamm_s_and_no_variable_of_the_model(make_sweep):
    plan = make_plan(make_sweep(text(list(HEALTH))))
    group, item = plan.placed[0]
    [_, result] = answers(group, (item,), Builds())
    assert result.failure is None
    assert all(isinstance(result.summary[name], float) for name in HEALTH)
    assert not set(HEALTH) & set(plan.catalogue.models["M"].variables)
    assert 4.5 < result.summary["Capacity [A.h]"] < 5.5
    assert 0 < result.summary["x_0"] < result.summary["x_100"] < 1


CYCLES = "steps = ['Discharge at 1C for 20 minutes', 'Charge at 1C for 10 minutes']\ncycles = 2"


@pytest.mark.parametrize("protocol", ["discharge = '1C'", CYCLES])
def test_the_state_of_health_is_proven_too(protocol, make_sweep):
    sweep = text(list(HEALTH), options='{SEI = "ec reaction limited"}')
    sweep = sweep.replace('discharge = "1C"', protocol)
    sweep += "[[axes]]\n'SEI kinetic rate constant [m.s-1]' = [1e-12, 1e-11]\n"
    placed = make_plan(make_sweep(sweep)).placed
    items = tuple(replace(item, prove=True) for _, item in placed)
    found = answers(placed[0][0], items, Builds())
    results = [one for one in found if isinstance(one, Result)]
    for result in results:
        assert result.proof["passed"] is True, result.log
        assert result.proof["differences"].keys() >= set(HEALTH)
    capacities = [result.summary["Capacity [A.h]"] for result in results]
    assert capacities[0] > capacities[1] + 1e-4


@pytest.mark.parametrize("wrong", ["Capacty [A.h]", "Loss of lithium inventry [%]"])
def test_a_misspelt_summary_variable_is_told_before_computing(wrong, make_sweep):
    meant = {"C": "Capacity [A.h]", "L": "Loss of lithium inventory [%]"}[wrong[0]]
    with pytest.raises(SpecError, match="did you mean") as caught:
        catalogue(make_sweep(text([wrong])))
    assert repr(meant) in str(caught.value)


def test_a_half_cell_has_no_electrode_state_of_health(make_sweep):
    half = text(["Capacity [A.h]"], parameters="Xu2019", options='{"working electrode"="positive"}')
    with pytest.raises(SpecError, match=r"output\.summary\.0: .*does not work it out"):
        catalogue(make_sweep(half))


def test_a_change_may_be_written_as_pybamm_writes_it():
    name = "Change in loss of lithium inventory [%]"
    assert parse_summary(name) == Summary(name, "change", "Loss of lithium inventory [%]")


def test_a_reduction_of_a_state_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"write 'x_100' alone"):
        parse_summary("max x_100")
