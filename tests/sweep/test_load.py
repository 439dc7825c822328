from __future__ import annotations

import copy
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.errors import SpecError
from battsweep.sweep.document import read_document
from battsweep.sweep.load import load_sweep
from battsweep.sweep.spec import Axis, Cell, Model, Output, Protocol, Run

WHOLE = """
name = "lgm50"
seed = 7
[cells.LGM50]
parameter_set = "Chen2020"
overrides = { "Nominal cell capacity [A.h]" = 5 }
[models.SPMe]
[models.DFN-thermal]
type = "DFN"
options = { thermal = "lumped", "particle phases" = ["2", "1"], "calculate" = true }
mesh = { x_n = 30 }
[protocols.rate]
steps = ["Discharge at {rate}C until 2.5 V", "Rest for 30 minutes"]
cycles = 2
initial_soc = "{soc}"
[protocols.slow]
charge = 0.1
duration = "2 h"
[[axes]]
rate = [0.5, 1, 2]
soc = { from = 0, to = 1, points = 3 }
[[axes]]
sample = { method = "sobol", points = 4 }
"Negative electrode thickness [m]" = { from = 75e-6, to = 95e-6, scale = "log" }
[[exclude]]
when = "model == 'DFN-thermal' and rate > 1"
[output]
points = 200
summary = ["energy", "max Cell temperature [C]"]
[run]
time_limit = "1 h"
format = "hdf5"
solver = { rtol = 1e-5 }
"""


def test_a_whole_file_becomes_a_frozen_sweep(tmp_path):
    path = tmp_path / "whole.toml"
    path.write_text(WHOLE)
    sweep = load_sweep(path)
    assert (sweep.name, sweep.seed, sweep.text, sweep.path) == ("lgm50", 7, WHOLE, path)
    assert sweep.cells == (Cell("LGM50", "Chen2020", {"Nominal cell capacity [A.h]": 5.0}),)
    options = {"thermal": "lumped", "particle phases": ("2", "1"), "calculate": True}
    assert sweep.models == (
        Model("SPMe", "SPMe"),
        Model("DFN-thermal", "DFN", options, {"x_n": 30}),
    )
    steps = ("Discharge at {rate}C until 2.5 V", "Rest for 30 minutes")
    assert sweep.protocols == (
        Protocol("rate", "steps", steps=steps, cycles=2, initial_soc="{soc}"),
        Protocol("slow", "constant", current="0.1C", direction="charge", duration_s=7200.0),
    )
    assert sweep.axes[0] == Axis(("rate", "soc"), ((0.5, 0.0), (1.0, 0.5), (2.0, 1.0)))
    assert len(sweep.axes[1].rows) == 4
    assert sweep.output == Output(points=200, summary=("energy [W.h]", "max Cell temperature [C]"))
    assert sweep.run == Run(time_limit_s=3600.0, format="hdf5", rtol=1e-5)


def test_what_is_left_out_has_its_default(load):
    sweep = load()
    assert sweep.seed == 0
    assert sweep.output == Output(every_s=10.0)
    assert sweep.run == Run()


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ('"1 min"', Output(every_s=60.0)),
        ('"solver"', Output(solver_times=True)),
    ],
)
def test_series_are_kept_as_often_as_the_file_says(load, every, expected):
    assert load(output=f"[output]\nevery = {every}").output == expected


def test_a_parameter_file_is_found_beside_the_sweep_file(load, tmp_path):
    (tmp_path / "my.json").write_text("{}")
    sweep = load(cells='[cells.A]\nparameter_set = "my.json"')
    assert sweep.cells[0].parameter_set == str(tmp_path / "my.json")


def test_an_axis_added_at_the_end_leaves_the_samples_of_others_alone(load):
    sample = '[[axes]]\nsample = { method = "random", points = 5 }\n'
    sampled = sample + "rate = { from = 1, to = 2 }\n"
    added = sample + '"T [K]" = { from = 1, to = 2 }'
    assert load(axes=sampled).axes[0] == load(axes=sampled + added).axes[0]


def test_an_axis_can_be_a_table(load, tmp_path):
    (tmp_path / "points.csv").write_text("# points\nrate, word\n1, C/3\n2.5, fast\n")
    sweep = load(
        axes='[[axes]]\ntable = "points.csv"',
        protocols=('[protocols.x]\nsteps = ["Discharge at {rate}C", "Charge at {word}"]'),
    )
    assert sweep.axes == (Axis(("rate", "word"), ((1.0, "C/3"), (2.5, "fast"))),)


def places(value: object, here: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [here, *(place for key, item in inner for place in places(item, (*here, key)))]


junk = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.builds(lambda: 0xF**9000),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["a\0b", "/", ".", "x" * 5000, "{x}", "1C"]),
        st.dates(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(places(tomllib.loads(WHOLE))[1:]), junk, st.booleans())
def test_no_junk_anywhere_raises_anything_but_a_spec_error(place, value, added):
    document = copy.deepcopy(tomllib.loads(WHOLE))
    *way, last = place
    table = document
    for key in way:
        table = table[key]
    if added and isinstance(table, dict):
        table[f"{last} more"] = value
    else:
        table[last] = value
    try:
        read_document(document, path=Path("nowhere/sweep.toml"), text="")
    except SpecError as error:
        assert error.faults
        assert all(len(str(fault)) < 2000 for fault in error.faults if len(str(place)) < 200)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name = \n", "not valid TOML: Invalid value (at line 1"),
        (b"name = 'a'\nname = 'b'\n", "not valid TOML"),
        (b"x = " + b"[" * 20_000, "not valid TOML: nested too deeply"),
        (b"x" + b".a" * 5000 + b" = 1", "not valid TOML: nested too deeply"),
        (b"[cells" + b".a" * 5000 + b"]", "not valid TOML: nested too deeply"),
        (b"x = " + b"9" * 5000, "not valid TOML"),
        (b"\x80\x81\x00\xff", "not UTF-8 text (byte 0x80 at 0)"),
        ("name = 'é'".encode("latin-1"), "not UTF-8 text"),
        (b"\x00\x01", "not valid TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_the_line(tmp_path, content, message):
    path = tmp_path / "sweep.toml"
    path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_sweep(path)
    (fault,) = caught.value.faults
    assert fault.file == str(path)
    assert message in fault.message


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent.toml", "no such file"), (".", "is a folder"), ("x" * 5000, "cannot be read")],
)
def test_a_file_that_cannot_be_read_is_told_without_a_traceback(tmp_path, name, message):
    with pytest.raises(SpecError, match=message):
        load_sweep(tmp_path / name)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(write):
    path = write()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_sweep(path).name == "rates"


def test_nothing_heavy_is_imported_before_a_file_is_read():
    code = (
        "import sys, battsweep.sweep.load, battsweep.sweep.expand\n"
        "print({'numpy', 'pydantic', 'scipy', 'pandas', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
