"""A result is held against a plain simulation: what is right passes, what is wrong does not."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from battsweep.jobs.child import Child
from battsweep.jobs.classify import CURRENT
from battsweep.jobs.failures import Failure
from battsweep.jobs.plain import Plain, simulate
from battsweep.jobs.plan import make_plan
from battsweep.jobs.proof import Difference, Proof, compare
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Builds, Proving, Ready, answers, hangs_on_digits

HEAD = 'name = "t"\n[cells.A]\nparameter_set = "Chen2020"\n'
AXIS = "[[axes]]\n'Negative particle diffusivity [m2.s-1]' = [2e-14, 5e-14]\n"
TIGHT = "[run]\nsolver = { rtol = 1e-6, atol = 1e-8 }\n"
SUMMARY = (
    "[output]\nevery = 30\nsummary = ['capacity', 'energy', 'duration', 'time to 3.7 V',"
    " 'max Cell temperature [C]', 'change X-averaged cell temperature [K]']\n"
)
POROSITY = "Negative electrode porosity"
LIMIT = "Lower voltage cut-off [V]"


def proven(placed, builds=None):
    """Return the results of tasks, solved and proven as a worker would, in their order."""
    groups, found = {}, {}
    for group, item in placed:
        groups.setdefault(group.key, (group, []))[1].append(replace(item, prove=True))
    for group, items in groups.values():
        said = list(answers(group, tuple(items), builds or Builds()))
        results = [answer for answer in said if isinstance(answer, Result)]
        assert isinstance(said[0], Ready)
        found |= {i.task.number: r for i, r in zip(items, results, strict=True)}
    return [found[number] for number in sorted(found)]


def grouped_as(placed, inputs):
    """Return tasks in one group that takes other inputs than the planner would have it take."""
    (group, item), *_ = placed
    untouched = {n: v for n, v in group.cell.overrides.items() if n not in item.task.parameters}
    forged = replace(
        group,
        key="forged",
        inputs=tuple(sorted(inputs)),
        cell=replace(group.cell, overrides=untouched),
    )
    return [
        (forged, replace(item, inputs={**item.task.parameters, **item.inputs}))
        for _, item in placed
    ]


@pytest.mark.parametrize(
    "protocol",
    [
        "discharge = '1C'",
        "charge = 2\nduration = 900\ninitial_soc = 0.2",
        "steps = ['Discharge at 1C for 10 minutes', 'Charge at 1C until 4.1 V',"
        " 'Hold at 4.1 V until C/5']\ncycles = 2\ninitial_soc = 0.9",
        "profile = 'p.csv'\npositive = 'discharge'\ninitial_soc = 0.5",
        "profile = 'p.csv'\nquantity = 'power'\npositive = 'discharge'\ninitial_soc = 0.5",
    ],
    ids=["constant", "part", "steps", "profile", "power"],
)
@pytest.mark.parametrize("model", ["SPM", "DFN"])
def test_what_is_reused_rightly_passes_far_below_the_tolerance(
    protocol, model, make_sweep, tmp_path
):
    times = np.arange(0, 181.0, 20.0)
    rows = zip(times, 1 + 3 * np.sin(times), strict=True)
    (tmp_path / "p.csv").write_text("".join(f"{t},{value}\n" for t, value in rows))
    text = f"{HEAD}[models.{model}]\n[protocols.p]\n{protocol}\n{AXIS}{SUMMARY}"
    for result in proven(make_plan(make_sweep(text)).placed):
        assert result.failure is None
        assert result.method == "reused"
        assert result.proof["passed"] is True
        found = result.proof["differences"]
        assert {"Voltage [V]", "step end [s]", "capacity [A.h]", "energy [W.h]"} <= set(found)
        assert found["Voltage [V]"]["difference"] < found["Voltage [V]"]["tolerance"] / 4


@pytest.mark.parametrize("output", ["points = 30", "every = 'solver'"])
def test_other_times_than_a_grids_are_compared_too(output, make_sweep):
    text = f"{HEAD}[models.SPMe]\n[protocols.p]\ndischarge = '1C'\n{AXIS}[output]\n{output}\n"
    for result in proven(make_plan(make_sweep(text)).placed):
        assert result.proof["passed"] is True


def test_porosity_as_an_input_of_spme_is_found_out_and_the_right_answer_taken(make_sweep):
    axis = f"[[axes]]\n'{POROSITY}' = [0.2, 0.25]\n"
    text = f"{HEAD}[models.SPMe]\n[protocols.p]\ndischarge = '1C'\n{axis}{TIGHT}"
    plan = make_plan(make_sweep(text))
    right = proven(plan.placed)
    assert all(result.proof["passed"] for result in right)
    for result, expected in zip(
        proven(grouped_as(plan.placed, (CURRENT, POROSITY))), right, strict=True
    ):
        assert result.proof["passed"] is False
        assert 5e-5 < result.proof["differences"]["Voltage [V]"]["difference"] < 1e-3
        assert result.method == "rebuilt"
        assert "another answer" in result.log
        assert result.proof["rebuilt"]["passed"] is True
        voltage = expected.columns["voltage_volt"]
        np.testing.assert_allclose(result.columns["voltage_volt"], voltage, atol=1e-6)


def test_what_another_task_left_behind_is_found_out(make_sweep):
    # The model takes no state of charge of its own here, so that the first one's stays.
    text = f"{HEAD}[models.SPM]\n[protocols.p]\ndischarge = '1C'\ninitial_soc = '{{soc}}'\n"
    plan = make_plan(make_sweep(f"{text}[[axes]]\nsoc = [1.0, 0.5]\n"))
    leaking = [(group, replace(item, initial_soc=1.0)) for group, item in plan.placed]
    first, second = proven(leaking)
    assert first.proof["passed"] is True
    assert second.proof["passed"] is False


def test_ending_in_the_same_failure_is_equal(make_sweep):
    axis = f"[[axes]]\n'{LIMIT}' = [4.25, 4.3]\n"
    text = f"{HEAD}[models.SPM]\n[protocols.p]\ndischarge = '1C'\n{axis}"
    for result in proven(make_plan(make_sweep(text)).placed):
        assert result.failure.failure_class == "infeasible"
        assert result.proof["passed"] is True


def test_failing_where_a_plain_simulation_does_not_is_found_out_and_so_is_the_reverse(make_sweep):
    axis = f"[[axes]]\n'{LIMIT}' = [4.3, 2.5]\n"
    text = f"{HEAD}[models.SPM]\n[protocols.p]\ndischarge = '1C'\n{axis}"
    plan = make_plan(make_sweep(text))
    # The limit is no input of this group: every task has the set's own, 2.5 V.
    impossible, right = proven(grouped_as(plan.placed, (CURRENT,)))
    assert impossible.proof["passed"] is False
    assert "it is done; a plain simulation failed (infeasible)" in impossible.proof["message"]
    assert impossible.failure.failure_class == "infeasible"
    assert (right.proof["passed"], right.failure) == (True, None)


def test_the_curves_of_a_fit_are_proven_where_it_ended(make_sweep, tmp_path):
    (tmp_path / "c.csv").write_text(
        "test_time_second,voltage_volt\n"
        + "".join(f"{t},{4.0 - t * 2e-4}\n" for t in range(0, 3000, 300))
    )
    text = (
        f"{HEAD}[models.SPM]\n[protocols.p]\ndischarge = '1C'\n[[measured]]\ncell = 'A'\n"
        "protocol = 'p'\nat = {}\nfile = 'c.csv'\n[fit]\ndata = ['c']\npopulation = 4\n"
        "generations = 1\n[fit.parameters]\n"
        "'Positive electrode active material volume fraction' = { from = 0.6, to = 0.7 }\n"
    )
    [(_, item)] = make_plan(make_sweep(text)).placed
    *_, result = answers(None, (replace(item, prove=True),), Builds())
    assert result.proof["passed"] is True
    assert result.proof["differences"]["Voltage [V]"]["difference"] < 1e-4
    wrong = replace(
        item,
        curves=tuple(
            replace(curve, group=replace(curve.group, inputs=(CURRENT,), key="forged"))
            for curve in item.curves
        ),
    )
    *_, result = answers(None, (replace(wrong, prove=True),), Builds())
    assert result.proof["passed"] is False
    assert "plain simulation gives another curve" in result.failure.message


def speak(connection, ending):
    """Solve the first of some tasks, and die, or stay silent, while it is proven."""
    order, _, _ = connection.recv()
    connection.send((order, Ready(0.0)))
    connection.send((order, Proving(Result({}, {"a": 1.0}, (), {}, method="reused"))))
    if ending == "dies":
        os.kill(os.getpid(), signal.SIGSEGV)
    connection.recv()


@pytest.mark.parametrize("ending", ["dies", "outlasts"])
def test_a_result_stays_when_its_plain_simulation_dies_or_outlasts_its_limit(
    ending, tmp_path, make_sweep
):
    text = f"{HEAD}[models.SPM]\n[protocols.p]\ndischarge = '1C'\n{AXIS}"
    placed = make_plan(make_sweep(text)).placed
    child = Child(tmp_path / "child.log", plain_limit_s=8.0)
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=speak, args=(theirs, ending), daemon=True)
    process.start()
    theirs.close()
    child._connection, child._process = ours, process
    items = tuple(replace(item, prove=True) for _, item in placed)
    try:
        results = [r for r, _, _ in child.solve(placed[0][0], items, time_limit_s=8)]
    finally:
        child.stop()
    assert results[0].summary == {"a": 1.0}
    assert results[0].failure is None
    assert results[0].proof["passed"] is None
    assert "no plain simulation to compare with" in results[0].proof["message"]
    assert results[1].proof["passed"] is True


@pytest.mark.parametrize(
    "protocol",
    [
        'steps = ["Discharge at 1C until 3 V", "Charge at 1C until 4 V"]\ncycles = 2',
        'discharge = "1C"\ninitial_soc = 0.9',
    ],
)
def test_the_state_of_health_is_compared_too(protocol, make_sweep):
    text = (
        f"{HEAD}[models.SPM]\n[protocols.p]\n{protocol}\n"
        "[[axes]]\n'Negative electrode active material volume fraction' = [0.7, 0.75, 0.8]\n"
        "[output]\nevery = 300\nsummary = ['Capacity [A.h]', 'x_100']\n"
    )
    plan = make_plan(make_sweep(text))
    for result in proven(plan.placed):
        assert result.failure is None
        assert result.proof["passed"] is True
        assert "Capacity [A.h]" in result.proof["differences"]


def test_an_end_that_is_a_moment_early_passes_where_the_voltage_falls_off_a_cliff(make_sweep):
    # The surface of the positive particles is full there: 10 mV for each tenth of the time left.
    values = {
        "Negative particle diffusivity [m2.s-1]": 1.3955787466838956e-14,
        "Ambient temperature [K]": 288.4543573204428,
        "Negative electrode thickness [m]": 8.103604320622586e-05,
    }
    axes = "".join(f"[[axes]]\n'{name}' = [{value}]\n" for name, value in values.items())
    sweep = make_sweep(
        f"{HEAD}[models.SPMe]\n[protocols.p]\ndischarge = '2.758422935754061C'\n"
        f"initial_soc = 0.1886939600110054\n{axes}[output]\nevery = 60\n"
        "[run]\nsolver = { rtol = 1e-5, atol = 1e-6 }\n"
    )
    [(group, item)] = make_plan(sweep).placed
    plain = simulate(group, item)
    [result] = [a for a in answers(group, (item,), Builds()) if isinstance(a, Result)]
    assert result.columns["voltage_volt"][-1] < 2.51
    times = result.columns["test_time_second"].copy()
    times[-1] -= 1e-9
    moved = replace(result, columns={**result.columns, "test_time_second": times})
    assert compare(group, item, moved, plain).passed
    times[-1] -= 1
    assert not compare(group, item, moved, plain).passed


@pytest.mark.parametrize(
    ("reused", "alone", "clears"), [(5.0, 4.0, True), (5.0, 1.2, False), (500.0, 400.0, False)]
)
def test_a_task_that_hangs_on_the_last_digits_is_no_fault_of_reuse(reused, alone, clears):
    again = Proof(False, {"Voltage [V]": Difference(alone * 1e-4, 1e-4, "V")})
    assert hangs_on_digits(reused, again, Plain({}, 1)) is clears


@pytest.mark.parametrize("failure_class", ["solver", "infeasible"])
def test_a_plain_solver_that_gives_up_alone_proves_nothing(failure_class):
    plain = Plain({}, 1, Failure(failure_class, "it gave up"))
    assert hangs_on_digits(0.0, Proof(False, {}), plain) is (failure_class == "solver")
