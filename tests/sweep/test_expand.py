from __future__ import annotations

import math
import time
from dataclasses import replace

import pytest

from battsweep.errors import SpecError
from battsweep.sweep.expand import count_points, expand
from battsweep.sweep.spec import Axis

TWO_PROTOCOLS = """
[protocols.cc]
discharge = "{rate}C"
[protocols.cccv]
steps = ["Charge at {charge} until 4.2 V", "Rest for 1 h"]
"""
AXES = """
[[axes]]
rate = [0.5, 1]
charge = ["C/3", "C/2"]
[[axes]]
"Ambient temperature [K]" = [283.15, 298.15, 318.15]
"""


@pytest.fixture
def refused(load, resolve):
    """Return the faults of expanding a sweep."""

    def faults_of(**sections):
        sweep = load(**sections)
        with pytest.raises(SpecError) as caught:
            expand(sweep, resolve(sweep))
        return {fault.place: fault.message for fault in caught.value.faults}

    return faults_of


def test_axes_multiply_and_tasks_are_numbered_in_the_files_order(load, resolve):
    sweep = load(
        cells='[cells.B]\nparameter_set = "X"\n[cells.A]\nparameter_set = "X"',
        models="[models.SPMe]\n[models.DFN]",
        axes='[[axes]]\nrate = [2, 1]\n[[axes]]\n"Ambient temperature [K]" = [300, 280]',
    )
    tasks = expand(sweep, resolve(sweep))
    assert [task.number for task in tasks] == list(range(16))
    assert [(task.cell, task.model) for task in tasks[::4]] == [
        ("B", "SPMe"),
        ("B", "DFN"),
        ("A", "SPMe"),
        ("A", "DFN"),
    ]
    assert [tuple(task.varied.values()) for task in tasks[:4]] == [
        (2.0, 300.0),
        (2.0, 280.0),
        (1.0, 300.0),
        (1.0, 280.0),
    ]
    first = tasks[0]
    assert first.procedure.current == "2C"
    assert first.parameters == {"Ambient temperature [K]": 300.0}
    assert (len(first.id), first.kind) == (32, "simulation")


def test_a_protocol_is_not_repeated_for_axes_it_does_not_notice(load, resolve):
    sweep = load(protocols=TWO_PROTOCOLS + '[protocols.fix]\ncharge = "2 A"', axes=AXES)
    tasks = expand(sweep, resolve(sweep))
    names = {task.protocol: set(task.varied) for task in tasks}
    ambient = "Ambient temperature [K]"
    assert names == {"cc": {"rate", ambient}, "cccv": {"charge", ambient}, "fix": {ambient}}
    assert [sum(task.protocol == name for task in tasks) for name in names] == [6, 6, 3]
    assert count_points(sweep) == len(tasks)


def test_rows_that_differ_only_in_what_is_not_noticed_become_one_task(load, resolve):
    axes = '[[axes]]\nrate = [1, 1, 2]\ncharge = ["C/3", "C/2", "C/2"]'
    sweep = load(protocols=TWO_PROTOCOLS, axes=axes)
    tasks = expand(sweep, resolve(sweep))
    assert [dict(task.varied) for task in tasks] == [
        {"rate": 1.0},
        {"rate": 2.0},
        {"charge": "C/3"},
        {"charge": "C/2"},
    ]


def test_initial_soc_can_be_an_axis(load, resolve):
    sweep = load(protocols='[protocols.x]\ndischarge = "1C"', axes="[[axes]]\ninitial_soc=[0.5,1]")
    tasks = expand(sweep, resolve(sweep))
    assert [task.procedure.initial_soc for task in tasks] == [0.5, 1.0]
    assert [dict(task.parameters) for task in tasks] == [{}, {}]


def test_an_axis_wins_over_the_cells_override(load, resolve):
    cells = '[cells.A]\nparameter_set = "X"\noverrides = { "Ambient temperature [K]" = 310 }'
    axes = '[[axes]]\nrate = [1]\n[[axes]]\n"Ambient temperature [K]" = [280]'
    plain, overridden = load(axes=axes), load(axes=axes, cells=cells)
    (one,), (other,) = (expand(sweep, resolve(sweep)) for sweep in (plain, overridden))
    assert one.id == other.id


def test_excluded_combinations_are_left_out(load, resolve):
    sweep = load(
        models="[models.SPM]\n[models.DFN]",
        x="[[exclude]]\nwhen = \"model=='DFN' and rate>1\"",
    )
    tasks = expand(sweep, resolve(sweep))
    assert [(task.model, task.varied["rate"]) for task in tasks] == [
        ("SPM", 1),
        ("SPM", 2),
        ("DFN", 1),
    ]
    assert count_points(sweep) == 4


def test_a_task_without_a_name_is_not_excluded_by_it(load, resolve):
    sweep = load(
        protocols=TWO_PROTOCOLS,
        axes='[[axes]]\nrate = [1, 2]\n[[axes]]\ncharge = ["C/3"]',
        x="[[exclude]]\nwhen = \"rate > 1 or model == 'SPM' and rate > 1\"",
    )
    assert [task.protocol for task in expand(sweep, resolve(sweep))] == ["cc", "cccv"]


def test_an_unknown_name_is_refused_with_the_cell_and_a_suggestion(refused):
    found = refused(axes='[[axes]]\nrate = [1]\n[[axes]]\n"Ambient temprature [K]" = [300]')
    message = found["axes.1.Ambient temprature [K]"]
    assert "no parameter of cell 'A'; did you mean 'Ambient temperature [K]'" in message


