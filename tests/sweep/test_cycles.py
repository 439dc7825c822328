"""Which cycles' rows are kept, and which tasks are solved in blocks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.errors import SpecError
from battsweep.sweep.cycles import check_series_cycles, cycles_at_once, keeps_rows
from battsweep.sweep.faults import Faults
from battsweep.sweep.identity import settings_digest
from battsweep.sweep.load import load_sweep
from battsweep.sweep.spec import Output, Protocol, Run

SWEEP = """
name = "t"
[cells.A]
parameter_set = "Chen2020"
[models.SPM]
[protocols.p]
steps = ["Discharge at 1C until 3 V", "Charge at 1C until 4 V"]
cycles = 30
[output]
series_cycles = ASKED
"""
AGEING = Protocol("p", "steps", steps=("Rest for 1 minute",), cycles=30)


def load(tmp_path, asked, *, text=SWEEP):
    path = tmp_path / "sweep.toml"
    path.write_text(text.replace("ASKED", asked))
    return load_sweep(path)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ('"all"', set(range(1, 31))),
        ('"none"', set()),
        ("[1, 10, 30]", {1, 10, 30}),
        ("{ every = 12 }", {1, 12, 24, 30}),
    ],
)
def test_the_rows_of_the_cycles_asked_for_are_kept(asked, kept, tmp_path):
    output = load(tmp_path, asked).output
    assert {n for n in range(1, 31) if keeps_rows(output, n, of=30)} == kept


@pytest.mark.parametrize("asked", ['"some"', "[]", "[0]", "[1.5]", "{ every = 0 }", "10", "true"])
def test_anything_else_is_refused_with_what_may_stand_there(asked, tmp_path):
    with pytest.raises(SpecError, match=r"output\.series_cycles: .*\{ every = 50 \}"):
        load(tmp_path, asked)


def test_a_cycle_that_no_protocol_has_is_a_fault(tmp_path):
    faults = Faults("sweep.toml")
    check_series_cycles(load(tmp_path, "[1, 31]"), faults)
    with pytest.raises(SpecError, match="31: no protocol has more than 30 cycles"):
        faults.raise_if_any()


def test_without_steps_there_are_no_cycles_to_choose(tmp_path):
    discharge = SWEEP.replace("cycles = 30\n", "")
    discharge = "\n".join(
        'discharge = "1C"' if line.startswith("steps") else line for line in discharge.split("\n")
    )
    faults = Faults("sweep.toml")
    check_series_cycles(load(tmp_path, '"none"', text=discharge), faults)
    with pytest.raises(SpecError, match="no protocol is made of steps"):
        faults.raise_if_any()


def test_the_cycles_kept_are_part_of_a_task_and_the_block_is_not():
    output, run = Output(every_s=10.0), Run()
    base = settings_digest(output, run)
    assert settings_digest(output, replace(run, checkpoint=3)) == base
    others = [settings_digest(replace(output, series_cycles=c), run) for c in ("none", 2, (2,))]
    assert len({base, *others}) == 4


@settings(deadline=None)
@given(cycles=st.integers(1, 100), block=st.integers(1, 100))
def test_only_tasks_of_more_cycles_than_a_block_are_solved_in_blocks(cycles, block):
    found = cycles_at_once(replace(AGEING, cycles=cycles), Output(), Run(checkpoint=block))
    assert found == (block if cycles > block else None)


def test_a_task_held_against_a_measured_curve_is_solved_at_once():
    assert cycles_at_once(AGEING, Output(summary=("rmse [mV]",)), Run()) is None
