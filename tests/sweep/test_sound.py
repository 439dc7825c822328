from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.errors import Fault, SpecError
from battsweep.sweep.document import read_document
from battsweep.sweep.expand import expand
from battsweep.sweep.load import load_sweep
from battsweep.sweep.spec import Sweep

RIGHT = """
name = "whole"
[cells.A]
parameter_set = "X"
[cells.B]
parameter_set = "Y"
overrides = { "Ambient temperature [K]" = 300 }
[models.SPM]
[models.DFN]
mesh = { x_n = 30 }
[protocols.cc]
discharge = "{rate}C"
[protocols.soc]
charge = "1C"
initial_soc = "{soc}"
[protocols.word]
steps = ["Rest for {time}", "Charge at {rate}C"]
[protocols.plain]
steps = ["Rest for 1 h"]
[[axes]]
rate = [1, 2]
time = ["1 h", "2 h"]
[[axes]]
soc = { from = 0, to = 1, points = 3 }
[[axes]]
"Ambient temperature [K]" = [280, 300]
[[exclude]]
when = "rate > 1 and cell == 'A'"
[[exclude]]
when = "protocol == 'soc' and model == 'DFN'"
[output]
summary = ["energy"]
[run]
max_tasks = 500
"""


def leaves(value: object, here: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    if isinstance(value, dict):
        return [place for key, item in value.items() for place in leaves(item, (*here, key))]
    if isinstance(value, list):
        return [place for n, item in enumerate(value) for place in leaves(item, (*here, n))]
    return [here]


def spoilt(places: list[tuple[object, ...]], junk: object) -> dict[str, object]:
    document = tomllib.loads(RIGHT)
    for *way, last in places:
        table: object = document
        for key in way:
            table = table[key]
        table[last] = junk
    return document


@pytest.fixture
def seen(tmp_path):
    """Return the faults of a file, and the parts that were given to ``further``."""

    def load(text: str, found: tuple[Fault, ...] = ()) -> tuple[tuple[Fault, ...], list[Sweep]]:
        path = tmp_path / "sweep.toml"
        path.write_text(text)
        parts: list[Sweep] = []

        def further(part: Sweep) -> tuple[Fault, ...]:
            parts.append(part)
            return found

        try:
            load_sweep(path, further=further)
        except SpecError as error:
            return error.faults, parts
        return (), parts

    return load


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.sampled_from(leaves(tomllib.loads(RIGHT))), min_size=1, max_size=3),
    st.sampled_from([True, [], {}, float("nan"), [{}]]),
)
def test_the_sound_part_of_a_right_file_that_was_spoilt_has_no_fault_of_its_own(
    resolve, places, junk
):
    def further(part: Sweep) -> tuple[Fault, ...]:
        try:
            expand(part, resolve(part))
        except SpecError as error:
            return tuple(Fault("further", f.place, f.message) for f in error.faults)
        return ()

    try:
        read_document(
            spoilt(places, junk), path=Path("nowhere/sweep.toml"), text="", further=further
        )
    except SpecError as error:
        assert [fault for fault in error.faults if fault.file == "further"] == []


def test_the_file_that_the_sound_parts_are_taken_from_is_right(seen):
    assert seen(RIGHT) == ((), [])


def test_faults_that_only_pybamm_can_find_are_told_beside_those_of_the_file(seen):
    more = Fault("sweep.toml", "cells.A.parameter_set", "not known")
    faults, parts = seen(RIGHT + "foramt = 1\n", (more, more))
    assert [fault.place for fault in faults] == ["run.foramt", "cells.A.parameter_set"]
    (part,) = parts
    assert [cell.name for cell in part.cells] == ["A", "B"]
    assert (len(part.axes), len(part.protocols), part.run.max_tasks) == (3, 4, 500)


def test_a_wrong_override_or_summary_leaves_the_rest_of_its_table_to_be_looked_at(seen):
    text = RIGHT.replace("= 300 }", '= "hot" }').replace('["energy"]', '["x"]\nseries = ["V"]')
    _, (part,) = seen(text)
    assert [cell.parameter_set for cell in part.cells] == ["X", "Y"]
    assert part.output.series == ("V",)


@pytest.mark.parametrize("text", ["", "cells = 1\nmodels = 2\nprotocols = 3\naxes = 4"])
def test_of_a_file_without_a_sound_table_the_part_is_empty(seen, resolve, text):
    faults, (part,) = seen(text)
    assert faults
    assert (part.cells, part.models, part.protocols) == ((), (), ())
    assert expand(part, resolve(part)) == []


def test_an_axis_keeps_its_number_where_one_before_it_is_wrong(seen):
    _, (part,) = seen(RIGHT.replace("rate = [1, 2]", "rate = [1, nan]"))
    assert part.axes[0].names == ()
    assert part.axes[2].names == ("Ambient temperature [K]",)
