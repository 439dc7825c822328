from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.sweep.expand import expand
from battsweep.sweep.identity import (
    canonical_json,
    digest,
    parameter_digester,
    procedure_digest,
    profile_digest,
    settings_digest,
    sweep_id,
    task_id,
)
from battsweep.sweep.spec import Output, Profile, Protocol, Run

patient = settings(deadline=None)
numbers = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.integers(-(2**53), 2**53), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=15,
)


def shuffled(value, random):
    """Return the same content with other orders of keys and spellings of numbers."""
    if isinstance(value, dict):
        items = list(value.items())
        random.shuffle(items)
        return {key: shuffled(item, random) for key, item in items}
    if isinstance(value, list):
        return tuple(shuffled(item, random) for item in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if value == 0 and isinstance(value, float):
        return -value
    return value


@patient
@given(plain, st.randoms())
def test_equal_content_has_equal_bytes_however_it_is_written(value, random):
    assert canonical_json(shuffled(value, random)) == canonical_json(value)


@patient
@given(plain)
def test_canonical_json_is_json_and_keeps_the_content(value):
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


@pytest.mark.parametrize("value", [5, 5.0, 5e0])
def test_a_number_has_one_spelling(value):
    assert canonical_json({"a": value}) == b'{"a":5.0}'


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, [-math.inf], 10**400, {1: 2}, {"a": b"x"}, {1, 2}, object()],
)
def test_what_has_no_json_form_is_refused(value):
    with pytest.raises(ValueError, match=r"JSON|float|text"):
        canonical_json(value)


contents = st.dictionaries(st.text(max_size=5), st.one_of(numbers, st.text(max_size=3)))


@patient
@given(contents, st.data())
def test_the_fast_digest_of_parameters_is_the_plain_one(content, data):
    names = data.draw(st.lists(st.sampled_from([*content, "new"]), unique=True))
    values = data.draw(st.lists(numbers, min_size=len(names), max_size=len(names)))
    fast = parameter_digester(content, names)(values)
    assert fast == digest({**content, **dict(zip(names, values, strict=True))})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0.5C", "C/2", True),
        ("0.50 C", "C / 2", True),
        ("500 mA", "0.5 A", True),
        ("1C", "1 A", False),
        ("1C", "2C", False),
    ],
)
def test_currents_that_mean_the_same_are_the_same(one, other, same):
    digests = {
        procedure_digest(Protocol("p", "constant", current=text), str, None)
        for text in (one, other)
    }
    assert (len(digests) == 1) is same


def test_protocols_that_differ_in_what_is_done_differ():
    base = Protocol("p", "constant", current="1C")
    steps = Protocol("p", "steps", steps=("Rest for 1 h",))
    profile = Protocol("p", "profile")
    different = [
        (base, None),
        (replace(base, current="2C"), None),
        (replace(base, direction="charge"), None),
        (replace(base, duration_s=10.0), None),
        (replace(base, initial_soc=0.0), None),
        (replace(base, initial_soc=1.0), None),
        (steps, None),
        (replace(steps, cycles=2), None),
        (replace(steps, steps=("Rest for 1 h", "Rest for 1 h")), None),
        (profile, profile_digest(Profile("current", (0.0, 1.0), (1.0, 1.0), "a"))),
        (profile, profile_digest(Profile("power", (0.0, 1.0), (1.0, 1.0), "a"))),
        (profile, profile_digest(Profile("current", (0.0, 2.0), (1.0, 1.0), "a"))),
        (profile, profile_digest(Profile("current", (0.0, 1.0), (1.0, 2.0), "a"))),
    ]
    digests = [procedure_digest(protocol, str, content) for protocol, content in different]
    assert len(set(digests)) == len(different)


def test_the_names_of_protocols_and_files_are_no_content():
    one = Profile("current", (0.0, 1.0), (1.0, 0.0), "a.csv")
    other = replace(one, source="b.csv", values=(1, -0.0))
    assert profile_digest(one) == profile_digest(other)
    steps = Protocol("p", "steps", steps=("Rest",))
    assert procedure_digest(steps, str, None) == procedure_digest(
        replace(steps, name="q"), str, None
    )


def test_what_is_kept_and_how_it_is_solved_is_content_and_where_and_how_long_is_not():
    output, run = Output(every_s=10.0, summary=("a", "b")), Run()
    base = settings_digest(output, run)
    assert base == settings_digest(replace(output, summary=("b", "a")), run)
    assert base == settings_digest(output, replace(run, time_limit_s=1.0, format="hdf5"))
    others = [
        settings_digest(replace(output, every_s=5.0), run),
        settings_digest(replace(output, every_s=None, points=10), run),
        settings_digest(replace(output, every_s=None, solver_times=True), run),
        settings_digest(replace(output, series=("Voltage [V]",)), run),
        settings_digest(replace(output, summary=("a",)), run),
        settings_digest(output, replace(run, rtol=1e-4)),
        settings_digest(output, replace(run, atol=1e-5)),
    ]
    assert len({base, *others}) == len(others) + 1