def test_a_step_that_pybamm_refuses_is_told_with_its_place_and_text(refused):
    protocols = '[protocols.x]\nsteps = ["Rest for 1 h", "Dischrge at {rate}C"]'
    assert refused(protocols=protocols) == {
        "protocols.x.steps.1": "'Dischrge at 1C': not a step that PyBaMM understands; "
        "{rate} is value 0 of axes.0.rate"
    }


def test_a_filled_current_that_is_none_is_refused(refused):
    found = refused(axes='[[axes]]\nrate = ["fast"]')
    assert "'fastC': not a current" in found["protocols.cc.discharge"]


def test_faults_of_several_protocols_are_told_at_once(refused):
    protocols = '[protocols.x]\nsteps = ["Wait", "Stop at {rate}C"]\n'
    protocols += '[protocols.y]\ncharge = "{rate}"'
    assert set(refused(protocols=protocols)) == {
        "protocols.x.steps.0",
        "protocols.x.steps.1",
        "protocols.y.charge",
    }


@pytest.mark.parametrize("value", ["-1", "0", '"fast"'])
def test_a_current_that_is_none_is_told_with_the_axis_that_gave_it(refused, value):
    found = refused(axes=f"[[axes]]\nrate = [1, {value}]")
    assert "{rate} is value 1 of axes.0.rate" in found["protocols.cc.discharge"]


def test_a_step_whose_numbers_are_infinite_is_a_fault_and_no_traceback(load, resolve):
    sweep = load(protocols='[protocols.x]\nsteps = ["Rest for 1e400 hours"]', axes="")
    resolved = replace(resolve(sweep), canonical_step=lambda text: ["rest", math.inf])
    with pytest.raises(SpecError) as caught:
        expand(sweep, resolved)
    (fault,) = caught.value.faults
    assert fault.place == "protocols.x.steps.0"
    assert "'Rest for 1e400 hours': has a number that is too large" in fault.message


def test_a_current_of_infinite_amperes_is_a_fault(refused):
    found = refused(protocols='[protocols.x]\ndischarge = "1e308C"', axes="")
    assert "'1e308C': a current too large" in found["protocols.x.discharge"]


def test_a_condition_that_leaves_out_nothing_is_a_fault(refused):
    found = refused(x='[[exclude]]\nwhen = "rate > 100"\n[[exclude]]\nwhen = "rate > 1"')
    assert found == {"exclude.0.when": "leaves out nothing; check it, or delete it"}


def test_conditions_that_leave_out_the_same_are_no_fault(load, resolve):
    sweep = load(x='[[exclude]]\nwhen = "rate > 1"\n[[exclude]]\nwhen = "rate == 2"')
    assert len(expand(sweep, resolve(sweep))) == 1


@pytest.mark.parametrize("part", ["cells", "models", "protocols"])
def test_a_sweep_made_by_hand_without_a_part_has_no_tasks(load, resolve, part):
    sweep = replace(load(axes="", protocols='[protocols.x]\ncharge = "1C"'), **{part: ()})
    assert expand(sweep, resolve(sweep)) == []


def test_too_many_tasks_are_refused_without_making_them(load, resolve):
    axes = "".join(
        f'[[axes]]\n"{name}" = {{ from = 1, to = 2, points = 90000 }}\n'
        for name in ("rate", "Ambient temperature [K]", "Initial temperature [K]")
    )
    sweep = load(axes=axes)
    assert count_points(sweep) == 90_000**3
    with pytest.raises(SpecError, match="would be 729000000000000 tasks; max_tasks is 100000"):
        expand(sweep, resolve(sweep))


def test_excluding_everything_is_a_fault(refused):
    assert "leaves no task" in refused(x='[[exclude]]\nwhen = "rate > 0"')["exclude"]


def test_an_axis_whose_tasks_are_all_excluded_is_a_fault(refused):
    found = refused(
        protocols=TWO_PROTOCOLS,
        axes='[[axes]]\nrate = [1]\n[[axes]]\ncharge = ["C/3"]',
        x="[[exclude]]\nwhen = \"protocol == 'cc'\"",
    )
    assert "varied for nothing" in found["axes.0.rate"]


def test_a_condition_without_an_answer_is_a_fault(refused):
    assert "no order" in refused(x='[[exclude]]\nwhen = "rate < model"')["exclude.0.when"]


def test_a_word_for_a_parameter_is_refused_in_a_sweep_made_by_hand(load, resolve):
    sweep = load()
    sweep = replace(sweep, axes=(*sweep.axes, Axis(("Ambient temperature [K]",), (("hot",),))))
    with pytest.raises(SpecError, match="'hot': must be a number"):
        expand(sweep, resolve(sweep))


def test_expanding_a_hundred_thousand_tasks_takes_as_long_a_task_as_ten_thousand(load, resolve):
    def expanded(points):
        sweep = load(
            axes=(
                f'[[axes]]\nsample = {{ method = "random", points = {points} }}\n'
                "rate = { from = 0.1, to = 3 }\n"
                '"Ambient temperature [K]" = { from = 280, to = 320 }\n'
            ),
            models="[models.SPM]\n[models.DFN]",
        )
        resolved = resolve(sweep)
        many = {f"Parameter {number} [m]": 1e-6 / (number + 1) for number in range(150)}
        cells = {
            name: replace(cell, content={**cell.content, **many})
            for name, cell in resolved.cells.items()
        }
        start = time.process_time()
        tasks = expand(sweep, replace(resolved, cells=cells))
        spent = time.process_time() - start
        assert len({task.id for task in tasks}) == len(tasks) == 2 * points
        return spent

    few = min(expanded(5_000) for _ in range(2))
    assert expanded(50_000) < 25 * few