@pytest.mark.parametrize(
    ("c_rate", "amperes", "cells", "axes"),
    [
        ("1C", "5 A", "", ""),
        ("C/2", "2500 mA", "", ""),
        ("1C", "4 A", "overrides={CAPACITY=4}", ""),
        ("1C", "3 A", "overrides={CAPACITY=4}", "[[axes]]\nCAPACITY=[3]"),
        ("0.07C", "0.21 A", "", "[[axes]]\nCAPACITY=[3]"),
    ],
)
def test_a_c_rate_and_the_same_amperes_of_a_cell_are_one_task(
    load, resolve, c_rate, amperes, cells, axes
):
    capacity = '"Nominal cell capacity [A.h]"'
    cells = f'[cells.A]\nparameter_set = "X"\n{cells.replace("CAPACITY", capacity)}'
    sweep = load(
        cells=cells,
        protocols=f'[protocols.x]\ncharge = "{c_rate}"\n[protocols.y]\ncharge = "{amperes}"',
        axes=axes.replace("CAPACITY", capacity),
    )
    assert len({task.id for task in expand(sweep, resolve(sweep))}) == 1


def test_a_c_rate_of_a_cell_of_unknown_capacity_is_itself(load, resolve):
    sweep = load(protocols='[protocols.x]\ncharge="1C"\n[protocols.y]\ncharge="5 A"', axes="")
    resolved = resolve(sweep)
    bare = replace(resolved.cells["A"], content={"Nominal cell capacity [A.h]": "sha256:0"})
    tasks = expand(sweep, replace(resolved, cells={"A": bare}))
    assert len({task.id for task in tasks}) == 2


VARIANTS = {
    "plain": {},
    "set value": {
        "cells": '[cells.A]\nparameter_set="X"\noverrides={"Ambient temperature [K]" = 1}'
    },
    "model": {"models": "[models.DFN]"},
    "option": {"models": '[models.SPM]\noptions = { thermal = "lumped" }'},
    "mesh": {"models": "[models.SPM]\nmesh = { x_n = 10 }"},
    "charge": {"protocols": '[protocols.cc]\ncharge = "{rate}C"'},
    "soc": {"protocols": '[protocols.cc]\ndischarge = "{rate}C"\ninitial_soc = 0.5'},
    "rate": {"axes": "[[axes]]\nrate = [1.5]"},
    "tolerance": {"x": "[run]\nsolver = { rtol = 1e-7 }"},
    "output": {"x": "[output]\npoints = 10"},
}
SAME = {
    "plain": {},
    "name": {"head": 'name = "other"\nseed = 9'},
    "label": {"cells": '[cells.B]\nparameter_set = "Chen2020"'},
    "model label": {"models": '[models.X]\ntype = "SPM"'},
    "protocol label": {"protocols": '[protocols.x]\ndischarge = "{rate}C"'},
    "axis name": {
        "protocols": '[protocols.cc]\ndischarge = "{speed} C"',
        "axes": "[[axes]]\nspeed = [1.0]",
    },
    "override": {
        "cells": '[cells.A]\nparameter_set="X"\noverrides."Ambient temperature [K]"=298.15'
    },
    "varied": {"axes": '[[axes]]\nrate = [1]\n"Ambient temperature [K]" = [298.15]'},
    "run": {"x": '[run]\ntime_limit = "1 h"\nformat = "hdf5"\nmax_tasks = 5'},
}
ONE_RATE = {"axes": "[[axes]]\nrate = [1]"}


def only_task(load, resolve, sections):
    sweep = load(**{**ONE_RATE, **sections})
    (task,) = expand(sweep, resolve(sweep))
    return task


def test_any_difference_in_physics_gives_another_id(load, resolve):
    ids = {name: only_task(load, resolve, made).id for name, made in VARIANTS.items()}
    for one, other in combinations(ids, 2):
        assert ids[one] != ids[other], (one, other)


@pytest.mark.parametrize("name", SAME)
def test_labels_names_and_limits_leave_the_id_alone(load, resolve, name):
    task = only_task(load, resolve, SAME[name])
    assert task.id == only_task(load, resolve, {}).id


@patient
@given(st.lists(st.text("ab", max_size=2), min_size=7, max_size=7))
def test_the_parts_of_an_id_are_not_mixed_up(parts):
    keys = ("kind", "parameters", "model", "protocol", "settings", "measured", "fit")
    original = task_id(**dict(zip(keys, parts, strict=True)))
    turned = task_id(**dict(zip(keys, [*parts[1:], parts[0]], strict=True)))
    assert (original == turned) is (len(set(parts)) == 1)


GOLDEN = "f095de5781b975e7deba0c6f1d0bdfd1"


def test_an_id_is_the_same_in_every_process_and_version(load, resolve):
    assert only_task(load, resolve, {}).id == GOLDEN


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_an_id_does_not_depend_on_pythons_hashes(hash_seed):
    content = "{name: 1 for name in {'a', 'b', 'c', 'd'}}"
    code = f"from battsweep.sweep.identity import digest; print(digest({content}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest({"a": 1, "b": 1, "c": 1, "d": 1})


def test_a_sweeps_id_names_it_and_changes_with_tasks_labels_and_values(load, resolve):
    variants = [
        {},
        {"head": 'name = "other"'},
        {"cells": '[cells.B]\nparameter_set = "Chen2020"'},
        {"axes": "[[axes]]\nrate = [1, 3]"},
        {"protocols": '[protocols.cc]\ndischarge = "{r}C"', "axes": "[[axes]]\nr = [1, 2]"},
    ]
    ids = []
    for sections in variants:
        sweep = load(**sections)
        ids.append(sweep_id(sweep, expand(sweep, resolve(sweep))))
    assert len(set(ids)) == len(variants)
    assert [made.rpartition("-")[0] for made in ids] == ["rates", "other", *["rates"] * 3]
    assert all(len(made.rpartition("-")[2]) == 8 for made in ids)
    limited = load(x="[run]\ntime_limit = 5")
    assert sweep_id(limited, expand(limited, resolve(limited))) == ids[0]
